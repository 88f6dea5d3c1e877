import { describe, expect, it, test } from "vitest";
import { unknown } from "../../src/pci/known.ts";
import { PLATFORM_FACTS } from "../../src/platforms/facts.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { bootedMachine, directionsOfPair } from "./pair.ts";
import { rowCases } from "./rows.ts";

test("every fact has a machine that it is about", () => {
  expect(rowCases.map(({ id }) => id)).toEqual(PLATFORM_FACTS.map(({ id }) => id));
});

describe("a fact speaks of its machine and not of the neighbour", () => {
  test.for(rowCases)("$id", ({ id, machine, write, read, neighbour: [from, to] }) => {
    const own = directionsOfPair(bootedMachine(machine));
    expect(own.write).toMatchObject({ outcome: write, facts: [id] });
    expect(own.read).toMatchObject({ outcome: read, facts: [id] });
    expect(own.write.why).toContain(id);

    expect(machine).toContain(from);
    const other = directionsOfPair(bootedMachine(machine.replaceAll(from, to)));
    expect(other.write.outcome).toBe("unknown");
    expect(other.read.outcome).toBe("unknown");
    expect(other.read.facts).toEqual([]);
  });
});

function caseOf(id: string): string {
  return rowCases.find((row) => row.id === id)?.machine ?? "";
}

