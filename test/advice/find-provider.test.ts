import { describe, expect, it } from "vitest";
import { findProvider, type ProviderSearch } from "../../src/advice/find-provider.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevices } from "../../src/host/select.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { captureNames, readCapture, readCapturedMachine } from "../machines/captures.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** Two switches with two providers each, and one provider on a port of its own. */
const machine = afterBoot(
  qemuMachineOf(
    `kernel: 7.2
cpu: amd-zen
iommu: off
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: false }
            below: [nvme: { cmb: 16M }, nvme: { cmb: 16M }, nic]
      - rootPort: { at: 05.0 }
        below:
          - switch: { acs: false }
            below: [nvme: { cmb: 16M }, nic]
      - rootPort: { at: 06.0 }
        below: [nvme: { cmb: 16M }]
`,
    "find.yaml",
  ),
);
const [nearNic, farNic] = findDevices(machine, "nic") as [Bdf, Bdf];
const [one, two, three, four] = findDevices(machine, "nvme") as [Bdf, Bdf, Bdf, Bdf];

function chosen(search: ProviderSearch): readonly string[] | string {
  return isUnknown(search.chosen) ? "unknown" : search.chosen.map(formatBdf);
}

function withP2pmem(bdf: Bdf, p2pmem: Machine["functions"][number]["p2pmem"]): Machine {
  return { ...machine, functions: machine.functions.map((fn) => (fn.bdf === bdf ? { ...fn, p2pmem } : fn)) };
}

describe("The provider that the kernel would choose", () => {
  it("is the nearest, and any of those that are as near", () => {
    expect(chosen(findProvider(machine, [nearNic]))).toEqual([one, two].map(formatBdf));
    expect(chosen(findProvider(machine, [farNic]))).toEqual([formatBdf(three)]);
  });

  it("is judged by the sum over all clients", () => {
    const search = findProvider(machine, [nearNic, farNic]);
    // Below either switch: 4 + 8 hops; on a port of its own: 6 + 6.
    const sums = search.candidates.map(({ provider, distance }) => [formatBdf(provider), distance]);
    expect(new Map(sums as [string, number][]).get(formatBdf(four))).toBe(12);
    expect(chosen(search)).toEqual([one, two, three, four].map(formatBdf));
  });

  it("is none where one client is not supported, on a CPU whose host bridge is not trusted", () => {
    const intel = { ...machine, cpu: { ...machine.cpu, vendor: "GenuineIntel", family: 6 } };
    expect(chosen(findProvider(intel, [nearNic, farNic]))).toEqual([]);
    expect(findProvider(intel, [nearNic, farNic]).candidates.map(({ distance }) => distance)).toEqual([-1, -1, -1, -1]);
  });

  it("is never one whose memory is not published", () => {
    const hidden = withP2pmem(one, { sizeBytes: 1, availableBytes: 1, published: false });
    expect(chosen(findProvider(hidden, [nearNic]))).toEqual([formatBdf(two)]);
  });

  it("is unknown where the source does not show whether a nearer one is published, and known where a farther one is hidden", () => {
    const why = unknown("not seen");
    expect(chosen(findProvider(withP2pmem(one, why), [nearNic]))).toBe("unknown");
    expect(chosen(findProvider(withP2pmem(four, why), [nearNic]))).toEqual([one, two].map(formatBdf));
  });

  it("may itself be the client, at distance 0", () => {
    expect(chosen(findProvider(machine, [two]))).toEqual([formatBdf(two)]);
  });

  it.each(captureNames.filter((_, index) => index % 10 === 0))(
    "on %s has the sums that its kernel measured",
    (name) => {
      const { pairs } = readCapture(name);
      const captured = readCapturedMachine(name);
      for (const client of new Set(pairs.map((pair) => pair.client))) {
        for (const candidate of findProvider(captured, [client]).candidates) {
          const pair = pairs.find((one_) => one_.provider === candidate.provider && one_.client === client);
          if (pair === undefined) continue;
          expect(candidate.distance).toBe(pair.mapType === "not-supported" ? -1 : pair.hops);
        }
      }
    },
  );
});
