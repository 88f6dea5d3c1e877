import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, test, vi } from "vitest";
import { type Advice, advise } from "../../src/advice/fix/advise.ts";
import { isolationLost } from "../../src/advice/fix/isolation.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { runFix } from "../../src/cli/verbs/fix.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { readScenario, scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice, findDevices } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";

/** Small machines, each of which shows one thing that `fix` has to find or to say. */

const fileOf = (name: string): string => join(import.meta.dirname, "cases", `${name}.yaml`);

/** The machine of a file, with words of it replaced. */
function machineOf(name: string, ...replaced: readonly (readonly [from: string, to: string])[]): Machine {
  const text = replaced.reduce((all, [from, to]) => all.replace(from, to), readFileSync(fileOf(name), "utf8"));
  return afterBoot(scenarioMachine(parseScenario(text, `${name}.yaml`)));
}

function adviceOn(name: string, provider = "gpu0", client = "nic0"): Advice {
  const machine = machineOf(name);
  return advise(machine, [{ provider: findDevice(machine, provider), client: findDevice(machine, client) }]);
}

const textOf = (advice: Advice): string => documentText(fixBlocks(advice), { width: 400, color: false });

/** Each proposal: its kinds, and what it makes of the first pair. */
const ways = ({ fixes }: Advice): readonly string[] =>
  fixes.map(({ kinds, verdicts }) => `${kinds.join(" + ")}: ${verdicts[0]?.mapType}, ${verdicts[0]?.hops}`);

/** The classes between which a proposal takes isolation away, with the names of an example. */
const isolationOf = ({ machine }: Advice, { isolation }: Advice["fixes"][number]): readonly string[] => {
  const nameOf = (bdf: number): string => machine.functions.find((fn) => fn.bdf === bdf)?.names[0] ?? "";
  if (isUnknown(isolation)) return [isolation.unknown];
  return isolation.classes.map(({ first, second, pairs }) => `${nameOf(first)} and ${nameOf(second)}: ${pairs}`);
};

describe("A device put beside another", () => {
  it("is no longer apart from it, and the proposal says so", () => {
    const advice = adviceOn("gpu-beside-chassis");
    const [slot] = advice.fixes;
    expect(slot?.kinds).toEqual(["slot"]);
    expect(slot === undefined ? [] : isolationOf(advice, slot)).toEqual(["gpu0 and nic0: 1"]);
    expect(textOf(advice)).toContain(
      "isolation: 1 GPU–NIC (as gpu0 and nic0) pair is no longer kept apart by the IOMMU",
    );
  });

  it("takes the other functions of its card with it", () => {
    const advice = adviceOn("gpu-with-audio");
    const slot = advice.fixes.find(({ kinds }) => kinds.join() === "slot");
    expect(slot === undefined ? [] : isolationOf(advice, slot)).toEqual(["gpu0 and nic0: 1", "audio0 and nic0: 1"]);
  });
});

