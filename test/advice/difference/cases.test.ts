import { describe, expect, test } from "vitest";
import { Answers } from "../../../src/answers/answer.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { readSnapshot } from "../../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import { busAddr, physAddr } from "../../../src/pci/addresses.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown, unknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { bootScenario, outcomeOf } from "../../policy/machines.ts";
import { BASE, diff, exitOf, shown } from "./machines.ts";

const base = bootScenario(BASE);

/** A machine in which one function is other. */
function withFunction(machine: Machine, name: string, parts: (fn: PciFunction) => Partial<PciFunction>): Machine {
  const functions = machine.functions.map((fn) => (fn.names.includes(name) ? { ...fn, ...parts(fn) } : fn));
  return { ...machine, functions };
}

const HOST = `
cpu: intel
kernel: 7.2
iommu: off
hostBridges:
  - id: "8086:29c0"
    below:
`;

describe("Bus numbers that shift", () => {
  const before = bootScenario(`scenario: before${HOST}
      - rootPort: { at: 01.0 }
        below:
          - switch: { acs: false }
            below:
              - gpu: { name: gpu0 }
              - nic: { name: nic0 }
`);

  test("a drive in the first bay moves the others on, and a port that redirects now is seen", () => {
    const after = bootScenario(`scenario: after${HOST}
      - rootPort: { at: 01.0 }
        below:
          - switch: { acs: false }
            below:
              - nvme: { name: nvme0 }
              - gpu: { name: gpu0 }
              - port: { at: 02.0, acs: "RR+ CR+" }
                below: [nic: { name: nic0 }]
`);
    const whole = diff(before, after);
    expect(shown(whole)).toMatchInlineSnapshot(`
      "worse: 1 pair; known only now: 1 pair

      Verdicts: 2 pairs differ
        gpu0 (0000:04:00.0) ↔ nic0 (0000:05:00.0): direct, 4 hops → not supported

      Devices
        moved: gpu0 (0000:04:00.0), before 0000:03:00.0: below 0000:02:00.0 →
          0000:02:01.0
        moved: nic0 (0000:05:00.0), before 0000:04:00.0: below 0000:02:01.0 →
          0000:02:02.0
        added 0000:02:02.0
        added nvme0 (0000:03:00.0)
        0000:02:00.0: link x16 16GT/s → x4 16GT/s
        0000:02:00.0: link could be x16 16GT/s → x4 16GT/s
      "
    `);
    expect(whole.difference.added.map(formatBdf)).toEqual(["0000:02:02.0", "0000:03:00.0"]);
    expect(whole.difference.replaced).toEqual([]);
    expect(exitOf(whole)).toBe(1);
  });

  test("a drive that is pulled is named, and no answers of different drives are compared", () => {
    const pull = (below: string): Machine =>
      bootScenario(`scenario: two drives${HOST}
      - rootPort: { at: 01.0 }
        below:
          - switch: { acs: false }
            below: [${below}]
      - rootPort: { at: 02.0 }
        below: [nvme: { name: nvme1 }]
`);
    const whole = diff(pull("gpu: { name: gpu0 }, nvme: { name: nvme0, cmb: 16M }"), pull("gpu: { name: gpu0 }"));
    expect(shown(whole)).toMatchInlineSnapshot(`
      "worse: 2 pairs gone with a device

      Devices
        renumbered: 0000:05 → 0000:04 (1 function)
        removed 0000:02:01.0
        removed nvme0 (0000:04:00.0)

      Pairs that are gone
        2 pairs that worked are gone with nvme0
      "
    `);
    expect(whole.verdicts).toEqual([]);
    expect(exitOf(whole)).toBe(1);
  });
});