describe("What is not documented is unknown", () => {
  it("is unknown for hardware of no fact, and says so", () => {
    const { write } = directionsOfPair(bootedMachine(caseOf("amd-zen").replace("amd-zen", "arm")));
    expect(write).toEqual({
      outcome: "unknown",
      why: "no documented fact is known of this hardware (across-host-bridges)",
      facts: [],
    });
  });

  it("is unknown for two functions of one device and for a device and itself", () => {
    const text = `cpu: amd-zen
iommu: off
hostBridges:
  - below:
      - rootPort: { id: 1022:1483 }
        below:
          - functions: [nvme: { cmb: 16M }, nic]
`;
    expect(directionsOfPair(bootedMachine(text)).read.why).toContain("they meet at 0000:00:01.0, which is no switch");
    expect(directionsOfPair(bootedMachine(text), "nvme", "nvme").read.why).toContain("one function");
  });

  it("is unknown when one end is below a root port of another kind", () => {
    const mixed = caseOf("annapurna-root-ports").replace("id: 1c36:0031", "id: 1234:5678");
    expect(directionsOfPair(bootedMachine(mixed)).write.outcome).toBe("unknown");
  });

  it("is unknown with both named where sources disagree", () => {
    const { write, read } = directionsOfPair(
      bootedMachine(caseOf("intel-xeon-e5-sockets").replaceAll("1234:0001", "8086:2f08")),
    );
    expect(write).toMatchObject({ outcome: "unknown", facts: ["intel-xeon-e5-sockets", "intel-io-hubs"] });
    expect(write.why).toMatch(/^sources disagree: .*limited, kernel source.*fails, another driver's source/);
    expect(read.facts).toEqual(write.facts);
  });

  it("is one claim with both named where sources agree", () => {
    const { write } = directionsOfPair(bootedMachine(caseOf("intel-xeon-e5").replaceAll("1234:0001", "8086:3c04")));
    expect(write).toMatchObject({ outcome: "works", facts: ["intel-xeon-e5", "intel-io-hub"] });
  });
});

describe("ACS redirect decides which way a switch sends each direction", () => {
  const text = (first: string, second: string): string => `cpu: { vendor: GenuineIntel, family: 6, model: 198 }
iommu: off
hostBridges:
  - below:
      - rootPort: { id: 8086:7ecc }
        below:
          - switch: { id: 1000:c030, acs: false }
            below:
              - port: { id: 1000:c030, acs: ${first} }
                below: [nvme: { cmb: 16M }]
              - port: { id: 1000:c030, acs: ${second} }
                below: [nic]
`;
  const outcomes = (first: string, second: string): readonly string[] => {
    const { write, read } = directionsOfPair(bootedMachine(text(first, second)));
    return [write.outcome, read.outcome];
  };

  it("stays below the switch without redirect", () => {
    expect(outcomes("false", "false")).toEqual(["works", "works"]);
  });

  it("goes through the root complex when requests and completions are redirected", () => {
    expect(outcomes('"RR+ CR+"', '"RR+ CR+"')).toEqual(["works", "fails"]);
    const machine = bootedMachine(text('"RR+ CR+"', '"RR+ CR+"'));
    expect(directionsOfPair(machine).write.facts).toEqual(["intel-client"]);
  });

  it("leaves the write below the switch when the client's port redirects no requests", () => {
    expect(outcomes('"RR+ CR+"', "false")).toEqual(["works", "unknown"]);
    expect(directionsOfPair(bootedMachine(text('"RR+ CR+"', "false"))).write.facts).toEqual(["pcie-switch"]);
  });

  it("is unknown with Egress Control on", () => {
    expect(outcomes("false", '"EC+"')).toEqual(["unknown", "unknown"]);
  });

  it("is unknown for redirects inside of nested switches", () => {
    const nested = `cpu: amd-zen
iommu: off
hostBridges:
  - below:
      - rootPort: { id: 1022:1483 }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - switch: { id: 1000:c030, acs: false }
                below:
                  - port: { id: 1000:c030, acs: "RR+ CR+" }
                    below: [nvme: { cmb: 16M }]
                  - port: { id: 1000:c030, acs: "RR+ CR+" }
                    below: [nic]
`;
    expect(directionsOfPair(bootedMachine(nested)).write).toMatchObject({
      outcome: "unknown",
      why: expect.stringContaining("nested switches"),
    });
  });
});

describe("What the source hides is unknown with its reason", () => {
  const hidden = unknown("hidden by the test");

  it.for(["vendor", "family", "model"] as const)("the CPU's %s", (part) => {
    const machine = bootedMachine(caseOf("intel-client"));
    const { write, read } = directionsOfPair({ ...machine, cpu: { ...machine.cpu, [part]: hidden } });
    expect(read.outcome).toBe("unknown");
    expect(read.why).toMatch(/^hidden by the test \(it decides whether '.*' applies\)$/);
    expect(write.outcome).toBe("unknown");
  });

  it.for(["vendorId", "deviceId", "express"] as const)("the root port's %s", (part) => {
    const machine = bootedMachine(caseOf("power9"));
    const functions = machine.functions.map((fn) => (fn.vendorId === 0x1014 ? { ...fn, [part]: hidden } : fn));
    const { read } = directionsOfPair({ ...machine, functions });
    expect(read).toMatchObject({ outcome: "unknown", why: expect.stringContaining("hidden by the test") });
  });

  it("the IOMMU's mode, where it decides", () => {
    const machine = bootedMachine(caseOf("qemu-switch"));
    const { write } = directionsOfPair({ ...machine, iommu: { ...machine.iommu, mode: hidden } });
    expect(write).toMatchObject({ outcome: "unknown", why: expect.stringContaining("hidden by the test") });
  });

  it("functions that the source may have left out", () => {
    const machine = bootedMachine(caseOf("intel-xeon-ice-lake").replaceAll("8086:09a2", "8086:0998"));
    const { write } = directionsOfPair({ ...machine, functionsMayBeMissing: "filtered" });
    expect(write).toMatchObject({ outcome: "unknown", why: expect.stringContaining("filtered") });
  });
});

describe("Ids that share a name", () => {
  const named = (scenario: string, ids: string, ...others: number[]): string => {
    const machine = bootedMachine(caseOf(scenario));
    const deviceId = Number.parseInt(ids, 16);
    const idsAmong = [deviceId, ...others].map((id) => ({ vendorId: 0x8086, deviceId: id }));
    const functions = machine.functions.map((fn) =>
      fn.deviceId === deviceId ? { ...fn, deviceId: unknown("names only"), idsAmong } : fn,
    );
    const { write } = directionsOfPair({ ...machine, functions });
    return write.outcome === "unknown" ? write.why : write.facts.join();
  };

  it("decide where all are in the row or none is", () => {
    expect(named("intel-skylake-xeon", "2031", 0x2030)).toBe("intel-skylake-xeon");
    expect(named("intel-io-hubs", "0e04", 0x0e05)).toBe("intel-io-hubs");
    expect(named("intel-io-hubs", "0e04", 0x1234)).toBe("names only (it decides whether 'intel-io-hubs' applies)");
  });
});

describe("A processor that is known to be another rules a fact out", () => {
  const none = "no documented fact is known of this hardware (across-host-bridges)";

  it.for([
    ["intel-skylake-xeon", { vendor: "AuthenticAMD", family: 6 }, none],
    ["intel-skylake-xeon", { vendor: "GenuineIntel" }, "'intel-xeon-e5-sockets' applies"],
    ["intel-xeon-e5-sockets", { vendor: "AuthenticAMD" }, none],
    ["intel-xeon-e5-sockets", { architecture: "aarch64", vendor: null }, "'nvidia-grace' applies"],
    ["ampere-altra", { architecture: "x86_64", vendor: "AuthenticAMD" }, none],
    ["ampere-altra", {}, "'nvidia-grace' applies"],
    ["power9", { architecture: "aarch64" }, "'nvidia-grace' applies"],
    ["power9", {}, "'power9' applies"],
  ] as const)("%s: %o", ([id, cpu, why]) => {
    const machine = bootedMachine(caseOf(id));
    const hidden = unknown("hidden ids");
    const functions = machine.functions.map((fn) =>
      fn.driver === null && fn.headerType === 0 && fn.classCode !== 0x060000
        ? { ...fn, vendorId: 0x15b3, deviceId: 0x1017 }
        : { ...fn, vendorId: hidden, deviceId: hidden },
    );
    const { write } = directionsOfPair(
      { ...machine, functions, cpu: { ...machine.cpu, ...cpu } },
      "01:00.0",
      "81:00.0",
    );
    expect(write.why).toContain(why);
  });

  it.each(["8086:6f02", "8086:2030", "8086:3c02"])("no client CPU has root port %s", (port) => {
    const machine = bootedMachine(caseOf("intel-client").replaceAll("8086:7ecc", port));
    const cpu = { ...machine.cpu, vendor: unknown("-"), family: unknown("-"), model: unknown("-") };
    expect(directionsOfPair({ ...machine, cpu }).read.why).not.toContain("intel-client");
  });
});

describe("Recorded machines", () => {
  it("lose data below QEMU's switch when the IOMMU translates, and not otherwise", () => {
    const outcome = (mode: string): string =>
      directionsOfPair(readCapturedMachine(`one-switch.amd-zen.${mode}`), "03:00.0", "04:00.0").write.outcome;
    expect(["off", "passthrough", "strict"].map(outcome)).toEqual(["works", "works", "fails"]);
  });

  it("deliver between QEMU's host bridges", () => {
    const machine = readCapturedMachine("three-host-bridges.amd-zen.strict");
    expect(directionsOfPair(machine, "01:00.0", "81:00.0")).toMatchObject({
      write: { outcome: "works", facts: ["qemu-root-complex"] },
      read: { outcome: "works", facts: ["qemu-root-complex"] },
    });
  });
});
