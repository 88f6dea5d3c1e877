import { describe, expect, it } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevices } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

function machineOf(head: string, below: string): Machine {
  return afterBoot(qemuMachineOf(`${head}\nhostBridges:\n  - below:\n${below}`, "advice.yaml"));
}

const twoFunctions = `      - rootPort: { at: 04.0 }
        below: [functions: [nvme: { cmb: 16M }, nvme]]
`;
/** A port that firmware lets redirect, above two functions of one card. */
const redirectingPort = (at: string): string => `      - rootPort: { at: ${at}, acs: RR+ }
        below: [functions: [nvme: { cmb: 16M }, nvme]]
`;
const titles = (machine: Machine, rules?: string): string[] => {
  const [provider, client] = findDevices(machine, "nvme") as [Bdf, Bdf];
  return advise(machine, [{ provider, client }], rules === undefined ? {} : { rules }).fixes.map(({ title }) => title);
};

describe("The parameters that are proposed", () => {
  it("join those that are on the command line, since the kernel takes the last list only", () => {
    const machine = machineOf(
      'kernel: 7.2\ncpu: intel\niommu: strict\ncmdline: "pci=disable_acs_redir=0000:00:1c.0;pci:10de:2330"',
      twoFunctions,
    );
    expect(titles(machine)).toContain("pci=disable_acs_redir=0000:00:04.0;0000:00:1c.0;pci:10de:2330");
  });

  it("leave out entries at which the kernel stops reading", () => {
    const machine = machineOf(
      'kernel: 7.2\ncpu: intel\niommu: strict\ncmdline: "pci=disable_acs_redir=00:1c.0;nonsense;00:1d.0"',
      twoFunctions,
    );
    expect(titles(machine)).toContain("pci=disable_acs_redir=0000:00:04.0;00:1c.0");
  });

  it("are config_acs only where the kernel knows it", () => {
    const on = (kernel: string): string[] =>
      titles(machineOf(`kernel: ${kernel}\ncpu: intel\niommu: strict`, twoFunctions));
    expect(on("6.1").some((title) => title.startsWith("pci=config_acs"))).toBe(false);
    expect(on("7.2").some((title) => title.startsWith("pci=config_acs"))).toBe(true);
  });

  it("are by ids where all that have them are meant, and by address beside it; else by address alone", () => {
    const commands = (machine: Machine, index: number): readonly string[] => {
      const [provider, client] = findDevices(machine, "nvme") as [Bdf, Bdf];
      const fix = advise(machine, [{ provider, client }]).fixes[index];
      return (
        fix?.steps.filter(({ bootLoader }) => bootLoader === undefined || bootLoader === "kernelstub")[0]?.lines ?? []
      );
    };
    const one = machineOf("kernel: 7.2\ncpu: intel\niommu: strict", twoFunctions);
    expect(commands(one, 0)).toEqual(["pci=disable_acs_redir=pci:1b36:000c", "pci=disable_acs_redir=0000:00:04.0"]);
    expect(commands(one, 1)).toEqual(["pci=config_acs=xx100x1@pci:1b36:000c", "pci=config_acs=xx100x1@0000:00:04.0"]);
    const two = machineOf("kernel: 7.2\ncpu: intel\niommu: strict", ["04.0", "05.0"].map(redirectingPort).join(""));
    expect(commands(two, 0)).toEqual(["kernelstub -a 'pci=disable_acs_redir=0000:00:04.0'"]);
    const listed = { ...one, source: { ...one.source, format: "lspci" as const } };
    expect(commands(listed, 0), "a list may lack functions").toEqual([
      "kernelstub -a 'pci=disable_acs_redir=0000:00:04.0'",
    ]);
  });
});

