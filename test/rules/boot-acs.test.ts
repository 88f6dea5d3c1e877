import { describe, expect, it } from "vitest";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import {
  acsOfBits,
  afterBoot,
  type BootWorld,
  bootWorlds,
  mergeBits,
  sameVariant,
  withFormedGroups,
} from "../../src/rules/boot-acs.ts";
import type { AcsAtBoot, ConfigAcsReading } from "../../src/rules/kernels/kernel-rules.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";
import { bridge, machineOf } from "./by-hand.ts";

/** ACS control of each function that has ACS, after the boot of a machine with these lines at its head. */
function control(...head: string[]): Record<string, number | "unknown"> {
  const kernel = head.some((line) => line.startsWith("kernel:")) ? [] : ["kernel: 7.2"];
  const text = `${[...kernel, ...head].join("\n")}
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: SV- RR- EC+ }
            below: [nvme, nvme]
      - rootPort: { at: 05.0, acs: TB+ RR+ }
        below:
          - functions: [nvme: { acs: true }, nvme]
`;
  const found: Record<string, number | "unknown"> = {};
  for (const { bdf, acs } of afterBoot(qemuMachineOf(text, "boot.yaml")).functions) {
    if (acs !== null) found[formatBdf(bdf).slice(5)] = isUnknown(acs) ? "unknown" : acs.control;
  }
  return found;
}

const firmware = { "00:04.0": 0, "02:00.0": 0x20, "02:01.0": 0x20, "00:05.0": 0x06, "05:00.0": 0 };
/** Source validation, both redirects and upstream forwarding on top of what firmware set. */
const enabled = { "00:04.0": 0x1d, "02:00.0": 0x3d, "02:01.0": 0x3d, "00:05.0": 0x1f, "05:00.0": 0x0c };

describe("The kernel's boot", () => {
  it("leaves ACS as it is without an IOMMU", () => {
    expect(control("iommu: off")).toEqual(firmware);
  });

  it("leaves no bit open of what firmware is known to have left", () => {
    const machine = machineOf([bridge("00:01.0", "root-port", 1, { acs: { capability: 0x7f, control: 0x04 } })]);
    expect(afterBoot(machine).functions[0]?.acs).toEqual({ capability: 0x7f, control: 0x04, firmwareControl: 0x04 });
  });

  it.each(["strict", "lazy", "passthrough"])("turns ACS on with the IOMMU in mode %s", (mode) => {
    expect(control(`iommu: { mode: ${mode}, kind: intel }`)).toEqual(enabled);
  });

  it("is known where firmware already redirects, and unknown elsewhere, where the scenario does not state the IOMMU", () => {
    expect(control()).toEqual({
      "00:04.0": "unknown",
      "02:00.0": 0x20,
      "02:01.0": 0x20,
      "00:05.0": 0x06,
      "05:00.0": "unknown",
    });
  });
});

it("leaves the register that the rules read as it was where a root port keeps its own elsewhere (Sunrise Point)", () => {
  const control = (id: string): unknown => {
    const text = `kernel: 7.2
iommu: { mode: strict, kind: intel }
hostBridges:
  - id: 8086:1918
    below:
      - rootPort: { at: 1c.0, id: ${id}, acs: SV- }
        below: [nvme]
`;
    const { acs } =
      afterBoot(qemuMachineOf(text, "boot.yaml")).functions.find(
        ({ deviceId }) => `8086:${Number(deviceId).toString(16)}` === id,
      ) ?? {};
    return acs !== undefined && acs !== null && !isUnknown(acs) ? acs.control : acs;
  };
  expect(control("8086:a110")).toBe(0);
  expect(control("8086:9d1b")).toBe(0);
  expect(control("8086:9d1c")).toBe(0x1d);
});

describe("config_acs", () => {
  it("cannot set a bit that the capability does not offer", () => {
    const set = (flags: string): number | "unknown" | undefined =>
      control("iommu: off", `cmdline: "pci=config_acs=${flags}@0000:00:04.0"`)["00:04.0"];
    expect(set("x1xxxxx")).toBe(0);
    expect(set("1111111")).toBe(0x5f);
  });
});