describe("Two changes", () => {
  it("are found where one is not enough: another slot, and the redirection cleared there", () => {
    const advice = adviceOn("redirecting-free-slot");
    expect(ways(advice)).toEqual(["slot + kernel-parameter: bus-addr, 4"]);
    expect(advice.fixes[0]?.title).toBe(
      "put 0000:01:00.0 into the free slot below 0000:03:01.0 (device 1), and boot with pci=disable_acs_redir=0000:00:02.0/00.0/01.0;0000:00:02.0/00.0/00.0",
    );
  });

  it("are found where one is not enough: another slot, and a newer kernel", () => {
    expect(ways(adviceOn("old-kernel-two-bridges"))).toContain("slot + kernel: thru-host-bridge, 4");
  });

  it("are found where one is not enough: a kernel that has P2PDMA, and the redirection cleared", () => {
    const machine = machineOf("hba", ["kernel: 7.2", "kernel: 4.19"]);
    const [provider, client] = [findDevice(machine, "gpu0"), findDevice(machine, "nic0")];
    expect(ways(advise(machine, [{ provider, client }]))).toEqual(["kernel + kernel-parameter: bus-addr, 4"]);
  });

  it("are found where one is not enough: another slot, and no IOMMU, on a kernel that lets nobody past one", () => {
    const machine = machineOf(
      "old-kernel-two-bridges",
      ["kernel: 5.15", "kernel: 5.2"],
      ["iommu: off", "iommu: strict"],
      ["8086:09a2", "1022:1450"],
    );
    const [provider, client] = [findDevice(machine, "gpu0"), findDevice(machine, "nic0")];
    expect(ways(advise(machine, [{ provider, client }], { rules: "5.2" }))).toContain(
      "slot + iommu: thru-host-bridge, 4",
    );
  });

  it("stand before one that only makes the way shorter", () => {
    const found = ways(adviceOn("thru"));
    expect(found[0]).toBe("slot + kernel-parameter: bus-addr, 4");
    expect(found.slice(1)).toContain("slot: thru-host-bridge, 4");
  });
});

describe("Isolation", () => {
  it("is lost across a switch whatever the groups say, at run time and by parameter", () => {
    const advice = adviceOn("hba");
    const lost = advice.fixes.map(({ isolation }) => (isUnknown(isolation) ? [] : [isolation.pairs, isolation.unseen]));
    expect(lost.slice(0, 3)).toEqual([
      [5, 5],
      [5, 5],
      [5, 5],
    ]);
  });

  describe("by where requests go: a port that does not redirect lets its side past the IOMMU", () => {
    const devices = ["gpu: { name: gpu0, bar: 1G }", "nic: { name: nic0 }", "nvme: { name: nvme0, cmb: 16M }"];
    const machine = afterBoot(
      readScenario(
        `
cpu: { vendor: GenuineIntel, family: 6, model: 143 }
kernel: 7.2
iommu: passthrough
hostBridges:
  - id: 8086:09a2
    below:
      - rootPort: { id: 8086:352a }
        below:
            - switch: { id: 1000:c030 }
              below: [${devices.map((device) => `{ ${device} }`).join(", ")}, port: { name: free0 }]
      - rootPort: { id: 8086:352a }
        below: [gpu: { name: gpu1, bar: 1G }]
      - rootPort: { id: 8086:352a }
        below:
            - switch: { id: 1000:c030 }
              below: [{ nic: { name: nic1 } }]
`,
        "two-switches.yaml",
      ),
    );
    const lostBy = (request: Parameters<typeof askWhatIf>[1]): unknown => {
      const { after } = askWhatIf(machine, request);
      const isBooted = request.set === undefined;
      const lost = isolationLost(decideAll(machine), decideAll(after), isBooted);
      return isUnknown(lost) ? lost.unknown : [lost.pairs, lost.unseen];
    };

    it.each([
      ["nothing that a parameter does", { append: "quiet" }, [0, 0]],
      ["one port, with each of the two beside it", { append: "pci=disable_acs_redir=0000:02:00.0" }, [2, 2]],
      ["two ports", { append: "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0" }, [3, 3]],
      ["one port at run time", { set: ["0000:02:00.0.acs=-RR"] }, [2, 2]],
      ["no port that redirects completions alone no more", { set: ["0000:02:00.0.acs=-CR"] }, [0, 0]],
      ["no redirecting slot that a card is put into", { move: ["gpu1=under:free0"] }, [0, 0]],
      [
        "a slot that does not redirect, after a move that leaves its address open",
        { move: ["gpu1=under:free0"], append: "pci=disable_acs_redir=0000:02:03.0" },
        [3, 3],
      ],
    ])("%s", (_, request, right) => {
      expect(lostBy(request)).toEqual(right);
    });

    it("is told of a proposal", () => {
      const [provider, client] = [findDevice(machine, "gpu0"), findDevice(machine, "nic0")];
      const fixes = advise(machine, [{ provider, client }]).fixes.filter(({ kinds }) => kinds.join() === "run-time");
      // The two ports of the pair let both reach the drive beside them as well.
      expect(fixes.map(({ isolation }) => isolation)).toMatchObject([{ pairs: 3, unseen: 3 }]);
    });
  });

  it("is lost by everyone without an IOMMU", () => {
    const advice = adviceOn("hba");
    const off = advice.fixes.find(({ title }) => title === "intel_iommu=off");
    expect(off?.isolation).toMatchObject({ pairs: 5, unseen: 0 });
  });
});

