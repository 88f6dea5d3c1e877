import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { PLATFORM_FACTS } from "../../src/platforms/facts.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { sharedFiles } from "../shared-files.ts";
import { bootedMachine, directionsOfPair } from "./pair.ts";
import { rowCases } from "./rows.ts";

/** What QEMU makes, by the ids of ports: no hardware is one of them but the switch, which was sold once. */
const ofQemu = PLATFORM_FACTS.filter(({ id }) => id.startsWith("qemu-"));

/** A real device in the place of an emulated one. */
const real = { "nvme: { cmb: 16M }": "nvme: { cmb: 16M, id: 144d:a80a }", nic: "nic: { id: 15b3:1021 }" } as const;

describe("What is known of QEMU's switches and root complex holds where both ends are emulated too", () => {
  test("every such fact asks for it", () => {
    expect(ofQemu.length).toBe(3);
    for (const { match } of ofQemu) expect(match.endpoints).toBe("emulated-by-qemu");
  });

  test.each(ofQemu.map(({ id }) => id))("%s", (id) => {
    const machine = rowCases.find((row) => row.id === id)?.machine ?? "";
    expect(directionsOfPair(bootedMachine(machine)).write.facts).toEqual([id]);
    const provider = machine.replace("nvme: { cmb: 16M }", real["nvme: { cmb: 16M }"]);
    const client = machine.replace(/\bnic\b/, real.nic);
    const both = client.replace("nvme: { cmb: 16M }", real["nvme: { cmb: 16M }"]);
    for (const text of [provider, client, both]) {
      expect(text).not.toBe(machine);
      const { write, read } = directionsOfPair(bootedMachine(text));
      expect([write.outcome, write.facts, read.outcome, read.facts]).toEqual(["unknown", [], "unknown", []]);
    }
  });

  test("nothing is known of ports without ids, which QEMU's were taken for", () => {
    const text = `cpu: { vendor: GenuineIntel, family: 6, model: 0xb7, name: i9-13900K }
kernel: 7.2
iommu: off
hostBridges:
  - id: 8086:a700
    below:
      - rootPort: { acs: false }
        below: [gpu: { name: gpu0 }]
      - rootPort: { acs: false }
        below: [nic: { name: mlx5_0 }]
`;
    expectNothingOfQemu(text);
  });

  const files = sharedFiles("cases/machines").filter((path) => /default-root-port/.test(path));
  test.skipIf(files.length === 0).each(files)("%s", (path) => {
    expectNothingOfQemu(readFileSync(path, "utf8"));
  });
});

function expectNothingOfQemu(text: string): void {
  const machine = afterBoot(readScenario(text, "f.yaml"));
  const [gpu, nic] = [findDevice(machine, "gpu0"), findDevice(machine, "mlx5_0")];
  for (const { hardware } of [answer(machine, gpu, nic), answer(machine, nic, gpu)]) {
    for (const { facts, why } of [hardware.write, hardware.read]) {
      expect(facts.filter((id) => id.startsWith("qemu"))).toEqual([]);
      expect(why).not.toContain("QEMU");
    }
  }
}