describe("disable_acs_redir", () => {
  const clear = (devices: string): Record<string, number | "unknown"> =>
    control("iommu: strict", `cmdline: "pci=disable_acs_redir=${devices}"`);

  it("puts a function back to what firmware left, less both redirects and egress control", () => {
    expect(clear("00:05.0")).toEqual({ ...enabled, "00:05.0": 0x02 });
    expect(clear("02:01.0")).toEqual({ ...enabled, "02:01.0": 0 });
  });

  it("works without an IOMMU, too", () => {
    expect(control("iommu: off", "cmdline: pci=disable_acs_redir=00:05.0")).toEqual({ ...firmware, "00:05.0": 0x02 });
  });

  it("finds functions by ids", () => {
    expect(clear("pci:1b36:000c")).toEqual({ ...enabled, "00:04.0": 0, "00:05.0": 0x02 });
    expect(clear("pci:104c:0")).toEqual({ ...enabled, "02:00.0": 0, "02:01.0": 0 });
  });

  it("finds functions by the path from the root bus", () => {
    expect(clear("00:04.0/00.0/01.0")).toEqual({ ...enabled, "02:01.0": 0 });
    expect(clear("00:05.0/00.0/01.0")).toEqual(enabled);
  });

  it("finds the first port only where ',' stands for ';'", () => {
    expect(clear("00:04.0,00:05.0")).toEqual({ ...enabled, "00:04.0": 0 });
  });

  it("is unknown for functions whose subsystem ids it asks for and the source hides", () => {
    expect(clear("pci:1b36:000c:1af4:1100")).toEqual({ ...enabled, "00:04.0": "unknown", "00:05.0": "unknown" });
  });

  it("clears only the redirect bits on 6.1, as that kernel applies the parameter to what it had set itself", () => {
    expect(control("kernel: 6.1", "iommu: strict", 'cmdline: "pci=disable_acs_redir=00:04.0"')).toEqual({
      ...enabled,
      "00:04.0": 0x11,
    });
  });

  it.each<[kernel: string, cleared: number, redirecting: number | "unknown"]>([
    // Firmware left nothing at 00:04.0, and translation blocking and request redirect at 00:05.0.
    ["4.20", 0x11, 0x13],
    ["6.10.14", 0x11, 0x13],
    ["6.11", 0x53, 0x57],
    ["6.12.22", 0x53, 0x57],
    ["6.12.23", 0x00, 0x02],
    ["6.13.10", 0x53, 0x57],
    ["6.13.11", 0x00, 0x02],
    ["6.14.1", 0x53, 0x57],
    ["6.14.2", 0x00, 0x02],
    ["6.14.0-37-generic", 0x00, 0x02],
    ["6.15", 0x00, 0x02],
    ["6.17.13-6-pve", 0x00, 0x02],
    ["6.18.9", 0x00, 0x02],
    ["7.0.0-22-generic", 0x00, 0x02],
    ["7.3.4", 0x00, 0x02],
    // The string leaves both sides of the fix possible.
    ["6.12", 0x00, "unknown"],
    ["6.14.0-15-generic", 0x00, "unknown"],
  ])("leaves on %s 0x%x of a port, and 0x%x of one at which firmware redirects", (kernel, cleared, redirecting) => {
    const disabled = (port: string): Record<string, number | "unknown"> =>
      control(`kernel: ${kernel}`, "iommu: strict", `cmdline: "pci=disable_acs_redir=${port}"`);
    expect(disabled("00:04.0")).toEqual({ ...enabled, "00:04.0": cleared });
    expect(disabled("00:05.0")).toEqual({ ...enabled, "00:05.0": redirecting });
  });

  it("leaves bits uncertain on which the ways that a release may go differ", () => {
    const machine = afterBoot(
      qemuMachineOf(
        "kernel: 6.13\niommu: strict\ncmdline: pci=disable_acs_redir=00:04.0\nhostBridges: [{ below: [rootPort: { at: 04.0 }] }]",
        "u",
      ),
    );
    const port = machine.functions.find(({ acs }) => acs !== null)?.acs;
    expect(port).toMatchObject({ control: 0, uncertain: 0x53 });
  });

  it("sets single bits by config_acs, on top of what firmware left", () => {
    expect(control("iommu: strict", 'cmdline: "pci=config_acs=x1xx0x1@00:05.0"')).toEqual({
      ...enabled,
      "00:05.0": 0x03,
    });
  });
});