test("Side effects are those on every function but bridges", () => {
  const advice = adviceOn("hba");
  const [first] = advice.fixes;
  const names = (first?.others.listed ?? []).flatMap(({ provider, client }) =>
    [provider, client].flatMap((bdf) => advice.machine.functions.find((fn) => fn.bdf === bdf)?.names ?? []),
  );
  expect([...new Set(names)].sort()).toEqual(["fpga0", "gpu0", "hba0", "nic0"]);
  expect(textOf(advice)).toContain("storage");
});

test("The newer kernel is the oldest of those that help most pairs", () => {
  const machine = machineOf("kernels");
  const pairs = findDevices(machine, "gpu").flatMap((provider) =>
    findDevices(machine, "nic").map((client) => ({ provider, client })),
  );
  const [kernel] = advise(machine, pairs).fixes;
  const others = (release: string): number =>
    advise({ ...machine, kernel: { ...machine.kernel, release } }, pairs).before.filter(
      ({ mapType }) => mapType === "thru-host-bridge",
    ).length;
  const release = kernel?.title.replace(/Linux (\S+) or newer/, "$1") ?? "";
  const helped = kernel?.verdicts.filter(({ mapType }) => mapType === "thru-host-bridge").length ?? 0;
  expect(helped).toBe(others("7.3"));
  expect(helped).toBeGreaterThan(others("5.16"));
  expect(release).not.toBe("");
  expect(kernel?.cautions[0]).toMatch(new RegExp(`^it helps \\d of ${pairs.length} pairs`));
});

describe("What else blocks a pair", () => {
  it("is a no, and where nothing can be done about it that is said", async () => {
    const advice = adviceOn("mask");
    expect(advice.remedies.filter(({ gate }) => gate.effect === "blocks")).toMatchObject([
      {
        isPossible: false,
        remedy: expect.stringMatching(/^none: a BAR of 16 GiB does not fit within 32 address bits/),
      },
    ]);
    const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    expect(await runFix(["gpu0", "nic0", fileOf("mask")], { json: true, color: "never" })).toBe(1);
    printed.mockRestore();
  });

  it("is told before what could be done to the path", () => {
    const lines = textOf(adviceOn("mask", "gpu0", "nic0")).split("\n");
    expect(lines.findIndex((line) => line.startsWith("Blocked"))).toBeLessThan(8);
    expect(lines[2]).toContain("direct, 4 hops, blocked by something else; nothing to fix on the path");
  });
});

