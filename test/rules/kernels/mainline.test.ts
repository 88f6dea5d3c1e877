import { describe, expect, test } from "vitest";
import { unknown } from "../../../src/pci/known.ts";
import { KERNEL_RULES } from "../../../src/rules/kernels/mainline.ts";
import { decide } from "../../../src/rules/verdict-table.ts";
import { rows } from "../../rows.ts";
import { at, bridge, endpoint, hostBridge, ids, linux, machineOf } from "../by-hand.ts";

/** The releases that changed the list. */
const LISTS = ["4.20", "5.2", "5.4", "5.6", "5.7", "5.8", "5.9", "5.18", "7.1.0", "7.1.3", "7.3"] as const;

/**
 * The kernel's list of host bridges (`pci_p2pdma_whitelist`) as the kernels of these releases have it, written out from
 * their sources: s = below the same host bridge only, y = also between two host bridges, - = not listed.
 */
const ALLOW_LIST = rows(`
  // vendor:device   4.20 5.2 5.4 5.6 5.7 5.8 5.9 5.18 7.1 7.1.3 7.3
  1022:1450       |  -    y   y   y   y   y   -   -    -   -     -       // AMD Zen root complex, until the CPU itself was looked at
  1022:15d0       |  -    -   -   -   -   y   -   -    -   -     -       // AMD Raven
  1022:1630       |  -    -   -   -   -   y   -   -    -   -     -       // AMD Renoir
  8086:3c00       |  -    -   s   s   s   s   s   s    s   s     s       // Intel Xeon E5, Core i7: Sandy Bridge
  8086:3c01       |  -    -   s   s   s   s   s   s    s   s     s
  8086:2f00       |  -    -   s   s   s   s   s   s    s   s     s       // Intel Xeon E7 v3, Core i7: Haswell
  8086:2f01       |  -    -   s   s   s   s   s   s    s   s     s
  8086:2030       |  -    -   -   y   y   y   y   y    y   y     y       // Intel Skylake-E root ports
  8086:2031       |  -    -   -   -   y   y   y   y    y   y     y
  8086:2032       |  -    -   -   -   y   y   y   y    y   y     y
  8086:2033       |  -    -   -   -   y   y   y   y    y   y     y
  8086:2020       |  -    -   -   y   y   y   y   y    y   y     y
  8086:09a2       |  -    -   -   -   -   -   -   y    y   y     y       // Intel Ice Lake and newer
  8086:0b25       |  -    -   -   -   -   -   -   -    -   y     y       // Intel DSA, Sapphire Rapids
  8086:0cfe       |  -    -   -   -   -   -   -   -    -   y     y       // Intel IAX, Sapphire Rapids
  8086:11fb       |  -    -   -   -   -   -   -   -    -   y     y       // Intel DSA, Granite Rapids-D
  8086:1212       |  -    -   -   -   -   -   -   -    -   y     y       // Intel DSA, Diamond Rapids
  8086:1216       |  -    -   -   -   -   -   -   -    -   y     y       // Intel IAA, Diamond Rapids
  8086:4940       |  -    -   -   -   -   -   -   -    -   y     y       // Intel QAT 4xxx
  8086:4942       |  -    -   -   -   -   -   -   -    -   y     y       // Intel QAT 401xx
  8086:4944       |  -    -   -   -   -   -   -   -    -   y     y       // Intel QAT 402xx
  8086:4946       |  -    -   -   -   -   -   -   -    -   y     y       // Intel QAT 420xx
  8086:4948       |  -    -   -   -   -   -   -   -    -   y     y       // Intel QAT 6xxx
  1ae0:0000       |  -    -   -   -   -   -   -   -    y   y     y       // Google: every device
  1ae0:001f       |  -    -   -   -   -   -   -   -    y   y     y
  1ae0:ffff       |  -    -   -   -   -   -   -   -    y   y     y
  10de:2f95       |  -    -   -   -   -   -   -   -    -   -     y       // Nvidia
  10de:2f96       |  -    -   -   -   -   -   -   -    -   -     y
  10de:2f97       |  -    -   -   -   -   -   -   -    -   -     y
  10de:2f98       |  -    -   -   -   -   -   -   -    -   -     y
`);

