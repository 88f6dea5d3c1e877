import { describe, expect, test } from "vitest";
import type { PortType } from "../../src/pci/express.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { NO_VENDOR } from "../../src/pci/no-vendor.ts";
import { acsQuirk } from "../../src/rules/acs-quirks.ts";
import { isIsolated } from "../../src/rules/iommu-groups.ts";
import { rows } from "../rows.ts";
import { acs, at, express, functionAt } from "./by-hand.ts";

/**
 * The devices for which the kernel answers in place of their ACS capability (`pci_dev_acs_enabled`, Linux 7.2), written
 * out from its source: on which kinds of function, and what. `-` stands between the first and the last id of a range.
 */
const QUIRKS = rows(`
  // vendor | on         | says      | devices
  1924      | any        | isolated  | 0903 0923 0a03                                          // Solarflare
  8086      | any        | isolated  | 10c6 10db 10dd 10e1 10f1 10f7-10fc                      // Intel 82598, 82599
  8086      | any        | isolated  | 1507 1514 151c 1529 152a 154d 154f 1551 1558            // 82599, X520, X540
  8086      | any        | isolated  | 1509 150e 150f 1510 1511 1516 1527                      // 82580
  8086      | any        | isolated  | 10c9 10e6 10e7 10e8 150a 150d 1518 1526                 // 82576
  8086      | any        | isolated  | 10a7 10a9 10d6                                          // 82575
  8086      | any        | isolated  | 1521-1524                                               // I350
  8086      | any        | isolated  | 105e 105f 1060 10d9                                     // 82571
  8086      | any        | isolated  | 15b7 15b8                                               // I219
  8086      | integrated | isolated  | 0000-ffff                                               // every integrated endpoint
  17cb      | any        | isolated  | 0400 0401 0115 0111 0120                                // Qualcomm root ports
  1dbf      | any        | isolated  | 0401                                                    // HXT SD4800
  8086      | root port  | isolated  | 3b42-3b51                                               // Ibex Peak
  8086      | root port  | isolated  | 1c10-1c1f                                               // Cougar Point
  8086      | root port  | isolated  | 1e10-1e1f                                               // Panther Point
  8086      | root port  | isolated  | 8c10-8c1f                                               // Lynx Point-H
  8086      | root port  | isolated  | 9c10-9c1b                                               // Lynx Point-LP
  8086      | root port  | isolated  | 9c90-9c9b                                               // Wildcat Point
  8086      | root port  | isolated  | 1d10 1d12 1d14 1d16 1d18 1d1a 1d1c 1d1e                 // Patsburg (X79)
  8086      | root port  | isolated  | 8d10-8d1e                                               // Wellsburg (X99)
  8086      | root port  | isolated  | 8c90 8c92 8c94 8c96 8c98 8c9a 8c9c 8c9e                 // Lynx Point, 9 series
  8086      | root port  | elsewhere | a110-a11f a167-a16a                                     // Sunrise Point-H
  8086      | root port  | elsewhere | a290-a29f a2e7-a2ee                                     // Union Point
  8086      | root port  | elsewhere | 9d10-9d1b                                               // 7th and 8th generation mobile
  19a2      | any        | isolated  | 0710                                                    // Emulex BE3-R
  10df      | any        | isolated  | 0720                                                    // Emulex Skyhawk-R
  177d      | root port  | isolated  | a000-a7ff af84 b884                                     // Cavium ThunderX 1, 2, 3
  177d      | any        | isolated  | a026 a059 a060                                          // Cavium endpoints
  10e8      | any        | isolated  | e004                                                    // APM X-Gene
  1def      | any        | isolated  | e005-e00c                                               // Ampere
  14e4      | any        | isolated  | 16d7 1750-1752 1760-1763 d714                           // Broadcom
  0014      | any        | isolated  | 3c09 3c19 3c29 7a09 7a19 7a29 7a39 7a49 7a59 7a69       // Loongson
  1c36      | root port  | isolated  | 0031                                                    // Annapurna Labs
  1d17      | any        | isolated  | 3038 3104 9083                                          // Zhaoxin endpoints
  1957      | any        | isolated  | 8d81 8da1 8d83 8d80 8da0 8d82 8d90 8db0 8d92 8d91       // NXP LX2xx0A, C, E, N
  1957      | any        | isolated  | 8db1 8d93                                               // NXP LX2xx0N
  1957      | any        | isolated  | 8d89 8da9 8d8b 8d88 8da8 8d8a 8d98 8db8 8d9a            // NXP LX2xx2A, C, E
  1957      | any        | isolated  | 8d99 8db9 8d9b                                          // NXP LX2xx2N
  1d17      | port       | isolated  | 0710-071e 0721 0723-0752                                // Zhaoxin ports
  1d17      | port       | open      | 0000-ffff                                               // its other ports
  8088      | any        | isolated  | 0100-010f 1001 2001 5010 5025 5040 5110 5125 5140       // Wangxun
  8088      | any        | open      | 0000-ffff                                               // its other devices
`);

