import { describe, expect, test } from "vitest";
import { type Cpu, type Machine, topologyOf } from "../../src/host/machine.ts";
import { busKeyOf, makeBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { ROOT_BUS_HIDDEN } from "../../src/pci/topology.ts";
import { decideHostBridge, type HostBridgeFacts, type HostBridgeOutcome } from "../../src/rules/host-bridge.ts";
import type { CpuMake } from "../../src/rules/inferred-cpu.ts";
import type { KernelRules } from "../../src/rules/kernels/kernel-rules.ts";
import { KERNEL_RULES } from "../../src/rules/kernels/mainline.ts";
import { NOT_SUPPORTED, THRU_HOST_BRIDGE, UNKNOWN } from "../../src/rules/map-type.ts";
import type { Verdict } from "../../src/rules/verdict.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { acs, at, bridge, endpoint, express, functionAt, hostBridge, intel, linux, machineOf, zen } from "./by-hand.ts";

const hidden = unknown("hidden here");

/** What the root bus may begin with, on bus `bus`; listed ids are 8086:2030, from 5.8 on also between host bridges. */
const FIRST: Readonly<Record<string, (bus: number) => PciFunction[]>> = {
  nothing: () => [],
  "a host bridge": (bus) => [hostBridge(`${hex(bus)}:00.0`, "8086:2030")],
  "a host bridge not listed": (bus) => [hostBridge(`${hex(bus)}:00.0`, "8086:29c0")],
  "a root port": (bus) => [bridge(`${hex(bus)}:01.0`, "root-port", bus + 0x20, listed)],
  "a root port not listed": (bus) => [bridge(`${hex(bus)}:01.0`, "root-port", bus + 0x20)],
  "an integrated endpoint": (bus) => [integrated(`${hex(bus)}:01.0`)],
  "an integrated endpoint at 00.0": (bus) => [integrated(`${hex(bus)}:00.0`)],
  "function 1 of device 0": (bus) => [hostBridge(`${hex(bus)}:00.1`, "8086:2030")],
  "a downstream port": (bus) => [bridge(`${hex(bus)}:01.0`, "downstream-port", bus + 0x20, listed)],
  "a conventional bridge": (bus) => [bridge(`${hex(bus)}:01.0`, "conventional", bus + 0x20, listed)],
  "one without capabilities shown": (bus) => [integrated(`${hex(bus)}:01.0`, { express: hidden })],
  "such a one not listed": (bus) => [integrated(`${hex(bus)}:01.0`, { express: hidden, deviceId: 0x29c0 })],
  "a port of hidden type": (bus) => [integrated(`${hex(bus)}:01.0`, { express: { ...port, type: hidden } })],
  "a host bridge of hidden vendor": (bus) => [hostBridge(`${hex(bus)}:00.0`, "8086:2030", { vendorId: hidden })],
  "an Intel host bridge of hidden device": (bus) => [hostBridge(`${hex(bus)}:00.0`, "8086:2030", { deviceId: hidden })],
  "a Nvidia host bridge of hidden device": (bus) => [hostBridge(`${hex(bus)}:00.0`, "10de:2f95", { deviceId: hidden })],
  "a Google host bridge of hidden device": (bus) => [hostBridge(`${hex(bus)}:00.0`, "1ae0:001f", { deviceId: hidden })],
};

const listed = { vendorId: 0x8086, deviceId: 0x2030 };
const port = express("root-port") as Exclude<PciFunction["express"], { unknown: string } | null>;

function integrated(address: string, parts: Partial<PciFunction> = {}): PciFunction {
  return functionAt(at(address), {
    ...listed,
    classCode: 0x088000,
    express: express("root-complex-endpoint"),
    ...parts,
  });
}

function hex(bus: number): string {
  return bus.toString(16).padStart(2, "0");
}

/** An endpoint that hangs from a root bus and lies on a bus of its own, as a virtual function may. */
function below(rootBus: number, bus: number): PciFunction {
  return functionAt(makeBdf(0, bus, 0, 0), { attachment: { upstream: null, rootBus } });
}

function onBus(rootBus: number, begin: (bus: number) => PciFunction[]): PciFunction[] {
  return begin(rootBus).map((fn) => ({ ...fn, attachment: { upstream: null, rootBus } }));
}

/** Two pairs: below one host bridge at bus 00, and between it and another one at bus 40 that begins alike. */
function outcomes(first: string, release: string, parts: Partial<Machine> = {}): string {
  const begin = FIRST[first];
  if (begin === undefined) throw new Error(first);
  const functions = [...onBus(0, begin), ...onBus(0x40, begin), below(0, 0x10), below(0, 0x11), below(0x40, 0x50)];
  const machine = machineOf(functions, { kernel: linux(release), ...parts });
  const reason = (client: number): string => decide(machine, at("10:00.0"), makeBdf(0, client, 0, 0)).reason;
  const [same, two] = [reason(0x11), reason(0x50)];
  return same === two ? same : `${same}, ${two}`;
}

describe("A path through host bridges whose root bus begins with", () => {
  test.each(
    rows(`
      // begins with                         | 4.20: no list              | 5.10: only 00.0 counts     | 6.1: root ports, too
      nothing                                | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-unidentified
      a host bridge                          | no-common-upstream-bridge  | host-bridge-allowed        | host-bridge-allowed
      a host bridge not listed               | no-common-upstream-bridge  | host-bridge-not-allowed    | host-bridge-not-allowed
      a root port                            | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-allowed
      a root port not listed                 | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-not-allowed
      an integrated endpoint                 | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-unidentified
      an integrated endpoint at 00.0         | no-common-upstream-bridge  | host-bridge-allowed        | host-bridge-allowed
      function 1 of device 0                 | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-unidentified
      a downstream port                      | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-unidentified
      a conventional bridge                  | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-unidentified
      one without capabilities shown         | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-hidden
      such a one not listed                  | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-not-allowed
      a port of hidden type                  | no-common-upstream-bridge  | host-bridge-unidentified   | host-bridge-hidden
      a host bridge of hidden vendor         | no-common-upstream-bridge  | host-bridge-hidden         | host-bridge-hidden
      an Intel host bridge of hidden device  | no-common-upstream-bridge  | host-bridge-hidden         | host-bridge-hidden
      a Nvidia host bridge of hidden device  | no-common-upstream-bridge  | host-bridge-not-allowed    | host-bridge-not-allowed
      a Google host bridge of hidden device  | no-common-upstream-bridge  | host-bridge-not-allowed    | host-bridge-not-allowed
    `),
  )("%s is decided alike below one and between two", (first = "", linux420, linux510, linux61) => {
    expect(outcomes(first, "4.20")).toBe(linux420);
    expect(outcomes(first, "5.10")).toBe(linux510);
    expect(outcomes(first, "5.17")).toBe(linux510);
    expect(outcomes(first, "6.1")).toBe(linux61);
    expect(outcomes(first, "6.12")).toBe(linux61);
  });

  test.each(
    rows(`
      // begins with                         | 7.2                     | 7.3
      a root port                            | host-bridge-allowed     | host-bridge-allowed
      a host bridge not listed               | host-bridge-not-allowed | host-bridge-not-allowed
      a Google host bridge of hidden device  | host-bridge-allowed     | host-bridge-allowed
      a Nvidia host bridge of hidden device  | host-bridge-not-allowed | host-bridge-hidden
      an Intel host bridge of hidden device  | host-bridge-hidden      | host-bridge-hidden
    `),
  )("%s, by newer lists", (first = "", linux72, linux73) => {
    expect(outcomes(first, "7.2")).toBe(linux72);
    expect(outcomes(first, "7.3")).toBe(linux73);
  });

  test.each(Object.keys(FIRST))("%s keeps its ACS redirect below one host bridge on 7.2", (first) => {
    const begin = FIRST[first]?.(0) ?? [];
    const above = functionAt(at("10:00.0"), {
      attachment: { upstream: null, rootBus: 0 },
      express: express("root-port"),
      acs: acs(0x1d),
      bridge: { primary: 0, secondary: 0x12, subordinate: 0x12, windows: [] },
      headerType: 1,
    });
    const mates = ["12:00.0", "12:00.1"].map((address) => endpoint(address));
    const machine = machineOf([...begin, above, ...mates]);
    const { reason, acsRedirect } = decide(machine, at("12:00.0"), at("12:00.1"));
    expect(`${reason}, ${acsRedirect.length} redirects`).toBe(`${outcomes(first, "7.2")}, 1 redirects`);
  });
});

describe("Two host bridges", () => {
  /** 8086:3c00 is listed for one host bridge only, 2030 for both, 29c0 for none; `?` is hidden. */
  test.each(
    rows(`
      // provider | client | reason                  | map type
      2030        | 2030   | host-bridge-allowed     | thru-host-bridge
      2030        | 3c00   | host-bridge-same-only   | not-supported
      3c00        | 2030   | host-bridge-same-only   | not-supported
      3c00        | 3c00   | host-bridge-same-only   | not-supported
      2030        | 29c0   | host-bridge-not-allowed | not-supported
      29c0        | 2030   | host-bridge-not-allowed | not-supported
      29c0        | 3c00   | host-bridge-not-allowed | not-supported // the provider's is looked up first
      3c00        | 29c0   | host-bridge-same-only   | not-supported
      ?           | 29c0   | host-bridge-not-allowed | not-supported // one refusal decides, whatever the other is
      29c0        | ?      | host-bridge-not-allowed | not-supported
      ?           | 3c00   | host-bridge-same-only   | not-supported
      2030        | ?      | host-bridge-hidden      | unknown
      ?           | 2030   | host-bridge-hidden      | unknown
      ?           | ?      | host-bridge-hidden      | unknown
    `),
  )("of devices %s and %s: %s, %s", (provider = "", client = "", reason, mapType) => {
    const begin = (address: string, device: string): PciFunction =>
      device === "?" ? hostBridge(address, "8086:2030", { deviceId: hidden }) : hostBridge(address, `8086:${device}`);
    const machine = machineOf([
      begin("00:00.0", provider),
      begin("40:00.0", client),
      below(0, 0x10),
      below(0x40, 0x50),
    ]);
    const verdict = decide(machine, at("10:00.0"), at("50:00.0"));
    expect(verdict).toMatchObject({ reason, mapType });
    expect(verdict.hidden).toEqual(mapType === "unknown" ? ["hidden here"] : []);
  });

  test("of one segment are two when they have two root buses, and of one bus number when they have two segments", () => {
    const functions = [hostBridge("0000:00:00.0", "8086:3c00"), hostBridge("0001:00:00.0", "8086:3c00")];
    const ends = [endpoint("0000:00:02.0"), endpoint("0001:00:02.0")];
    const machine = machineOf([...functions, ...ends]);
    expect(decide(machine, at("0000:00:02.0"), at("0001:00:02.0")).reason).toBe("host-bridge-same-only");
  });
});

describe("Host bridges whose ids share a name, as lspci without -nn prints it", () => {
  /** 8086:3c00 and 3c01 are listed for one host bridge only, 2030 and 2031 for both, 29c0 and 1237 for none. */
  test.each(
    rows(`
      // devices of that name                 | below one               | between two
      8086:2030                               | host-bridge-allowed     | host-bridge-allowed
      8086:2030 8086:2031                     | host-bridge-allowed     | host-bridge-allowed
      8086:3c00 8086:3c01                     | host-bridge-allowed     | host-bridge-same-only
      8086:29c0 8086:1237                     | host-bridge-not-allowed | host-bridge-not-allowed
      8086:29c0 10de:0001                     | host-bridge-not-allowed | host-bridge-not-allowed
      8086:2030 8086:3c00                     | host-bridge-hidden      | host-bridge-hidden
      8086:3c00 8086:2030                     | host-bridge-hidden      | host-bridge-hidden
      8086:2030 8086:29c0                     | host-bridge-hidden      | host-bridge-hidden
      8086:29c0 8086:2030                     | host-bridge-hidden      | host-bridge-hidden
      8086:2030 8086:2031 8086:29c0           | host-bridge-hidden      | host-bridge-hidden
      8086:2030 8086:29c0 8086:2031           | host-bridge-hidden      | host-bridge-hidden
      1ae0:0001 1ae0:0002                     | host-bridge-allowed     | host-bridge-allowed  // every device of Google's
      1ae0:0001 8086:2030                     | host-bridge-allowed     | host-bridge-allowed
      none                                    | host-bridge-hidden      | host-bridge-hidden
    `),
  )("%s: %s, %s", (names = "", same, two) => {
    const parts = {
      vendorId: hidden,
      deviceId: hidden,
      idsAmong: [...names.matchAll(/(\w+):(\w+)/g)].map(([, vendor = "", device = ""]) => ({
        vendorId: Number.parseInt(vendor, 16),
        deviceId: Number.parseInt(device, 16),
      })),
    };
    const bridges = ["00:00.0", "40:00.0"].map((address) => hostBridge(address, "0:0", parts));
    const machine = machineOf([...bridges, below(0, 0x10), below(0, 0x11), below(0x40, 0x50)]);
    const say = (client: string): Verdict => decide(machine, at("10:00.0"), at(client));
    expect([say("11:00.0").reason, say("50:00.0").reason]).toEqual([same, two]);
    expect(say("11:00.0").hidden).toEqual(same === "host-bridge-hidden" ? ["hidden here"] : []);
  });
});

describe("A first device that a source may leave out", () => {
  const because = (bus: string): string =>
    `device ${bus}:00.0 is not in the text, and only a tree shows that there is none: use sudo lspci -vvvnn; lspci -t`;
  const lspci: Machine["source"] = { format: "lspci", name: "a paste" };

  test.each(
    rows(`
      // format | made of | root port first     | nothing seen
      sysfs     | -       | host-bridge-allowed | host-bridge-unidentified
      archive   | -       | host-bridge-allowed | host-bridge-unidentified
      lspci     | -       | host-bridge-hidden  | host-bridge-hidden
      snapshot  | lspci   | host-bridge-hidden  | host-bridge-hidden
      snapshot  | sysfs   | host-bridge-allowed | host-bridge-unidentified
    `),
  )("is hidden on bus 00 of %s (of %s): %s, %s", (format, madeOf, rootPort, nothing) => {
    const source = { format, name: "-", ...(madeOf === "-" ? {} : { madeOf }) } as Machine["source"];
    const say = (first: string): string => {
      const machine = machineOf([...(FIRST[first]?.(0) ?? []), below(0, 0x10), below(0, 0x11)], { source });
      return decide(machine, at("10:00.0"), at("11:00.0")).reason;
    };
    expect(say("a root port")).toBe(rootPort);
    expect(say("nothing")).toBe(nothing);
    expect(say("a host bridge")).toBe("host-bridge-allowed");
  });

  test.each([0, 0x40, 0x64])("is what the verdict names, on bus %i", (bus) => {
    const functions = [...(FIRST["a root port"]?.(bus) ?? []), below(bus, bus + 0x10), below(bus, bus + 0x11)];
    const say = (parts: Partial<Machine>): Verdict =>
      decide(
        machineOf(functions, { source: lspci, ...parts }),
        makeBdf(0, bus + 0x10, 0, 0),
        makeBdf(0, bus + 0x11, 0, 0),
      );
    expect(say({}).hidden).toEqual([because(`0000:${hex(bus)}`)]);
    // A tree that draws another root bus only says nothing of this one.
    const drawn = (rootBus: number): Machine["hostBridges"] => [{ rootBus, windows: hidden, numaNode: null }];
    expect(say({ hostBridges: drawn(0x80) }).reason).toBe("host-bridge-hidden");
    expect(say({ hostBridges: drawn(bus) }).reason).toBe("host-bridge-allowed");
    const both = [...(drawn(0x80) as object[]), ...(drawn(bus) as object[])] as Machine["hostBridges"];
    expect(say({ hostBridges: both }).reason).toBe("host-bridge-allowed");
  });

  test("is there on every bus whose source filters functions", () => {
    const filtered = { functionsMayBeMissing: "bridges are filtered" };
    const machine = machineOf(
      [...(FIRST["a root port"]?.(0x40) ?? []), below(0x40, 0x50), below(0x40, 0x51)],
      filtered,
    );
    const { mapType, reason, hidden: why } = decide(machine, at("50:00.0"), at("51:00.0"));
    expect({ mapType, reason, why }).toEqual({
      mapType: "unknown",
      reason: "host-bridge-hidden",
      why: ["bridges are filtered"],
    });
  });

  test("of another segment is named with its segment", () => {
    const ends = ["0001:10:00.0", "0001:11:00.0"].map((address) =>
      endpoint(address, { attachment: { upstream: null, rootBus: 0x100 } }),
    );
    const machine = machineOf([bridge("0001:00:01.0", "root-port", 0x20, listed), ...ends], { source: lspci });
    const verdict = decide(machine, at("0001:10:00.0"), at("0001:11:00.0"));
    expect(verdict.reason).toBe("host-bridge-hidden");
    expect(verdict.hidden).toEqual([because("0001:00")]);
  });
});

/** The part of a CPU that a table writes: `?` is hidden, `-` is what the architecture does not have. */
function part<T>(text: string, read: (text: string) => T): T | null | typeof hidden {
  if (text === "?") return hidden;
  return text === "-" ? null : read(text);
}

describe("The CPU", () => {
  test.each(
    rows(`
      // architecture | vendor       | family | trusted
      x86_64          | AuthenticAMD | 0x0f   | no
      x86_64          | AuthenticAMD | 0x15   | no      // Bulldozer
      x86_64          | AuthenticAMD | 0x16   | no      // Jaguar
      x86_64          | AuthenticAMD | 0x17   | yes     // Zen
      x86_64          | AuthenticAMD | 0x19   | yes     // Zen 3
      x86_64          | AuthenticAMD | 0x1a   | yes     // Zen 5
      x86_64          | AuthenticAMD | -      | no
      x86_64          | AuthenticAMD | ?      | hidden
      x86_64          | HygonGenuine | 0x18   | no      // Zen by another name: the kernel asks for AMD's
      x86_64          | GenuineIntel | 6      | no
      x86_64          | GenuineIntel | 0x13   | no      // Diamond Rapids
      x86_64          | GenuineIntel | 0x17   | no
      x86_64          | CentaurHauls | 0x17   | no
      x86_64          | Shanghai     | 0x19   | no      // Zhaoxin
      x86_64          | -            | 0x17   | no
      x86_64          | ?            | 0x17   | hidden
      x86             | AuthenticAMD | 0x17   | yes
      i386            | AuthenticAMD | 0x17   | yes
      i686            | AuthenticAMD | 0x17   | yes
      i786            | AuthenticAMD | 0x17   | no
      i286            | AuthenticAMD | 0x17   | no
      amd64           | AuthenticAMD | 0x17   | yes
      riscv-x86       | AuthenticAMD | 0x17   | no
      ?               | AuthenticAMD | 0x17   | yes
      aarch64         | -            | -      | no
      ppc64le         | -            | -      | no
      aarch64         | AuthenticAMD | 0x19   | no
      aarch64         | ?            | ?      | no      // no CPU but x86 is looked at
    `),
  )("%s %s %s: %s", (architecture = "", vendor = "", family = "", trusted = "") => {
    const cpu: Cpu = {
      ...intel,
      architecture: part(architecture, String) ?? "",
      vendor: part(vendor, (name) => (name === "Shanghai" ? "  Shanghai  " : name)),
      family: part(family, Number),
    };
    const verdict = (first: string, release = "7.2"): Verdict =>
      decide(
        machineOf([...(FIRST[first]?.(0) ?? []), below(0, 0x10), below(0, 0x11)], { cpu, kernel: linux(release) }),
        at("10:00.0"),
        at("11:00.0"),
      );
    const SAYS = {
      yes: ["cpu-allowed", "cpu-allowed", "thru-host-bridge"],
      no: ["host-bridge-not-allowed", "host-bridge-allowed", "not-supported"],
      // A host bridge that is listed decides, whatever the CPU is.
      hidden: ["cpu-hidden", "host-bridge-allowed", "unknown"],
    };
    const [notListed, allowed, mapType] = SAYS[trusted as keyof typeof SAYS];
    expect(verdict("a host bridge not listed")).toMatchObject({ reason: notListed, mapType });
    expect(verdict("a host bridge")).toMatchObject({ reason: allowed, mapType: "thru-host-bridge" });
    // Before 5.10 no CPU is trusted for itself.
    expect(verdict("a host bridge not listed", "5.8").reason).toBe("host-bridge-not-allowed");
  });

  test("that is hidden is named beside the host bridge that is", () => {
    const parts = { cpu: { ...zen, vendor: unknown("no cpuinfo") } };
    const one = machineOf(
      [...(FIRST["a host bridge of hidden vendor"]?.(0) ?? []), below(0, 0x10), below(0, 0x11)],
      parts,
    );
    const verdict = decide(one, at("10:00.0"), at("11:00.0"));
    expect(verdict).toMatchObject({ reason: "cpu-hidden", hidden: ["no cpuinfo", "hidden here"] });
  });
});

describe("A CPU that the source does not name, by families that its functions leave open", () => {
  test.each(
    rows(`
      // from | to   | trusted
      0x0f    | 0x16 | no
      0x0f    | 0x17 | hidden
      0x16    | 0x19 | hidden
      0x17    | 0x17 | yes
      0x17    | 0xff | yes
      0x18    | 0xff | yes
      -       | -    | no      // another make than AMD
    `),
  )("%s to %s: %s", (from = "", to, trusted = "") => {
    const families: CpuMake["families"] = from === "-" ? null : [Number(from), Number(to)];
    const make = { name: "a make", vendor: "AuthenticAMD", architecture: "x86_64", families };
    const outcome = outcomeOf({
      cpu: { ...zen, vendor: unknown("no lscpu"), family: unknown("no lscpu") },
      inferredCpu: { make, device: at("00:18.0"), vendorId: 0x1022, deviceId: 0x1600, what: "a node" },
    });
    expect(outcome).toMatchObject(
      {
        no: { mapType: NOT_SUPPORTED, reason: "host-bridge-not-allowed", hidden: [] },
        yes: { mapType: THRU_HOST_BRIDGE, reason: "cpu-allowed", hidden: [] },
        hidden: { mapType: UNKNOWN, reason: "cpu-hidden", hidden: ["no lscpu"], otherwise: NOT_SUPPORTED },
      }[trusted] ?? {},
    );
  });

  test("is AMD's of a hidden family, with that reason", () => {
    const outcome = outcomeOf({ cpu: { ...zen, family: unknown("no family") } });
    expect(outcome).toMatchObject({ reason: "cpu-hidden", hidden: ["no family"] });
  });
});

/** What host bridges that are not listed, on buses 00 and 40, do by 7.2's rules, unless `rules` say otherwise. */
function outcomeOf(
  facts: Partial<HostBridgeFacts>,
  rules: Partial<KernelRules> = {},
  [provider, client] = [0, 0],
): HostBridgeOutcome {
  const machine = machineOf([hostBridge("00:00.0", "8086:29c0"), hostBridge("40:00.0", "8086:29c0")]);
  const newest = KERNEL_RULES.find(({ release }) => release === "7.2") as KernelRules;
  return decideHostBridge(
    topologyOf(machine),
    { ...machine, inferredCpu: null, ...facts },
    { ...newest, ...rules },
    provider,
    client,
  );
}

describe("Rules that", () => {
  const none: Partial<KernelRules> = { allowList: [] };
  test.for<readonly [string, Partial<KernelRules>, Cpu, string]>([
    [
      "trust no CPU and list nothing know no way through",
      { ...none, firstAmdFamily: null },
      zen,
      "no-common-upstream-bridge",
    ],
    ["list nothing may trust a CPU", { ...none, firstAmdFamily: 0x17 }, zen, "cpu-allowed"],
    [
      "list nothing and trust another CPU refuse the host bridge",
      { ...none, firstAmdFamily: 0x17 },
      intel,
      "host-bridge-not-allowed",
    ],
    ["were not read may list any", { allowListUnread: true }, intel, "host-bridge-allowed"],
    ["were not read trust the CPU", { allowListUnread: true }, zen, "cpu-allowed"],
  ])("%s", ([, rules, cpu, reason]) => {
    expect(outcomeOf({ cpu }, rules).reason).toBe(reason);
  });

  /** Of 5.2 and 5.3: an IOMMU closes the way. */
  test.each(
    rows(`
      // IOMMU | not listed              | on a CPU that is trusted
      off      | host-bridge-not-allowed | cpu-allowed
      strict   | host-bridge-not-allowed | iommu-closes-host-bridge
      ?        | host-bridge-not-allowed | host-bridge-hidden
    `),
  )("close it for an IOMMU (%s): %s, %s", (mode, notListed, trusted) => {
    const iommu = { kind: "amd", mode: mode === "?" ? hidden : mode, groupTypes: new Map() } as Machine["iommu"];
    const say = (cpu: Cpu): string => outcomeOf({ cpu, iommu }, { iommuClosesHostBridge: true }).reason;
    expect([say(intel), say(zen)]).toEqual([notListed, trusted]);
  });
});

describe("A host bridge that the source does not show", () => {
  /** Bus 10 of a source that shows neither the bridge above nor root buses. */
  const lost = (bus: number): PciFunction => functionAt(makeBdf(0, bus, 0, 0));

  test("leaves a pair unknown, with what is above each end", () => {
    const verdict = decide(machineOf([lost(0x10), lost(0x20)]), at("10:00.0"), at("20:00.0"));
    expect(verdict).toMatchObject({ mapType: "unknown", reason: "topology-hidden", hops: null, distance: null });
    expect(verdict.hidden).toEqual(
      ["0000:10:00.0", "0000:20:00.0"].map(
        (name) => `the source does not show what is above ${name}: not part of a machine made by hand`,
      ),
    );
  });

  test("leaves a redirected pair below a bridge to the CPU", () => {
    const functions = [
      bridge("10:00.0", "upstream-port", 0x11, { acs: acs(0x1d) }),
      endpoint("11:00.0"),
      endpoint("11:01.0"),
    ];
    const say = (cpu: Cpu): Verdict => decide(machineOf(functions, { cpu }), at("11:00.0"), at("11:01.0"));
    expect(say(intel)).toMatchObject({
      mapType: "unknown",
      reason: "host-bridge-hidden",
      hidden: ["the source does not show the host bridge"],
    });
    expect(say(zen)).toMatchObject({ mapType: "thru-host-bridge", reason: "cpu-allowed" });
  });

  test.each([
    [0, ROOT_BUS_HIDDEN],
    [ROOT_BUS_HIDDEN, 0],
    [ROOT_BUS_HIDDEN, ROOT_BUS_HIDDEN],
  ])("leaves the way open at either end (root buses %i and %i)", (provider, client) => {
    const ends: [number, number] = [provider, client];
    expect(outcomeOf({}, {}, ends)).toMatchObject({ mapType: UNKNOWN, reason: "host-bridge-hidden" });
    expect(outcomeOf({ cpu: zen }, {}, ends)).toMatchObject({ mapType: THRU_HOST_BRIDGE, reason: "cpu-allowed" });
  });

  test("is found by its root bus where the source lists that", () => {
    const hostBridges = [{ rootBus: busKeyOf(at("10:00.0")), windows: hidden, numaNode: null }];
    const machine = machineOf([lost(0x10), functionAt(at("10:01.0"))], { hostBridges });
    expect(decide(machine, at("10:00.0"), at("10:01.0")).reason).toBe("host-bridge-not-allowed");
  });
});