describe("The ways in which a boot may have gone", () => {
  const OPEN = "ACS is set at boot by the IOMMU driver: ";
  const AMD =
    "AMD's driver asks for ACS where it finds its table, also with amd_iommu=off: whether it did is not shown";
  const VARIANTS =
    "what disable_acs_redir and config_acs do to ACS bits that firmware had set differs between the releases that this kernel may be";

  it.each<
    [
      release: string | null,
      mode: "off" | "strict" | null,
      commandLine: string | null,
      ways: string[],
      hidden: string[],
    ]
  >([
    ["7.2", "strict", "", ["asks starts-from-firmware every-entry"], []],
    ["7.2", "off", "", ["does not ask starts-from-firmware every-entry"], []],
    ["6.1", "strict", "", ["asks clears unknown-parameter"], []],
    // A kernel before P2PDMA; one whose name says nothing; one that is hidden.
    ["4.19", "strict", "", ["asks clears unknown-parameter"], []],
    [
      "mine",
      "strict",
      "",
      ["asks clears unknown-parameter", "asks mixes first-entry", "asks starts-from-firmware every-entry"],
      [VARIANTS],
    ],
    [null, "strict", "", ["asks clears unknown-parameter", "asks starts-from-firmware every-entry"], [VARIANTS]],
    // Nothing says whether an IOMMU driver was there.
    [
      "6.1",
      null,
      "",
      ["asks clears unknown-parameter", "does not ask clears unknown-parameter"],
      [`${OPEN}not stated`],
    ],
    // AMD's driver reads amd_iommu=off when it has asked already, if it found its table; three letters of an option are
    // compared (`parse_amd_iommu_options`).
    ...[
      "amd_iommu=off",
      "quiet amd_iommu=off",
      "amd_iommu=off quiet",
      "quiet\tamd_iommu=off",
      "amd_iommu=offx",
      "amd_iommu=pgtbl_v1,off",
    ].map((line): [string, "off", string, string[], string[]] => [
      "6.1",
      "off",
      line,
      ["asks clears unknown-parameter", "does not ask clears unknown-parameter"],
      [AMD],
    ]),
    ["6.1", "strict", "amd_iommu=off", ["asks clears unknown-parameter"], []],
    ["6.1", "off", "xamd_iommu=off", ["does not ask clears unknown-parameter"], []],
    ["6.1", "off", "amd_iommu=of", ["does not ask clears unknown-parameter"], []],
    ["6.1", "off", "amd_iommu=pgtbl_v1", ["does not ask clears unknown-parameter"], []],
    ["6.1", "off", "iommu=off", ["does not ask clears unknown-parameter"], []],
    ["6.1", "off", null, ["does not ask clears unknown-parameter"], []],
  ])("of %s with the IOMMU %s and '%s'", (release, mode, commandLine, ways, hidden) => {
    const { iommu, kernel } = qemuMachineOf("kernel: 7.2\niommu: strict\nhostBridges: [{ below: [nvme] }]", "u");
    const found = bootWorlds({
      iommu: { ...iommu, mode: mode ?? unknown("not stated") },
      kernel: {
        ...kernel,
        release: release ?? unknown("not stated"),
        commandLine: commandLine ?? unknown("not stated"),
      },
    });
    const names = found.worlds.map(
      ({ asksForAcs, variant }) => `${asksForAcs ? "asks" : "does not ask"} ${variant.acsAtBoot} ${variant.configAcs}`,
    );
    expect([...names].sort()).toEqual(ways);
    expect(found.hidden).toEqual(hidden);
  });

  it("are alike where both parameters are read alike", () => {
    const way = (acsAtBoot: AcsAtBoot, configAcs: ConfigAcsReading, asksForAcs = true): BootWorld => ({
      asksForAcs,
      variant: { acsAtBoot, configAcs },
    });
    const one = way("clears", "first-entry");
    expect(sameVariant(one, way("clears", "first-entry", false))).toBe(true);
    expect(sameVariant(one, way("clears", "every-entry"))).toBe(false);
    expect(sameVariant(one, way("starts-from-firmware", "first-entry"))).toBe(false);
  });
});

