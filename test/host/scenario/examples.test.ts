import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answer } from "../../../src/answers/answer.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { readScenario, scenarioMachine } from "../../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../../src/host/select.ts";
import { afterBoot } from "../../../src/rules/boot-acs.ts";
import { decide } from "../../../src/rules/verdict-table.ts";

const folder = join(import.meta.dirname, "../../../examples");

function example(name: string, change: (text: string) => string = (text) => text): Machine {
  const file = `${name}.yaml`;
  return afterBoot(readScenario(change(readFileSync(join(folder, file), "utf8")), file));
}

/** Map type and hops of a pair, by the names in the file. */
function verdict(machine: Machine, provider: string, client: string): string {
  const { mapType, hops } = decide(machine, findDevice(machine, provider), findDevice(machine, client));
  return `${mapType} ${hops}`;
}

it.each(readdirSync(folder).filter((file) => file.endsWith(".yaml")))(
  "examples/%s is a scenario without surprises",
  (file) => {
    const scenario = parseScenario(readFileSync(join(folder, file), "utf8"), file);
    expect(scenario.name).not.toBe(file);
    expect(scenarioMachine(scenario).notes.filter(({ severity }) => severity !== "info")).toEqual([]);
  },
);

describe("The examples show what their comments say", () => {
  it("one-switch", () => {
    const machine = example("one-switch");
    expect(verdict(machine, "nvme0", "nvme1")).toBe("bus-addr 4");
    expect(verdict(machine, "nvme0", "nvme2")).toBe("thru-host-bridge 6");
    const intel = example("one-switch", (text) => text.replace("cpu: amd-zen", "cpu: intel"));
    expect(verdict(intel, "nvme0", "nvme2")).toBe("not-supported 6");
  });

  it("two-host-bridges", () => {
    const machine = example("two-host-bridges");
    expect(verdict(machine, "nvme0", "nvme2")).toBe("not-supported 4");
    expect(verdict(machine, "nvme3", "nvme4")).toBe("bus-addr 2");
  });

  it("nested-switches", () => {
    const machine = example("nested-switches");
    expect(verdict(machine, "nvme1", "nvme2")).toBe("bus-addr 4");
    expect(verdict(machine, "nvme0", "nvme1")).toBe("bus-addr 6");
    expect(verdict(machine, "nvme0", "nvme3")).toBe("thru-host-bridge 6");
  });

  it("gpu-nic-server", () => {
    const parameter = 'cmdline: "pci=disable_acs_redir=pci:1000:c030"';
    expect(verdict(example("gpu-nic-server"), "gpu0", "mlx5_1")).toBe("thru-host-bridge 4");
    const direct = example("gpu-nic-server", (text) => text.replace(/^iommu:/m, `${parameter}\niommu:`));
    expect(verdict(direct, "gpu0", "mlx5_1")).toBe("bus-addr 4");
    expect(verdict(direct, "gpu0", "mlx5_2")).toBe("thru-host-bridge 8");
  });

  it("small-bar-gpu", () => {
    const machine = example("small-bar-gpu");
    const gates = answer(machine, findDevice(machine, "card0"), findDevice(machine, "mlx5_0")).gates;
    expect(gates.map(({ kind }) => kind)).toContain("resizable-bar-small");
  });
});

describe("The server of gpu-nic-server", () => {
  const machine = example("gpu-nic-server");

  it("has eight GPUs and eight NICs below four switches on two sockets", () => {
    const count = (classCode: number): number => machine.functions.filter((fn) => fn.classCode === classCode).length;
    expect([count(0x030200), count(0x020000)]).toEqual([8, 8]);
    const nodes = machine.functions.filter((fn) => fn.classCode === 0x030200).map((fn) => fn.numaNode);
    expect(nodes).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  });
});