describe("A NIC of 32 address bits and a BAR of 16 GiB", () => {
  const textFor = (cpu: string, ids: string, iommu: string, isBelowSwitch = false, kernel = "7.2"): string => {
    const [gpu, nic] = ["gpu: { name: gpu0, bar: 16G }", "nic: { name: nic0, driver: mlx5_core, dmaMaskBits: 32 }"];
    const below = isBelowSwitch
      ? `[{ rootPort: {}, below: [{ switch: { acs: RR- CR- }, below: [{ ${gpu} }, { ${nic} }] }] }]`
      : `[{ rootPort: {}, below: [{ ${gpu} }] }, { rootPort: {}, below: [{ ${nic} }] }]`;
    return `cpu: ${cpu}\nkernel: ${kernel}\niommu: ${iommu}\nhostBridges:\n  - { id: "${ids}", below: ${below} }\n`;
  };
  const machine = (...of: Parameters<typeof textFor>): Machine => afterBoot(readScenario(textFor(...of), "short.yaml"));
  const adviceFor = (asked: Machine): Advice =>
    advise(asked, [{ provider: findDevice(asked, "gpu0"), client: findDevice(asked, "nic0") }]);

  it.each([
    ["intel", "passthrough", "iommu.passthrough=0 iommu.strict=1"],
    ["intel", "off", "intel_iommu=on iommu.passthrough=0 iommu.strict=1"],
    ["amd-zen", "passthrough", "iommu.passthrough=0 iommu.strict=1"],
    ["amd-zen", "off", "iommu.passthrough=0 iommu.strict=1"],
    ["arm", "passthrough", "iommu.passthrough=0 iommu.strict=1"],
  ])("%s, IOMMU %s: an IOVA gets through the host bridge, with %s", (cpu, iommu, parameters) => {
    const advice = adviceFor(machine(cpu, "8086:09a2", iommu));
    expect(advice.before[0]).toMatchObject({ mapType: "thru-host-bridge", gates: [{ kind: "beyond-dma-mask" }] });
    expect(ways(advice)).toEqual(["iommu: thru-host-bridge, 4"]);
    expect(advice.fixes[0]?.title).toBe(parameters);
    expect(advice.fixes[0]?.verdicts[0]?.gates).toEqual([]);
    expect(advice.remedies).toMatchObject([
      { isPossible: true, remedy: `translate addresses (${parameters}), so that it is reached by an IOVA` },
    ]);
    expect(textOf(advice)).not.toContain("a card with a PCIe switch");
  });

  it("is a yes where translation gets through", async () => {
    const file = join(mkdtempSync(join(tmpdir(), "short-")), "short.yaml");
    writeFileSync(file, textFor("intel", "8086:09a2", "off"));
    const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    expect(await runFix(["gpu0", "nic0", file], { json: true, color: "never" })).toBe(0);
    printed.mockRestore();
  });

  it("takes what says otherwise from the command line", () => {
    const [fix] = adviceFor(machine("intel", "8086:09a2", "passthrough")).fixes;
    expect(fix?.steps.flatMap(({ lines }) => lines)).toContain(
      "grubby --update-kernel=ALL --remove-args='iommu.passthrough=1'",
    );
  });

  it("has the IOMMU of an Arm machine from firmware alone, and translation is not new where there is some", () => {
    expect(ways(adviceFor(machine("arm", "8086:09a2", "off")))).toEqual([]);
    const strict = adviceFor(machine("intel", "8086:09a2", "strict"));
    expect([strict.before[0]?.gates, ways(strict)]).toEqual([[], []]);
  });

  it("is direct below a switch and blocked: translation sends it up, through a host bridge that the kernel knows", () => {
    const advice = adviceFor(machine("intel", "8086:09a2", "off", true));
    expect(advice.before[0]).toMatchObject({ mapType: "bus-addr", gates: [{ kind: "beyond-dma-mask" }] });
    expect(ways(advice)).toEqual(["iommu: thru-host-bridge, 4"]);
  });

  it("is told that nothing helps where the kernel knows no host bridge: neither a clear path nor a switch card", () => {
    const apart = adviceFor(machine("intel", "8086:29c0", "off"));
    expect(ways(apart)).toEqual([]);
    expect(apart.rejected.map(({ title, why }) => `${title}: ${why}`)).toContainEqual(
      expect.stringMatching(
        /^a card with a PCIe switch: still blocked: BAR 1 of \S+ ends at \S+, beyond the 32 address bits/,
      ),
    );
    const redirected = adviceFor(machine("intel", "8086:29c0", "passthrough", true));
    expect(redirected.before[0]).toMatchObject({ mapType: "not-supported", gates: [] });
    expect(ways(redirected)).toEqual([]);
    expect(redirected.rejected[0]?.why).toMatch(/^still blocked: BAR 1 of/);
    expect(textOf(redirected)).toContain("; nothing helps");
  });

  it("works with a newer kernel that knows the host bridge, and translation beside it", () => {
    expect(ways(adviceFor(machine("intel", "8086:09a2", "off", false, "5.15")))).toEqual([
      "iommu + kernel: thru-host-bridge, 4",
    ]);
  });
});