describe("Bits of several ways", () => {
  const all = (...controls: [control: number, uncertain?: number][]): unknown =>
    mergeBits(controls.map(([control, uncertain = 0]) => ({ control, uncertain })));

  it("are known where all agree", () => {
    expect(all([0x1d])).toEqual({ control: 0x1d, uncertain: 0 });
    expect(all([0x1d], [0x1d], [0x1d])).toEqual({ control: 0x1d, uncertain: 0 });
    expect(all([0x1d], [0x11])).toEqual({ control: 0x11, uncertain: 0x0c });
    expect(all([0x11], [0x1d])).toEqual({ control: 0x11, uncertain: 0x0c });
    expect(all([0x1d], [0x11], [0x10])).toEqual({ control: 0x10, uncertain: 0x0d });
    expect(all([0x01, 0x04], [0x01])).toEqual({ control: 0x01, uncertain: 0x04 });
    expect(all([0x01], [0x01, 0x04])).toEqual({ control: 0x01, uncertain: 0x04 });
  });

  const acs = { capability: 0x5f, control: 0x1f };
  it("are unknown as ACS where they leave open whether a port redirects", () => {
    expect(acsOfBits(acs, { control: 0x11, uncertain: 0x0c }, ["why", "more"])).toEqual({ unknown: "why" });
    expect(acsOfBits(acs, { control: 0x11, uncertain: 0x08 }, [])).toEqual({
      unknown: "what firmware left in the ACS control register is not known",
    });
    // Another bit redirects anyway, or those that are open redirect nothing.
    expect(acsOfBits(acs, { control: 0x04, uncertain: 0x08 }, ["why"])).toStrictEqual({
      capability: 0x5f,
      control: 0x04,
      uncertain: 0x08,
    });
    expect(acsOfBits(acs, { control: 0, uncertain: 0x01 }, ["why"])).toStrictEqual({
      capability: 0x5f,
      control: 0,
      uncertain: 0x01,
    });
    expect(acsOfBits(acs, { control: 0x11, uncertain: 0 }, ["why"])).toStrictEqual({ capability: 0x5f, control: 0x11 });
  });
});

describe("Groups that a boot forms", () => {
  const machine = qemuMachineOf("kernel: 7.2\niommu: strict\nhostBridges: [{ below: [nvme, nvme] }]", "u");
  const hidden = {
    ...machine,
    functions: machine.functions.map((fn) => ({ ...fn, iommuGroup: unknown("not shown") })),
  };

  it("stand where the source shows none", () => {
    const formed = withFormedGroups(hidden);
    expect(formed.functions.some(({ iommuGroup }) => isUnknown(iommuGroup))).toBe(false);
    expect(new Set(formed.functions.map(({ iommuGroup }) => iommuGroup)).size).toBe(formed.functions.length);
    expect(formed.kernel).toEqual(machine.kernel);
    expect(formed.functions.map(({ bdf }) => bdf)).toEqual(machine.functions.map(({ bdf }) => bdf));
  });

  it("do not stand where it shows one", () => {
    const shown = { ...hidden, functions: hidden.functions.map((fn) => ({ ...fn, iommuGroup: 77 })) };
    expect(withFormedGroups(shown).functions.map(({ iommuGroup }) => iommuGroup)).toEqual(
      shown.functions.map(() => 77),
    );
  });
});