describe("A pair that stopped working is never 'no difference'", () => {
  const configured = (config: Readonly<Record<string, string>>): Machine => ({
    ...base,
    kernel: { ...base.kernel, config },
  });
  const bars = ({ bars: list }: PciFunction) => (isUnknown(list) ? [] : list);
  test.for([
    [
      "a BAR without an address",
      base,
      withFunction(base, "gpu0", (fn) => ({
        bars: bars(fn).map((bar) => (bar.index === 1 ? { ...bar, busAddress: null, physAddress: null } : bar)),
      })),
    ],
    ["decode off", base, withFunction(base, "gpu0", () => ({ command: 4 }))],
    ["a mask of 32 bits", base, withFunction(base, "nic0", () => ({ dmaMaskBits: 32 }))],
    ["CONFIG_PCI_P2PDMA", configured({ CONFIG_PCI: "y", CONFIG_PCI_P2PDMA: "y" }), configured({ CONFIG_PCI: "y" })],
  ] as const)("%s", ([, before, after]) => {
    const whole = diff(before, after);
    expect(shown(whole)).toMatchSnapshot();
    expect(exitOf(whole)).toBe(1);
    expect(whole.answers.changes.length).toBeGreaterThan(0);
    const worked = whole.answers.changes.filter((change) => change.before.works === true);
    expect(new Set(worked.map(({ effect }) => effect))).toEqual(new Set(["worse"]));
    // The other way round it got better, and that is no failure.
    expect(exitOf(diff(after, before))).toBe(0);
  });
});

test("A shorter way on which data may be lost is worse", () => {
  const machine = (acs: boolean): Machine =>
    bootScenario(`
scenario: a switch
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - id: "1022:14a4"
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: { acs: ${acs} }
            below: [nvme: { name: nvme1, cmb: 16M }, nvme: { name: nvme0, cmb: 16M }]
`);
  const [redirected, direct] = [machine(true), machine(false)];
  const whole = diff(redirected, direct);
  expect(whole.answers.changes.map(({ after }) => after.mapType)).toEqual(["bus-addr", "bus-addr"]);
  expect(whole.answers.changes.map(({ effect }) => effect)).toEqual(["worse", "worse"]);
  expect(exitOf(whole)).toBe(1);
});

describe("What a gate's sentence quotes", () => {
  const masked = withFunction(base, "nic0", () => ({ dmaMaskBits: 36 }));
  const released = (release: string): Machine => ({ ...base, kernel: { ...base.kernel, release } });
  const mode = (machine: Machine, to: "strict" | "lazy"): Machine => ({
    ...machine,
    iommu: { ...machine.iommu, mode: to },
  });
  const at = (address: number): Machine =>
    withFunction(masked, "gpu0", ({ bars }) => ({
      bars: isUnknown(bars)
        ? bars
        : bars.map((bar) => ({ ...bar, busAddress: busAddr(address), physAddress: physAddr(address) })),
    }));

  test.for([
    ["the release", "kernel-without-p2pdma", released("4.19.1"), released("4.19.2")],
    ["the mode of the IOMMU", "iommu-translates", mode(base, "strict"), mode(base, "lazy")],
    ["where a BAR ends", "beyond-dma-mask", at(0x20_0000_0000), at(0x40_0000_0000)],
  ] as const)("%s: is no other answer", ([, kind, before, after]) => {
    for (const machine of [before, after]) {
      const table = decideAll(machine);
      const kinds = table.providers.flatMap((_, i) =>
        table.clients.flatMap((__, k) => new Answers(table).gates(i, k).map((gate) => gate.kind)),
      );
      expect(kinds).toContain(kind);
    }
    const whole = diff(before, after);
    expect(whole.answers.changes.flatMap(({ gates }) => Object.values(gates).flat())).toEqual([]);
    expect(exitOf(whole)).toBe(0);
  });
});

describe("Verdicts that got worse of pairs that are blocked anyway", () => {
  const listed = withFunction(base, "gpu0", () => ({ command: 4 }));
  const server = withFunction(bootScenario(BASE.replaceAll("8086:09a2", "8086:29c0")), "gpu0", () => ({ command: 4 }));
  const pairsOfGpu0 = (before: Machine, after: Machine): ReturnType<typeof diff> => {
    const whole = diff(before, after);
    const gpu = after.functions.find(({ names }) => names.includes("gpu0"))?.bdf;
    const changes = whole.answers.changes.filter(({ provider }) => provider === gpu);
    return { ...whole, answers: { ...whole.answers, changes } };
  };

  test("are no worse answers, and the reason is said", () => {
    const whole = pairsOfGpu0(listed, server);
    expect(exitOf(whole)).toBe(0);
    expect(shown(whole).split("\n\n")[0]).toMatchInlineSnapshot(`
      "no answer got worse; no longer known: 1 pair; neither better nor worse: 2 pairs
      (known to work neither before nor after)
        the verdicts of 2 pairs got worse, but they are blocked before and after:
          memory decode of 0000:03:00.0 is off: it answers to none of its BARs until a
          driver enables it"
    `);
  });

  test("are said to be blocked before where nothing blocks them now", () => {
    const whole = pairsOfGpu0(listed, bootScenario(BASE.replaceAll("8086:09a2", "8086:29c0")));
    expect(shown(whole).split("\n\n")[0]).toMatchInlineSnapshot(`
      "no answer got worse; better: 2 pairs; neither better nor worse: 2 pairs (known
      to work neither before nor after)
        the verdicts of 2 pairs got worse, but they were blocked before: memory decode
          of 0000:03:00.0 is off: it answers to none of its BARs until a driver
          enables it"
    `);
  });
});