describe("A list for several pairs", () => {
  const twoPairs = (words: string, port: (at: string) => string): readonly string[] => {
    const machine = machineOf(`cpu: intel\n${words}`, ["04.0", "05.0"].map(port).join(""));
    const [a, b, c, d] = findDevices(machine, "nvme") as [Bdf, Bdf, Bdf, Bdf];
    const pairs = [
      { provider: a, client: b },
      { provider: c, client: d },
    ];
    return advise(machine, pairs).fixes.map(({ title }) => title);
  };

  it("has no entry that does nothing, and what mends both comes first: config_acs comes after disable_acs_redir", () => {
    const words = 'kernel: 7.2\niommu: off\ncmdline: "pci=config_acs=1xx@0000:00:05.0"';
    expect(twoPairs(words, redirectingPort)).toEqual([
      "pci=config_acs=xxx00xx@0000:00:04.0;xxx00xx@0000:00:05.0;1xx@0000:00:05.0",
      "clear the redirect bits of 0000:00:04.0, 0000:00:05.0 with setpci",
      "pci=disable_acs_redir=0000:00:04.0",
      "turn ACS off in firmware setup",
    ]);
  });

  it("has the first entry of config_acs alone where the kernel reads no other", () => {
    const port = (at: string): string => redirectingPort(at).replace("RR+", "RR-");
    expect(twoPairs("kernel: 6.11.3\niommu: strict", port).slice(0, 3)).toEqual([
      "pci=disable_acs_redir=0000:00:04.0;0000:00:05.0",
      "clear the redirect bits of 0000:00:04.0, 0000:00:05.0 with setpci",
      "pci=config_acs=xx100x1@0000:00:04.0",
    ]);
  });
});

describe("The order of proposals", () => {
  it("has what lasts first, then what is gone after a reboot", () => {
    const machine = machineOf("kernel: 7.2\ncpu: intel\niommu: strict", twoFunctions);
    expect(titles(machine).map((title) => title.replace(/[= ].*/, ""))).toEqual(["pci", "pci", "clear", "intel_iommu"]);
  });
});

describe("What firmware set", () => {
  it("is proposed to be turned off there, where no IOMMU driver can have set it", () => {
    const port = `      - rootPort: { at: 04.0, acs: RR+ }
        below: [functions: [nvme: { cmb: 16M }, nvme]]
`;
    const on = (iommu: string): string[] => titles(machineOf(`kernel: 7.2\ncpu: intel\niommu: ${iommu}`, port));
    expect(on("off")).toContain("turn ACS off in firmware setup");
    expect(on("strict")).not.toContain("turn ACS off in firmware setup");
  });

  it("is no more than what the command line leaves of it: what that sets, every boot sets again", () => {
    const ports = ["04.0", "05.0"].map(redirectingPort).join("");
    const on = (words: string): readonly string[] => {
      const machine = machineOf(`iommu: off\ncpu: intel\n${words}`, ports);
      const [provider, client] = findDevices(machine, "nvme") as [Bdf, Bdf];
      return advise(machine, [{ provider, client }]).fixes.map(({ title }) => title);
    };
    const inFirmware = "turn ACS off in firmware setup";
    expect(on('kernel: 7.2\ncmdline: "pci=config_acs=1xx@0000:00:04.0"')).not.toContain(inFirmware);
    expect(on('kernel: 7.2\ncmdline: "pci=config_acs=0xxx@0000:00:04.0"')).toContain(inFirmware);
    expect(on('kernel: 7.2\ncmdline: "pci=config_acs=1xx@0000:00:05.0"')).toContain(inFirmware);
    // A kernel that does not know the parameter.
    expect(on('kernel: 6.1\ncmdline: "pci=config_acs=1xx@0000:00:04.0"')).toContain(inFirmware);
    expect(on('kernel: 7.2\ncmdline: "amd_iommu=off"')).not.toContain(inFirmware);
  });

  it("decides whether a boot without the IOMMU helps, and is known of a scenario", () => {
    expect(titles(machineOf("kernel: 7.2\ncpu: intel\niommu: strict", twoFunctions))).toContain("intel_iommu=off");
  });
});