type Answer = "isolated" | "open" | "elsewhere" | "";

const TYPES = ["root-port", "downstream-port", "endpoint", "root-complex-endpoint"] as const satisfies PortType[];
type Type = (typeof TYPES)[number];

const KINDS: Readonly<Record<string, readonly Type[]>> = {
  any: TYPES,
  port: ["root-port", "downstream-port"],
  "root port": ["root-port"],
  integrated: ["root-complex-endpoint"],
};

function range(text: string): [first: number, last: number] {
  const [first = "", last = first] = text.split("-");
  return [Number.parseInt(first, 16), Number.parseInt(last, 16)];
}

/** What the kernel says of every device of a vendor: the first row that fits decides. */
function expected(vendor: string, type: Type): Answer[] {
  const answers: Answer[] = new Array<Answer>(0x10000).fill("");
  for (const [of, on = "", says, devices = ""] of QUIRKS) {
    if (of !== vendor || !KINDS[on]?.includes(type)) continue;
    for (const [first, last] of devices.split(" ").map(range)) {
      for (let id = first; id <= last; id++) answers[id] ||= says as Answer;
    }
  }
  return answers;
}

/** What the rules make of a function of several: with and without an ACS capability they differ by the quirk. */
function answersOf(type: PortType): (vendorId: number, deviceId: number) => Answer {
  const parts = { multifunction: true, express: express(type) };
  const offers = functionAt(at("03:00.0"), { ...parts, acs: acs(0x1d) });
  const lacks = functionAt(at("03:00.0"), { ...parts, acs: null });
  return (vendorId, deviceId) => {
    // A million of them are asked: they are changed in place.
    const full = isIsolated(Object.assign(offers, { vendorId, deviceId }));
    if (isUnknown(full)) return "elsewhere";
    if (!full) return "open";
    return isIsolated(Object.assign(lacks, { vendorId, deviceId })) === true ? "isolated" : "";
  };
}

/** Ids and their answers in runs: `1521-1524 isolated`. */
function runs(answers: readonly (Answer | undefined)[]): string[] {
  const found: string[] = [];
  let first = 0;
  for (let id = 1; id <= answers.length; id++) {
    if (id < answers.length && answers[id] === answers[first]) continue;
    const hex = [first, id - 1].map((end) => end.toString(16).padStart(4, "0"));
    if (answers[first]) found.push(`${first === id - 1 ? hex[0] : hex.join("-")} ${answers[first]}`);
    first = id;
  }
  return found;
}

const VENDORS = [...new Set(QUIRKS.map(([vendor = ""]) => vendor))];

describe.each(VENDORS.map((vendor) => [vendor]))("The kernel's answers for vendor %s", (vendor) => {
  const vendorId = Number.parseInt(vendor, 16);

  test("are those of its table for every root port", () => {
    const answerOf = answersOf("root-port");
    const answers = Array.from({ length: 0x10000 }, (_, deviceId) => answerOf(vendorId, deviceId));
    expect(runs(answers)).toEqual(runs(expected(vendor, "root-port")));
  });

  test.each(TYPES.slice(1).map((type) => [type]))("are those of its table for each %s in it, and beside it", (type) => {
    const table = expected(vendor, type);
    const ends = QUIRKS.filter(([of]) => of === vendor).flatMap(([, , , devices = ""]) =>
      devices.split(" ").flatMap((text) => {
        const [first, last] = range(text);
        return [first - 1, first, Math.floor((first + last) / 2), last, last + 1];
      }),
    );
    const asked = [...new Set(ends)].filter((id) => id >= 0 && id <= 0xffff);
    const answerOf = answersOf(type);
    const wrong = asked.filter((id) => answerOf(vendorId, id) !== table[id]);
    expect(wrong.map((id) => id.toString(16))).toEqual([]);
  });
});

test("No other vendor has one", () => {
  const others = Array.from({ length: 0x10000 }, (_, vendorId) => vendorId).filter(
    (vendorId) => !VENDORS.includes(vendorId.toString(16).padStart(4, "0")),
  );
  const devices = [0x0031, 0x0401, 0x0710, 0x1521, 0x8c10, 0xa110, 0xe005];
  const answerOf = answersOf("root-port");
  expect(others.filter((vendorId) => devices.some((id) => answerOf(vendorId, id) !== ""))).toEqual([]);
});

