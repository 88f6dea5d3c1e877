import { describe, expect, it } from "vitest";
import { at, read, verbose } from "./support.ts";

const plain = `00:1c.0 PCI bridge: Intel Corporation Some Root Port (rev f1)
01:00.0 Non-Volatile memory controller: Samsung Electronics Co Ltd NVMe SSD
`;
const tree = `-[0000:00]---1c.0-[01-02]----00.0  Samsung Electronics Co Ltd NVMe SSD\n`;

/** Config space of the root port as hex, 64 bytes or more. */
function hex(count: number, change: (bytes: Uint8Array) => void = () => undefined): string {
  const bytes = new Uint8Array(count);
  bytes.set([0x86, 0x80, 0x10, 0x9d, 0x07, 0x04, 0x10, 0x00, 0xf1, 0x00, 0x04, 0x06, 0x00, 0x00, 0x81, 0x00]);
  bytes.set([0x00, 0x01, 0x02, 0x00], 0x18);
  bytes[0x34] = 0x40;
  if (count >= 256) bytes.set([0x10, 0x00, 0x42, 0x01], 0x40);
  if (count >= 4096) {
    bytes.set([0x0d, 0x00, 0x01, 0x00, 0x0f, 0x00, 0x1d, 0x00], 0x100);
  }
  change(bytes);
  const lines = ["00:1c.0 PCI bridge: Intel Corporation Some Root Port (rev f1)"];
  for (let offset = 0; offset < count; offset += 16) {
    const values = [...bytes.subarray(offset, offset + 16)].map((byte) => byte.toString(16).padStart(2, "0"));
    lines.push(`${offset.toString(16).padStart(2, "0")}: ${values.join(" ")}`);
  }
  return `${lines.join("\n")}\n\n`;
}

describe("several dumps of one machine", () => {
  it.each([
    ["a list before", plain + verbose],
    ["a list after", verbose + plain],
    ["the same twice", verbose + verbose],
    ["with domains", verbose + verbose.replaceAll(/^(\d\d:)/gm, "0000:$1")],
  ])("%s adds nothing", (_, text) => {
    expect(read(text).functions).toEqual(read(verbose).functions);
  });

  it("a tree adds root buses and parents, before or after", () => {
    for (const text of [tree + verbose, verbose + tree, `${plain}\n${tree}`]) {
      const machine = read(text);
      expect(machine.hostBridges).toMatchObject([{ rootBus: 0 }]);
      expect(at(machine, "00:1c.0").attachment).toEqual({ upstream: null, rootBus: 0 });
      expect(at(machine, "01:00.0").attachment).toEqual({ upstream: at(machine, "00:1c.0").bdf, rootBus: 0 });
      expect(at(machine, "00:1c.0").bridge).toMatchObject({ primary: 0, secondary: 1, subordinate: 2 });
    }
    expect(read(tree + verbose).functions.map(({ attachment: _, ...rest }) => rest)).toEqual(
      read(verbose).functions.map(({ attachment: _, ...rest }) => rest),
    );
  });

  it("bytes win over text, in one record and from another", () => {
    const bytes = hex(4096);
    for (const text of [
      verbose + bytes,
      bytes + verbose,
      verbose.replace("\n\n", `\n${bytes.slice(bytes.indexOf("\n") + 1)}`),
    ]) {
      const port = at(read(text), "00:1c.0");
      expect(port.acs).toEqual({ capability: 0x0f, control: 0x1d });
      expect(port).toMatchObject({ driver: "pcieport", multifunction: true, iommuGroup: 5 });
    }
  });

  it("the text beside a short hex dump fills what the bytes do not hold", () => {
    const port = at(read(verbose + hex(64)), "00:1c.0");
    expect(port.acs).toEqual({ capability: 0x0f, control: 0x0d });
    expect(port.express).toMatchObject({ type: "root-port" });
  });

  it("hex alone is unknown beyond its end", () => {
    expect(at(read(hex(64)), "00:1c.0").express).toHaveProperty("unknown");
    expect(at(read(hex(256)), "00:1c.0")).toMatchObject({
      express: { type: "root-port" },
      acs: { unknown: expect.stringContaining("256 of 4,096") },
    });
    expect(at(read(hex(4096)), "00:1c.0").acs).toEqual({ capability: 0x0f, control: 0x1d });
  });

  it("a lost hex line hides what is behind it", () => {
    const lost = hex(4096).replace(/^90: .*\n/m, "");
    expect(at(read(lost), "00:1c.0")).toMatchObject({
      express: { type: "root-port" },
      acs: { unknown: expect.any(String) },
    });
  });

  it("bytes of all ones are a device that is gone; ids of ones a virtual function", () => {
    expect(at(read(hex(256, (bytes) => bytes.fill(0xff))), "00:1c.0").express).toHaveProperty("unknown");
    const virtual = at(read(hex(4096, (bytes) => bytes.fill(0xff, 0, 4))), "00:1c.0");
    expect(virtual).toMatchObject({ vendorId: { unknown: expect.any(String) }, acs: { control: 0x1d } });
  });
});

describe("dumps that contradict each other", () => {
  const errorOf = (text: string): unknown => {
    try {
      return read(text);
    } catch (error) {
      return error;
    }
  };

  it.each([
    ["ids", verbose.replace("[8086:9d10]", "[8086:9d11]")],
    ["ids against bytes", hex(256, (bytes) => bytes.set([0x22, 0x10], 0))],
    ["a class", "00:1c.0 USB controller: Intel Corporation Some Root Port\n"],
    ["a name", "00:1c.0 PCI bridge: Advanced Micro Devices, Inc. [AMD] Bridge\n"],
  ])("two devices at one address are refused by %s", (_, other) => {
    const error = errorOf(
      `${verbose.replace(" [8086:9d10]", other.startsWith("00:1c.0 PCI bridge: Adv") ? "" : " [8086:9d10]")}\n${other}`,
    );
    expect(error).toMatchObject({ code: "bad-input", remedy: expect.stringContaining("split the file") });
    expect((error as Error).message).toMatch(/^lines 1 and \d\d describe two devices at 0000:00:1c\.0/);
  });

  it("two states of one device are unknown, in either order, whatever a third says", () => {
    const changed = verbose.replace("ACSCtl:\tSrcValid+", "ACSCtl:\tSrcValid-");
    for (const text of [verbose + changed, changed + verbose, verbose + changed + verbose]) {
      const machine = read(text);
      expect(at(machine, "00:1c.0").acs).toEqual({ unknown: expect.stringContaining("disagree") });
      expect(at(machine, "00:1c.0").express).toMatchObject({ type: "root-port" });
      expect(machine.notes).toContainEqual(expect.objectContaining({ message: expect.stringContaining("(ACS)") }));
    }
  });
});