describe("Peer memory that is gone is never 'no difference'", () => {
  const published = { sizeBytes: 0x1000000, availableBytes: 0x1000000, published: true };
  const pool = withFunction(base, "nvme0", () => ({ p2pmem: published, driver: "nvme" }));
  const bridges = pool.functions.map((fn) => (formatBdf(fn.bdf) === "0000:02:00.0" ? { ...fn, command: 0 } : fn));
  test.for([
    ["none", withFunction(pool, "nvme0", () => ({ p2pmem: null }))],
    ["no longer published", withFunction(pool, "nvme0", () => ({ p2pmem: { ...published, published: false } }))],
    ["no driver that publishes it", withFunction(pool, "nvme0", () => ({ driver: null }))],
    ["no BAR", withFunction(pool, "nvme0", () => ({ bars: [] }))],
    ["a bridge that passes nothing on", { ...pool, functions: bridges }],
  ] as const)("%s", ([, after]) => {
    expect(exitOf(diff(pool, after))).toBe(1);
    expect(exitOf(diff(after, pool))).toBe(0);
    expect(shown(diff(pool, after))).toMatchSnapshot();
  });

  test("that the second source does not show may be gone, and most first sources show none", () => {
    const hidden = withFunction(pool, "nvme0", () => ({ p2pmem: unknown("hidden by the test") }));
    const none = withFunction(pool, "nvme0", () => ({ p2pmem: null }));
    expect(exitOf(diff(pool, hidden))).toBe(3);
    expect(exitOf(diff(hidden, pool))).toBe(0);
    // A BAR that can hold a buffer is taken for one until the driver says that there is none.
    expect(exitOf(diff(hidden, none))).toBe(3);
  });
});

