import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import type { PortType } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, type Known, unknown } from "../../src/pci/known.ts";
import {
  expectedGroupOf,
  expectedIommuGroups,
  extremeIommuGroups,
  GROUPS_CONTRADICTED,
  groupMembers,
  isIsolated,
} from "../../src/rules/iommu-groups.ts";
import { rows } from "../rows.ts";
import { acs, at, bridge, endpoint, express, ids, machineOf } from "./by-hand.ts";

const hidden = unknown("not shown");
const on: Machine["iommu"] = { kind: "intel", mode: "strict", groupTypes: new Map() };

const short = (bdf: Bdf): string => formatBdf(bdf).replace(/^0000:/, "");

/** Functions as the tables write them: `root-port 00:01.0>1 acs`; a PORT has an endpoint below, a SWITCH its bus 2. */
function read(text: string): PciFunction[] {
  const [kind = "", ...rest] = text.split(" ");
  if (kind === "SWITCH") return read(["upstream-port 01:00.0>2", ...rest].join(" "));
  const [place = "", ...words] = rest;
  const [address = "", bus = ""] = place.split(">");
  const type = (kind === "PORT" ? "downstream-port" : kind) as PortType | "conventional";
  const parts: Partial<PciFunction> = type === "conventional" ? { express: null } : { express: express(type) };
  Object.assign(parts, ...words.map((word) => HAS[word] ?? ids(word)));
  if (bus === "") return [endpoint(address, parts)];
  const port = bridge(address, type, Number.parseInt(bus, 16), parts);
  return kind === "PORT" ? [port, endpoint(`0${bus}:00.0`)] : [port];
}

const HAS: Readonly<Record<string, Partial<PciFunction>>> = {
  acs: { acs: acs(0x1d) },
  "acs?": { acs: hidden },
  several: { multifunction: true },
  "several?": { multifunction: hidden },
  virtual: { physicalFunction: at("00:02.0") },
  "express?": { express: hidden },
  "type?": { express: { ...express("root-port"), type: hidden } as PciFunction["express"] },
};

/** Groups in the order of their numbers: `00:01.0 01:00.0 / 02:00.0`; why they are unknown, else. */
function groups(functions: readonly PciFunction[], iommu: Machine["iommu"] = on): string {
  const machine = machineOf(functions, { iommu });
  const found = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(found)) return `unknown: ${found.unknown}`;
  const members: string[][] = [];
  for (const [bdf, group] of found) members[group] = [...(members[group] ?? []), short(bdf)];
  return members.map((names) => names.join(" ")).join(" / ");
}