describe("What firmware left in the control register", () => {
  it("stays with what the boot made of it", () => {
    const { functions } = afterBoot(
      qemuMachineOf(
        "kernel: 7.2\niommu: strict\nhostBridges: [{ below: [rootPort: { at: 05.0, acs: TB+ RR+ }] }]",
        "u",
      ),
    );
    expect(functions.find(({ acs }) => acs !== null)?.acs).toMatchObject({ control: 0x1f, firmwareControl: 0x06 });
  });

  it.each([
    { capability: 0x5f, control: 0x1d, firmwareControl: 0x06 },
    { capability: 0x5f, control: 0x1d },
  ])("is kept where it is known, and made up nowhere: %o", (acs) => {
    expect(acsOfBits(acs, { control: 0x11, uncertain: 0 }, [])).toStrictEqual({ ...acs, control: 0x11 });
  });
});

describe("What leaves ACS open after a boot", () => {
  const ioMmu = /^ACS is set at boot by the IOMMU driver: /;
  const variants =
    /^what disable_acs_redir and config_acs do to ACS bits that firmware had set differs between the releases that this kernel may be$/;

  it.each<[kernel: string, iommu: string, port: string, why: RegExp | null]>([
    ["7.2", "iommu: strict", "acs: true", null],
    ["7.2", "", "acs: true", ioMmu],
    // Firmware redirects, and 6.13 may put that back.
    ["6.13", "iommu: strict", 'acs: "RR+"', variants],
    ["6.13", "", 'acs: "RR+"', ioMmu],
    ["6.12", "iommu: strict", 'acs: "RR+"', variants],
    ["6.12.22", "iommu: strict", 'acs: "RR+"', null],
    ["6.12.23", "iommu: strict", 'acs: "RR+"', null],
    ["6.10", "iommu: strict", 'acs: "RR+"', null],
    ["6.11", "iommu: strict", 'acs: "RR+"', null],
    ["6.14", "iommu: strict", 'acs: "RR+"', variants],
    ["7.1", "iommu: strict", 'acs: "RR+"', null],
    ["7.2", "iommu: strict", 'acs: "RR+"', null],
  ])("on %s with '%s' and a port of %s", (kernel, iommu, port, why) => {
    const text = `kernel: "${kernel}"
${iommu}
cmdline: ${why === ioMmu && !port.includes("RR") ? '""' : "pci=disable_acs_redir=00:04.0"}
hostBridges: [{ below: [rootPort: { at: 04.0, ${port} }] }]`;
    const found = afterBoot(qemuMachineOf(text, "u")).functions.find(({ acs }) => acs !== null)?.acs ?? null;
    if (why === null) expect(isUnknown(found)).toBe(false);
    else expect(isUnknown(found) ? found.unknown : "known").toMatch(why);
  });
});

describe("A list of config_acs", () => {
  const port = (kernel: string, entries: string): number | "unknown" | undefined =>
    control(`kernel: ${kernel}`, "iommu: strict", `cmdline: "pci=config_acs=${entries}"`)["00:05.0"];

  it.each<[kernel: string, entries: string, expected: number]>([
    ["6.10", "0000000@00:05.0", 0x1f], // no such parameter
    ["6.11", "xx000xx@00:05.0", 0x07], // firmware's request redirect stays, as this kernel mixes the two
    ["6.11", "xx000xx@00:04.0;xx000xx@00:05.0", 0x1f], // entries after the first are not parsed
    ["6.11", "xxxxxxx@00:04.0;xx000xx@00:05.0", 0x07], // unless the first one leaves every bit
    ["6.12.23", "xx000xx@00:04.0;xx000xx@00:05.0", 0x02],
    ["7.2", "xx000xx@00:04.0;xx000xx@00:05.0", 0x02],
  ])("on %s, %s makes 0x%x", (kernel, entries, expected) => {
    expect(port(kernel, entries)).toBe(expected);
  });
});
