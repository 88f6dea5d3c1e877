import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { decide } from "../../../src/rules/verdict-table.ts";
import { rows } from "../../rows.ts";
import { intel, linux, machineOf } from "../../rules/by-hand.ts";
import { read } from "./support.ts";

/** What `lspci -vvnn` prints of a function of `SYSTEMS`: enough of it to decide. */
function record(line: string): string {
  const [address = "", kind = "", ids = ""] = line.split(" ");
  const bus = Number.parseInt(address, 16);
  const hex = (number: number): string => number.toString(16).padStart(2, "0");
  const [name, type] = {
    host: ["Host bridge [0600]", ""],
    isa: ["ISA bridge [0601]", ""],
    system: ["System peripheral [0880]", "Root Complex Integrated Endpoint"],
    port: ["PCI bridge [0604]", "Root Port (Slot+)"],
    gpu: ["3D controller [0302]", "Endpoint"],
    nic: ["Ethernet controller [0200]", "Endpoint"],
  }[kind] ?? ["", ""];
  const below = hex(bus + Number.parseInt(address.slice(3), 16) / 2);
  return [
    `${address} ${name}: Some Vendor Device [${ids}] (rev 01)`,
    "\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-",
    `\tStatus: Cap${type === "" ? "-" : "+"} 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR-`,
    ...(kind === "port" ? [`\tBus: primary=${hex(bus)}, secondary=${below}, subordinate=${below}, sec-latency=0`] : []),
    ...(type === "" ? [] : [`\tCapabilities: [40] Express (v2) ${type}, MSI 00`]),
    ...(kind === "port" ? ["\tCapabilities: [100 v2] Advanced Error Reporting"] : []),
    "",
    "",
  ].join("\n");
}

const ends = ["65:00.0 gpu 10de:2330", "66:00.0 nic 15b3:1021"];
const q35 = ["00:00.0 host 8086:29c0", "00:1f.0 isa 8086:2918"];
const mesh = "64:00.0 system 8086:09a2";
const iceLake = ["64:02.0 port 8086:347a", "64:04.0 port 8086:347c"];
const skyLake = ["64:02.0 port 8086:2030", "64:04.0 port 8086:2032"];

/** 8086:09a2, 2030 and 2032 are on the allow-list of 7.2; 347a, 9999 and 29c0 are not. */
const SYSTEMS: Readonly<Record<string, readonly string[]>> = {
  "a listed device first": ["00:00.0 system 8086:09a2", mesh, ...iceLake, ...ends],
  "a device first that is not listed": [...q35, "64:00.0 system 8086:9999", ...skyLake, ...ends],
  "a listed device first, on a bus of many": [...q35, mesh, "64:00.2 system 8086:09a4", ...iceLake, ...ends],
  "a listed root port first": [...q35, ...skyLake, ...ends],
  "a root port first that is not listed": [...q35, ...iceLake, ...ends],
};

const hidden =
  "device 0000:64:00.0 is not in the text, and only a tree shows that there is none: use sudo lspci -vvvnn; lspci -t";

/** What is decided of 65:00.0 and 66:00.0 on an Intel CPU, Linux 7.2, without an IOMMU. */
function verdict(machine: Machine): ReturnType<typeof decide> {
  const { iommu } = machineOf([]);
  const [provider, client] = ["65:00.0", "66:00.0"].map((address) => parseBdf(address));
  if (provider === undefined || client === undefined) throw new Error("no addresses");
  return decide({ ...machine, cpu: intel, kernel: linux("7.2"), iommu }, provider, client);
}

const textOf = (functions: readonly string[]): string => functions.map(record).join("");

/** What `lspci -t` draws of the functions on root buses, each bus from its first one on. */
function treeOf(functions: readonly string[]): string {
  const onRoot = (bus: string): string[] =>
    functions.filter((line) => line.startsWith(`${bus}:`)).map((line) => line.slice(3, 7));
  return ["00", "64"]
    .map((bus) =>
      onRoot(bus)
        .map((device, at) => {
          const below = bus === "64" && /0[24]/.test(device) ? `-[6${device[1] === "2" ? 5 : 6}]----00.0` : "";
          const stem = at === 0 ? `+-[0000:${bus}]-+-` : "|           +-";
          return `${bus === "00" && at === 0 ? "-" : " "}${stem}${device}${below}\n`;
        })
        .join(""),
    )
    .join("");
}

