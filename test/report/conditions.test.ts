import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { unknownCpu } from "../../src/host/system-files.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { type Known, unknown } from "../../src/pci/known.ts";
import { claimText, conditionText, olderText } from "../../src/report/reasons.ts";
import type { Verdict } from "../../src/rules/verdict.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { acs, at, bridge, endpoint, hostBridge, intel, linux, machineOf, zen } from "../rules/by-hand.ts";

const hidden = unknown("not shown");
const noKernel = { ...linux(""), release: hidden };

interface Ports {
  /** ACS of the root port, the switch's upstream port and its two downstream ports. */
  readonly acs: readonly [Known<object | null>, Known<object | null>, Known<object | null>, Known<object | null>];
}

/** A host bridge of these ids, a switch below it with an endpoint at each of two ports, and one below another root port. */
function machine(ids: string, parts: Partial<Machine>, ports: Ports["acs"] = [acs(0), null, acs(0), acs(0)]): Machine {
  const [root, up, left, right] = ports as readonly PciFunction["acs"][];
  return machineOf(
    [
      hostBridge("00:00.0", ids),
      bridge("00:01.0", "root-port", 1, { acs: root ?? null }),
      bridge("01:00.0", "upstream-port", 2, { acs: up ?? null }),
      bridge("02:00.0", "downstream-port", 3, { acs: left ?? null }),
      bridge("02:01.0", "downstream-port", 4, { acs: right ?? null }),
      endpoint("03:00.0"),
      endpoint("04:00.0"),
      bridge("00:02.0", "root-port", 5),
      endpoint("05:00.0"),
    ],
    parts,
  );
}

const near = (of: Machine): Verdict => decide(of, at("03:00.0"), at("04:00.0"));
const far = (of: Machine): Verdict => decide(of, at("03:00.0"), at("05:00.0"));

describe("The condition of an unknown verdict", () => {
  test("names the releases that differ, and only those that are reckoned with", () => {
    const verdict = far(machine("8086:09a2", { cpu: intel, kernel: noKernel }));
    expect(conditionText(verdict)).toBe("through the host bridge on 5.18 and newer, not supported on 5.10 to 5.17");
  });

  test("names the CPU", () => {
    const of = machine("8086:29c0", { cpu: unknownCpu("no lscpu") });
    expect(conditionText(far(of))).toBe(
      "through the host bridge of an AMD Zen or newer CPU, not supported on any other",
    );
    expect(conditionText(far({ ...of, kernel: noKernel }))).toBe(
      "through the host bridge of an AMD Zen or newer CPU, not supported on any other on 5.10 and newer",
    );
  });

  test("names the ports", () => {
    const trusted = (...ports: Ports["acs"]): string | null =>
      conditionText(near(machine("8086:09a2", { cpu: zen }, ports)));
    const open = "through the host bridge";
    expect(trusted(acs(0), null, hidden, hidden)).toBe(`direct if no port below 0000:01:00.0 redirects, else ${open}`);
    expect(trusted(acs(0), hidden, hidden, hidden)).toBe(
      `direct if no port from 0000:01:00.0 down redirects, else ${open}`,
    );
    expect(trusted(acs(0), null, acs(0), hidden)).toBe(`direct if 0000:02:01.0 does not redirect, else ${open}`);
    // What is above the meeting point does not matter.
    expect(trusted(hidden, null, acs(0), acs(0))).toBeNull();
    expect(trusted(acs(0), null, acs(0x1d), hidden)).toBeNull();
  });

  test("goes on with what the host bridge does then", () => {
    const ports: Ports["acs"] = [acs(0), null, hidden, acs(0)];
    const of = (ids: string, parts: Partial<Machine>): string | null => conditionText(near(machine(ids, parts, ports)));
    const direct = "direct if 0000:02:00.0 does not redirect, else";
    expect(of("8086:29c0", { cpu: intel })).toBe(`${direct} not supported`);
    expect(of("8086:29c0", { cpu: zen, kernel: noKernel })).toBe(`${direct} through the host bridge on 5.10 and newer`);
    expect(of("8086:29c0", { cpu: unknownCpu("no lscpu") })).toBe(
      `${direct} through the host bridge of an AMD Zen or newer CPU, not supported on any other`,
    );
  });

  test("is none for a known verdict", () => {
    expect(conditionText(far(machine("8086:29c0", { cpu: intel })))).toBeNull();
    expect(conditionText(near(machine("8086:29c0", { cpu: intel, kernel: noKernel })))).toBeNull();
  });
});

describe("A pair whose hidden ACS decides between direct and through the host bridge", () => {
  const ports: Ports["acs"] = [acs(0), null, hidden, acs(0)];

  test("is supported either way where the host bridge carries it", () => {
    expect(near(machine("8086:29c0", { cpu: zen }, ports))).toMatchObject({ mapType: "unknown", supported: true });
    expect(near(machine("8086:29c0", { cpu: zen, kernel: noKernel }, ports)).supported).toBe(true);
    expect(near(machine("8086:2030", { cpu: unknownCpu("-"), kernel: noKernel }, ports)).supported).toBe(true);
  });

  test("is open where it does not, or may not", () => {
    expect(near(machine("8086:29c0", { cpu: intel }, ports)).supported).toBeNull();
    expect(near(machine("8086:29c0", { cpu: unknownCpu("-") }, ports)).supported).toBeNull();
    expect(near(machine("8086:09a2", { cpu: intel, kernel: noKernel }, ports)).supported).toBeNull();
  });
});

test("A pair without a tree is supported either way on a CPU that the kernel trusts", () => {
  const treeless = (parts: Partial<Machine>): Verdict =>
    far({
      ...machine("8086:29c0", parts),
      functions: machine("8086:29c0", parts)
        .functions.filter(({ bridge: own }) => own === null)
        .map((fn) => ({ ...fn, attachment: hidden })),
      hostBridges: hidden,
    });
  const words = "supported either way: direct or through the host bridge";
  for (const kernel of [linux("5.10"), linux("7.2"), noKernel]) {
    const verdict = treeless({ cpu: zen, kernel });
    expect(verdict).toMatchObject({ mapType: "unknown", reason: "topology-hidden", supported: true });
    expect(conditionText(verdict)).toBe(words);
  }
  for (const parts of [
    { cpu: zen, kernel: linux("5.8") },
    { cpu: zen, kernel: linux("5.2") },
    { cpu: intel, kernel: linux("7.2") },
    { cpu: unknownCpu("-"), kernel: linux("7.2") },
  ]) {
    const verdict = treeless(parts);
    expect(verdict).toMatchObject({ mapType: "unknown", reason: "topology-hidden", supported: null });
    expect(conditionText(verdict)).toBeNull();
  }
});

test("A claim names its releases, and what older ones do", () => {
  const verdict = far(machine("8086:29c0", { cpu: zen, kernel: noKernel }));
  expect(claimText(verdict.mapType, verdict.releases)).toBe("through the host bridge on 5.10 and newer");
  expect(olderText(verdict)).toBe("not supported on 4.20 to 5.8");
  const refused = far(machine("8086:29c0", { cpu: intel, kernel: noKernel }));
  expect(claimText(refused.mapType, refused.releases)).toMatch(/^not supported on 4\.20 to 7\.\d+$/);
  expect(olderText(refused)).toBeNull();
  const direct = near(machine("8086:29c0", { cpu: intel, kernel: noKernel }));
  expect(claimText(direct.mapType, direct.releases)).toBe("direct on 4.20 and newer");
});
