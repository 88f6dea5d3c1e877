import { describe, expect, it, test } from "vitest";
import { compareMachines } from "../../src/advice/difference/machines.ts";
import { reboot } from "../../src/advice/reboot.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, formatBdf, makeBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import type { PolicyResult } from "../../src/policy/result.ts";
import { machineLines } from "../../src/report/facts.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decide, decideAll } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { check } from "../policy/machines.ts";

const mixed = readCapturedMachine("mixed-acs.intel.strict");

function acsControl(machine: Machine, bdf: Bdf): number | null {
  const acs = machine.functions.find((fn) => fn.bdf === bdf)?.acs;
  return acs === undefined || acs === null || isUnknown(acs) ? null : acs.control;
}

const port = makeBdf(0, 0, 4, 0);
const a = makeBdf(0, 1, 0, 0);
const b = makeBdf(0, 1, 0, 1);
const c = makeBdf(0, 2, 0, 0);

test("--kernel 7 is no release, also where a kernel of the series runs", () => {
  expect(() => askWhatIf(mixed, { kernel: "7" })).toThrow("'7' is no kernel release");
});

describe("--append of parameters of the IOMMU sets its mode", () => {
  const withMode = (mode: "off" | "strict" | "lazy" | "passthrough"): Machine => ({
    ...mixed,
    iommu: { ...mixed.iommu, mode },
  });

  it.each([
    // from, parameters, to
    ["strict", "iommu=pt", "passthrough"],
    ["strict", "iommu.passthrough=1", "passthrough"],
    ["strict", "quiet iommu=pt pci=noats", "passthrough"],
    ["off", "intel_iommu=on iommu=pt", "passthrough"],
    ["off", "intel_iommu=on iommu.passthrough=0 iommu.strict=1", "strict"],
    ["strict", "iommu=off", "off"],
    ["strict", "intel_iommu=off", "off"],
    ["strict", "amd_iommu=off", "strict"],
    ["passthrough", "iommu.passthrough=0 iommu.strict=0", "lazy"],
    ["passthrough", "iommu.strict=1", "passthrough"],
    ["lazy", "iommu.strict=1", "strict"],
    ["strict", "iommu.strict=0 iommu.strict=1", "strict"],
    ["lazy", "iommu=nopt", "lazy"],
    ["strict", "intel_iommu=on", "strict"],
    ["strict", "quiet -- iommu=pt", "strict"],
    ["strict", "intel-iommu=off", "off"],
    ["strict", "iommu=off iommu=force", "off"],
    ["strict", "iommu=off,force", "off"],
    ["strict", "intel_iommu=off intel_iommu=on", "strict"],
    ["strict", "intel-iommu=off intel_iommu=on", "strict"],
  ] as const)("%s with %s is %s", (from, append, to) => {
    const { after, changes } = askWhatIf(withMode(from), { append });
    expect(after.iommu.mode).toBe(to);
    expect(changes.flatMap((change) => (change.kind === "parameters" ? [change.text] : []))).toEqual([append]);
    expect(after.kernel.commandLine).toBe(`${String(mixed.kernel.commandLine).trim()} ${append}`);
    expect(changes.some(({ kind }) => kind === "iommu")).toBe(from !== to);
  });

  it.each([
    ["off", "iommu=pt", "the IOMMU is off, and 'iommu=pt' does not turn it on"],
    ["off", "amd_iommu=on", "the IOMMU is off, and 'amd_iommu=on' does not turn it on"],
    ["off", "intel_iommu=on", "leaves open how the IOMMU is used"],
    ["passthrough", "iommu=nopt", "leaves open how the IOMMU is used"],
    ["strict", "iommu=soft", "'iommu=soft' sets how the IOMMU is used in a way that is not modelled"],
  ] as const)("%s with %s is refused: %s", (from, append, message) => {
    expect(() => askWhatIf(withMode(from), { append })).toThrow(message);
  });

  test.each([
    ["intel", "iommu=off", "intel_iommu=on iommu=pt", "--append: the IOMMU is off, and"],
    ["intel", "intel_iommu=off", "intel_iommu=on iommu=pt", "passthrough"],
    ["amd-zen", "amd_iommu=off", "amd_iommu=on", "--append: the IOMMU is off, and"],
    ["amd-zen", "quiet", "amd_iommu=off amd_iommu=on", "off"],
  ] as const)("%s, turned off by '%s': %s turns it on where the kernel lets it", (cpu, cmdline, append, answer) => {
    const machine = readScenario(
      JSON.stringify({ cpu, kernel: "7.2", iommu: "off", cmdline, hostBridges: [{ below: [{ rootPort: {} }] }] }),
      "off.yaml",
    );
    const answerOf = (): string => {
      try {
        return String(askWhatIf(machine, { append }, false).after.iommu.mode);
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(answerOf().slice(0, answer.length)).toBe(answer);
  });

  it("is a change also where the source hides the mode as it is", () => {
    const hidden = { ...mixed, iommu: { ...mixed.iommu, mode: unknown("not shown") } };
    const { before, after } = askWhatIf(hidden, { append: "iommu=off" });
    expect([before.iommu.mode, after.iommu.mode]).toEqual([{ unknown: "not shown" }, "off"]);
  });

  it("is refused where --iommu says something else, and where the source hides the mode or the CPU", () => {
    expect(() => askWhatIf(mixed, { append: "iommu=pt", iommu: "lazy" })).toThrow(
      "--iommu lazy and --append 'iommu=pt' are two modes",
    );
    const hidden = { ...mixed, iommu: { ...mixed.iommu, mode: unknown("the source does not show it") } };
    expect(() => askWhatIf(hidden, { append: "iommu=pt" })).toThrow("and the source does not show it");
    const anyCpu = { ...mixed, cpu: { ...mixed.cpu, vendor: unknown("hidden") } };
    expect(() => askWhatIf(anyCpu, { append: "intel_iommu=off" })).toThrow("the source hides the CPU's");
    expect(askWhatIf(anyCpu, { append: "intel_iommu=off", cpu: "intel" }).after.iommu.mode).toBe("off");
  });
});

describe("--set", () => {
  it.each([
    ["00:04.0.acs=-RR-CR", 0x11],
    ["0000:00:04.0.acs=-rr", 0x19],
    ["00:04.0.acs=+TB-SV", 0x1e],
    ["00:04.0.acs=off", 0],
    ["00:04.0.acs=0x4", 0x4],
  ])("%s writes the bits that it names", (text, control) => {
    expect(acsControl(askWhatIf(mixed, { set: [text] }).after, port)).toBe(control);
  });

  it.each([
    ["00:04.0.acs=RR", "names no ACS bits"],
    ["00:04.0.acs=+RR-RR", "sets and clears the same bit"],
    ["00:04.0.acs=+XY", "has no bit 'XY'"],
    ["00:04.0.acs=0x100", "names no ACS bits"],
    ["00:04.0.acs=+EC", "does not offer"],
    ["00:05.0.acs=+RR", "has no ACS capability"],
    ["00:04.0.link=x16", "cannot set"],
    ["00:09.0.acs=off", "no device '00:09.0'"],
  ])("%s is refused: it %s", (text, message) => {
    expect(() => askWhatIf(mixed, { set: [text] })).toThrow(message);
  });

  it("leaves IOMMU groups as they were formed at boot", () => {
    const { before, after } = askWhatIf(mixed, { set: ["00:04.0.acs=off"] });
    const groups = (machine: Machine): unknown[] => machine.functions.map((fn) => fn.iommuGroup);
    expect(groups(after)).toEqual(groups(before));
    expect(decide(after, a, b).mapType).toBe("bus-addr");
  });

  it("leaves groups as the boot formed them where the source does not show them", () => {
    const scenario = readScenario(
      "kernel: 7.2\ncpu: intel\niommu: strict\nhostBridges: [{ below: [{ rootPort: { name: rp }, below: [gpu, nic] }] }]".replace(
        "[gpu, nic]",
        "[functions: [gpu, nic]]",
      ),
      "s.yaml",
    );
    const predicted = (machine: Machine): unknown => expectedIommuGroups(machine, topologyOf(machine));
    const { before, after } = askWhatIf(scenario, { set: ["rp.acs=off"] }, false);
    expect(predicted(after)).toEqual(predicted(before));
    // With the register as it is now a boot would form others.
    const { groupsAtBoot, ...forgotten } = after;
    expect(groupsAtBoot).toBeDefined();
    expect(predicted(forgotten)).not.toEqual(predicted(before));
    expect(predicted(reboot(after, after))).toEqual(predicted(before));
  });

  it("cannot write what the source hides", () => {
    const functions = mixed.functions.map((fn) => (fn.bdf === port ? { ...fn, acs: unknown("not seen") } : fn));
    expect(() => askWhatIf({ ...mixed, functions }, { set: ["00:04.0.acs=off"] })).toThrow("hides its ACS: not seen");
  });
});

/** `7.3` of `7.3.4+deb13-amd64`. */
const releaseOf = ({ kernel }: Machine): string => /^\d+\.\d+/.exec(String(kernel.release))?.[0] ?? "";

describe("--kernel, --cpu and --iommu", () => {
  it("are changes where the source shows something else", () => {
    const { changes, before, after } = askWhatIf(mixed, { kernel: "6.12", cpu: "amd-zen", iommu: "passthrough" });
    expect(changes.map(({ kind }) => kind)).toEqual(["kernel", "cpu", "iommu"]);
    expect(before).toBe(mixed);
    expect(decide(before, a, c).mapType).toBe("not-supported");
    expect(decide(after, a, c).mapType).toBe("thru-host-bridge");
  });

  it("are no change where they say what the source says", () => {
    expect(askWhatIf(mixed, { kernel: releaseOf(mixed), iommu: "strict" })).toMatchObject({
      changes: [],
      after: mixed,
    });
    expect(askWhatIf(mixed, { kernel: `${releaseOf(mixed)}0` }).changes).toHaveLength(1);
  });

  it("are statements about the machine as it is where the source hides them", () => {
    const why = unknown("not seen");
    const dump: Machine = {
      ...mixed,
      cpu: { architecture: why, vendor: why, family: why, model: why, name: why },
      kernel: { release: why, commandLine: why, config: why },
      iommu: { kind: why, mode: why, groupTypes: why },
    };
    const { changes, before, after } = askWhatIf(dump, { kernel: "7.2", cpu: "intel", iommu: "strict" });
    expect(changes).toEqual([]);
    expect(after).toBe(before);
    expect(before.kernel.release).toBe("7.2");
    // The registers of a running machine already show what the IOMMU driver made of them.
    expect(acsControl(before, port)).toBe(0x1d);
  });

  it("boot a scenario first, so that what it does not state is filled in before", () => {
    const scenario = readScenario("kernel: 7.2\nhostBridges: [{ below: [rootPort: { at: 04.0 }] }]", "s.yaml");
    const { changes, after } = askWhatIf(scenario, { iommu: "strict", cpu: "intel" }, false);
    expect(changes).toEqual([]);
    expect(acsControl(after, port)).toBe(0x1d);
  });
});

describe("--move", () => {
  const upstreamOf = (machine: Machine, bdf: Bdf): string | undefined => {
    const topology = topologyOf(machine);
    const above = topology.bridgeAbove(bdf);
    return above === undefined ? undefined : formatBdf(above.bdf);
  };

  it("takes all functions of a device along, and lets two devices change places", () => {
    const { after } = askWhatIf(mixed, { move: ["01:00.0=under:00:05.0", "02:00.0=under:00:04.0"] });
    expect([a, b, c].map((bdf) => upstreamOf(after, bdf))).toEqual(["0000:00:05.0", "0000:00:05.0", "0000:00:04.0"]);
    expect(decide(after, a, b).mapType).toBe("bus-addr");
  });

  it("forms IOMMU groups anew, as a boot does, and says that they are predicted", () => {
    const { after } = askWhatIf(mixed, { move: ["01:00.0=under:00:05.0", "02:00.0=under:00:04.0"] });
    const groups = expectedIommuGroups(after, topologyOf(after));
    const group = (bdf: Bdf): number | undefined => (isUnknown(groups) ? undefined : groups.get(bdf));
    expect(group(a)).toBeDefined();
    expect(group(a)).toBe(group(makeBdf(0, 0, 5, 0)));
    expect(group(c)).not.toBe(group(port));
    expect(after.functions.every(({ iommuGroup }) => isUnknown(iommuGroup))).toBe(true);
    const { assumed, results } = check(after, 'separate: [{ devices: ["02:00.0", "01:00.0"] }]');
    expect(assumed).toEqual([expect.stringContaining("as predicted")]);
    expect(results[0]?.findings).toMatchObject([{ isPredicted: true }, { isPredicted: true }]);
  });

  it("forgets addresses, which are given anew, and says so", () => {
    const { after } = askWhatIf(mixed, { move: ["01:00.0=under:00:05.0", "02:00.0=under:00:04.0"] });
    const moved = after.functions.find((fn) => fn.bdf === a);
    const bars = moved === undefined || isUnknown(moved.bars) ? [] : moved.bars;
    expect(bars.length).toBeGreaterThan(0);
    expect(bars.every(({ busAddress }) => busAddress !== null && isUnknown(busAddress))).toBe(true);
    expect(after.notes.map(({ message }) => message)).toContainEqual(expect.stringContaining("numbers buses"));
    expect(askWhatIf(mixed, { iommu: "off" }).after.notes).toEqual(mixed.notes);
  });

  it("takes for granted that a BAR which has an address gets another, and no more", () => {
    const text = (bar: string): string =>
      `kernel: 7.2\ncpu: amd-zen\niommu: off\nhostBridges: [{ below: [{ rootPort: { name: rp, acs: false } }, ` +
      `{ rootPort: { acs: false }, below: [nic] }, { rootPort: { acs: false }, below: [gpu: { bar: ${bar} }] }] }]`;
    const judged = (bar: string): PolicyResult => {
      const scenario = readScenario(text(bar), "m.yaml");
      const gpu = scenario.functions.find(({ classCode }) => Number(classCode) >>> 16 === 3)?.bdf ?? port;
      const { after } = askWhatIf(scenario, { move: [`${formatBdf(gpu)}=under:rp`] }, false);
      return check(after, "require: [{ provider: gpu, client: nic, path: supported }]");
    };
    expect(judged("16M")).toMatchObject({ outcome: "pass" });
    expect(judged("16M").assumed).toContainEqual(expect.stringContaining("after the move"));
  });

  it.each([
    ["01:00.0=under:00:05.0", "has one slot"],
    ["01:00.0=under:02:00.0", "is no bridge"],
    ["00:04.0=under:00:05.0", "part of the root complex"],
    ["01:00.0", "cannot move"],
    ["01:00.0=under:00:1e.0", "no device '00:1e.0'"],
  ])("%s is refused: it %s", (text, message) => {
    expect(() => askWhatIf(mixed, { move: [text] })).toThrow(message);
  });

  it("cannot put a bridge below itself", () => {
    const nested = readCapturedMachine("nested-switches.intel.off");
    const topology = topologyOf(nested);
    const upper = nested.functions.find(
      ({ express }) => express !== null && !isUnknown(express) && express.type === "upstream-port",
    );
    const [down = -1] = topology.children(topology.indexOf(upper?.bdf ?? port));
    const text = `${formatBdf(upper?.bdf ?? port)}=under:${formatBdf(topology.functions[down]?.bdf ?? port)}`;
    expect(() => askWhatIf(nested, { move: [text] })).toThrow("is below");
  });

  it("makes a pair of two host bridges direct below one switch", () => {
    const machine = afterBoot(
      readScenario(
        `kernel: 7.2
cpu: intel
iommu: off
hostBridges:
  - id: 8086:a700
    below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: false }
            below:
              - nvme: { name: one, cmb: 16M }
              - port: { at: 05.0 }
  - bus: 0x40
    below:
      - rootPort: { at: 00.0, id: 8086:a70d }
        below: [nic: { name: two }]
`,
        "m.yaml",
      ),
    );
    const nic = machine.functions.find(({ classCode }) => Number(classCode) >>> 16 === 2)?.bdf ?? port;
    const nvme = machine.functions.find(({ classCode }) => Number(classCode) >>> 8 === 0x0108)?.bdf ?? port;
    expect(decide(machine, nvme, nic).mapType).toBe("not-supported");
    const { after } = askWhatIf(machine, { move: [`${formatBdf(nic)}=under:02:05.0`] });
    expect(decide(after, nvme, nic)).toMatchObject({ mapType: "bus-addr", hops: 4 });
  });
});

describe("--append", () => {
  it("comes behind what is there, and the last list of its kind wins", () => {
    const listed = readCapturedMachine("mixed-acs.intel.strict.by-address");
    const { after } = askWhatIf(listed, { append: "pci=disable_acs_redir=0000:00:05.0" });
    expect(String(after.kernel.commandLine)).toMatch(
      /0000:00:04\.0;0000:00:05\.0 pci=disable_acs_redir=0000:00:05\.0$/,
    );
    expect(acsControl(after, port)).toBe(0x1d);
  });

  it.each([
    ["pci=disable_acs_redir=00:04.0", []],
    ["pci=noats,pcie_bus_perf,disable_acs_redir=pci:1b36:000c quiet splash", []],
    [
      "pci=disable_acs_rdir=00:04.0",
      ["--append: Linux has no 'disable_acs_rdir' in pci=, and ignores it → did you mean 'disable_acs_redir'?"],
    ],
    [
      "pci=nomsi,frobnicate",
      ["--append: Linux has no 'frobnicate' in pci=, and ignores it → look it up in the kernel's list of parameters"],
    ],
    [
      "pci=disable_acs_redir=00:04.0;00:14.0",
      [
        "--append: '00:14.0' in pci=disable_acs_redir= is no function of this machine, and does nothing → peerlane tree shows the addresses of its bridges",
      ],
    ],
    [
      "pci=config_acs=00xxxxx@00:14.0/00.0",
      [
        "--append: '00xxxxx@00:14.0/00.0' in pci=config_acs= is no function of this machine, and does nothing → peerlane tree shows the addresses of its bridges",
      ],
    ],
    [
      "pci=disable_acs_redir=00:04.0,00:05.0",
      [
        "--append: the kernel reads '00:05.0' as an option of its own and ignores it: devices are separated by ';', not ','",
      ],
    ],
    ["pci=noacs", ["--append: Linux has no 'pci=noacs': the kernel ignores it, and ACS stays on"]],
    [
      "pci=disable_acs_redir",
      [
        "--append: 'disable_acs_redir' in pci= names no device, and does nothing: it wants disable_acs_redir=ADDRESS;ADDRESS…",
      ],
    ],
    ["iommmu=pt", ["--append: 'iommmu=pt' is no parameter that decides anything here → did you mean 'iommu=pt'?"]],
    ["pic=noats", ["--append: 'pic=noats' is no parameter that decides anything here → did you mean 'pci=noats'?"]],
    ["iommu.passtrough=1", [expect.stringContaining("→ did you mean 'iommu.passthrough=1'?")]],
    // Each word is judged, the last ones first: of two that do the same the first counts.
    [
      "iommu=pt amd_iommu=off quiet",
      [
        "--append: 'amd_iommu=off' changes nothing on this machine: the IOMMU and ACS of every function are as without it",
      ],
    ],
    [
      "amd_iommu=off quiet",
      [
        "--append: 'amd_iommu=off', 'quiet' change nothing on this machine: the IOMMU and ACS of every function are as without them",
      ],
    ],
    [
      "iommu=pt iommu=pt",
      ["--append: 'iommu=pt' changes nothing on this machine: the IOMMU and ACS of every function are as without it"],
    ],
    [
      "pci=disable_acs_redir=00:14.0 amd_iommu=off",
      [
        expect.stringContaining("'00:14.0' in pci=disable_acs_redir= is no function of this machine"),
        expect.stringContaining("--append: 'amd_iommu=off' changes nothing"),
      ],
    ],
    ["amd_iommu=off amdgpu.pcie_p2p=0", [expect.stringContaining("--append: 'amd_iommu=off' changes nothing")]],
    // What its driver does is no matter of IOMMU and ACS.
    ["amdgpu.pcie_p2p=0", []],
    ["vfio.enable_unsafe_noiommu_mode=1", []],
    ...["pti=off", "amd_iommu=off", "intel_iommu=on", "pci=noats", "quiet"].map((word): [string, string[]] => [
      word,
      [`--append: '${word}' changes nothing on this machine: the IOMMU and ACS of every function are as without it`],
    ]),
  ])("%s: says what does nothing", (append, told) => {
    const { before, after } = askWhatIf(mixed, { append });
    const notes = after.notes
      .slice(before.notes.length)
      .map(({ message, remedy }) => (remedy === undefined ? message : `${message} → ${remedy}`));
    expect(notes).toEqual(told);
  });

  it("says nothing of an entry where the source may leave its function out", () => {
    const filtered = { ...mixed, functionsMayBeMissing: "a filter" };
    const { after } = askWhatIf(filtered, { append: "pci=disable_acs_redir=00:14.0" });
    expect(after.notes).toEqual(mixed.notes);
  });
});

test("a CPU that is named without a model is told so, and not as a machine's own", () => {
  const machine = readCapturedMachine("one-switch.amd-zen.off");
  const { before, after } = askWhatIf(machine, { cpu: "intel" });
  const { facts } = compareMachines(topologyOf(before), topologyOf(after), [before, after]);
  expect(facts).toEqual([
    { what: "cpu", before: expect.stringContaining("AuthenticAMD"), after: "Intel, model not given" },
  ]);
  expect(after.cpu.family).toEqual({ unknown: expect.stringContaining("--cpu names no family") });
  const rules = decideAll(after).rules;
  expect(machineLines(after, rules, 200).join(" ")).toContain("Intel, model not given ·");
});
