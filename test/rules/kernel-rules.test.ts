import { describe, expect, test } from "vitest";
import { KERNEL_RULES } from "../../src/rules/kernel-rules.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, linux, machineOf } from "./by-hand.ts";

const RELEASES = ["4.20", "5.4", "5.8", "5.10", "5.15", "5.17", "6.1", "6.12", "7.2", "7.3"] as const;

/**
 * The kernel's list of host bridges (`pci_p2pdma_whitelist`) as the kernels of these releases have it, written out from
 * their sources: s = below the same host bridge only, y = also between two host bridges, - = not listed.
 */
const ALLOW_LIST = rows(`
  // vendor:device   4.20 5.4 5.8 5.10 5.15 5.17 6.1 6.12 7.2 7.3
  1022:1450       |  -    y   y   -    -    -    -   -    -   -       // AMD Zen root complex, until the CPU itself was looked at
  1022:15d0       |  -    -   y   -    -    -    -   -    -   -       // AMD Raven
  1022:1630       |  -    -   y   -    -    -    -   -    -   -       // AMD Renoir
  8086:3c00       |  -    s   s   s    s    s    s   s    s   s       // Intel Xeon E5, Core i7: Sandy Bridge
  8086:3c01       |  -    s   s   s    s    s    s   s    s   s
  8086:2f00       |  -    s   s   s    s    s    s   s    s   s       // Intel Xeon E7 v3, Core i7: Haswell
  8086:2f01       |  -    s   s   s    s    s    s   s    s   s
  8086:2030       |  -    -   y   y    y    y    y   y    y   y       // Intel Skylake-E root ports
  8086:2031       |  -    -   y   y    y    y    y   y    y   y
  8086:2032       |  -    -   y   y    y    y    y   y    y   y
  8086:2033       |  -    -   y   y    y    y    y   y    y   y
  8086:2020       |  -    -   y   y    y    y    y   y    y   y
  8086:09a2       |  -    -   -   -    -    -    y   y    y   y       // Intel Ice Lake and newer
  8086:0b25       |  -    -   -   -    -    -    -   -    y   y       // Intel DSA, Sapphire Rapids
  8086:0cfe       |  -    -   -   -    -    -    -   -    y   y       // Intel IAX, Sapphire Rapids
  8086:11fb       |  -    -   -   -    -    -    -   -    y   y       // Intel DSA, Granite Rapids-D
  8086:1212       |  -    -   -   -    -    -    -   -    y   y       // Intel DSA, Diamond Rapids
  8086:1216       |  -    -   -   -    -    -    -   -    y   y       // Intel IAA, Diamond Rapids
  8086:4940       |  -    -   -   -    -    -    -   -    y   y       // Intel QAT 4xxx
  8086:4942       |  -    -   -   -    -    -    -   -    y   y       // Intel QAT 401xx
  8086:4944       |  -    -   -   -    -    -    -   -    y   y       // Intel QAT 402xx
  8086:4946       |  -    -   -   -    -    -    -   -    y   y       // Intel QAT 420xx
  8086:4948       |  -    -   -   -    -    -    -   -    y   y       // Intel QAT 6xxx
  1ae0:0000       |  -    -   -   -    -    -    -   -    y   y       // Google: every device
  1ae0:001f       |  -    -   -   -    -    -    -   -    y   y
  1ae0:ffff       |  -    -   -   -    -    -    -   -    y   y
  10de:2f95       |  -    -   -   -    -    -    -   -    -   y       // Nvidia
  10de:2f96       |  -    -   -   -    -    -    -   -    -   y
  10de:2f97       |  -    -   -   -    -    -    -   -    -   y
  10de:2f98       |  -    -   -   -    -    -    -   -    -   y
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

describe.each(RELEASES.map((release, column) => ({ release, column })))("The allow-list of $release", (the) => {
  // Its kernel has no list: only a bridge above both counts.
  const absent = the.release === "4.20" ? "no-common-upstream-bridge, no-common-upstream-bridge" : SAYS["-"];

  test.each([...listed].map(([id, marks]) => ({ id, mark: marks[the.column] ?? "" })))("says $mark of $id", (row) => {
    expect(verdicts(row.id, the.release)).toBe(row.mark === "-" ? absent : SAYS[row.mark]);
  });

  test("has none of the ids beside its own", () => {
    expect(NOT_LISTED.filter((id) => verdicts(id, the.release) !== absent)).toEqual([]);
  });
});

test("The lists hold nothing else", () => {
  const marksOf = (id: string): string[] =>
    KERNEL_RULES.map(({ allowList }) => {
      const entries = allowList.filter(({ vendorId, deviceId }) => {
        const vendor = vendorId.toString(16).padStart(4, "0");
        return deviceId === "any"
          ? id.startsWith(vendor)
          : id === `${vendor}:${deviceId.toString(16).padStart(4, "0")}`;
      });
      return entries.map(({ sameHostBridgeOnly }) => (sameHostBridgeOnly ? "s" : "y")).join("") || "-";
    });
  expect(KERNEL_RULES.map(({ release }) => release)).toEqual(RELEASES);
  expect([...listed.keys()].map((id) => [id, marksOf(id)])).toEqual([...listed]);
  const rows = KERNEL_RULES.map(({ allowList }) => allowList.length);
  // Google's three rows above are one entry.
  const marked = RELEASES.map((_, column) => [...listed.values()].filter((marks) => marks[column] !== "-").length);
  expect(rows).toEqual(marked.map((count, column) => (column >= 8 ? count - 2 : count)));
});

test.each(
  rows(`
    // release | read in
    4.20       | torvalds/linux at 02917e9f8676
    5.4        | linux-ipq 5.4 at 7744840b595e; the AMD entry in the patch that made the list
    5.8        | the patch that was taken for 5.8 and the one that removed the AMD entries again; the rest as in 5.10
    5.10       | Debian linux-source-5.10 5.10.223-1
    5.15       | intel linux-lts2021 at a745a76eadab
    5.17       | linux-oem-5.17 at 7d0487daf2f5
    6.1        | Debian linux-source-6.1 6.1.192-2
    6.12       | Debian linux-source-6.12 6.12.107-1
    7.2        | Debian linux-source-7.2 7.2.13-1
    7.3        | Debian linux-source-7.3 7.3.4-1~bpo13+1
  `),
)("The rules of %s were read in %s", (release, source) => {
  expect(KERNEL_RULES.find((rules) => rules.release === release)?.checkedAt).toBe(source);
});

/** What else differs between the releases. */
const RULES = rows(`
  // release | AMD by CPU from | a root port first on its bus | redirected below one host bridge
  4.20       | never           | no-common-upstream-bridge    | acs-redirect-refused
  5.4        | never           | host-bridge-unidentified     | host-bridge-allowed
  5.8        | never           | host-bridge-unidentified     | host-bridge-allowed
  5.10       | 0x17            | host-bridge-unidentified     | host-bridge-allowed
  5.15       | 0x17            | host-bridge-unidentified     | host-bridge-allowed
  5.17       | 0x17            | host-bridge-unidentified     | host-bridge-allowed
  6.1        | 0x17            | host-bridge-allowed          | host-bridge-allowed
  6.12       | 0x17            | host-bridge-allowed          | host-bridge-allowed
  7.2        | 0x17            | host-bridge-allowed          | host-bridge-allowed
  7.3        | 0x17            | host-bridge-allowed          | host-bridge-allowed
`);

test.each(RULES)(
  "%s: AMD trusted by CPU family %s; a root port that comes first: %s; a redirected path: %s",
  (release = "", family, rootPort, redirected) => {
    const kernel = linux(release);
    const functions = [bridge("00:02.0", "root-port", 2), endpoint("01:00.0"), endpoint("02:00.0")];
    const first = bridge("00:01.0", "root-port", 1, { vendorId: 0x8086, deviceId: 0x3c00 });
    const reason = (machine: Parameters<typeof decide>[0]): string =>
      decide(machine, at("01:00.0"), at("02:00.0")).reason;
    expect(reason(machineOf([first, ...functions], { kernel }))).toBe(rootPort);

    const trusted = [0x15, 0x16, 0x17, 0x18, 0x19, 0x1a].find((amd) => {
      const cpu = { architecture: "x86_64", vendor: "AuthenticAMD", family: amd, model: 1, name: null };
      return reason(machineOf([first, ...functions], { kernel, cpu })) === "cpu-allowed";
    });
    expect(trusted === undefined ? "never" : `0x${trusted.toString(16)}`).toBe(family);

    const redirecting = bridge("00:01.0", "root-port", 1, { acs: { capability: 0x7f, control: 0x1d } });
    const below = machineOf(
      [
        hostBridge("00:00.0", "8086:3c00"),
        redirecting,
        endpoint("01:00.0", { multifunction: true }),
        endpoint("01:00.1"),
      ],
      { kernel },
    );
    expect(decide(below, at("01:00.0"), at("01:00.1")).reason).toBe(redirected);
  },
);