describe("A newer kernel", () => {
  const twoPorts = `      - rootPort: { at: 04.0 }
        below: [nvme: { cmb: 16M }]
      - rootPort: { at: 05.0 }
        below: [nvme]
`;

  it("is proposed where its allow-list is the first to have the host bridge", () => {
    const grace = afterBoot(
      qemuMachineOf(
        `kernel: 6.12\ncpu: arm\niommu: off\nhostBridges:\n  - id: 10de:2f95\n    below:\n${twoPorts}`,
        "grace.yaml",
      ),
    );
    expect(titles(grace)).toContain("Linux 7.3 or newer");
  });

  const only = (kernel: string, cmdline: string, below: string, cpu = "intel"): readonly string[] => {
    const machine = afterBoot(
      qemuMachineOf(
        `kernel: ${kernel}\ncpu: ${cpu}\niommu: off\ncmdline: "${cmdline}"\nhostBridges:\n  - id: 8086:09a2\n    below:\n${below}`,
        "boot.yaml",
      ),
    );
    const nvmes = findDevices(machine, "nvme");
    const pairs = nvmes.slice(1).map((client, index) => ({ provider: nvmes[index] as Bdf, client }));
    return advise(machine, pairs)
      .fixes.map(({ title }) => title)
      .filter((title) => title.startsWith("Linux"));
  };
  const disabled = "pci=disable_acs_redir=0000:00:04.0";

  it.each([
    ["6.14.1", "intel", "Linux 6.14.2 or newer"],
    ["6.14.1", "amd-zen", "Linux 6.14.2 or newer"],
    ["6.13.2", "intel", "Linux 6.13.11 or newer, but not 6.14 to 6.14.1"],
    ["6.11.9", "intel", "Linux 6.12.23 or newer, but not 6.13 to 6.13.10 or 6.14 to 6.14.1"],
  ])("is proposed for what it does at boot with the command line of Linux %s on %s: %s", (kernel, cpu, title) => {
    expect(only(kernel, disabled, redirectingPort("04.0"), cpu)).toEqual([title]);
    expect(only(kernel, "quiet", redirectingPort("04.0"), cpu)).toEqual([]);
  });

  it.each([
    [disabled, "Linux 5.18 or newer, but not 6.11 to 6.12.22, 6.13 to 6.13.10 or 6.14 to 6.14.1"],
    ["pci=config_acs=1xx@0000:00:05.0", "Linux 5.18 to 6.10"],
    [
      "quiet",
      "Linux 5.18 or newer",
      "Linux 5.18 or newer, but not 6.11 to 6.12.22, 6.13 to 6.13.10 or 6.14 to 6.14.1, and boot with pci=disable_acs_redir=0000:00:04.0",
    ],
  ])(
    "is proposed up to where the boot of a newer one undoes it with %s: %s",
    (cmdline, title, withParameter = `${title}, and boot with ${disabled}`) => {
      const card = (at: string, acs: string): string => `      - rootPort: { at: ${at}, acs: ${acs} }
        below: [functions: [nvme: { cmb: 16M }, nvme: { cmb: 16M }]]
`;
      expect(only("5.10.28", cmdline, `${card("04.0", "RR+")}${card("05.0", "RR-")}`)).toEqual(
        cmdline === disabled ? [title] : [withParameter, title],
      );
    },
  );

  it("is not proposed where the user says whose rules decide", () => {
    const machine = machineOf("kernel: 5.4\ncpu: amd-zen\niommu: off", twoPorts);
    expect(titles(machine).some((title) => title.startsWith("Linux"))).toBe(true);
    expect(titles(machine, "5.4").some((title) => title.startsWith("Linux"))).toBe(false);
  });
});

describe("What runs now", () => {
  const [provider, client] = [0x100 as Bdf, 0x101 as Bdf];
  const effects = (machine: Machine) => advise(machine, [{ provider, client }]).parameters;

  it("took effect where no function that a parameter names redirects", () => {
    expect(effects(readCapturedMachine("mixed-acs.intel.strict.by-address"))).toMatchObject([
      { parameter: "pci=disable_acs_redir=0000:00:04.0", effect: "took-effect" },
      { parameter: "pci=disable_acs_redir=0000:00:05.0", effect: "matches-nothing" },
    ]);
  });

  it("shows a list that a comma cut short", () => {
    const machine = readCapturedMachine("mixed-acs.intel.strict.by-address-with-comma");
    const advice = advise(machine, [{ provider, client }]);
    expect(advice.parameters.map(({ parameter }) => parameter)).toEqual(["pci=disable_acs_redir=0000:00:05.0"]);
    expect(advice.remedies.map(({ gate }) => gate.kind)).toContain("kernel-parameter-misread");
  });

  it("did not help where something turned redirection on again", () => {
    const machine = readCapturedMachine("mixed-acs.intel.strict.by-address");
    const written = applyChanges(machine, [{ kind: "acs", device: 0x20 as Bdf, set: 4, clear: 0 }]);
    expect(effects(written)[0]).toMatchObject({ effect: "still-redirects" });
    expect(advise(written, [{ provider, client }]).changedSinceBoot).toEqual([{ device: 0x20, bits: 4 }]);
  });
});
