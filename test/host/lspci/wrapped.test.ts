import { describe, expect, it, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { at, read, verbose } from "./support.ts";

/** Wraps lines as mailers do: at the last space before the column, or behind a hyphen within a word. */
function wrapped(text: string, width: number, prefix = ""): string {
  return text
    .replaceAll(/\t/g, "        ")
    .split("\n")
    .flatMap((line) => {
      const pieces: string[] = [];
      let rest = line;
      while (rest.length > width) {
        const least = rest.length - rest.trimStart().length + 1;
        const space = rest.lastIndexOf(" ", width);
        const cut = space > least ? space : rest.indexOf(" ", least);
        if (cut < 0) break;
        pieces.push(rest.slice(0, cut));
        rest = rest.slice(cut + 1).trimStart();
      }
      return [...pieces, rest];
    })
    .map((line) => prefix + line)
    .join("\n");
}

function essence({ functions, hostBridges, cpu, kernel, iommu }: Machine): unknown {
  return { functions, hostBridges, cpu, kernel, iommu };
}

const names = verbose.replaceAll(/ \[[0-9a-f]{4}(?::[0-9a-f]{4})?\]/g, "");
const plain = verbose.replaceAll(/^\t.*\n/gm, "");
const tree =
  "-[0000:00]---1c.0-[01-02]----00.0  Samsung Electronics Co Ltd NVMe SSD Controller SM981/PM981/PM983 of some length\n";
const widths = Array.from({ length: 41 }, (_, index) => 60 + index);

describe("Lines that a mailer wrapped", () => {
  it.each([
    ["-vvvnn", verbose],
    ["-vvv", names],
    ["-nn", plain],
    [
      "-mm",
      '00:1f.3 "Audio device [0403]" "Intel Corporation [8086]" "Sunrise Point-LP HD Audio [9d71]" -r21 -p80 "Dell [1028]" "Device [07be]"\n',
    ],
    [
      "-v",
      "00:00.0 Host bridge: X\n\tFlags: bus master, fast devsel, latency 0, IRQ 24, NUMA node 1, IOMMU group 7\n\tCapabilities: [100] Advanced Error Reporting\n\n",
    ],
  ])("say what they said before, at any width, quoted or not: %s", (_, text) => {
    const whole = essence(read(text));
    for (const width of widths) {
      expect(essence(read(wrapped(text, width))), `${width} columns`).toEqual(whole);
      expect(essence(read(wrapped(text, width, "> "))), `${width} columns, quoted`).toEqual(whole);
      expect(essence(read(wrapped(text, width).replaceAll(/^ +/gm, ""))), `${width} columns, dedented`).toEqual(whole);
    }
  });

  test("of a tree keep its names", () => {
    for (const width of widths) expect(essence(read(wrapped(tree, width)))).toEqual(essence(read(tree)));
  });

  test("of a first line give no wrong name", () => {
    const text = "11:05.2 System peripheral: Intel Corporation Sky Lake-E RAS\nConfiguration Registers (rev 04)\n";
    expect(at(read(text), "11:05.2")).toMatchObject({
      label: "Intel Corporation Sky Lake-E RAS Configuration Registers",
      revision: 4,
    });
  });

  it.each(["root@host:~# exit", "$ lspci -t", "--", "Thanks for any help!", "[    1.0] nvme 0000:01:00.0: x", "```"])(
    "a line of somebody else behind one is not its rest: %s",
    (line) => {
      const text = "00:1f.3 Audio device [0403]: Intel Corporation Sunrise Point-LP HD Audio [8086:9d71]\n";
      expect(at(read(`${text}${line}\n`), "00:1f.3")).toMatchObject({ vendorId: 0x8086, deviceId: 0x9d71 });
    },
  );

  test("whose rest is lost leave open what it said", () => {
    const head =
      "00:01.0 PCI bridge [0604]: X [1b36:000c]\n\tControl: I/O+\n\tStatus: Cap+ 66MHz-\n\tCapabilities: [40] MSI: Enable-\n";
    expect(at(read(`${head}\tCapabilities: [100 v1] Access Control\n\n`), "00:01.0").acs).toHaveProperty("unknown");
    expect(at(read(`${head}\tCapabilities: [100 v1] Single Root I/O\n\n`), "00:01.0").sriov).toHaveProperty("unknown");
  });
});
