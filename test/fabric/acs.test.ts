import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import type { MemoryRequest } from "../../src/fabric/route.ts";
import { PCI_ACS_DT, PCI_ACS_EC, PCI_ACS_RR } from "../../src/pci/acs.ts";
import type { DmaAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { bdfOf, busOf, changed, hopsOf, machineOf, nameAt, shown, switchMachine } from "./machines.ts";

/** Where a request of `left` goes: `across`, `root` (through the root complex), or outcome and place. */
function wayOf(
  ports: string,
  request: Partial<MemoryRequest> = {},
  options: FabricOptions = {},
  target = "right",
  roots = "UF+",
): string {
  const machine = switchMachine({ ports, roots });
  const route = shown(
    createFabric(machine, options).route({
      requester: bdfOf(machine, "left"),
      kind: "write",
      address: busOf(machine, target),
      lengthBytes: 64,
      addressType: "untranslated",
      ...request,
    }),
  );
  if (route.outcome !== "delivered") return `${route.outcome} at ${nameAt(machine, route.endedAt)}`;
  return route.hops.some(({ at }) => at === "root-complex") ? "root" : "across";
}

const translated = { addressType: "translated" } as const;

describe("P2P Request Redirect, Egress Control and Direct Translated P2P at a switch port (PCIe 6.0 sec 6.12)", () => {
  test.each([
    ["false", "across", "across"],
    ["true", "across", "across"],
    ["RR+", "root", "root"],
    ["EC+", "acs-violation at leftPort", "acs-violation at leftPort"],
    ["EC+ RR+", "root", "root"],
    ["DT+", "across", "across"],
    ["RR+ DT+", "root", "across"],
    ["EC+ DT+", "acs-violation at leftPort", "across"],
    ["EC+ RR+ DT+", "root", "across"],
    ["CR+", "across", "across"],
    ["UF+", "across", "across"],
    ["SV+", "across", "across"],
    ["TB+", "across", "acs-violation at leftPort"],
    ["TB+ DT+", "across", "acs-violation at leftPort"],
  ])("acs: %s sends untranslated requests %s, translated ones %s", (ports, plain, ats) => {
    expect(wayOf(ports)).toBe(plain);
    expect(wayOf(ports, translated)).toBe(ats);
  });

  test("Egress Control leaves peers alone that its vector does not name, with Request Redirect too", () => {
    const none: FabricOptions = { isEgressControlled: () => false };
    expect(wayOf("EC+", {}, none)).toBe("across");
    expect(wayOf("EC+ RR+", {}, none)).toBe("across");
    expect(wayOf("RR+", {}, none)).toBe("root");
    const asked: Bdf[][] = [];
    wayOf("EC+", {}, { isEgressControlled: (port, egress) => asked.push([port, egress]) > 0 });
    const machine = switchMachine();
    expect(asked).toEqual([[bdfOf(machine, "leftPort"), bdfOf(machine, "rightPort")]]);
  });

  test.each(["RR+", "EC+", "DT+"])("acs: %s does not touch what goes to DRAM", (ports) => {
    expect(wayOf(ports, { address: 0x1000 as DmaAddr })).toBe("root");
  });
});

describe("Source Validation and Translation Blocking", () => {
  const spoofed = { requesterId: bdfOf(switchMachine(), "other") };

  test("A requester id from elsewhere is stopped by the first port with Source Validation", () => {
    expect(wayOf("SV+", spoofed)).toBe("acs-violation at leftPort");
    expect(wayOf("false", spoofed)).toBe("across");
    expect(wayOf("false", { ...spoofed, address: 0x1000 as DmaAddr }, {}, "right", "SV+")).toBe(
      "acs-violation at root1",
    );
  });

  test("A spoofed read without Source Validation is lost: its completion goes to the id, or nowhere", () => {
    const other = { requesterId: bdfOf(switchMachine(), "right"), kind: "read" } as const;
    expect(wayOf("SV+", other)).toBe("acs-violation at leftPort");
    expect(wayOf("false", other)).toBe("lost at right");
    expect(wayOf("false", { requesterId: 0xfe00 as Bdf, kind: "read" })).toBe("lost at root-complex");
  });

  test("Root ports block translated requests too", () => {
    const toDram = { ...translated, address: 0x1000 as DmaAddr };
    expect(wayOf("false", toDram, {}, "right", "TB+")).toBe("acs-violation at root1");
    expect(wayOf("false", toDram, {}, "right", "TB-")).toBe("root");
  });
});

describe("Upstream Forwarding", () => {
  test("What is redirected below a root port without it is refused there, unless told that the port forwards it", () => {
    expect(wayOf("RR+", {}, {}, "right", "true")).toBe("unsupported-request at root1");
    expect(wayOf("RR+", {}, { withoutUpstreamForwarding: "forward" }, "right", "true")).toBe("root");
  });

  test("A port of an outer switch needs it for what an inner port redirects", () => {
    const nested = (outer: string) =>
      machineOf(`
  - below:
      - rootPort: { acs: UF+ }
        below:
          - switch:
            below:
              - port: { acs: ${outer}, name: outer }
                below:
                  - switch: { acs: RR+ }
                    below: [ { nic: { name: left } }, { nvme: { cmb: 16M, name: right } } ]
              - port: { acs: false, name: side }
                below: [ { gpu: { name: far } } ]`);
    const way = (outer: string, target: string): string => {
      const machine = nested(outer);
      const address = busOf(machine, target);
      const base = { kind: "write", lengthBytes: 4, addressType: "untranslated" } as const;
      const route = createFabric(machine).route({ ...base, requester: bdfOf(machine, "left"), address });
      return `${shown(route).outcome} ${hopsOf(machine, route).includes("root-complex reflect")}`;
    };
    expect(way("UF+", "right")).toBe("delivered true");
    expect(way("UF-", "right")).toBe("unsupported-request false");
    expect(way("UF-", "far")).toBe("delivered false");
    expect(way("RR+", "far")).toBe("delivered true");
  });
});

describe("P2P Completion Redirect", () => {
  const readWay = (ports: string, roots: string, options: FabricOptions = {}, relaxedOrdering = false): string => {
    const machine = switchMachine({ ports, roots });
    const requester = bdfOf(machine, "left");
    const address = busOf(machine, "right");
    const fabric = createFabric(machine, options);
    const base = { kind: "read", lengthBytes: 8, addressType: "untranslated", relaxedOrdering } as const;
    const outcome = fabric.send({ ...base, requester, address }, new Uint8Array(8));
    const hops = hopsOf(machine, fabric.lastRoute());
    return `${outcome} ${hops.includes("root-complex complete") ? "root" : "across"}`;
  };

  test.each([
    ["RR-", "UF+", "delivered across"],
    ["CR+", "UF+", "delivered root"],
    ["CR+", "UF-", "lost across"],
    ["RR+", "UF+", "delivered across"],
    ["RR+ CR+", "UF+", "delivered root"],
  ])("Ports with %s below root ports with %s: %s", (ports, roots, way) => {
    expect(readWay(ports, roots)).toBe(way);
  });

  test("Relaxed ordering spares a completion the redirect", () => {
    expect(readWay("CR+", "UF+", {}, true)).toBe("delivered across");
  });

  test("A root complex that takes no reads from port to port loses redirected completions", () => {
    expect(readWay("CR+", "UF+", { rootComplex: "writes-only" })).toBe("lost across");
    expect(readWay("CR-", "UF+", { rootComplex: "writes-only" })).toBe("delivered across");
  });
});

describe("Functions of one device", () => {
  const device = (acs: string) =>
    machineOf(`
  - below:
      - rootPort: { acs: UF+, name: port }
        below:
          - functions: [ { nvme: { cmb: 16M, name: first } }, { nic: { acs: ${acs}, name: second } } ]`);

  test.each([
    ["false", "delivered", false],
    ["RR+", "delivered", true],
    ["EC+", "acs-violation", false],
    ["EC+ RR+", "delivered", true],
  ])(
    "A function with acs: %s and a peer inside its device: %s, through the root complex: %s",
    (acs, outcome, isFar) => {
      const machine = device(acs);
      const route = createFabric(machine).route({
        requester: bdfOf(machine, "second"),
        kind: "write",
        address: busOf(machine, "first", 2),
        lengthBytes: 64,
        addressType: "untranslated",
      });
      expect(shown(route).outcome).toBe(outcome);
      expect(hopsOf(machine, route).includes("root-complex reflect")).toBe(isFar);
    },
  );
});

test("ACS that the source hides makes a route unknown only where it decides", () => {
  const machine = switchMachine();
  const port = bdfOf(machine, "leftPort");
  const fabric = createFabric(changed(machine, "leftPort", { acs: unknown("not readable") }));
  const base = { requester: bdfOf(machine, "left"), kind: "write", lengthBytes: 4 } as const;
  const to = (address: DmaAddr) => fabric.route({ ...base, address, addressType: "untranslated" });
  expect(to(busOf(machine, "right"))).toHaveProperty("unknown");
  expect(to(busOf(machine, "other"))).toMatchObject({ outcome: "delivered" });
  expect(() => fabric.write(base.requester, busOf(machine, "right"), new Uint8Array(4))).toThrow("cannot be told");
  fabric.setAcsControl(port, 0);
  expect(to(busOf(machine, "right"))).toMatchObject({ outcome: "delivered" });
});

test("ACS control bits that the capability does not have stay 0 when they are written", () => {
  const machine = changed(switchMachine(), "leftPort", { acs: { capability: PCI_ACS_RR, control: 0 } });
  const fabric = createFabric(machine);
  const [left, leftPort, right] = [bdfOf(machine, "left"), bdfOf(machine, "leftPort"), busOf(machine, "right")];
  fabric.setAcsControl(leftPort, PCI_ACS_EC);
  expect(fabric.write(left, right, new Uint8Array(4))).toBe("delivered");
  fabric.setAcsControl(leftPort, PCI_ACS_EC | PCI_ACS_RR);
  fabric.write(left, right, new Uint8Array(4));
  expect(hopsOf(machine, fabric.lastRoute())).toContain("leftPort redirect");
});

describe("Hidden ACS bits of a root port, of a request to the port beside it", () => {
  const capability = PCI_ACS_RR | PCI_ACS_EC | PCI_ACS_DT;

  test.each([
    ["Request Redirect", 0, PCI_ACS_RR, "delivered", "delivered"],
    ["Direct Translated P2P without Egress Control", PCI_ACS_RR, PCI_ACS_DT, "delivered", "delivered"],
    ["Egress Control", 0, PCI_ACS_EC, "unknown", "unknown"],
    ["Egress Control with Request Redirect", PCI_ACS_RR, PCI_ACS_EC, "delivered", "delivered"],
    ["Request Redirect with Egress Control", PCI_ACS_EC, PCI_ACS_RR, "unknown", "unknown"],
    ["Direct Translated P2P with Egress Control", PCI_ACS_EC, PCI_ACS_DT, "acs-violation", "unknown"],
  ])("%s: untranslated and translated requests end as they must", (_, control, uncertain, plain, ats) => {
    const machine = changed(switchMachine(), "root2", { acs: { capability, control, uncertain } });
    const base = { requester: bdfOf(machine, "other"), kind: "write", lengthBytes: 4 } as const;
    const outcomeOf = (addressType: MemoryRequest["addressType"]): string => {
      const route = createFabric(machine).route({ ...base, address: busOf(machine, "left"), addressType });
      return isUnknown(route) ? "unknown" : route.outcome;
    };
    expect([outcomeOf("untranslated"), outcomeOf("translated")]).toEqual([plain, ats]);
  });
});
