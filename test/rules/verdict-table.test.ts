import { describe, expect, test } from "vitest";
import { type Machine, topologyOf } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { NOT_SUPPORTED, THRU_HOST_BRIDGE } from "../../src/rules/map-type.ts";
import { decide, decideAll, hostBridgesOf, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { acs, at, bridge, endpoint, hostBridge, intel, linux, machineOf, oneSwitch, zen } from "./by-hand.ts";

const hidden = unknown("hidden here");

/** Devices at 03:00 (two functions) and 04:00 below a switch, one at 05:00 below another root port of the host bridge. */
function machine(
  parts: Partial<Machine> = {},
  acsOf: Readonly<Record<string, PciFunction["acs"]>> = {},
  hostBridgeIs = "8086:29c0",
): Machine {
  const functions = [
    ...oneSwitch().slice(1),
    hostBridge("00:00.0", hostBridgeIs),
    endpoint("03:00.0", { multifunction: true, names: ["nvme0"] }),
    endpoint("03:00.1"),
    endpoint("04:00.0", { names: ["nvme1"] }),
    bridge("00:02.0", "root-port", 5),
    endpoint("05:00.0", { names: ["nvme2"] }),
  ];
  const named = Object.entries(acsOf).map(([name, is]) => [at(name), is] as const);
  return machineOf(
    functions.map((fn) => ({ ...fn, acs: named.find(([bdf]) => bdf === fn.bdf)?.[1] ?? null })),
    parts,
  );
}

const [nvme0, nvme1, nvme2] = [at("03:00.0"), at("04:00.0"), at("05:00.0")];

describe("Pairs are named", () => {
  const table = decideAll(machine(), { providers: [nvme0, nvme1], clients: [nvme0, nvme1, nvme2] });
  const asks: Readonly<Record<string, (i: number, j: number) => unknown>> = {
    mapType: (i, j) => table.mapType(i, j),
    hops: (i, j) => table.hops(i, j),
    distance: (i, j) => table.distance(i, j),
    redirected: (i, j) => table.redirected(i, j),
    path: (i, j) => table.path(i, j),
    why: (i, j) => table.why(i, j),
    at: (i, j) => table.at(i, j),
  };

  test.each(Object.keys(asks))("by positions of the table, or there is none: %s", (name) => {
    const ask = asks[name] as (typeof asks)[string];
    for (const [i, j] of [
      [-1, 0],
      [2, 0],
      [0, -1],
      [0, 3],
      [1, 3],
      [0.5, 0],
      [0, 0.5],
      [Number.NaN, 0],
    ] as const) {
      expect(() => ask(i, j)).toThrow(
        expect.objectContaining({
          code: "usage",
          message: `no pair (${i}, ${j}) in a table of 2 × 3`,
          remedy: "pairs are named by their positions in providers and clients; between(provider, client) takes names",
        }),
      );
    }
    expect(() => ask(1, 2)).not.toThrow();
  });

  test("by what devices are called", () => {
    expect(table.between("nvme1", "05:00.0")).toEqual(table.at(1, 2));
    expect(table.between(nvme0, nvme1)).toEqual(table.at(0, 1));
    expect(() => table.between("nvme2", "nvme0")).toThrow(
      expect.objectContaining({
        code: "unknown-device",
        message: "0000:05:00.0 is no provider of this table",
        remedy: 'make a table with it: { providers: ["0000:05:00.0"] }',
      }),
    );
    expect(() => table.between("nvme0", "03:00.1")).toThrow(
      expect.objectContaining({
        code: "unknown-device",
        message: "0000:03:00.1 is no client of this table",
        remedy: 'make a table with it: { clients: ["0000:03:00.1"] }',
      }),
    );
  });

  test("and the way of one is not that of the last one asked for", () => {
    const meetings = (): unknown[] => [0, 1, 2, 1].map((j) => table.path(0, j).meeting);
    expect(meetings()).toEqual([nvme0, at("01:00.0"), null, at("01:00.0")]);
    expect(table.path(1, 2)).toMatchObject({ provider: nvme1, client: nvme2 });
    expect(table.path(1, 1).path).toEqual([nvme1]);
  });
});

describe("What a verdict says of a pair", () => {
  /** Which of the kernel's rules decide; `-` where the source names none. */
  test.each(
    rows(`
      // kernel | CPU   | pair  | map type         | reason                     | supported | distance
      7.2       | Intel | same  | bus-addr         | same-function              | true      | 0
      7.2       | Intel | below | bus-addr         | common-upstream-bridge     | true      | 4
      7.2       | Intel | apart | not-supported    | host-bridge-not-allowed    | false     | -1
      7.2       | Zen   | apart | thru-host-bridge | cpu-allowed                | true      | 6
      7.2       | ?     | apart | unknown          | cpu-hidden                 | null      | null
      5.3       | Intel | below | bus-addr         | common-upstream-bridge     | true      | 4    // what is added is for the host bridge
      4.20      | Zen   | apart | not-supported    | no-common-upstream-bridge  | false     | -1
      4.19      | Zen   | below | not-supported    | kernel-too-old             | false     | -1
      4.19      | Zen   | same  | not-supported    | kernel-too-old             | false     | -1
      4.19      | Zen   | apart | not-supported    | kernel-too-old             | false     | -1
      -         | Zen   | below | bus-addr         | common-upstream-bridge     | true      | 4
      -         | Zen   | apart | thru-host-bridge | cpu-allowed                | true      | 6    // as the newest has it
    `),
  )("on Linux %s, %s, %s: %s, %s", (release = "", cpuName, pair = "", mapType, reason, supported, distance) => {
    const cpu = { ...zen, ...(cpuName === "Intel" ? intel : {}), ...(cpuName === "?" ? { vendor: hidden } : {}) };
    const kernel = release === "-" ? { ...linux("7.2"), release: hidden } : linux(release);
    const client = { same: nvme0, below: nvme1, apart: nvme2 }[pair] ?? nvme0;
    const verdict = decide(machine({ cpu, kernel }), nvme0, client);
    expect({ ...verdict, supported: String(verdict.supported), distance: String(verdict.distance) }).toMatchObject({
      mapType,
      reason,
      supported,
      distance,
      hops: { same: 0, below: 4, apart: 6 }[pair],
      hidden: mapType === "unknown" ? ["hidden here"] : [],
    });
    expect("releases" in verdict).toBe(release === "-");
    // What the host bridge does is said where the pair hangs on it.
    expect("throughHostBridge" in verdict).toBe(pair === "apart" && release !== "4.19");
    const why = decideAll(machine({ cpu, kernel }), { providers: [nvme0], clients: [client] }).why(0, 0);
    expect("releases" in why).toBe(release === "-");
  });

  test("through the host bridge 5.2 and 5.3 add to the hops", () => {
    const of = (release: string): unknown =>
      decide(machine({ kernel: linux(release) }, {}, "1022:1450"), nvme0, nvme2).distance;
    expect(of("5.3.18")).toBe(6 + 0x1000);
    expect(of("5.4")).toBe(6);
  });

  test("through the host bridge the distance is open where a kernel may be one of 5.3 or a newer one", () => {
    const kernel = linux("5.3.18-150300.59.87-default");
    const verdict = decide(machine({ kernel, cpu: zen }, {}, "1022:1450"), nvme0, nvme2);
    expect(verdict).toMatchObject({ mapType: "thru-host-bridge", hops: 6, distance: null });
  });

  test("a redirected path is decided by the host bridge above it, and no other", () => {
    const of = (mate: string, above: string): string => {
      const functions = [
        hostBridge("00:00.0", "8086:29c0"),
        bridge("00:01.0", "root-port", 1, { acs: acs(0x1d) }),
        endpoint("01:00.0", { multifunction: true }),
        endpoint("01:00.1"),
        hostBridge("40:00.0", "8086:2030"),
        bridge("40:01.0", "root-port", 0x41, { acs: acs(0x1d) }),
        endpoint("41:00.0", { multifunction: true }),
        endpoint("41:00.1"),
      ];
      return decide(machineOf(functions), at(above), at(mate)).reason;
    };
    expect(of("01:00.0", "01:00.1")).toBe("host-bridge-not-allowed");
    expect(of("41:00.0", "41:00.1")).toBe("host-bridge-allowed");
  });

  test.each(
    rows(`
      // CPU | of the port above nvme0 | reason      | supported | through the host bridge
      Intel  | hidden                  | acs-hidden  | null      | not-supported
      Zen    | hidden                  | acs-hidden  | true      | thru-host-bridge   // redirected or not
      Zen    | redirects               | cpu-allowed | true      | thru-host-bridge
      ?      | hidden                  | acs-hidden  | null      | unknown
    `),
  )("on %s, ACS %s: %s, supported %s, else %s", (cpuName, control, reason, supported, through) => {
    const cpu = { ...zen, ...(cpuName === "Intel" ? intel : {}), ...(cpuName === "?" ? { vendor: hidden } : {}) };
    const of = { "02:00.0": control === "hidden" ? unknown("no ACS") : acs(0x1d) };
    const verdict = decide(machine({ cpu }, of), nvme0, nvme1);
    expect(verdict).toMatchObject({
      reason,
      supported: supported === "null" ? null : true,
      throughHostBridge: [{ mapType: through }],
      hidden: control === "hidden" ? ["no ACS"] : [],
    });
  });

  test.each(
    rows(`
      // CPU | kernel | supported
      Zen    | 7.2    | true      // wherever they go
      Zen    | 5.8    | null      // no CPU is trusted
      Zen    | 5.3    | null
      Intel  | 7.2    | null
      ?      | 7.2    | null
    `),
  )("whose way is hidden, on %s, Linux %s: %s", (cpuName, release = "", supported) => {
    const cpu = { ...zen, ...(cpuName === "Intel" ? intel : {}), ...(cpuName === "?" ? { vendor: hidden } : {}) };
    const functions = [endpoint("10:00.0"), endpoint("20:00.0", { attachment: { upstream: null, rootBus: 0x20 } })];
    const verdict = decide(machineOf(functions, { cpu, kernel: linux(release) }), at("10:00.0"), at("20:00.0"));
    expect(verdict).toMatchObject({
      mapType: "unknown",
      reason: "topology-hidden",
      hidden: ["the source does not show what is above 0000:10:00.0: not part of a machine made by hand"],
      supported: supported === "null" ? null : true,
      hops: null,
      distance: null,
    });
    expect(verdict.throughHostBridge).toBeUndefined();
  });

  test("whose way is hidden at the other end, or at both, names the uppermost function that is seen", () => {
    const functions = [
      bridge("10:00.0", "downstream-port", 0x11),
      endpoint("11:00.0"),
      endpoint("20:00.0", { attachment: { upstream: null, rootBus: 0x20 } }),
      bridge("30:00.0", "upstream-port", 0x31),
      bridge("31:00.0", "downstream-port", 0x32),
      endpoint("32:00.0"),
    ];
    const hides = (provider: string, client: string): readonly string[] => {
      // What every host bridge carries has no length all the same.
      const verdict = decide(machineOf(functions, { cpu: zen }), at(provider), at(client));
      expect(verdict).toMatchObject({ mapType: "unknown", supported: true, hops: null, distance: null });
      return verdict.hidden.map(
        (text) => /^the source does not show what is above (\S+): not part/.exec(text)?.[1] ?? text,
      );
    };
    expect(hides("20:00.0", "11:00.0")).toEqual(["0000:10:00.0"]);
    expect(hides("11:00.0", "20:00.0")).toEqual(["0000:10:00.0"]);
    expect(hides("32:00.0", "11:00.0")).toEqual(["0000:30:00.0", "0000:10:00.0"]);
  });

  test("what two functions hide for one reason is said once", () => {
    const of = { "02:00.0": unknown("no ACS"), "02:01.0": unknown("no ACS"), "04:00.0": unknown("another reason") };
    expect(decide(machine({}, of), nvme0, nvme1).hidden).toEqual(["no ACS", "another reason"]);
    const two = { "02:00.0": unknown("no ACS"), "02:01.0": unknown("no ACS") };
    expect(decide(machine({}, two), nvme0, nvme1).hidden).toEqual(["no ACS"]);
  });

  test("the table knows the CPU that functions show", () => {
    const unnamed = { cpu: { ...zen, vendor: hidden, family: hidden, architecture: hidden } };
    const table = (ids: string): VerdictTable => decideAll(machine(unnamed, {}, ids));
    expect(table("1022:1480").inferredCpu?.make.name).toBe("AMD Zen");
    expect(table("8086:29c0").inferredCpu).toBeNull();
    expect(table("1022:1480").between("nvme0", "nvme2").reason).toBe("cpu-allowed");
  });
});

describe("Host bridges, asked of places", () => {
  const said = (release: string, rules?: string): unknown[] => {
    const of = machine({ cpu: zen, kernel: linux(release) });
    const hostBridges = hostBridgesOf(of, topologyOf(of), rules);
    return [hostBridges.redirected(0), hostBridges.apart(0, 0)].map(({ mapType, reason, hidden: why }) =>
      [mapType, reason, ...why].join(" "),
    );
  };
  const allowed = `${THRU_HOST_BRIDGE} cpu-allowed`;
  test.each<[release: string, rules: string | undefined, redirected: string, apart: string]>([
    ["7.2", undefined, allowed, allowed],
    ["4.20", undefined, `${NOT_SUPPORTED} acs-redirect-refused`, `${NOT_SUPPORTED} no-common-upstream-bridge`],
    ["4.19", undefined, `${NOT_SUPPORTED} kernel-too-old`, `${NOT_SUPPORTED} kernel-too-old`],
    ["4.19", "7.2", allowed, allowed],
  ])("of Linux %s, by the rules of %s", (release, rules, redirected, apart) => {
    expect(said(release, rules)).toEqual([redirected, apart]);
  });

  test("of two root buses are those of both, and of these in that order", () => {
    const functions = [
      hostBridge("00:00.0", "8086:3c00"),
      hostBridge("20:00.0", "8086:29c0"),
      hostBridge("40:00.0", "8086:2030"),
    ];
    const of = machineOf(functions);
    const hostBridges = hostBridgesOf(of, topologyOf(of));
    const reasons = [0, 1, 2].map((provider) => [0, 1, 2].map((client) => hostBridges.apart(provider, client).reason));
    expect(reasons).toEqual([
      ["host-bridge-allowed", "host-bridge-same-only", "host-bridge-same-only"],
      ["host-bridge-not-allowed", "host-bridge-not-allowed", "host-bridge-not-allowed"],
      ["host-bridge-same-only", "host-bridge-not-allowed", "host-bridge-allowed"],
    ]);
  });
});

test("A pair on the third root bus is decided as those on the first", () => {
  const functions = ["00", "20", "40"].flatMap((bus) => [
    hostBridge(`${bus}:00.0`, "8086:2030"),
    endpoint(`${bus}:02.0`),
    endpoint(`${bus}:03.0`),
  ]);
  for (const bus of ["00", "20", "40"]) {
    const verdict = decide(machineOf(functions), at(`${bus}:02.0`), at(`${bus}:03.0`));
    expect(verdict).toMatchObject({ mapType: "thru-host-bridge", reason: "host-bridge-allowed", hops: 2, distance: 2 });
  }
});

test("Without a choice a table is of the devices of interest, both ways", () => {
  const { providers, clients } = decideAll(machine());
  expect(providers).toEqual(clients);
  expect(providers).toContain(nvme2);
  expect(providers).not.toContain(at("00:01.0"));
});
