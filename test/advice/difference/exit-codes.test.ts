import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { busAddr, physAddr } from "../../../src/pci/addresses.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown, unknown } from "../../../src/pci/known.ts";
import { bootScenario } from "../../policy/machines.ts";
import { BASE, diff, exitOf, shown } from "./machines.ts";

/**
 * A machine of which everything is known that a gate looks at: two drives with memory below a switch, which registered it,
 * and a NIC. One pair is looked at, from the first drive's memory to the NIC.
 */
const SCENARIO = `
scenario: known
cpu: amd-zen
kernel: 7.2
iommu: off
hostBridges:
  - id: "1022:14a4"
    below:
      - rootPort: { at: 01.0, name: rp0 }
        below:
          - switch: { acs: "SV+", id: "1000:c030", portId: "1000:c030", name: up }
            below:
              - nvme: { name: nvme0, cmb: 16M, driver: nvme }
              - nic: { name: nic0, id: "15b3:1021", driver: mlx5_core, dmaMaskBits: 64 }
`;

const hidden = unknown("hidden by the test");
const booted = bootScenario(SCENARIO);
const known: Machine = {
  ...booted,
  source: { format: "sysfs", name: "known" },
  kernel: { ...booted.kernel, config: { CONFIG_PCI_P2PDMA: "y" } },
  functions: booted.functions.map((fn) => ({
    ...fn,
    command: 6,
    physicalFunction: null,
    dmaMaskBits: 64,
    resizableBars: isUnknown(fn.resizableBars) ? [] : fn.resizableBars,
    p2pmem: fn.names.includes("nvme0") ? { sizeBytes: 0x1000000, availableBytes: 0x1000000, published: true } : null,
  })),
};

type Change = (machine: Machine) => Machine;

/** Parts of one function that are other, by its name or address. */
function on(name: string, parts: (fn: PciFunction) => Partial<PciFunction>): Change {
  return (machine) => ({
    ...machine,
    functions: machine.functions.map((fn) =>
      fn.names.includes(name) || formatBdf(fn.bdf).endsWith(name) ? { ...fn, ...parts(fn) } : fn,
    ),
  });
}

function kernel(parts: Partial<Machine["kernel"]>): Change {
  return (machine) => ({ ...machine, kernel: { ...machine.kernel, ...parts } });
}

function iommu(parts: Partial<Machine["iommu"]>): Change {
  return (machine) => ({ ...machine, iommu: { ...machine.iommu, ...parts } });
}

/** The drive's memory BAR is other. */
function bar(parts: object): Change {
  return on("nvme0", ({ bars }) => ({ bars: isUnknown(bars) ? bars : bars.map((one) => ({ ...one, ...parts })) }));
}

const resizable = (currentBytes: typeof hidden | number) => [
  { barIndex: 0, currentBytes, supportedBytes: [0x1000000, 0x2000000] },
];

const [first] = known.functions.filter(({ names }) => names.includes("nic0"));
/** The bridges above the NIC, from below: the switch's second downstream port. */
const ABOVE_NIC = "02:01.0";
const ABOVE_DRIVE = "02:00.0";

test("the machine of the table works, and has no gate", () => {
  expect(first && formatBdf(first.bdf)).toBe("0000:04:00.0");
  expect(shown(diff(known, known))).toBe("no difference\n");
});

