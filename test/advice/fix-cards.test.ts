import { describe, expect, it, test } from "vitest";
import { type Advice, advise } from "../../src/advice/fix/advise.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

/** Cards in other slots, for several pairs together and for two functions of one card. */

function machineOf(text: string): Machine {
  return afterBoot(scenarioMachine(parseScenario(text, "cards.yaml")));
}

function adviceOn(machine: Machine, pairs: string): Advice {
  const named = pairs.split(", ").map((pair) => {
    const [provider = "", client = ""] = pair.split(" → ");
    return { provider: findDevice(machine, provider), client: findDevice(machine, client) };
  });
  return advise(machine, named);
}

const short = { "bus-addr": "direct", "thru-host-bridge": "host", "not-supported": "no", unknown: "?" } as const;
const textsOf = (verdicts: Advice["before"]): string => verdicts.map(({ mapType }) => short[mapType]).join(" ");
const slotsIn = ({ fixes }: Advice): readonly string[] =>
  fixes
    .filter(({ kinds }) => kinds.includes("slot"))
    .map(({ kinds, verdicts }) => `${kinds.join(" + ")}: ${textsOf(verdicts)}`);

/** A card of two functions below a port that redirects; the kernel knows the other host bridge alone. */
const twoFunctions = (acs: string): string => `cpu: amd-pre-zen
kernel: 7.1.4
iommu: off
hostBridges:
  - bus: 0x00
    id: none
    below:
      - rootPort: { at: 00.0, id: "10de:2f96", acs: false }
        below: [nvme: { name: nvme0, cmb: 16M }]
      - rootPort: { at: 01.0, id: "10de:2f96", acs: SV+ RR+ CR+ UF+ }
        below:
          - nvme: { at: 00.0, name: nvme2, cmb: 16M }
          - nvme: { at: 00.1, name: nvme3, cmb: 16M, acs: ${acs} }
  - bus: 0x40
    id: "1ae0:0011"
    below:
      - rootPort: { at: 01.0, id: "1022:1483", acs: SV+ RR+ CR+ UF+ }
        below: [nvme: { name: nvme5, cmb: 16M }]
`;

describe("Two functions of one card", () => {
  it.each([
    ["RR+ CR+", "slot: host"],
    ["false", "slot: direct"],
  ])("work in another slot: the second with ACS %s", (acs, right) => {
    const advice = adviceOn(machineOf(twoFunctions(acs)), "nvme2 → nvme3");
    expect(textsOf(advice.before)).toBe("no");
    expect(slotsIn(advice)[0]).toBe(right);
  });
});

/** A card whose first function redirects, beside one without ACS; parameters name the functions of slots by address. */
const named = (parameters: string): string => `cpu: intel
kernel: 7.3
iommu: off
cmdline: "${parameters}"
hostBridges:
  - bus: 0x00
    id: "8086:29c0"
    below:
      - rootPort: { at: 01.0 }
        below:
          - nvme: { at: 00.0, name: nvme0, cmb: 16M, acs: RR+ CR+ }
          - nvme: { at: 00.1, name: nvme1 }
      - rootPort: { at: 02.0 }
        below: [gpu: { name: gpu0 }]
      - rootPort: { at: 03.0 }
`;

describe("A slot whose cards a kernel parameter names by address", () => {
  it.each([
    ["clears the redirection of a function that is put there", "pci=disable_acs_redir=02:00.0", "no", "slot: direct"],
    ["does so by path as well", "pci=disable_acs_redir=00:02.0/00.0", "no", "slot: direct"],
    ["does so by config_acs as well", "pci=config_acs=x0x00xx@02:00.0", "no", "slot: direct"],
    ["is none for a function that it does not name", "pci=disable_acs_redir=02:00.1", "no", undefined],
  ])("%s", (_, parameters, before, right) => {
    const advice = adviceOn(machineOf(named(parameters)), "nvme0 → nvme1");
    expect(textsOf(advice.before)).toBe(before);
    expect(slotsIn(advice)[0]).toBe(right);
  });

  it("is left for any other where it makes a function redirect that firmware does not", () => {
    const text = named("pci=config_acs=xxx11xx@01:00.0").replace("RR+ CR+", "RR- CR-");
    const advice = adviceOn(machineOf(text), "nvme0 → nvme1");
    expect(textsOf(advice.before)).toBe("no");
    expect(slotsIn(advice)[0]).toBe("slot: direct");
  });
});