describe("What stands in for ACS", () => {
  const isolated = (name: string, parts: Parameters<typeof functionAt>[1]): unknown => {
    const [vendorId = 0, deviceId = 0] = name.split(":").map((digits) => Number.parseInt(digits, 16));
    return isIsolated(functionAt(at("03:00.0"), { vendorId, deviceId, multifunction: true, ...parts }));
  };
  const hidden = unknown("not shown");

  test("is asked before the kind of function is looked at, where it holds for any", () => {
    expect(isolated("14e4:16d7", { express: express("pcie-to-pci-bridge") })).toBe(true);
    expect(isolated("14e4:16d7", { express: null })).toBe(true);
    expect(isolated("14e4:16d7", { express: hidden })).toBe(true);
    expect(isolated("8088:9999", { express: null })).toBe(false);
    expect(isolated("14e4:16d8", { express: null })).toBe(false);
  });

  test("is not asked for where it holds for ports, and none is shown", () => {
    expect(isolated("8086:8c10", { express: null })).toBe(false);
    expect(isolated("8086:8c10", { express: hidden })).toEqual(hidden);
    expect(isolated("1d17:0700", { express: express("upstream-port"), acs: acs(0x1d) })).toBe(true);
  });

  test("leaves open what registers in a place of their own say, and only where the capability is there", () => {
    const port = { express: express("root-port") };
    const elsewhere = unknown("0000:03:00.0 keeps its ACS control where the specification does not");
    expect(isolated("8086:a110", { ...port, acs: acs(0) })).toEqual(elsewhere);
    expect(isolated("8086:a110", { ...port, acs: acs(0x1d) })).toEqual(elsewhere);
    expect(isolated("8086:a110", { ...port, acs: hidden })).toEqual(elsewhere);
    // Without the capability the kernel has nothing of its own to say: a root port without ACS is not isolated.
    expect(isolated("8086:a110", { ...port, acs: null })).toBe(false);
  });
});

describe("The quirk of a function whose ids the source hides", () => {
  const device = unknown("the device is not shown");
  const vendor = unknown("the vendor is not shown");

  test.each(
    rows(`
      // vendor | type                  | answer
      ?         | root-port             | vendor
      ?         | -                     | vendor
      none      | root-port             | -       // hardware of no vendor has no quirk
      1924      | endpoint              | device  // one of its devices has a row
      1924      | -                     | device  // on any function
      1924      | ?                     | device
      8086      | upstream-port         | device
      1c36      | root-port             | device
      1c36      | downstream-port       | -       // rows of root ports alone
      1c36      | root-complex-endpoint | -
      1c36      | -                     | -
      1c36      | ?                     | -
      8088      | endpoint              | device
      1af4      | root-port             | -       // a vendor without a row
    `),
  )("%s, on %s: %s", (name = "", type, answer) => {
    const vendorId = name === "?" ? vendor : name === "none" ? NO_VENDOR : Number.parseInt(name, 16);
    const capability = type === "?" ? unknown("not shown") : type === "-" ? null : express(type as PortType);
    const found = acsQuirk(functionAt(at("03:00.0"), { vendorId, deviceId: device, express: capability }));
    expect(found).toEqual(answer === "vendor" ? vendor : answer === "device" ? device : undefined);
  });

  test.each(
    rows(`
      // device | type                  | answer
      8086:1521 | root-complex-endpoint | isolated
      8086:9999 | root-complex-endpoint | isolated
      8086:9999 | endpoint              | -
      8086:8c10 | root-port             | isolated
      8086:8c10 | downstream-port       | -
      8086:a110 | root-port             | registers-elsewhere
      8086:a110 | upstream-port         | -
      1d17:0710 | root-port             | isolated
      1d17:0710 | downstream-port       | isolated
      1d17:0710 | upstream-port         | -
      1d17:0720 | downstream-port       | open
      1d17:3038 | endpoint              | isolated
      8088:0200 | endpoint              | open
      8088:0100 | endpoint              | isolated
    `),
  )("and of one that it shows: %s, %s: %s", (name = "", type, answer) => {
    const [vendorId = 0, deviceId = 0] = name.split(":").map((digits) => Number.parseInt(digits, 16));
    const found = acsQuirk(functionAt(at("03:00.0"), { vendorId, deviceId, express: express(type as PortType) }));
    expect(found ?? "-").toBe(answer);
  });
});