describe("IOMMU groups that merge", () => {
  const groups = (port: string): Machine =>
    bootScenario(`
scenario: a
cpu: intel
kernel: 7.2
iommu: strict
hostBridges:
  - id: "8086:09a2"
    below:
      - rootPort: { at: 01.0, acs: ${port} }
        below:
          - switch: { acs: true }
            below:
              - port: { at: 00.0, acs: ${port} }
                below:
                  - functions: [gpu: { name: gpu0, acs: "RR+ CR+" }, nic: { name: nic0, acs: "RR+ CR+" }]
              - nvme: { name: nvme0 }
`);
  const [apart, together] = [groups("true"), groups("false")];
  const listed = (machine: Machine, numbers: readonly number[]): Machine => ({
    ...machine,
    functions: machine.functions.map((fn, index) => ({ ...fn, iommuGroup: numbers[index] ?? null })),
  });

  test("are seen though neither source lists groups", () => {
    const whole = diff(apart, together);
    expect(shown(whole)).toMatchInlineSnapshot(`
      "worse: isolation of 2 pairs, 1 change of IOMMU groups; no longer known: 1 pair;
      neither better nor worse: 5 pairs (4 of them known to work neither before nor
      after)
        isolation: 2 pairs reach each other past the IOMMU that did not (1 GPU–NVMe, 1
          NIC–NVMe; as gpu0 and nvme0): for two guests that have one each they are no
          longer apart

      Devices
        ACS control of 0000:00:01.0 and 0000:02:00.0: SV RR CR UF → none
        2 functions: ACS capability SV TB RR CR UF DT → none (00:01.0, 02:00.0)
        2 functions: ACS as firmware left it all off → none (00:01.0, 02:00.0)

      IOMMU groups
        IOMMU groups merge: {0000:00:01.0} {0000:01:00.0} {0000:02:00.0}
          {0000:02:01.0} {0000:03:00.0} {0000:03:00.1} and 1 more → {0000:00:01.0
          0000:01:00.0 0000:02:00.0 0000:02:01.0 0000:03:00.0 0000:03:00.1
          0000:04:00.0}; devices that two guests could have had are now one guest's:
          {0000:03:00.0 0000:03:00.1 0000:04:00.0}

      Beside them: 6 pairs differ
        ACS redirects: no longer 0000:02:00.0 (gpu0 → nic0, gpu0 → nvme0, nic0 → gpu0
          and 3 more)
        documented of reads: works (intel-xeon-ice-lake) → unknown (gpu0 → nvme0, nic0
          → nvme0)
        reads: arrives in BAR 1 of 0000:03:00.0 → unknown (gpu0 → nvme0)
        reads: arrives in BAR 0 of 0000:03:00.1 → unknown (nic0 → nvme0)
        documented of writes and reads: works (intel-xeon-ice-lake) → unknown (nvme0 →
          gpu0, nvme0 → nic0)
        writes and reads: arrives in BAR 0 of 0000:04:00.0 → unknown (nvme0 → gpu0,
          nvme0 → nic0)
        requests that go past the IOMMU: none → writes (nvme0 → gpu0, nvme0 → nic0)
      "
    `);
    expect(exitOf(whole)).toBe(1);
  });

  test("are seen though the second source does not list them", () => {
    // Those that the kernel formed, as the rules say them.
    const formed = diff(apart, together).difference.groups.flatMap(({ before }) => before);
    expect(formed.length).toBeGreaterThan(1);
    const numbers = apart.functions.map(({ bdf }, index) => {
      const at = formed.findIndex((group) => group.includes(bdf));
      return at < 0 ? 50 + index : at;
    });
    expect(diff(listed(apart, numbers), together).difference.groups).toEqual(diff(apart, together).difference.groups);
  });

  test("are no difference by their numbers", () => {
    const numbers = apart.functions.map((_, index) => index);
    const other = numbers.map((number) => number + 20);
    expect(diff(listed(apart, numbers), listed(apart, other)).difference.groups).toEqual([]);
  });

  test("that are listed otherwise than the rules form them are told as predicted", () => {
    const one = listed(
      apart,
      apart.functions.map(() => 1),
    );
    const whole = diff(one, apart);
    expect(whole.difference.groups.map(({ predicted }) => predicted)).toEqual(["after"]);
    expect(exitOf(whole)).toBe(0);
    expect(exitOf(diff(apart, one))).toBe(3);
  });
});

describe("IOMMU groups of which a source states some", () => {
  const box = (gpu: string, nic: string): Machine =>
    bootScenario(`
scenario: two root ports
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - id: "1022:14a4"
    below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: gpu0${gpu} }]
      - rootPort: { at: 02.0 }
        below: [nic: { name: nic0${nic} }]
`);
  const group = (number: number): string => `, iommuGroup: ${number}`;
  const snapshot = (machine: Machine): Machine => readSnapshot(writeSnapshot(machine), "capture.json");
  const [hidden, apart, together] = [box("", ""), box(group(8), group(7)), box(group(7), group(7))];

  test("are compared as they are stated, whatever other functions state", () => {
    for (const pair of [[apart, together] as const, [snapshot(apart), snapshot(together)] as const]) {
      const whole = diff(...pair);
      expect(shown(whole)).toMatchInlineSnapshot(`
        "worse: 1 change of IOMMU groups

        IOMMU groups
          IOMMU groups merge: {0000:01:00.0} {0000:02:00.0} → {0000:01:00.0
            0000:02:00.0}; devices that two guests could have had are now one guest's:
            {0000:01:00.0 0000:02:00.0}
        "
      `);
      expect(exitOf(whole)).toBe(1);
    }
    expect(exitOf(diff(together, apart))).toBe(0);
  });

  test("are unknown where one source states others than the rules form", () => {
    const whole = diff(hidden, together);
    expect(shown(whole)).toMatchInlineSnapshot(`
      "unknown: it is not known whether IOMMU groups got worse

      IOMMU groups
        IOMMU groups may differ: predicted {0000:01:00.0} {0000:02:00.0} → stated
          {0000:01:00.0 0000:02:00.0}; the first source states no groups of these, and
          the other's are not as predicted
      "
    `);
    expect(exitOf(whole)).toBe(3);
    expect(shown(diff(together, hidden))).toMatchInlineSnapshot(`
      "no answer got worse

      IOMMU groups
        IOMMU groups may differ: stated {0000:01:00.0 0000:02:00.0} → predicted
          {0000:01:00.0} {0000:02:00.0}; the second source states no groups of these,
          and the other's are not as predicted
      "
    `);
  });

  test("are as predicted where the rules form what the other states", () => {
    expect(shown(diff(hidden, apart))).toBe("no difference\n");
    expect(shown(diff(apart, hidden))).toBe("no difference\n");
  });

  test("of one function that only one side states are not those of the others", () => {
    const whole = diff(box(group(8), ""), together);
    expect(exitOf(whole)).toBe(3);
    expect(whole.difference.groups.map(({ predicted }) => predicted)).toEqual(["before"]);
  });
});

