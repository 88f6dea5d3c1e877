import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unknownCpu } from "../../src/host/system-files.ts";
import { type Known, unknown } from "../../src/pci/known.ts";
import { DIE_ROWS, inferCpu } from "../../src/rules/inferred-cpu.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { tableText, withTable } from "../docs/marked-tables.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, intel, linux, machineOf } from "./by-hand.ts";

const cpu = unknownCpu("no lscpu");

/** What a machine with one function of these ids says of its CPU, `-` where nothing. */
function makeOf(address: string, ids: string): string {
  return inferCpu({ ...machineOf([hostBridge(address, ids)]), cpu })?.make.name ?? "-";
}

describe("The make of a CPU by functions that no other has", () => {
  test.each(
    rows(`
      // address | ids       | make
      00:18.0    | 1022:14ad | AMD Zen          // Genoa's data fabric
      00:1f.7    | 1022:14b4 | AMD Zen          // of the last node
      00:18.0    | 1022:1650 | AMD Zen
      00:18.3    | 1022:12c3 | AMD Zen          // Turin
      00:17.0    | 1022:14ad | -                // no node of a processor
      01:18.0    | 1022:14ad | -
      0001:00:18.0 | 1022:14ad | -
      00:18.0    | 8086:14ad | -                // another vendor's
      00:18.0    | 1022:1600 | AMD before Zen   // family 15h
      00:18.5    | 1022:1605 | AMD before Zen
      00:18.0    | 1022:1400 | AMD before Zen
      00:18.3    | 1022:1103 | AMD before Zen
      00:18.0    | 1022:1606 | -
      00:00.0    | 1022:1480 | AMD Zen
      20:00.0    | 1022:14a4 | AMD Zen
      40:00.0    | 1022:153a | AMD Zen
      00:00.0    | 1022:1410 | -                // root complex of family 15h
      00:00.0    | 1022:1510 | -
      00:00.0    | 1022:1576 | -
      00:01.0    | 1022:1483 | -                // a PCIe port
      00:00.0    | 1d94:1450 | Hygon
      00:00.0    | 8086:3c00 | Intel
      ff:0b.0    | 8086:2f81 | Intel
      16:00.0    | 8086:09a2 | Intel
      17:02.0    | 8086:2030 | Intel
      00:00.0    | 8086:3405 | Intel
      00:04.0    | 8086:3420 | -                // QEMU's ioh3420
      00:00.0    | 8086:29c0 | -                // QEMU's q35
      00:00.0    | 8086:1237 | -                // and its pc
      00:00.0    | 8086:7190 | -
      00:00.0    | 8086:a70d | -                // a client's, which emulators copy
      03:00.0    | 8086:4940 | -                // an accelerator, which may be on a card
      0001:00:00.0 | 1014:04c1 | IBM POWER
      0004:00:00.0 | 1def:e100 | Ampere
    `),
  )("%s %s: %s", (address = "", ids = "", make) => {
    expect(makeOf(address, ids)).toBe(make);
  });

  test("is none where two contradict each other, the machine is a guest, or the source names it", () => {
    const both = machineOf([hostBridge("00:00.0", "1022:1480"), hostBridge("40:00.0", "8086:3c00")]);
    expect(inferCpu({ ...both, cpu })).toBeNull();
    const guest = machineOf([hostBridge("00:00.0", "1022:1480")], {
      guestOf: { hypervisor: "KVM", shownBy: "cpuinfo" },
    });
    expect(inferCpu({ ...guest, cpu })).toBeNull();
    expect(inferCpu({ ...machineOf([hostBridge("00:00.0", "1022:1480")]), cpu: intel })).toBeNull();
  });

  test("needs all of several ids that share a name to be of one make", () => {
    const hidden = { vendorId: 0x1022, deviceId: unknown("names only") };
    const named = (...ids: number[]): Known<string> | undefined =>
      inferCpu({
        ...machineOf([
          hostBridge("00:00.0", "0:0", {
            ...hidden,
            idsAmong: ids.map((deviceId) => ({ vendorId: 0x1022, deviceId })),
          }),
        ]),
        cpu,
      })?.make.name;
    expect(named(0x1480, 0x1450)).toBe("AMD Zen");
    expect(named(0x1480, 0x1576)).toBeUndefined();
    expect(named(0x1576, 0x1480)).toBeUndefined();
    expect(named(0x1480, 0x1450, 0x1576)).toBeUndefined();
    expect(named()).toBeUndefined();
  });

  test("is seen by a number that lspci prints for want of a name", () => {
    const hidden = { vendorId: unknown("names only"), deviceId: unknown("names only") };
    const labelled = (label: string): string | undefined =>
      inferCpu({ ...machineOf([hostBridge("00:00.0", "0:0", { ...hidden, label })]), cpu })?.make.name;
    expect(labelled("Advanced Micro Devices, Inc. [AMD] Device 14a4")).toBe("AMD Zen");
    expect(labelled("Advanced Micro Devices, Inc. [AMD/ATI] Device 14a4")).toBeUndefined();
    expect(labelled("Advanced Micro Devices, Inc. [AMD] Starship/Matisse Root Complex")).toBeUndefined();
    expect(labelled("Intel Corporation Device 09a2")).toBe("Intel");
    expect(labelled("Intel Corporation Device 09a2 (rev 04)")).toBeUndefined();
    expect(labelled("Intel Corporation Device 9a2")).toBeUndefined();
  });

  test.each(
    rows(`
      // vendor | device | number that counts
      8086      | 3c00   | by both ids, whatever the label says
      8086      | ?      | by the label
      ?         | 3c00   | by the label
      ?         | ?      | by the label
    `),
  )("is by the ids %s:%s %s", (vendor = "", device = "", by) => {
    const id = (text: string): Known<number> => (text === "?" ? unknown("names only") : Number.parseInt(text, 16));
    const parts = {
      vendorId: id(vendor),
      deviceId: id(device),
      label: "Advanced Micro Devices, Inc. [AMD] Device 14a4",
    };
    const found = inferCpu({ ...machineOf([hostBridge("00:00.0", "0:0", parts)]), cpu });
    expect(found?.make.name).toBe(by === "by the label" ? "AMD Zen" : "Intel");
  });

  test("is told with the first function that shows it", () => {
    const functions = [
      hostBridge("00:00.0", "1022:1483"),
      hostBridge("00:18.3", "1022:1653"),
      hostBridge("20:00.0", "1022:1480"),
    ];
    expect(inferCpu({ ...machineOf(functions), cpu })).toMatchObject({
      make: { name: "AMD Zen" },
      device: at("00:18.3"),
      vendorId: 0x1022,
      deviceId: 0x1653,
      what: "data fabric of family 17h or 19h",
    });
  });

  /** What the rules ask of a make: nothing but AMD's families. */
  test.each(
    rows(`
      // ids     | make           | vendor       | architecture | families
      1022:1480  | AMD Zen        | AuthenticAMD | x86_64       | 17 to ff
      1022:1600  | AMD before Zen | AuthenticAMD | x86_64       | f to 16
      1d94:1450  | Hygon          | HygonGenuine | x86_64       | -
      8086:3c00  | Intel          | GenuineIntel | x86_64       | -
      1014:04c1  | IBM POWER      | -            | ppc64        | -
      1def:e100  | Ampere         | -            | aarch64      | -
    `),
  )("by %s is %s: %s, %s, families %s", (ids = "", name, vendor, architecture, families) => {
    const make = inferCpu({ ...machineOf([hostBridge("00:18.0", ids)]), cpu })?.make;
    const range = make?.families?.map((family) => family.toString(16)).join(" to ") ?? "-";
    expect([make?.name, make?.vendor ?? "-", make?.architecture, range]).toEqual([
      name,
      vendor,
      architecture,
      families,
    ]);
  });

  /** `?` is hidden, `-` what the architecture does not have. */
  test.each(
    rows(`
      // vendor    | family | architecture | shows     | make
      ?            | ?      | ?            | 1022:1480 | AMD Zen
      ?            | ?      | x86_64       | 1022:1480 | AMD Zen
      ?            | ?      | i686         | 8086:3c00 | Intel
      ?            | ?      | amd64        | 8086:3c00 | Intel
      ?            | ?      | i786         | 8086:3c00 | -       // no architecture of PCs
      ?            | ?      | riscv-x86    | 8086:3c00 | -
      ?            | ?      | aarch64      | 8086:3c00 | -
      ?            | ?      | aarch64      | 1def:e100 | -       // and nothing to ask of any other
      ?            | ?      | ?            | 1def:e100 | Ampere
      ?            | ?      | x86_64       | 1def:e100 | -       // they contradict each other
      ?            | ?      | x86_64       | 1014:04c1 | -
      AuthenticAMD | ?      | x86_64       | 1022:1480 | AMD Zen // the family is what it shows
      AuthenticAMD | ?      | ?            | 1022:1480 | AMD Zen
      AuthenticAMD | ?      | ?            | 8086:3c00 | -
      AuthenticAMD | ?      | ?            | 1d94:1450 | -
      AuthenticAMD | 0x17   | x86_64       | 1022:1480 | -       // the source names it
      GenuineIntel | ?      | x86_64       | 8086:3c00 | -
      -            | ?      | aarch64      | 1def:e100 | -
    `),
  )("of a CPU known as %s, family %s, %s, that shows %s: %s", (vendor, family, architecture = "", shows = "", make) => {
    const known = {
      ...cpu,
      vendor: vendor === "?" ? cpu.vendor : vendor === "-" ? null : (vendor ?? ""),
      family: family === "?" ? cpu.family : Number(family),
      architecture: architecture === "?" ? cpu.architecture : architecture,
    };
    expect(inferCpu({ ...machineOf([hostBridge("00:00.0", shows)]), cpu: known })?.make.name ?? "-").toBe(make);
  });

  test("no id is of two makes", () => {
    const owners = new Map<string, Set<string>>();
    for (const { vendorId, devices, make } of DIE_ROWS) {
      for (const [first, last] of devices) {
        expect(first).toBeLessThanOrEqual(last);
        for (let id = first; id <= last; id++) {
          const key = `${vendorId}:${id}`;
          owners.set(key, (owners.get(key) ?? new Set()).add(make.name));
        }
      }
    }
    expect([...owners].filter(([, makes]) => makes.size > 1)).toEqual([]);
  });
});