describe("The first device of a root bus that a text of lspci does not show", () => {
  test.each(
    rows(`
      // system                                | left out                | map type         | reason
      a listed device first                    | -                       | thru-host-bridge | host-bridge-allowed
      a listed device first                    | 64:00.0                 | unknown          | host-bridge-hidden
      a listed device first                    | 00:00.0 64:00.0         | unknown          | host-bridge-hidden
      a listed device first                    | 00:00.0                 | thru-host-bridge | host-bridge-allowed
      a device first that is not listed        | -                       | not-supported    | host-bridge-not-allowed
      a device first that is not listed        | 64:00.0                 | unknown          | host-bridge-hidden
      a device first that is not listed        | 64:00.0 64:02.0         | unknown          | topology-hidden
      a device first that is not listed        | 64:00.0 64:02.0 64:04.0 | unknown          | topology-hidden
      a listed device first, on a bus of many  | -                       | thru-host-bridge | host-bridge-allowed
      a listed device first, on a bus of many  | 64:00.0                 | unknown          | host-bridge-hidden
    `),
  )("%s, without %s: %s, %s", (system = "", leftOut = "", mapType, reason) => {
    const left = (SYSTEMS[system] ?? []).filter((line) => !leftOut.includes(line.slice(0, 7)));
    const said = verdict(read(textOf(left)));
    expect(said).toMatchObject({ mapType, reason });
    if (reason === "host-bridge-hidden") expect(said.hidden).toEqual([hidden]);
  });

  test.each(
    rows(`
      // system                            | of the list | with the tree
      a listed root port first             | unknown     | thru-host-bridge
      a root port first that is not listed | unknown     | not-supported
    `),
  )("is shown to be none by a tree beside the list: %s", (system = "", ofList, withTree) => {
    const functions = SYSTEMS[system] ?? [];
    const list = textOf(functions);
    const tree = treeOf(functions);
    expect(verdict(read(list)).mapType).toBe(ofList);
    expect(verdict(read(`${list}\n${tree}`)).mapType).toBe(withTree);
    expect(verdict(read(`${tree}\n${list}`)).mapType).toBe(withTree);
    // Without the line that names the root bus, as a filter leaves it, the tree does not show it.
    const cut = tree.replace(/^.*\[0000:64\].*\n/m, "");
    expect(verdict(read(`${list}\n${cut}`)).mapType).toBe("unknown");
  });

  test.each(Object.entries(SYSTEMS))("leaves no wrong verdict, whatever else is left out: %s", (_, functions) => {
    const whole = verdict(read(`${textOf(functions)}\n${treeOf(functions)}`)).mapType;
    expect(whole).not.toBe("unknown");
    const others = functions.filter((line) => !ends.includes(line));
    for (let kept = 0; kept < 2 ** others.length; kept++) {
      const left = [...others.filter((_line, bit) => (kept & (1 << bit)) !== 0), ...ends];
      expect([whole, "unknown"], left.join("; ")).toContain(verdict(read(textOf(left))).mapType);
    }
  });
});

const shared = join(import.meta.dirname, "../../../../shared/cases/attack/first-device");
const isShared = existsSync(shared);
if (!isShared) console.warn("skipped: ../shared/cases/attack/first-device is not there");

describe.skipIf(!isShared)("The shared texts with functions left out", () => {
  test.each(
    rows(`
      // file             | map type
      full                | thru-host-bridge
      bridges-gpu-nic     | unknown
      reverse-full        | not-supported
      reverse-no-64-00    | unknown
    `),
  )("%s: %s", (file = "", mapType) => {
    expect(verdict(read(readFileSync(join(shared, `${file}.txt`), "utf8"))).mapType).toBe(mapType);
  });
});