test("no difference of a machine and itself", () => {
  const whole = diff(base, base);
  expect(shown(whole)).toBe("no difference\n");
  expect(exitOf(whole)).toBe(0);
});

/** One line of the scenario changed, the machine as a snapshot of it, and what is said of it. */
describe("A scenario of which one line changes", () => {
  test.for([
    ["link", "gpu0, bar: 16G, rebar: full, link: gen5 x16", "gpu0, bar: 16G, rebar: full, link: gen4 x8", 1],
    ["link of fewer lanes", "link: gen5 x16", "link: gen5 x4 of gen5 x16", 1],
    ["link below what it could be", "rebar: full, link: gen5 x16", "rebar: full, link: gen5 x16 of gen6 x16", 0],
    ["BAR size", "gpu0, bar: 16G", "gpu0, bar: 32G", 0],
    ["resizable BAR", "gpu0, bar: 16G, rebar: full", "gpu0, bar: 16G, rebar: small", 1],
    ["driver", "driver: amdgpu", "driver: vfio-pci", 1],
    ["no driver", ", driver: amdgpu", "", 3],
    ["DMA mask", "dmaMaskBits: 64", "dmaMaskBits: 32", 1],
    ["ACS that redirects", 'acs: "SV+"', 'acs: "SV+ RR+"', 0],
    ["no ACS", 'acs: "SV+"', "acs: false", 0],
    ["NUMA node", "numaNode: 1", "numaNode: 0", 0],
    // Before 7.0 no driver exports the BARs of a NIC.
    ["kernel", "kernel: 7.2", "kernel: 6.12.30", 1],
    ["a parameter without a meaning here", "quiet", "splash", 0],
    ["IOMMU mode", "iommu: strict", "iommu: passthrough", 0],
    ["number of a group", "iommuGroup: 7", "iommuGroup: 8", 0],
    ["CPU", "cpu: intel", "cpu: amd-zen", 0],
    ["host bridge", "8086:09a2", "8086:29c0", 1],
    ["virtual functions", "vfs: 0", "vfs: 2", 0],
    ["ATS", "dmaMaskBits: 64", "dmaMaskBits: 64, ats: true", 0],
    ["CMB", "cmb: 16M", "cmb: 32M", 0],
    ["a smaller CMB", "cmb: 16M", "cmb: 4M", 1],
    ["a CMB of less than any memory", "cmb: 16M", "cmb: 4K", 1],
    ["a BAR of 256 MiB", "bar: 16G, rebar: full, link", "bar: 256M, link", 1],
    ["name", "name: gpu1", "name: gpuX", 0],
    ["ids", "15b3:1021", "15b3:1023", 1],
    ["a drive added", "iommuGroup: 7 }]", "iommuGroup: 7 }]\n      - rootPort: { at: 05.0 }\n        below: [nvme]", 0],
    ["a drive removed", "              - nvme: { name: nvme0, cmb: 16M }\n", "", 1],
    ["bus offset", "numaNode: 1", "numaNode: 1\n    busOffset: 0x1000000000", 0],
  ] as const)("%s", ([, from, to, exit]) => {
    expect(BASE).toContain(from);
    const whole = diff(base, bootScenario(BASE.replace(from, to)));
    expect(shown(whole)).toMatchSnapshot();
    expect(exitOf(whole)).toBe(exit);
  });
});