describe("Slots of several widths", () => {
  const machineWith = (links: readonly [string, string]): Machine =>
    afterBoot(
      readScenario(
        `cpu: intel
kernel: 7.3
iommu: "off"
hostBridges:
  - id: "8086:29c0"
    below:
      - { rootPort: { at: 01.0 }, below: [{ gpu: { name: gpu0, link: gen5 x16 } }] }
      - rootPort: { at: 02.0 }
        below:
          - switch: { acs: false }
            below: [{ nic: { name: nic0 } }, { port: { acs: false, link: ${links[0]} } }, { port: { acs: false, link: ${links[1]} } }]
`,
        "widths.yaml",
      ),
    );
  const slotFix = (machine: Machine): Advice["fixes"][number] | undefined =>
    advise(machine, [{ provider: findDevice(machine, "gpu0"), client: findDevice(machine, "nic0") }]).fixes.find(
      ({ kinds }) => kinds.join() === "slot",
    );

  it.each([
    [["gen3 x4", "gen5 x16"], "0000:03:02.0", undefined],
    [["gen5 x16", "gen3 x4"], "0000:03:01.0", undefined],
    [
      ["gen3 x4", "gen3 x8"],
      "0000:03:02.0",
      "the slot below 0000:03:02.0 is x8 at 8 GT/s, and 0000:01:00.0 can use x16 at 32 GT/s",
    ],
  ] as const)("of %j the GPU is put below %s", (links, port, caution) => {
    const fix = slotFix(machineWith(links));
    expect(fix?.title).toContain(port);
    expect(fix?.cautions.find((text) => text.includes("can use"))).toBe(caution);
  });
});

test("A swap says between which kinds of devices the way gets longer or shorter, and by how many hops", () => {
  const text = `cpu: intel
kernel: 7.3
iommu: "off"
hostBridges:
  - id: "8086:09a2"
    below:
      - { rootPort: {}, below: [{ gpu: { name: gpu0 } }] }
      - rootPort: {}
        below: [{ switch: { acs: false }, below: [{ nic: { name: nic0 } }, { nvme: { name: nvme0, cmb: 16M } }] }]
      - { rootPort: {}, below: [{ nvme: { name: nvme1, cmb: 16M } }] }
`;
  const machine = afterBoot(readScenario(text, "swap.yaml"));
  const advice = advise(machine, [{ provider: findDevice(machine, "gpu0"), client: findDevice(machine, "nic0") }]);
  const lines = textOf(advice)
    .split("\n")
    .map((line) => line.trim());
  const swap = lines.slice(lines.findIndex((line) => line.startsWith("1. let gpu0 (0000:01:00.0)")));
  expect(swap.filter((line) => line.startsWith("other pairs"))).toEqual([
    "other pairs: direct → through the host bridge: 1 NIC ↔ NVMe each way",
    "other pairs: 2 hops more: 1 GPU ↔ NVMe each way",
    "other pairs: 2 hops fewer: 2 NVMe → NVMe",
  ]);
});