const apart = (kernel: string, ids: string, iommu = "off"): string => `cpu: intel
kernel: ${kernel}
iommu: ${iommu}
hostBridges:
  - bus: 0x00
    id: "${ids}"
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [gpu: { name: gpu0 }, port: {}, port: {}]
      - rootPort: { at: 02.0 }
        below: [nic: { name: nic0 }]
      - rootPort: { at: 03.0 }
        below: [nic: { name: nic1 }]
`;

test.each([
  [
    "the card of two pairs changes places with that of another",
    twoFunctions("RR+ CR+"),
    "nvme2 → nvme5, nvme3 → nvme2, nvme2 → nvme0, nvme5 → nvme0",
    "no no no no",
    "slot: no host no no",
  ],
  [
    "one card after the other goes beside a third",
    apart("7.3", "8086:29c0"),
    "gpu0 → nic0, gpu0 → nic1",
    "no no",
    "slot + slot: direct direct",
  ],
  [
    "a card goes to a host bridge that a newer kernel knows",
    `cpu: intel
kernel: 5.15
iommu: off
hostBridges:
  - bus: 0x00
    id: "8086:09a2"
    below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: gpu0 }]
      - rootPort: { at: 02.0 }
  - bus: 0x40
    id: none
    below:
      - rootPort: { at: 01.0 }
        below: [nic: { at: 00.0, name: nic0 }, nic: { at: 00.1, name: nic1 }]
`,
    "gpu0 → nic0, gpu0 → nic1",
    "no no",
    "slot + kernel: host host",
  ],
  [
    "a card goes below a switch, whose redirection is cleared",
    `cpu: intel
kernel: 7.3
iommu: passthrough
hostBridges:
  - bus: 0x00
    id: "8086:29c0"
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below:
              - port: { acs: true }
                below: [nic: { at: 00.0, name: nic0 }, nic: { at: 00.1, name: nic1 }]
              - port: { acs: true }
      - rootPort: { at: 02.0 }
        below: [gpu: { name: gpu0 }]
`,
    "gpu0 → nic0, gpu0 → nic1",
    "no no",
    "slot + kernel-parameter: direct direct",
  ],
])("For several pairs, %s", (_, text, pairs, before, right) => {
  const advice = adviceOn(machineOf(text), pairs);
  expect(textsOf(advice.before)).toBe(before);
  expect(slotsIn(advice)).toContain(right.replace("slot + slot", "slot"));
});

test("No exchange that takes from one pair what it gives another is proposed", () => {
  const advice = adviceOn(machineOf(apart("7.3", "8086:29c0")), "gpu0 → nic0, gpu0 → nic1");
  for (const { verdicts, changes } of advice.fixes) {
    expect(textsOf(verdicts)).not.toBe("no no");
    expect(changes.length).toBeLessThan(4);
  }
});

test("GPUs and NICs of a whole server take a search of seconds, which says what it looked at", () => {
  const bridges = [0, 0x40, 0x80, 0xc0].map((bus, host) => {
    const ports = [1, 2].map((port) => {
      const cards = `{ gpu: { name: gpu${host * 2 + port} } }, { nic: { name: nic${host * 2 + port} } }, { port: {} }`;
      return `      - { rootPort: { at: 0${port}.0 }, below: [{ switch: {}, below: [${cards}, { port: {} }] }] }`;
    });
    return `  - bus: 0x${bus.toString(16)}\n    id: "8086:29c0"\n    below:\n${ports.join("\n")}`;
  });
  const machine = machineOf(`cpu: intel\nkernel: 5.15\niommu: off\nhostBridges:\n${bridges.join("\n")}\n`);
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  const pairs = numbers.flatMap((gpu) => numbers.map((nic) => `gpu${gpu} → nic${nic}`)).join(", ");
  const start = process.cpuUsage();
  const advice = adviceOn(machine, pairs);
  const { user } = process.cpuUsage(start);
  expect(user / 1e6).toBeLessThan(10);
  expect(advice.searched.cut).toBeNull();
  expect(advice.searched.tried.map(({ what }) => what)).toEqual(
    expect.arrayContaining(["another slot for one card", "other slots for two cards", "slot and kernel"]),
  );
  expect(documentText(fixBlocks(advice, { isWhole: true }), { width: 400, color: false })).toContain(
    "other slots for two cards (",
  );
});
