import { describe, expect, it } from "vitest";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { read } from "./support.ts";

/** Address, parent and root bus of each function, as a short text. */
function shape(text: string): string[] {
  return read(text).functions.map(({ bdf, attachment }) => {
    if (isUnknown(attachment)) return `${formatBdf(bdf)} ?`;
    const { upstream, rootBus } = attachment;
    return `${formatBdf(bdf)} ${upstream === null ? "-" : formatBdf(upstream)} ${rootBus.toString(16)}`;
  });
}

const drawing = `-+-[0000:80]-+-00.0  Intel Corporation Bridge
 |           \\-02.0-[81-83]----00.0-[82-83]--+-08.0-[82]--
 |                                           \\-10.0-[83]--+-00.0  NVIDIA Corporation GPU [10de:2330]
 |                                                        \\-00.1  NVIDIA Corporation Audio
 \\-[0000:00]-+-00.0  Intel Corporation Host
             +-1c.0-[01]----00.0  Samsung SSD
             +-1d.0-[02]--
             +-1e.0--
             \\-1f.0  Intel Corporation LPC
-[0001:00]---00.0-[01]----00.0  Mellanox NIC
`;
const expected = [
  "0000:00:00.0 - 0",
  "0000:00:1c.0 - 0",
  "0000:00:1d.0 - 0",
  "0000:00:1e.0 - 0",
  "0000:00:1f.0 - 0",
  "0000:01:00.0 0000:00:1c.0 0",
  "0000:80:00.0 - 80",
  "0000:80:02.0 - 80",
  "0000:81:00.0 0000:80:02.0 80",
  "0000:82:08.0 0000:81:00.0 80",
  "0000:82:10.0 0000:81:00.0 80",
  "0000:83:00.0 0000:82:10.0 80",
  "0000:83:00.1 0000:82:10.0 80",
  "0001:00:00.0 - 100",
  "0001:01:00.0 0001:00:00.0 100",
];