/** A client that may send translated requests, below ports that redirect. */
const TRANSLATED = `kernel: 7.2
cpu: intel
iommu: strict
hostBridges:
  - id: 8086:09a2
    below:
      - rootPort: {}
        below:
          - switch: { acs: "SV+ RR+ CR+ UF+" }
            below:
              - gpu: { name: gpu0, bar: 16G, driver: amdgpu, dmaMaskBits: 64, ats: true }
              - nic: { name: nic0, id: 15b3:1021, bars: { 0: 32M }, driver: mlx5_core, dmaMaskBits: 64, ats: true }
`;

test("DT that is turned on changes which requests go past the IOMMU, as check finds", () => {
  const policy = "forbid: [{ provider: gpu0, client: nic0, path: direct }]";
  const sides = ["DT-", "DT+"].map((dt) => {
    const machine = bootScenario(TRANSLATED);
    const functions = machine.functions.map((fn) => {
      if (fn.acs === null || isUnknown(fn.acs)) return fn;
      const control = dt === "DT+" ? fn.acs.control | 0x40 : fn.acs.control & ~0x40;
      return { ...fn, acs: { ...fn.acs, control } };
    });
    return { ...machine, functions };
  });
  const [off = base, on = base] = sides;
  expect([outcomeOf(off, policy), outcomeOf(on, policy)]).toEqual(["pass", "unknown"]);
  const whole = diff(off, on);
  const changed = whole.answers.changes.map(({ parts }) => parts.find(({ part }) => part === "past-iommu"));
  const sent = ["none", "translated ones, if the client sends such"];
  expect(changed.map((part) => [part?.before, part?.after])).toEqual([sent, sent]);
  expect(shown(whole)).toContain("requests that go past the IOMMU: none → translated ones");
});

describe("What one side hides", () => {
  const hidden = unknown("hidden by the test");

  test("is no longer known, and not worse: exit 3 where the pair worked", () => {
    // Of an allow-listed host bridge a pair works by one way or the other, and the other may be the longer one.
    const listed = base.functions.map((fn) => ({ ...fn, acs: hidden }));
    expect(exitOf(diff(base, { ...base, functions: listed }))).toBe(3);
    const server = bootScenario(BASE.replaceAll("8086:09a2", "8086:29c0"));
    const functions = server.functions.map((fn) => ({ ...fn, acs: hidden }));
    const whole = diff(server, { ...server, functions });
    expect(shown(whole)).toMatchInlineSnapshot(`
      "unknown: it is not known whether 5 pairs got worse; no longer known: 6 pairs

      Verdicts: 6 pairs differ
        gpu0 (0000:03:00.0) ↔ nic0 (0000:04:00.0): direct, 4 hops → unknown
        gpu0 (0000:03:00.0) ↔ nvme0 (0000:05:00.0): direct, 4 hops → unknown
        nic0 (0000:04:00.0) ↔ nvme0 (0000:05:00.0): direct, 4 hops → unknown

      Gates: 6 pairs differ
        no longer known: the IOMMU translates (strict), and the driver takes only the
          yes from the kernel: its address is an IOVA, so that packets go up to the
          root complex although a bridge is shared: right, and slower (gpu0 → nic0)
        no longer known: the IOMMU translates (strict) and the DMA address is a bus
          address: a switch that sends peer traffic up all the same meets an IOMMU
          fault, and the data is lost without an error; test with real data, or use
          iommu=pt (gpu0 → nvme0, nic0 → gpu0, nic0 → nvme0 and 2 more)
        no longer known: whether the client's driver uses as many address bits as the
          BARs need (gpu0 → nic0, nvme0 → nic0)
        no longer known: whether a port on the way keeps its ACS registers elsewhere
          (gpu0 → nic0, gpu0 → nvme0, nic0 → gpu0 and 3 more)

      Beside them: 6 pairs differ
        documented of writes and reads: works (pcie-switch) → no longer known (gpu0 →
          nvme0, nic0 → gpu0, nic0 → nvme0 and 2 more)
      "
    `);
    expect(exitOf(whole)).toBe(3);
    expect(exitOf(diff({ ...server, functions }, server))).toBe(0);
  });

  test("a snapshot of a machine is the machine", () => {
    const whole = diff(base, readSnapshot(writeSnapshot(base), "capture.json"));
    expect(shown(whole)).toBe("no difference\n");
  });
});