const listed = new Map<string, readonly string[]>(ALLOW_LIST.map(([id = "", marks = ""]) => [id, marks.split(/\s+/)]));

/** The ids next to those of the list, and some of host bridges that people have and the kernel does not trust. */
const NOT_LISTED = [
  ...[...listed.keys()].filter((id) => !id.startsWith("1ae0")).flatMap((id) => [neighbour(id, -1), neighbour(id, 1)]),
  "8086:29c0", // Q35, as QEMU has it
  "8086:6f00", // Broadwell Xeon
  "8086:3e30", // Coffee Lake
  "1022:1480", // AMD Zen 2
  "1022:3c00", // the right device of the wrong vendor
  "8086:1450",
  "10de:3c00",
  "1ae1:001f",
].filter((id) => !listed.has(id));

function neighbour(id: string, step: number): string {
  const [vendor, device = ""] = id.split(":");
  return `${vendor}:${(Number.parseInt(device, 16) + step).toString(16).padStart(4, "0")}`;
}

/** Devices below two root ports of one host bridge, and one below another host bridge of the same kind. */
function verdicts(id: string, release: string): string {
  const machine = machineOf(
    [
      hostBridge("00:00.0", id),
      bridge("00:01.0", "root-port", 1),
      bridge("00:02.0", "root-port", 2),
      endpoint("01:00.0"),
      endpoint("02:00.0"),
      hostBridge("40:00.0", id),
      bridge("40:01.0", "root-port", 0x41),
      endpoint("41:00.0"),
    ],
    { kernel: linux(release) },
  );
  const reason = (client: string): string => decide(machine, at("01:00.0"), at(client)).reason;
  return `${reason("02:00.0")}, ${reason("41:00.0")}`;
}

const SAYS: Readonly<Record<string, string>> = {
  y: "host-bridge-allowed, host-bridge-allowed",
  s: "host-bridge-allowed, host-bridge-same-only",
  "-": "host-bridge-not-allowed, host-bridge-not-allowed",
};

describe.each(LISTS.map((release, column) => ({ release, column })))("The allow-list of $release", (the) => {
  // Its kernel has no list: only a bridge above both counts.
  const absent = the.release === "4.20" ? "no-common-upstream-bridge, no-common-upstream-bridge" : SAYS["-"];

  test.each([...listed].map(([id, marks]) => ({ id, mark: marks[the.column] ?? "" })))("says $mark of $id", (row) => {
    expect(verdicts(row.id, the.release)).toBe(row.mark === "-" ? absent : SAYS[row.mark]);
  });

  test("has none of the ids beside its own", () => {
    expect(NOT_LISTED.filter((id) => verdicts(id, the.release) !== absent)).toEqual([]);
  });
});

/**
 * Every release: whose list it has, AMD families that are trusted by themselves, whether a root port may stand for its
 * host bridge, what becomes of a redirected path, what is added to the distance through the host bridge, what `pci=`
 * does to ACS at boot, how much of a list of config_acs is read, the errno of a refusal, the sign of the bus offset.
 */