/** Each thing that can spoil an answer, turned bad and hidden: exit code and first line. */
describe("Every gate and fact", () => {
  test.for<[what: string, bad: Change, hidden: Change | null, ofMachine?: Machine]>([
    [
      "the kernel's verdict",
      kernel({ release: "4.19.1", config: hidden }),
      kernel({ release: hidden, config: hidden }),
    ],
    ["no memory BAR", on("nvme0", () => ({ bars: [] })), on("nvme0", () => ({ bars: hidden }))],
    [
      "a BAR without an address",
      bar({ busAddress: null, physAddress: null }),
      bar({ busAddress: hidden, physAddress: hidden }),
    ],
    ["memory decode of the provider", on("nvme0", () => ({ command: 4 })), on("nvme0", () => ({ command: hidden }))],
    [
      "memory decode of a bridge",
      on(ABOVE_DRIVE, () => ({ command: 4 })),
      on(ABOVE_DRIVE, () => ({ command: hidden })),
    ],
    ["bus master of a bridge", on(ABOVE_NIC, () => ({ command: 2 })), on(ABOVE_NIC, () => ({ command: hidden }))],
    ["bus master of the client", on("nic0", () => ({ command: 2 })), on("nic0", () => ({ command: hidden }))],
    [
      "a resizable BAR",
      on("nvme0", () => ({ resizableBars: resizable(0x1000000) })),
      on("nvme0", () => ({ resizableBars: resizable(hidden) })),
      on("nvme0", () => ({ resizableBars: resizable(0x2000000) }))(known),
    ],
    [
      "resizable BARs",
      on("nvme0", () => ({ resizableBars: resizable(0x1000000) })),
      on("nvme0", () => ({ resizableBars: hidden })),
    ],
    [
      "the DMA mask",
      on("nic0", () => ({ dmaMaskBits: 32 })),
      on("nic0", () => ({ dmaMaskBits: hidden })),
      bar({ busAddress: busAddr(0x40_0000_0000), physAddress: physAddr(0x40_0000_0000) })(known),
    ],
    ["a kernel without P2PDMA", kernel({ config: { CONFIG_PCI: "y" } }), kernel({ config: hidden })],
    ["an IOMMU that translates", iommu({ kind: "amd", mode: "strict" }), iommu({ mode: hidden })],
    [
      "a parameter that is misread",
      kernel({ commandLine: "pci=disable_acs_redir=00:01.0,00:02.0" }),
      kernel({ commandLine: hidden }),
    ],
    ["peer memory", on("nvme0", () => ({ p2pmem: null })), on("nvme0", () => ({ p2pmem: hidden }))],
    [
      "published peer memory",
      on("nvme0", ({ p2pmem }) => ({
        p2pmem: isUnknown(p2pmem) || p2pmem === null ? p2pmem : { ...p2pmem, published: false },
      })),
      on("nvme0", ({ p2pmem }) => ({
        p2pmem: isUnknown(p2pmem) || p2pmem === null ? p2pmem : { ...p2pmem, published: hidden },
      })),
    ],
    ["the driver that registered it", on("nvme0", () => ({ driver: null })), null],
    ["that driver, of memory that is hidden", on("nvme0", () => ({ driver: null, p2pmem: hidden })), null],
    [
      "redirection of both ports",
      (machine) =>
        [ABOVE_NIC, ABOVE_DRIVE].reduce(
          (changed, port) => on(port, () => ({ acs: { capability: 0x1f, control: 0x1d } }))(changed),
          machine,
        ),
      (machine) =>
        [ABOVE_NIC, ABOVE_DRIVE].reduce((changed, port) => on(port, () => ({ acs: hidden }))(changed), machine),
    ],
  ])("%s", ([, turnBad, hide, machine = known]) => {
    const bad = diff(machine, turnBad(machine));
    expect(shown(bad)).toMatch(/^worse: \d+ pairs?/);
    expect(exitOf(bad)).toBe(1);
    expect(exitOf(diff(turnBad(machine), machine))).toBe(0);
    if (hide === null) return;
    const open = diff(machine, hide(machine));
    expect(shown(open)).toMatch(/^unknown: it is not known whether \d+ pairs? got worse/);
    expect(exitOf(open)).toBe(3);
    // And what was hidden and is fine is no failure.
    expect(exitOf(diff(hide(machine), machine))).toBe(0);
  });

  test("a longer way is worse, whether or not it is known that the pair works at all", () => {
    const longer = [ABOVE_NIC, ABOVE_DRIVE].reduce(
      (machine, port) => on(port, () => ({ acs: { capability: 0x1f, control: 0x1d } }))(machine),
      bar({ busAddress: hidden, physAddress: hidden })(known),
    );
    const whole = diff(known, longer);
    expect(shown(whole)).toMatch(/^worse: 1 pair/);
    expect(exitOf(whole)).toBe(1);
  });

  test("a virtual machine, where nothing showed that it was none: what is documented of the way is not known", () => {
    const guest: Machine = { ...known, guestOf: { hypervisor: "VMware", shownBy: "dmi" } };
    const whole = diff(known, guest);
    expect(shown(whole)).toMatch(/^unknown: it is not known whether 1 pair got worse; no longer known/);
    expect(exitOf(whole)).toBe(3);
    expect(exitOf(diff(guest, known))).toBe(0);
  });

  test("IOMMU groups that are merged, and of which nothing is known", () => {
    const machine = { ...known, iommu: { ...known.iommu, kind: "amd" as const, mode: "passthrough" as const } };
    const stated = (group: (index: number) => number | typeof hidden): Machine => ({
      ...machine,
      functions: machine.functions.map((fn, index) => ({ ...fn, iommuGroup: group(index) })),
    });
    const apart = stated((index) => index);
    expect(
      exitOf(
        diff(
          apart,
          stated(() => 1),
        ),
      ),
    ).toBe(1);
    const nothing = stated(() => hidden);
    const functions = nothing.functions.map((fn) => ({ ...fn, vendorId: hidden, express: hidden, acs: hidden }));
    const whole = diff(apart, { ...nothing, functions });
    expect(shown(whole)).toContain("IOMMU groups no longer known: {0000:00:00.0}");
    expect(exitOf(whole)).toBe(3);
    const alone = { ...whole, answers: { ...whole.answers, changes: [] } };
    expect(exitOf(alone)).toBe(3);
  });

  test("hidden on both sides is no difference", () => {
    const config = kernel({ config: hidden })(known);
    expect(shown(diff(config, config))).toBe("no difference\n");
  });
});

test("A pair that may have worked and is gone with its device is not passed over", () => {
  const base = bootScenario(BASE);
  const without = { ...base, functions: base.functions.filter(({ names }) => !names.includes("nvme0")) };
  // Nothing is known of what the ports redirect, nor which host bridge it is.
  const before = { ...base, functions: base.functions.map((fn) => ({ ...fn, acs: hidden, vendorId: hidden })) };
  const after = { ...without, functions: without.functions.map((fn) => ({ ...fn, acs: hidden, vendorId: hidden })) };
  const whole = diff(before, after);
  expect(whole.answers.gone).toEqual([]);
  expect(whole.answers.mayBeGone.length).toBeGreaterThan(0);
  expect(exitOf(whole)).toBe(3);
  expect(shown(whole)).toContain("gone with nvme0: whether they worked is not known");
});