describe("A function on its own is isolated", () => {
  test.each(
    rows(`
      // kind                        | no ACS | ACS off | ACS on | of several, no ACS | of several, ACS off | of several, ACS on
      endpoint                       | yes    | yes     | yes    | no                 | no                  | yes
      legacy-endpoint                | yes    | yes     | yes    | no                 | no                  | yes
      upstream-port                  | yes    | yes     | yes    | no                 | no                  | yes
      root-complex-endpoint          | yes    | yes     | yes    | no                 | no                  | yes
      root-port                      | no     | no      | yes    | no                 | no                  | yes
      downstream-port                | no     | no      | yes    | no                 | no                  | yes
      root-complex-event-collector   | no     | no      | no     | no                 | no                  | no
      pcie-to-pci-bridge             | no     | no      | no     | no                 | no                  | no
      pci-to-pcie-bridge             | no     | no      | no     | no                 | no                  | no
      conventional                   | no     | no      | no     | no                 | no                  | no
      reserved                       | yes    | yes     | yes    | yes                | yes                 | yes
    `),
  )("a %s without, with and with full ACS, alone and as one of several", (kind = "", ...cells) => {
    const capability = express("endpoint");
    const type = kind === "reserved" ? { ...capability, type: "reserved" } : express(kind as PortType);
    const parts = { express: kind === "conventional" ? null : (type as PciFunction["express"]) };
    const answers = [false, true].flatMap((multifunction) =>
      [null, acs(0), acs(0x1d)].map((control) =>
        isIsolated(endpoint("03:00.0", { ...parts, multifunction, acs: control })) === true ? "yes" : "no",
      ),
    );
    expect(answers).toEqual(cells);
  });

  test.each(
    rows(`
      // offers | on   | isolated
      0x7f      | 0x1d | yes  // Source Validation, both redirects, Upstream Forwarding
      0x7f      | 0x7f | yes
      0x7f      | 0x1c | no   // without Source Validation
      0x7f      | 0x19 | no   // without P2P Request Redirect
      0x7f      | 0x15 | no   // without P2P Completion Redirect
      0x7f      | 0x0d | no   // without Upstream Forwarding
      0x7f      | 0x62 | no   // only what is not asked for
      0x1c      | 0x1c | yes  // a bit that is not offered counts as on
      0x04      | 0x04 | yes
      0x04      | 0x00 | no
      0x00      | 0x00 | yes  // a capability without bits
      0x20      | 0x00 | yes  // Egress Control is not asked for
    `),
  )("a root port that offers %s with %s on: %s", (capability, control, isolated) => {
    const port = { express: express("root-port"), acs: { capability: Number(capability), control: Number(control) } };
    expect(isIsolated(endpoint("00:01.0", port))).toBe(isolated === "yes");
  });

  test.each(
    rows(`
      // on  | not known | isolated
      0x1d   | 0x00      | yes
      0x0d   | 0x10      | ?
      0x0d   | 0x02      | no   // Upstream Forwarding is known to be off
      0x00   | 0x1c      | no   // and so is Source Validation
      0x00   | 0x1d      | ?
      0x1d   | 0x62      | yes  // what is not asked for
    `),
  )("a root port with %s on and %s not known: %s", (control, uncertain, isolated) => {
    const bits = { capability: 0x7f, control: Number(control), uncertain: Number(uncertain) };
    const answer = isIsolated(endpoint("00:01.0", { express: express("root-port"), acs: bits }));
    const open = unknown("what firmware left in the ACS control of 0000:00:01.0 is not known");
    expect(answer).toEqual(isolated === "?" ? open : isolated === "yes");
  });

  test.each(
    rows(`
      // on  | isolated
      0x1d   | yes  // all that is asked for
      0x7f   | yes
      0x0d   | ?    // Upstream Forwarding may not be offered, which counts as on
      0x00   | ?
    `),
  )("a root port with %s on, whose capability is not shown: %s", (control, isolated) => {
    const bits = { capability: 0, control: Number(control), capabilityHidden: true } as const;
    const answer = isIsolated(endpoint("00:01.0", { express: express("root-port"), acs: bits }));
    const open = unknown("what the ACS of 0000:00:01.0 offers is not shown");
    expect(answer).toEqual(isolated === "?" ? open : true);
  });

  const pf = at("03:00.0");
  test.each<[name: string, address: string, parts: Partial<PciFunction>, isolated: Known<boolean>]>([
    ["function 0 of several, by its header", "03:00.0", { multifunction: true }, false],
    ["function 0 of one", "03:00.0", { multifunction: false }, true],
    ["function 0, its header hidden", "03:00.0", { multifunction: hidden }, hidden],
    ["function 1, whatever its header says", "03:00.1", { multifunction: false }, false],
    ["function 1, its header hidden", "03:00.1", { multifunction: hidden }, false],
    ["a virtual function", "03:00.1", { physicalFunction: pf }, true],
    ["a virtual function whose header says several", "03:00.1", { physicalFunction: pf, multifunction: true }, true],
    ["a virtual function at function 0 of another bus", "04:00.0", { physicalFunction: pf }, true],
    ["function 1 that may be virtual", "03:00.1", { physicalFunction: hidden }, hidden],
    ["function 0 that may be virtual, alone in its header", "03:00.0", { physicalFunction: hidden }, true],
    ["function 0 that may be virtual, of several", "03:00.0", { physicalFunction: hidden, multifunction: true }, false],
    ["hidden ACS, of one", "03:00.0", { acs: hidden }, true],
    ["hidden ACS, of several", "03:00.0", { acs: hidden, multifunction: true }, hidden],
    ["a root port of hidden ACS", "00:01.0", { acs: hidden, express: express("root-port") }, hidden],
    ["a hidden capability", "03:00.0", { express: hidden }, hidden],
    [
      "a hidden type",
      "03:00.0",
      { express: { ...express("endpoint"), type: hidden } as PciFunction["express"] },
      hidden,
    ],
  ])("%s", (_name, address, parts, isolated) => {
    expect(isIsolated(endpoint(address, parts))).toEqual(isolated);
  });
});