test("What clears ACS stands in the order of how long it lasts: parameters, firmware setup, setpci", () => {
  const text = `cpu: intel
kernel: 7.2
iommu: "off"
hostBridges:
  - id: "8086:29c0"
    below: [{ rootPort: {}, below: [{ switch: { acs: RR+ CR+ }, below: [{ gpu: { name: gpu0 } }, { nic: { name: nic0 } }] }] }]
`;
  const machine = afterBoot(readScenario(text, "firmware.yaml"));
  const { fixes } = advise(machine, [{ provider: findDevice(machine, "gpu0"), client: findDevice(machine, "nic0") }]);
  expect(fixes.map(({ kinds, lasting }) => `${kinds.join(" + ")} ${lasting}`)).toEqual([
    "kernel-parameter from-next-boot",
    "kernel-parameter from-next-boot",
    "firmware-setting from-next-boot",
    "run-time until-reboot",
  ]);
});

describe("What is removed from the command line", () => {
  const steps = (name: string): string => {
    const [fix] = adviceOn(name).fixes.filter(({ kinds }) => kinds.join() === "kernel-parameter");
    return fix?.steps.flatMap(({ where, lines }) => [`[${where}]`, ...lines]).join("\n") ?? "";
  };

  it("is what stands there, and what stands beside it in its word comes back with the new one", () => {
    const text = steps("order");
    expect(text).toContain(
      [
        "grubby --update-kernel=ALL --remove-args='pci=noaer,disable_acs_redir=0000:00:1c.0'",
        `grubby --update-kernel=ALL --args='"pci=noaer,disable_acs_redir=0000:02:00.0;0000:02:01.0;0000:00:1c.0"'`,
      ].join("\n"),
    );
    expect(text).not.toContain("'pci=disable_acs_redir=0000:00:1c.0'");
  });

  it("is every word of its kind: one that is left behind the new one would win", () => {
    expect(steps("order2")).toContain(
      `--remove-args='"pci=disable_acs_redir=0000:02:00.0;0000:02:01.0" pci=disable_acs_redir=0000:02:00.0;0000:02:01.0 pci=noaer,disable_acs_redir=0000:00:1c.0'`,
    );
  });
});

describe("; nothing helps", () => {
  it("is said of all that was searched", () => {
    const machine = machineOf("mask", ["dmaMaskBits: 32", "dmaMaskBits: 64"]);
    const pair = { provider: findDevice(machine, "gpu0"), client: findDevice(machine, "nic0") };
    expect(advise(machine, [pair]).searched).toEqual({ tried: [], cut: null });
    const { searched } = adviceOn("redirecting-free-slot");
    expect(searched.cut).toBeNull();
    expect(searched.tried.map(({ what }) => what)).toEqual(expect.arrayContaining(["kernel", "slot and ACS"]));
  });
});