describe("lspci -t", () => {
  it("gives every function's place, with several root buses and domains", () => {
    expect(shape(drawing)).toEqual(expected);
  });

  it("gives host bridges, bus numbers, names and ids", () => {
    const machine = read(drawing);
    expect(machine.hostBridges).toMatchObject([{ rootBus: 0 }, { rootBus: 0x80 }, { rootBus: 0x100 }]);
    expect(machine.functions[8]).toMatchObject({ bridge: { primary: 0x81, secondary: 0x82, subordinate: 0x83 } });
    expect(machine.functions[11]).toMatchObject({
      vendorId: 0x10de,
      deviceId: 0x2330,
      label: "NVIDIA Corporation GPU",
    });
    expect(machine.functions[11]?.acs).toHaveProperty("unknown");
  });

  it.each([
    ["quoted", drawing.replaceAll(/^/gm, "> ")],
    ["indented", drawing.replaceAll(/^/gm, "    ")],
    ["with Windows line ends", drawing.replaceAll("\n", "\r\n")],
    ["as old releases draw the root", drawing.replaceAll("[0000:00]", "[00]     ").replaceAll("]     -", "]-     ")],
  ])("is read %s", (name, text) => {
    if (name.startsWith("as old"))
      expect(shape("-[00]-+-00.0\n      \\-1f.0\n")).toEqual(["0000:00:00.0 - 0", "0000:00:1f.0 - 0"]);
    else expect(shape(text)).toEqual(expected);
  });

  it("buses that share a bridge are told apart by their labels", () => {
    expect(
      shape(
        "-[0000:00]---02.0-[3b-3c]--+-[0000:3c]---10.0\n                           \\-[0000:3b]-+-00.0\n                                       \\-00.1\n",
      ),
    ).toEqual([
      "0000:00:02.0 - 0",
      "0000:3b:00.0 0000:00:02.0 0",
      "0000:3b:00.1 0000:00:02.0 0",
      "0000:3c:10.0 0000:00:02.0 0",
    ]);
  });

  it("a function whose bus the drawing does not tell is left out", () => {
    // Virtual functions of bus 3c, drawn by newer releases as if they were on bus 3b.
    expect(
      shape(
        "-[0000:00]---02.0-[3b-3c]--+-00.0\n                           +-10.0\n                           \\-10.4\n",
      ),
    ).toEqual(["0000:00:02.0 - 0", "0000:3b:00.0 0000:00:02.0 0"]);
  });

  it("a bridge is no virtual function, though buses above its own are not drawn", () => {
    const trimmed =
      "-[0000:15]---01.0-[16-1b]----00.0-[17-1b]--+-00.0-[18]----00.0\n                                           +-01.0-[19]----00.0\n";
    expect(shape(trimmed)).toEqual([
      "0000:15:01.0 - 15",
      "0000:16:00.0 0000:15:01.0 15",
      "0000:17:00.0 0000:16:00.0 15",
      "0000:17:01.0 0000:16:00.0 15",
      "0000:18:00.0 0000:17:00.0 15",
      "0000:19:00.0 0000:17:01.0 15",
    ]);
  });

  const middle = ` +-[0000:c0]-+-00.0  Host
 |           +-01.1-[c1-c3]----00.0-[c2-c3]--+-00.0-[c3]----00.0  NIC
 \\-[0000:00]-+-00.0  Host
             \\-1f.0  LPC
`;
  it.each([
    ["as printed", middle],
    ["indented", middle.replaceAll(/^/gm, "    ")],
    ["with its names wrapped", middle.replaceAll(/ {2}(?=[A-Z])/g, "\n            ")],
  ])("a tree that begins at a root bus in the middle is read, with a note: %s", (_, text) => {
    expect(shape(text)).toEqual([
      "0000:00:00.0 - 0",
      "0000:00:1f.0 - 0",
      "0000:c0:00.0 - c0",
      "0000:c0:01.1 - c0",
      "0000:c1:00.0 0000:c0:01.1 c0",
      "0000:c2:00.0 0000:c1:00.0 c0",
      "0000:c3:00.0 0000:c2:00.0 c0",
    ]);
    expect(read(text).notes.map(({ message }) => message)).toContainEqual(
      expect.stringContaining("begins in the middle"),
    );
  });

  it("a bus that shares a bridge is no root bus without its stem", () => {
    expect(() => shape("                           \\-[0000:3b]-+-00.0\n")).toThrow("begin in the middle");
  });

  it.each([
    ["one device", "-[05]----00.0  GPU\n"],
    ["several devices", "-[43]--+-00.0  GPU\n       \\-00.1  GPU\n"],
    ["a range of buses", "-[42-44]--+-00.0-[43]----00.0  GPU\n          \\-01.0-[44]----00.0  NIC\n"],
  ])("the buses below a bridge, cut from it, are no root bus: %s", (_, cut) => {
    expect(() => shape(cut)).toThrow("begin in the middle");
    expect(shape(`${cut} +-[0000:c0]---00.0  Host\n`)).toEqual(["0000:c0:00.0 - c0"]);
  });

  it("old releases draw a root bus without its domain", () => {
    expect(shape("-[05]---00.0\n")).toEqual(["0000:05:00.0 - 5"]);
    expect(shape("-[05]-+-00.0\n      \\-01.0\n")).toEqual(["0000:05:00.0 - 5", "0000:05:01.0 - 5"]);
  });

  it("a root bus whose line a filter took out gives its devices to no other", () => {
    const two =
      "-+-[0000:80]-+-00.0\n |           \\-01.0\n +-[0000:64]-+-00.0\n |           +-02.0-[65]----00.0\n |           \\-04.0\n";
    const filtered = two.replace(/^.*0000:64.*\n/m, "");
    expect(shape(filtered)).toEqual(["0000:80:00.0 - 80", "0000:80:01.0 - 80"]);
    expect(read(filtered).hostBridges).toMatchObject([{ rootBus: 0x80 }]);
    expect(read(two).hostBridges).toMatchObject([{ rootBus: 0x64 }, { rootBus: 0x80 }]);
  });

  it("a root bus without a device on its line is not told to be whole", () => {
    expect(read(`${drawing}\n-[0000:90]-`).hostBridges).toHaveLength(3);
  });

  it("branches without their stem say nothing", () => {
    const cut = drawing.split("\n").slice(1).join("\n");
    expect(shape(cut).every((line) => expected.includes(line))).toBe(true);
  });
});