describe("IOMMU groups", () => {
  test.each(
    rows(`
      // functions: kind address>bus below, and what they have                                            | groups

      // isolation up to the root
      root-port 00:01.0>1 acs, endpoint 01:00.0                                                            | 00:01.0 / 01:00.0
      root-port 00:01.0>1, endpoint 01:00.0                                                                | 00:01.0 01:00.0
      root-port 00:01.0>1, root-port 00:02.0>2, endpoint 01:00.0, endpoint 02:00.0                         | 00:01.0 01:00.0 / 00:02.0 02:00.0
      endpoint 00:02.0, endpoint 00:03.0                                                                   | 00:02.0 / 00:03.0
      root-port 00:01.0>1 acs, SWITCH, PORT 02:00.0>3 acs, PORT 02:01.0>4 acs                              | 00:01.0 / 01:00.0 / 02:00.0 / 02:01.0 / 03:00.0 / 04:00.0
      root-port 00:01.0>1 acs, SWITCH, PORT 02:00.0>3, PORT 02:01.0>4                                      | 00:01.0 / 01:00.0 / 02:00.0 03:00.0 / 02:01.0 04:00.0
      root-port 00:01.0>1 acs, SWITCH, PORT 02:00.0>3 acs, PORT 02:01.0>4                                  | 00:01.0 / 01:00.0 / 02:00.0 / 02:01.0 04:00.0 / 03:00.0
      root-port 00:01.0>1, SWITCH, PORT 02:00.0>3 acs, PORT 02:01.0>4 acs                                  | 00:01.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0
      root-port 00:01.0>1 acs, SWITCH several, PORT 02:00.0>3 acs, PORT 02:01.0>4 acs                      | 00:01.0 / 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0

      // functions of one device
      endpoint 00:02.0 several, endpoint 00:02.1, endpoint 00:02.7                                         | 00:02.0 00:02.1 00:02.7
      endpoint 00:02.0 several acs, endpoint 00:02.1 acs                                                   | 00:02.0 / 00:02.1
      endpoint 00:02.0 several, endpoint 00:02.1 acs, endpoint 00:02.2                                     | 00:02.0 00:02.2 / 00:02.1
      endpoint 00:02.0 several acs, endpoint 00:02.1, endpoint 00:02.2                                     | 00:02.0 / 00:02.1 00:02.2
      endpoint 00:02.0, endpoint 00:02.1, endpoint 00:02.2                                                 | 00:02.0 / 00:02.1 00:02.2 // its header says one
      endpoint 00:02.0 several, endpoint 00:02.1, endpoint 00:03.0 several, endpoint 00:03.1               | 00:02.0 00:02.1 / 00:03.0 00:03.1
      endpoint 0000:00:02.0 several, endpoint 0001:00:02.1                                                 | 00:02.0 / 0001:00:02.1
      endpoint 00:02.0 several, endpoint 00:02.1 virtual                                                   | 00:02.0 / 00:02.1
      root-port 00:01.0>1 several, root-port 00:01.1>2, endpoint 01:00.0, endpoint 02:00.0                 | 00:01.0 00:01.1 01:00.0 02:00.0

      // event collectors are never isolated
      root-complex-event-collector 00:02.0                                                                 | 00:02.0
      endpoint 00:02.0 several, root-complex-event-collector 00:02.4 acs                                   | 00:02.0 00:02.4
      endpoint 00:02.0 several acs, root-complex-event-collector 00:02.4                                   | 00:02.0 / 00:02.4

      // bridges that put their own requester id on what is below; the highest counts
      conventional 00:1e.0>5, conventional 05:00.0, conventional 05:01.0                                   | 00:1e.0 05:00.0 05:01.0
      root-port 00:01.0>4 acs, pcie-to-pci-bridge 04:00.0>5, conventional 05:00.0, conventional 05:01.0    | 00:01.0 / 04:00.0 05:00.0 05:01.0
      root-port 00:01.0>4, pcie-to-pci-bridge 04:00.0>5, conventional 05:00.0                              | 00:01.0 04:00.0 05:00.0
      pci-to-pcie-bridge 00:01.0>4, endpoint 04:00.0                                                       | 00:01.0 04:00.0
      conventional 00:1e.0>5, conventional 05:00.0>6, conventional 06:00.0                                 | 00:1e.0 05:00.0 06:00.0

      // so they do where the kernel calls them isolated
      conventional 00:1e.0>5 8086:1521, conventional 05:00.0, conventional 05:01.0                         | 00:1e.0 05:00.0 05:01.0
      conventional 00:1e.0>5 8086:1521, conventional 05:00.0>6 8086:1521, conventional 06:00.0             | 00:1e.0 05:00.0 06:00.0
      pci-to-pcie-bridge 00:01.0>4 8086:1521, endpoint 04:00.0                                             | 00:01.0 04:00.0
      root-port 00:01.0>4 acs, pcie-to-pci-bridge 04:00.0>5 8086:1521, conventional 05:00.0                | 00:01.0 / 04:00.0 05:00.0
      root-port 00:01.0>4 acs, pcie-to-pci-bridge 04:00.0>5 8086:1521, pci-to-pcie-bridge 05:00.0>6 8086:1521, endpoint 06:00.0 | 00:01.0 / 04:00.0 05:00.0 06:00.0
      root-port 00:01.0>4 8086:1521, endpoint 04:00.0                                                      | 00:01.0 / 04:00.0 // and a port passes on what is below

      // devices for which the kernel answers
      root-port 00:1c.0>1 8086:8c10, endpoint 01:00.0                                                      | 00:1c.0 / 01:00.0
      endpoint 00:02.0 several 8086:1521, endpoint 00:02.1 8086:1521                                       | 00:02.0 / 00:02.1
      endpoint 00:02.0 several acs 8088:9999, endpoint 00:02.1 acs 8088:9999                               | 00:02.0 00:02.1

      // what is hidden makes all unknown, where the kernel looks at it
      root-port 00:01.0>1 acs?, endpoint 01:00.0                                                           | unknown: not shown
      root-port 00:01.0>1 acs?                                                                             | 00:01.0
      root-port 00:01.0>1 express?, endpoint 01:00.0                                                       | unknown: not shown
      root-port 00:01.0>1 type?, endpoint 01:00.0                                                          | unknown: not shown
      endpoint 00:02.0 several?                                                                            | unknown: not shown
      endpoint 05:00.0                                                                                     | unknown: the source does not show what is above 0000:05:00.0
      endpoint 10000:00:00.0                                                                               | unknown: functions behind a VMD share its group; the source does not link them
      endpoint ffff:00:00.0                                                                                | ffff:00:00.0
    `),
  )("%s: %s", (functions = "", expected) => {
    expect(groups(functions.split(", ").flatMap(read))).toBe(expected);
  });

  test("a bridge stands before what is below it, whatever their numbers", () => {
    const below = (parts: Partial<PciFunction>): PciFunction[] => [
      endpoint("01:00.0", { attachment: { upstream: at("40:01.0"), rootBus: 0x40 } }),
      bridge("40:01.0", "root-port", 1, { attachment: { upstream: null, rootBus: 0x40 }, ...parts }),
    ];
    expect(groups(below({}))).toBe("01:00.0 40:01.0");
    expect(groups(below({ acs: acs(0x1d) }))).toBe("01:00.0 / 40:01.0");
  });

  test.each(
    rows(`
      // kind | mode        | group that the source shows | groups
      none    | off         | -                           |
      none    | off         | 3                           |
      amd     | passthrough | -                           | 00:02.0
      ?       | lazy        | -                           | 00:02.0            // a mode proves one
      ?       | strict      | ?                           | 00:02.0
      ?       | ?           | 0                           | 00:02.0            // and so does a group
      ?       | ?           | -                           | unknown: not shown
      ?       | ?           | ?                           | unknown: not shown
      ?       | off         | -                           | unknown: not shown
    `),
  )("with an IOMMU of kind %s in mode %s, group %s: %s", (kind, mode, real, expected) => {
    const known = (text = ""): never => (text === "?" ? hidden : text) as never;
    const iommuGroup = real === "?" ? hidden : real === "-" ? null : Number(real);
    const iommu = { kind: known(kind), mode: known(mode), groupTypes: new Map<number, string>() };
    expect(groups([endpoint("00:02.0", { iommuGroup })], iommu)).toBe(expected);
  });

  test.each(
    rows(`
      // where | ACS of 0, 1, 2 | their groups | groups
      00:02    | ?, ?, ?        | 4, 4, 4      | 00:02.0 00:02.1 00:02.2
      00:02    | ?, ?, ?        | 4, 5, 6      | 00:02.0 / 00:02.1 / 00:02.2
      00:02    | ?, ?, ?        | 4, 5, 5      | 00:02.0 / 00:02.1 00:02.2
      00:02    | on, ?, ?       | 4, 5, 5      | 00:02.0 / 00:02.1 00:02.2
      00:02    | ?, off, off    | 4, 4, 4      | 00:02.0 00:02.1 00:02.2
      00:02    | ?, ?, ?        | 4, 4, -      | unknown: not shown  // in none
      00:02    | ?, ?, ?        | 4, 4, ?      | unknown: not shown
      02:00    | ?, ?, ?        | 4, 4, 4      | unknown: not shown  // the ports above put them together, or apart
    `),
  )(
    "hidden ACS at %s.0 to .2, %s, is made up for by the groups shown, %s: %s",
    (slot, control = "", real = "", expected) => {
      const own: Readonly<Record<string, Partial<PciFunction>>> = {
        "?": { acs: hidden },
        on: { acs: acs(0x1d) },
        off: {},
      };
      const functions = control.split(", ").map((word, number) => {
        const shown = real.split(", ")[number] ?? "";
        const iommuGroup = shown === "?" ? hidden : shown === "-" ? null : Number(shown);
        return endpoint(`${slot}.${number}`, { ...own[word], iommuGroup, multifunction: true });
      });
      const above = bridge("00:01.0", "root-port", 2, { acs: acs(0x1d), iommuGroup: 9 });
      const found = groups(slot === "00:02" ? functions : [above, ...functions]);
      // Numbers below those shown are nobody's.
      const some = found.split(" / ").filter((members) => members !== "");
      expect(some.join(" / ")).toBe(expected);
    },
  );

  test("are formed where one function of several shows a group, and the IOMMU is hidden", () => {
    const functions = [endpoint("00:02.0", { iommuGroup: null }), endpoint("00:03.0", { iommuGroup: 0 })];
    expect(groups(functions, { kind: hidden, mode: hidden, groupTypes: new Map() })).toBe("00:03.0 / 00:02.0");
  });

  test("have the kernel's own numbers where their members are the same, else the next ones free", () => {
    const numbers = (...real: PciFunction["iommuGroup"][]): number[] => {
      const functions = real.map((iommuGroup, slot) => endpoint(`00:0${slot + 1}.0`, { iommuGroup }));
      const machine = machineOf(functions, { iommu: on });
      const found = expectedIommuGroups(machine, topologyOf(machine));
      return isUnknown(found) ? [] : [...found.values()];
    };
    expect(numbers(null, null, null)).toEqual([0, 1, 2]);
    expect(numbers(7, 5, 9)).toEqual([7, 5, 9]);
    expect(numbers(7, null, 5)).toEqual([7, 8, 5]);
    expect(numbers(7, hidden, 5)).toEqual([7, 8, 5]);
    // Two that the kernel put together and the rules put apart are groups of their own.
    expect(numbers(4, 4, 2)).toEqual([5, 6, 2]);
  });
});