const RULES = rows(`
  // release | list  | AMD  | root port | redirected | distance | ACS at boot | config_acs | refusal   | offset
  4.20       | 4.20  | -    | -         | refused    | 0        | clears      | -          | -         | subtracted
  5.0        | 4.20  | -    | -         | refused    | 0        | clears      | -          | -         | subtracted
  5.1        | 4.20  | -    | -         | refused    | 0        | clears      | -          | -         | subtracted
  5.2        | 5.2   | -    | -         | refused    | 4096     | clears      | -          | -         | subtracted
  5.3        | 5.2   | -    | -         | refused    | 4096     | clears      | -          | -         | subtracted
  5.4        | 5.4   | -    | -         | through    | 0        | clears      | -          | -         | subtracted
  5.5        | 5.4   | -    | -         | through    | 0        | clears      | -          | -         | subtracted
  5.6        | 5.6   | -    | -         | through    | 0        | clears      | -          | -         | subtracted
  5.7        | 5.7   | -    | -         | through    | 0        | clears      | -          | -         | subtracted
  5.8        | 5.8   | -    | -         | through    | 0        | clears      | -          | -         | subtracted
  5.9        | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.10       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.11       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.12       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.13       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.14       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.15       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | subtracted
  5.16       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | added
  5.17       | 5.9   | 0x17 | -         | through    | 0        | clears      | -          | -         | added
  5.18       | 5.18  | 0x17 | -         | through    | 0        | clears      | -          | -         | added
  5.19       | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | -         | added
  6.0        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.1        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.2        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.3        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.4        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.5        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.6        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.7        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.8        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.9        | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.10       | 5.18  | 0x17 | stands    | through    | 0        | clears      | -          | EREMOTEIO | added
  6.11       | 5.18  | 0x17 | stands    | through    | 0        | mixes       | first      | EREMOTEIO | added
  6.12       | 5.18  | 0x17 | stands    | through    | 0        | mixes       | first      | EREMOTEIO | added
  6.12.23    | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.13       | 5.18  | 0x17 | stands    | through    | 0        | mixes       | first      | EREMOTEIO | added
  6.13.11    | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.14       | 5.18  | 0x17 | stands    | through    | 0        | mixes       | first      | EREMOTEIO | added
  6.14.2     | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.15       | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.16       | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.17       | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.18       | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  6.19       | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  7.0        | 5.18  | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  7.1        | 7.1.0 | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  7.1.3      | 7.1.3 | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  7.2        | 7.1.3 | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
  7.3        | 7.3   | 0x17 | stands    | through    | 0        | starts      | every      | EREMOTEIO | added
`);

test("The rows are those of the table, and each says where it was read", () => {
  expect(KERNEL_RULES.map(({ release }) => release)).toEqual(RULES.map(([release]) => release));
  expect(KERNEL_RULES.filter(({ checkedAt }) => checkedAt === "")).toEqual([]);
});

test("The lists hold nothing else", () => {
  const marksOf = (id: string, list: string): string => {
    const release = RULES.find(([, of]) => of === list)?.[0];
    const allowList = KERNEL_RULES.find((rules) => rules.release === release)?.allowList ?? [];
    const entries = allowList.filter(({ vendorId, deviceId }) => {
      const vendor = vendorId.toString(16).padStart(4, "0");
      return deviceId === "any" ? id.startsWith(vendor) : id === `${vendor}:${deviceId.toString(16).padStart(4, "0")}`;
    });
    return entries.map(({ sameHostBridgeOnly }) => (sameHostBridgeOnly ? "s" : "y")).join("") || "-";
  };
  expect([...listed.keys()].map((id) => [id, LISTS.map((list) => marksOf(id, list))])).toEqual([...listed]);
  for (const [release, list = ""] of RULES) {
    const marked = [...listed].filter(([, marks]) => marks[LISTS.indexOf(list as (typeof LISTS)[number])] !== "-");
    // Google's three rows above are one entry.
    const google = marked.filter(([id]) => id.startsWith("1ae0")).length;
    const rules = KERNEL_RULES.find((row) => row.release === release);
    expect(rules?.allowList, release).toHaveLength(marked.length - (google === 0 ? 0 : google - 1));
  }
});

const ACS: Readonly<Record<string, string>> = { clears: "clears", mixes: "mixes", starts: "starts-from-firmware" };
const CONFIG: Readonly<Record<string, string>> = {
  "-": "unknown-parameter",
  first: "first-entry",
  every: "every-entry",
};

