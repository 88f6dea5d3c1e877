import { describe, expect, it } from "vitest";
import { guestPromise, INSIDE_A_GUEST } from "../../src/dmabuf/guest-promise.ts";
import { type GuestLayout, guestView } from "../../src/dmabuf/guest-view.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Iova } from "../../src/pci/addresses.ts";
import { type Bdf, formatBdf, makeBdf } from "../../src/pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../../src/pci/known.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** Two NVMe below one switch, one beside it, on a host whose IOMMU translates. */
function host(cpu: "amd-zen" | "intel", parts: { iommu?: string } = {}): Machine {
  return qemuMachineOf(
    `scenario: a host
cpu: ${cpu}
kernel: 7.2
iommu: ${parts.iommu ?? "{ mode: strict, kind: intel }"}
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: false }
            below:
              - nvme: { cmb: 16M }
              - nvme: { cmb: 16M }
      - rootPort: { at: 05.0 }
        below:
          - nvme: {}
`,
    "host",
  );
}

const below = [makeBdf(0, 3, 0, 0), makeBdf(0, 4, 0, 0)] as const;
const beside = makeBdf(0, 5, 0, 0);
const assigned: readonly Bdf[] = [...below, beside];

/** Far from every window of the host. */
const elsewhere = 0x7000_0000_0000 as Iova;
const mappedBar = { address: elsewhere, sizeBytes: 0x100_0000, isMapped: true };

function known<T>(value: Known<T>): T {
  if (isUnknown(value)) throw new Error(value.unknown);
  return value;
}

/** With ACS request redirect off everywhere or, of root ports, as said. */
function withRedirect(machine: Machine, isOn: boolean): Machine {
  const control = isOn ? 0x1d : 0;
  const functions = machine.functions.map((fn) =>
    fn.acs === null || isUnknown(fn.acs) ? fn : { ...fn, acs: { ...fn.acs, control } },
  );
  return { ...machine, functions };
}

describe("what a guest sees", () => {
  it.each([
    ["root-bus", ["0000:00:01.0", "0000:00:02.0", "0000:00:03.0"]],
    ["root-ports", ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]],
    ["one-switch", ["0000:03:00.0", "0000:04:00.0", "0000:05:00.0"]],
  ] as const)("is a tree of the VMM's making: %s", (layout, slots) => {
    const view = guestView(host("intel"), assigned, { layout });
    expect([...view.guestOf.values()].map(formatBdf)).toEqual(slots);
    const bdfs = view.machine.functions.map(({ bdf }) => bdf);
    expect(bdfs).toEqual([...new Set(bdfs)].sort((a, b) => a - b));
  });

  it.each([
    ["root-bus", "not-supported"],
    ["root-ports", "not-supported"],
    ["one-switch", "bus-addr"],
  ] as const)("decides what the guest's kernel decides, whatever the real tree is: %s", (layout, mapType) => {
    const view = guestView(host("intel"), assigned, { layout, kernel: "7.2" });
    const [provider, client] = [...view.guestOf.values()];
    expect(decide(view.machine, provider as Bdf, client as Bdf).mapType).toBe(mapType);
  });

  it("holds no address, ACS, group or tree of the host", () => {
    const { machine } = guestView(host("amd-zen"), assigned);
    const nvme = machine.functions.find(({ classCode }) => classCode === 0x010802);
    expect(nvme).toMatchObject({ acs: null, iommuGroup: null, numaNode: null, bridge: null });
    expect(known(nvme?.bars ?? []).map(({ busAddress }) => busAddress !== null && isUnknown(busAddress))).toEqual([
      true,
      true,
    ]);
    expect(isUnknown(machine.kernel.release)).toBe(true);
  });

  it("holds 30 devices, and only such that the host has", () => {
    expect(() => guestView(host("intel"), new Array<Bdf>(31).fill(beside))).toThrow("30 fit on a virtual bus");
    expect(() => guestView(host("intel"), [makeBdf(0, 9, 0, 0)])).toThrow("no function 0000:09:00.0");
  });
});