test("Groups that are known to be those of the boot are taken, whatever the machine shows", () => {
  const machine = machineOf([endpoint("00:02.0")], { iommu: on });
  const groupsAtBoot = new Map([[at("00:02.0"), 7]]);
  expect(expectedIommuGroups({ ...machine, groupsAtBoot }, topologyOf(machine))).toBe(groupsAtBoot);
  expect(expectedIommuGroups({ ...machine, groupsAtBoot: hidden }, topologyOf(machine))).toBe(hidden);
});

test("A fault of ours is none that the source hides", () => {
  const machine = machineOf([endpoint("00:02.0")], { iommu: on });
  const topology = Object.assign(topologyOf(machineOf([endpoint("00:02.0")])), {
    parentOf: () => {
      throw new RangeError("no function");
    },
  });
  expect(() => expectedIommuGroups(machine, topology)).toThrow(RangeError);
});

describe("The group that is expected of one function", () => {
  const bdf = at("00:02.0");
  const contradicted = unknown(GROUPS_CONTRADICTED.unknown);
  test.each<[groups: string, shown: string, expected: Known<number | null>]>([
    ["00:02.0 in 3", "3", 3],
    ["00:02.0 in 3", "hidden", 3],
    ["00:02.0 in 3", "none", 3],
    ["none", "3", null],
    ["hidden", "3", hidden],
    ["00:02.0 in 3", "contradicted", GROUPS_CONTRADICTED],
    ["hidden", "contradicted", GROUPS_CONTRADICTED],
  ])("groups: %s; it shows: %s", (groups, shown, expected) => {
    const known = groups === "hidden" ? hidden : new Map(groups === "none" ? [] : [[bdf, 3]]);
    const iommuGroup = { 3: 3, none: null, hidden, contradicted }[shown];
    expect(expectedGroupOf(known, { bdf, iommuGroup: iommuGroup as Known<number | null> })).toEqual(expected);
  });

  test("is not relied on where the source contradicts the rules, which it says", () => {
    expect(GROUPS_CONTRADICTED.unknown).toMatch(
      /^the source states IOMMU groups here that are not those which the rules/,
    );
  });
});