test.each(RULES)(
  "%s: the list of %s; AMD from %s; a root port that comes first: %s; a redirected path: %s",
  (release = "", list = "", family, rootPort, redirects, distance, acsAtBoot = "", config = "", refusal, offset) => {
    const kernel = linux(release.split(".").length === 2 ? `${release}.0` : release);
    const functions = [bridge("00:02.0", "root-port", 2), endpoint("01:00.0"), endpoint("02:00.0")];
    const id = list === "4.20" || list === "5.2" ? "1022:1450" : "8086:3c00";
    const first = bridge("00:01.0", "root-port", 1, ids(id));
    const reason = (machine: Parameters<typeof decide>[0]): string =>
      decide(machine, at("01:00.0"), at("02:00.0")).reason;
    const withoutList = "no-common-upstream-bridge";
    const apart = list === "4.20" ? withoutList : rootPort === "-" ? "host-bridge-unidentified" : "host-bridge-allowed";
    expect(reason(machineOf([first, ...functions], { kernel }))).toBe(apart);

    const trusted = [0x15, 0x16, 0x17, 0x18, 0x19, 0x1a].find((amd) => {
      const cpu = { architecture: "x86_64", vendor: "AuthenticAMD", family: amd, model: 1, name: null };
      return reason(machineOf([first, ...functions], { kernel, cpu })) === "cpu-allowed";
    });
    expect(trusted === undefined ? "-" : `0x${trusted.toString(16)}`).toBe(family);

    const redirecting = bridge("00:01.0", "root-port", 1, { acs: { capability: 0x7f, control: 0x1d } });
    const below = machineOf(
      [hostBridge("00:00.0", id), redirecting, endpoint("01:00.0", { multifunction: true }), endpoint("01:00.1")],
      { kernel },
    );
    const verdict = decide(below, at("01:00.0"), at("01:00.1"));
    expect(verdict.reason).toBe(redirects === "refused" ? "acs-redirect-refused" : "host-bridge-allowed");

    expect(KERNEL_RULES.find((rules) => rules.release === release)).toMatchObject({
      distanceThroughHostBridge: Number(distance),
      acsAtBoot: ACS[acsAtBoot],
      configAcs: CONFIG[config],
      mapping: { refusal: refusal === "-" ? null : refusal, busOffset: offset },
    });
  },
);

describe("5.2 and 5.3 with an IOMMU", () => {
  const two = (parts: Parameters<typeof machineOf>[1]): ReturnType<typeof decide> =>
    decide(
      machineOf(
        [
          hostBridge("00:00.0", "1022:1450"),
          bridge("00:01.0", "root-port", 1),
          bridge("00:02.0", "root-port", 2),
          endpoint("01:00.0"),
          endpoint("02:00.0"),
        ],
        parts,
      ),
      at("01:00.0"),
      at("02:00.0"),
    );
  const iommu = (mode: "off" | "passthrough" | "strict" | ReturnType<typeof unknown>) => ({
    kind: "amd" as const,
    mode,
    groupTypes: new Map(),
  });

  test.each(["passthrough", "strict"] as const)("let nothing through the host bridge: %s", (mode) => {
    expect(two({ kernel: linux("5.3.18"), iommu: iommu(mode) })).toMatchObject({
      mapType: "not-supported",
      reason: "iommu-closes-host-bridge",
    });
    expect(two({ kernel: linux("5.4"), iommu: iommu(mode) }).reason).toBe("host-bridge-allowed");
  });

  test("are open where the source hides the IOMMU", () => {
    expect(two({ kernel: linux("5.2"), iommu: iommu(unknown("no dmesg")) })).toMatchObject({
      mapType: "unknown",
      hidden: ["whether an IOMMU is in use: no dmesg"],
    });
    expect(two({ kernel: linux("5.2"), iommu: iommu("off") }).mapType).toBe("thru-host-bridge");
  });
});