describe("what may be promised to a guest", () => {
  const promise = (machine: Machine, parts: Partial<typeof mappedBar> = {}, pair: readonly [Bdf, Bdf] = below) =>
    guestPromise(guestView(machine, assigned, { kernel: "7.2" }), ...pair, { ...mappedBar, ...parts });

  it("is nothing by the guest itself", () => {
    expect(INSIDE_A_GUEST.unknown).toContain("its VMM made up");
  });

  it("is success where the request climbs to the IOMMU, the BAR is mapped and the host bridge forwards", () => {
    const promised = promise(host("amd-zen"));
    expect(promised.reaches).toBe(true);
    expect(promised.hostVerdict.mapType).toBe("bus-addr");
  });

  it("may be success where the guest's kernel refuses, and failure where it agrees", () => {
    const zen = host("amd-zen");
    const pessimist = guestView(zen, assigned, { kernel: "7.2", cpu: host("intel").cpu });
    const refused = guestPromise(pessimist, ...below, mappedBar);
    expect([refused.guestVerdict.mapType, refused.reaches]).toEqual(["not-supported", true]);
    const optimist = guestView(zen, assigned, { kernel: "7.2", layout: "one-switch" satisfies GuestLayout });
    const granted = guestPromise(optimist, ...below, { ...mappedBar, isMapped: false });
    expect([granted.guestVerdict.mapType, granted.reaches]).toEqual(["bus-addr", false]);
  });

  it("is a fault where the VMM did not map the BAR", () => {
    expect(promise(host("amd-zen"), { isMapped: false })).toMatchObject({
      reaches: false,
      why: expect.stringContaining("the IOMMU faults"),
    });
  });

  it("is nothing known where the host's kernel does not know the host bridge", () => {
    const { reaches } = promise(host("intel"), {}, [below[0], beside]);
    expect(isUnknown(reaches) && reaches.unknown).toContain("does not know whether this host bridge forwards");
  });

  it("is failure where a real port claims the guest-physical address first", () => {
    const machine = withRedirect(host("amd-zen"), false);
    const window = known(
      known(machine.functions.find(({ bdf }) => bdf === below[0])?.bars ?? [])[1]?.busAddress ?? null,
    );
    const promised = promise(machine, { address: (window ?? 0) as number as Iova });
    expect(promised.reaches).toBe(false);
    expect(promised.why).toContain("0000:02:00.0 claims guest-physical");
  });

  it("is failure where the address lies in a window of the port above, unless that port redirects", () => {
    const rootPort = makeBdf(0, 0, 5, 0);
    const machine = host("amd-zen");
    const bridge = known(machine.functions.find(({ bdf }) => bdf === rootPort)?.bridge ?? null);
    const address = known(bridge?.windows ?? [])[0]?.start as number as Iova;
    const parts = { address, sizeBytes: 4096 };
    const without = promise(withRedirect(machine, false), parts, [below[0], beside]);
    expect(without).toMatchObject({ reaches: false, why: expect.stringContaining("0000:00:05.0 claims") });
    expect(promise(withRedirect(machine, true), parts, [below[0], beside]).reaches).toBe(true);
  });

  it("is failure where a BAR of another function of the client's device has the address", () => {
    const text = `scenario: x
cpu: amd-zen
kernel: 7.2
iommu: { mode: strict, kind: intel }
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - functions:
              - nvme: {}
              - nvme: { cmb: 16M }
      - rootPort: { at: 05.0 }
        below:
          - nvme: { cmb: 16M }
`;
    const machine = withRedirect(qemuMachineOf(text, "x"), true);
    const [client, sibling, provider] = [makeBdf(0, 1, 0, 0), makeBdf(0, 1, 0, 1), makeBdf(0, 2, 0, 0)];
    const bars = known(machine.functions.find(({ bdf }) => bdf === sibling)?.bars ?? []);
    const address = known(bars[0]?.busAddress ?? null) as number as Iova;
    const view = guestView(machine, [client, provider], { kernel: "7.2" });
    const promised = guestPromise(view, provider, client, { address, sizeBytes: 4096, isMapped: true });
    expect(promised).toMatchObject({ reaches: false, why: expect.stringContaining("0000:01:00.1 claims") });
  });

  it("is unknown where the source hides the windows of a port on the way", () => {
    const machine = host("amd-zen");
    const functions = machine.functions.map((fn) => {
      if (fn.bridge === null || isUnknown(fn.bridge)) return fn;
      return { ...fn, bridge: { ...fn.bridge, windows: unknown("no root, no windows") } };
    });
    const { reaches } = promise({ ...machine, functions });
    expect(isUnknown(reaches) && reaches.unknown).toContain("no root, no windows");
  });

  it("is failure on a host without an IOMMU, and unknown where that is hidden", () => {
    expect(promise(host("amd-zen", { iommu: "off" })).reaches).toBe(false);
    const machine = host("amd-zen");
    const { reaches } = promise({ ...machine, iommu: { ...machine.iommu, kind: unknown("not shown") } });
    expect(reaches).toEqual(unknown("not shown"));
  });

  it("is made for assigned devices only", () => {
    const view = guestView(host("intel"), below);
    expect(() => guestPromise(view, below[0], beside, mappedBar)).toThrow("0000:05:00.0 is not assigned");
  });
});