test("the members of groups are those that are in one, in the order in which they stand", () => {
  const groups = new Map<Bdf, number | null>([
    [at("00:01.0"), 3],
    [at("00:02.0"), null],
    [at("00:03.0"), 1],
    [at("00:04.0"), 3],
  ]);
  expect([...groupMembers(groups)]).toEqual([
    [3, [at("00:01.0"), at("00:04.0")]],
    [1, [at("00:03.0")]],
  ]);
});

describe("The groups between which those of hidden ACS lie", () => {
  /** A root port with an endpoint below; the port's ACS as given. */
  const below = (parts: Partial<PciFunction>): PciFunction[] => [
    bridge("00:01.0", "root-port", 1, { acs: acs(0x1d), ...parts }),
    endpoint("01:00.0"),
  ];
  const APART = "00:01.0 / 01:00.0";
  const ONE = "00:01.0 01:00.0";
  const shown = (groups: ReadonlyMap<Bdf, number>): string =>
    [...groupMembers(groups).values()].map((members) => members.map(short).join(" ")).join(" / ");

  test.each<[name: string, functions: PciFunction[], many: string | null, few: string | null]>([
    ["nothing is hidden", below({}), null, null],
    ["no capability at all", below({ acs: null }), null, null],
    ["hidden ACS", below({ acs: hidden }), APART, ONE],
    ["uncertain bits", below({ acs: { capability: 0x1f, control: 0x1d, uncertain: 0x1 } }), APART, ONE],
    [
      "bits that are known to be certain",
      below({ acs: { capability: 0x1f, control: 0x1d, uncertain: 0 } }),
      null,
      null,
    ],
    [
      "a hidden capability with its control",
      below({ acs: { capability: 0, control: 0, capabilityHidden: true } }),
      APART,
      ONE,
    ],
    [
      "hidden ACS of one of two ports",
      [...below({ acs: hidden }), bridge("00:02.0", "root-port", 2, { acs: null }), endpoint("02:00.0")],
      "00:01.0 / 00:02.0 02:00.0 / 01:00.0",
      "00:01.0 01:00.0 / 00:02.0 02:00.0",
    ],
    [
      "something else is hidden, too",
      [...below({ acs: hidden }), bridge("00:03.0", "root-port", 3, { express: hidden }), endpoint("03:00.0")],
      null,
      null,
    ],
  ])("%s", (_name, functions, many, few) => {
    const found = extremeIommuGroups(machineOf(functions, { iommu: on }));
    expect(found === undefined ? [null, null] : [shown(found.many), shown(found.few)]).toEqual([many, few]);
  });

  test("are none of a machine whose groups at boot are known", () => {
    const machine = machineOf(below({ acs: hidden }), { iommu: on });
    expect(extremeIommuGroups({ ...machine, groupsAtBoot: new Map() })).toBeUndefined();
  });
});