describe("A switch card", () => {
  const apart = (iommu: string): Machine =>
    afterBoot(
      scenarioMachine(
        parseScenario(
          `cpu: intel
kernel: 7.3
iommu: "${iommu}"
hostBridges:
  - id: "8086:29c0"
    below:
      - { rootPort: { at: 01.0 }, below: [{ gpu: { name: gpu0 } }] }
      - { rootPort: { at: 02.0 }, below: [{ nic: { name: nic0 } }] }
`,
          "apart.yaml",
        ),
      ),
    );
  const adviceFor = (machine: Machine): Advice =>
    advise(machine, [{ provider: findDevice(machine, "gpu0"), client: findDevice(machine, "nic0") }]);

  it("is the last resort, and said to be", () => {
    const advice = adviceFor(apart("off"));
    expect(ways(advice)).toEqual(["switch-card: bus-addr, 4"]);
    expect(textOf(advice)).toContain("nothing that the machine has helps, a switch card does: direct, 4 hops");
  });

  it("has ports that redirect where an IOMMU is in use: then a parameter goes with it", () => {
    const advice = adviceFor(apart("strict"));
    expect(ways(advice)).toEqual(["switch-card + kernel-parameter: bus-addr, 4"]);
    expect(advice.fixes[0]?.title).toMatch(/0000:00:01\.0\/00\.0\/00\.0;0000:00:01\.0\/00\.0\/01\.0$/);
  });

  it("goes into the same slot whichever of the two is the provider", () => {
    const built = apart("off");
    const [gpu, nic] = [findDevice(built, "gpu0"), findDevice(built, "nic0")];
    const p2pmem = { sizeBytes: 2 ** 24, availableBytes: 2 ** 24, published: true };
    const machine = { ...built, functions: built.functions.map((fn) => (fn.bdf === nic ? { ...fn, p2pmem } : fn)) };
    const titles = [
      advise(machine, [{ provider: gpu, client: nic }]),
      advise(machine, [{ provider: nic, client: gpu }]),
    ].map(({ fixes }) => fixes[0]?.title);
    expect(titles).toEqual([titles[1], titles[0]]);
    expect(titles[0]).toMatch(/^put a card with a PCIe switch into the slot below 0000:00:01\.0,/);
  });

  it("goes into the faster of two slots", () => {
    const machine = apart("off");
    const slow = (fn: Machine["functions"][number]): Machine["functions"][number] =>
      formatBdf(fn.bdf) !== "0000:00:01.0" || fn.express === null || isUnknown(fn.express)
        ? fn
        : { ...fn, express: { ...fn.express, linkCapable: { speedGTps: 8, width: 1 } } };
    const advice = adviceFor({ ...machine, functions: machine.functions.map(slow) });
    expect(advice.fixes[0]?.title).toContain("into the slot below 0000:00:02.0");
  });

  it("is no answer for a device on the board: its port has no slot", () => {
    const machine = apart("off");
    const onBoard = (fn: Machine["functions"][number]): Machine["functions"][number] =>
      formatBdf(fn.bdf) !== "0000:00:02.0" || fn.express === null || isUnknown(fn.express)
        ? fn
        : { ...fn, express: { ...fn.express, slotImplemented: false } };
    expect(adviceFor({ ...machine, functions: machine.functions.map(onBoard) }).fixes).toEqual([]);
  });

  it("is no answer for devices that are in no slot", () => {
    const machine = apart("off");
    const rooted = { ...machine, functions: machine.functions.map((fn) => ({ ...fn, express: null })) };
    const advice = adviceFor(rooted);
    expect(advice.fixes).toEqual([]);
    expect(textOf(advice)).toContain("; nothing helps");
    expect(textOf(advice)).toContain("searched: ");
  });
});

test("A machine of hundreds of slots takes a search of a few changed machines", () => {
  const slots = Array.from({ length: 14 }, () => "{ port: {} }").join(", ");
  const switches = (bus: number): string =>
    [1, 2, 3]
      .map((port) => {
        const number = (bus / 0x40) * 3 + port;
        const devices = `{ gpu: { name: gpu${number} } }, { nic: { name: nic${number} } }`;
        return `      - { rootPort: { at: 0${port}.0 }, below: [{ switch: {}, below: [${devices}, ${slots}] }] }`;
      })
      .join("\n");
  const bridges = [0, 0x40, 0x80, 0xc0].map(
    (bus) => `  - bus: 0x${bus.toString(16)}\n    id: "8086:29c0"\n    below:\n${switches(bus)}`,
  );
  const text = `cpu: intel\nkernel: 5.15\niommu: strict\nhostBridges:\n${bridges.join("\n")}\n`;
  const machine = afterBoot(scenarioMachine(parseScenario(text, "large.yaml")));
  const advice = advise(machine, [{ provider: findDevice(machine, "gpu1"), client: findDevice(machine, "nic12") }]);
  const machines = advice.searched.tried.reduce((sum, tried) => sum + tried.machines, 0);
  expect(machine.functions.length).toBeGreaterThan(200);
  expect(machines).toBeLessThan(150);
  expect(advice.searched.cut).toBeNull();
  expect(advice.fixes.map(({ kinds }) => kinds.join(" + "))).toContain("slot + kernel-parameter");
});