test.each(
  rows(`
    // host bridge | kernel | map type         | reason
    1022:1480      | 7.2    | thru-host-bridge | cpu-allowed
    1022:1480      | 5.8    | not-supported    | host-bridge-not-allowed  // before the check of the CPU
    8086:3405      | 7.2    | not-supported    | host-bridge-not-allowed
    8086:3c00      | 7.2    | thru-host-bridge | host-bridge-allowed
    1d94:1450      | 7.2    | not-supported    | host-bridge-not-allowed
    1014:04c1      | 7.2    | not-supported    | host-bridge-not-allowed
    8086:29c0      | 7.2    | unknown          | cpu-hidden
  `),
)("Below %s on Linux %s, the CPU hidden: %s (%s)", (ids = "", release = "", mapType, reason) => {
  const machine = machineOf(
    [
      hostBridge("00:00.0", ids),
      bridge("00:01.0", "root-port", 1),
      bridge("00:02.0", "root-port", 2),
      endpoint("01:00.0"),
      endpoint("02:00.0"),
    ],
    { kernel: linux(release), cpu },
  );
  expect(decide(machine, at("01:00.0"), at("02:00.0"))).toMatchObject({ mapType, reason });
});

test("docs/rules.md has the table of makes (vitest -u writes it)", async () => {
  const hex = (id: number): string => id.toString(16).padStart(4, "0");
  const table = tableText(
    ["make", "ids", "where", "what they are", "read in"],
    DIE_ROWS.map(({ make, vendorId, devices, isOfNodes, what, source }) => [
      make.name,
      `${hex(vendorId)}: ${devices.map(([first, last]) => (first === last ? hex(first) : `${hex(first)}–${hex(last)}`)).join(" ")}`,
      isOfNodes ? "device 18h and above of bus 0" : "anywhere",
      what,
      source,
    ]),
  );
  const page = join(import.meta.dirname, "../../docs/rules.md");
  await expect(withTable(readFileSync(page, "utf8"), "makes of CPUs", table)).toMatchFileSnapshot(page);
});
