import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type Advice, advise } from "../../src/advice/fix/advise.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice, findDevices } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { fixJson } from "../../src/report/fix/json.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { bootScenario } from "../policy/machines.ts";
import { FIVE_MACHINES, machineOf, WIDTHS } from "./five-machines.ts";

/** What `fix --all` is asked on each of the five machines. */
const ASKED = (
  [
    ["a server with eight GPUs", "gpu:nic"],
    ["a server with sixteen GPUs", "gpu:nic"],
    ["a server with 24 SSDs", "nvme:nic"],
    ["a desktop", "gpu:gpu"],
    ["a guest", "all:all"],
  ] as const
).map(([name, classes]) => [name, FIVE_MACHINES[name], classes] as const);

function adviceOn(machine: Machine, classes: string): Advice {
  const [providers = [], clients = []] = classes.split(":").map((name) => findDevices(machine, name));
  const pairs = providers.flatMap((provider) =>
    clients.filter((client) => client !== provider).map((client) => ({ provider, client })),
  );
  return advise(machine, pairs);
}

const screenOf = (advice: Advice, width: number): string => documentText(fixBlocks(advice), { width, color: false });

describe.each(ASKED)("fix on %s", (_, file, classes) => {
  const advice = adviceOn(machineOf(file), classes);

  test.each(WIDTHS)("in %i columns", (width) => {
    const text = screenOf(advice, width);
    // Commands are given whole, to be copied; all others keep to the screen.
    const others = text.split("\n").filter((line) => !line.startsWith("      "));
    for (const line of others) expect(line.length).toBeLessThanOrEqual(width);
    expect(text).toMatchSnapshot();
  });

  test.each(WIDTHS)("says in its first lines of %i columns what becomes of the pairs", (width) => {
    const first = screenOf(advice, width).split("\n").slice(0, 12).join(" ");
    expect(first).toMatch(/become direct|direct|not supported|unknown/);
    expect(first).toMatch(/ pairs?[ :,]/);
  });

  test("has all pairs in its first lines", () => {
    const lines = screenOf(advice, 1000).split("\n");
    const head = lines[lines.indexOf("") + 1];
    expect(head).toContain(` ${String(advice.pairs.length)} pairs`.trim());
    const counts = lines.flatMap((line) => /^ {2}(\d+) pairs?[:,]/.exec(line)?.slice(1).map(Number) ?? []);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(advice.pairs.length);
  });
});

describe("fix --all gpu:nic on the server with eight GPUs", () => {
  const advice = adviceOn(machineOf("examples/gpu-nic-server.yaml"), "gpu:nic");
  const lines = screenOf(advice, 120).trimEnd().split("\n");

  // A pipe has a hundred.
  it.each([80, 100, 120, 200])("takes forty lines at most in %i columns", (width) => {
    expect(screenOf(advice, width).trimEnd().split("\n").length).toBeLessThanOrEqual(40);
  });

  it("says first what becomes of the pairs", () => {
    expect(lines.slice(2, 4).join(" ")).toBe(
      "16 of 64 pairs become direct; the other 48 work through the host bridge, slower: only one switch above both makes them direct (other slots, or a switch card)",
    );
  });

  it("offers one parameter, by ids: an upstream port that has them too has no ACS", () => {
    expect(lines).toContain("1. pci=disable_acs_redir=pci:1000:c030");
    expect(lines.filter((line) => line.includes("GRUB_CMDLINE_LINUX="))).toEqual([
      `      printf '%s\\n' 'GRUB_CMDLINE_LINUX="\${GRUB_CMDLINE_LINUX} pci=disable_acs_redir=pci:1000:c030"' > /etc/default/grub.d/60-peerlane-pci.cfg`,
    ]);
  });

  it("says of which pairs isolation goes", () => {
    expect(lines.join("\n").replaceAll(/\n +/g, " ")).toContain(
      "isolation: 16 GPU–NIC (as gpu0 and mlx5_0), 4 GPU–GPU, 4 NIC–NIC pairs reach each other past the IOMMU, though groups stay apart: give both to one guest",
    );
  });

  it("has the parameter by address, the unit and each count where all is asked for", () => {
    const whole = documentText(fixBlocks(advice, { isWhole: true }), { width: 120, color: false });
    expect(whole).toMatch(/^ {6}pci=disable_acs_redir=0000:17:00\.0;0000:17:01\.0;/m);
    expect(whole).toContain("systemctl enable peerlane-acs.service");
    expect(whole).toContain("slot and ACS (");
  });

  it("has parameters as code in Markdown", () => {
    const markdown = documentMarkdown(fixBlocks(advice));
    expect(markdown).toContain("### 1. `pci=disable_acs_redir=pci:1000:c030`");
    expect(markdown).toContain("- 4\\. `intel_iommu=off`: isolation");
  });
});

/** Two devices below a switch or apart, on a machine as small as that. */
const small = (more: string, below: string): Machine =>
  afterBoot(
    readScenario(`cpu: { vendor: GenuineIntel, family: 6, model: 143 }\n${more}\nhostBridges:\n${below}`, "small.yaml"),
  );
const gpu = (name: string): string => `{ gpu: { name: ${name}, bar: 1G } }`;
const belowSwitch = (acs: string): string => `  - id: 8086:09a2
    below:
      - rootPort: { id: 8086:352a }
        below:
          - switch: { id: 1000:c030, acs: ${acs} }
            below: [${gpu("a")}, ${gpu("b")}]
`;
const belowRootPorts = (...names: readonly string[]): string =>
  `  - id: 8086:09a2\n    below:\n${names.map((name) => `      - { rootPort: { id: 8086:352a }, below: [${gpu(name)}] }\n`).join("")}`;

describe("The headline of fix", () => {
  const headline = (machine: Machine, classes = "gpu:gpu"): string =>
    screenOf(adviceOn(machine, classes), 1000).split("\n")[2] ?? "";

  it.each<[text: string, machine: Machine]>([
    ["2 pairs, both direct; nothing to fix on the path", small("kernel: 7.2\niommu: off", belowSwitch("false"))],
    ["both pairs become direct", small("kernel: 7.2\niommu: passthrough", belowSwitch("true"))],
    [
      "2 pairs, both not supported; nothing helps",
      small("kernel: 7.3\niommu: off", belowRootPorts("a", "b").replace("8086:09a2", "8086:1234")),
    ],
    [
      "all 6 pairs come to work through the host bridge",
      small("kernel: 5.15\niommu: off", belowRootPorts("a", "b", "c")),
    ],
    [
      "6 pairs, all through the host bridge; what is not direct works, slower: only one switch above both makes them direct (other slots, or a switch card)",
      small("kernel: 7.2\niommu: off", belowRootPorts("a", "b", "c")),
    ],
  ])("%s", (text, machine) => {
    expect(headline(machine)).toBe(text);
  });
});

describe("Pairs that something else blocks", () => {
  const server = readFileSync(new URL("../../examples/gpu-nic-server.yaml", import.meta.url), "utf8");
  const advice = adviceOn(bootScenario(server.replace("iommu: passthrough", "iommu: strict")), "gpu:nic");
  const lines = screenOf(advice, 1000).split("\n");

  test("are not said to work", () => {
    expect(lines[2]).toBe(
      "all 64 pairs are blocked now; 16 of 64 pairs become direct; the other 48 work through the host bridge, slower: only one switch above both makes them direct (other slots, or a switch card)",
    );
  });

  test("are counted where a proposal leaves them so, and are not the same outcome where one ends that", () => {
    const at = lines.indexOf("3. pci=disable_acs_redir=pci:1000:c030");
    expect(lines[at + 1]).toBe(
      "  16 of 64 pairs direct, 48 still blocked, 16 no longer blocked; takes effect at the next boot; persistent",
    );
    expect(lines).toContain("2. iommu=pt");
  });

  test("have what ends it, and helps most, as the first proposal, and each says that it ends it", () => {
    const firstLineOf = (title: string): string | undefined => lines[lines.indexOf(title) + 1]?.split(";")[0];
    expect(firstLineOf("1. iommu=pt, and boot with pci=disable_acs_redir=pci:1000:c030")).toBe(
      "  16 of 64 pairs direct, no longer blocked",
    );
    expect(firstLineOf("2. iommu=pt")).toBe("  64 pairs through the host bridge, no longer blocked");
    expect(lines).toContain("Blocked by something else: all 64 pairs");
  });

  test("are not freed by taking the IOMMU away before anything else is proposed", () => {
    expect(advice.fixes.at(-1)?.title).toBe("intel_iommu=off");
  });
});

describe("Proposals", () => {
  const server = machineOf("examples/gpu-nic-server.yaml");
  const ofPair = (provider: string, client: string): Advice =>
    advise(server, [{ provider: findDevice(server, provider), client: findDevice(server, client) }]);
  const all = { "gpu:gpu": adviceOn(server, "gpu:gpu"), "a far pair": ofPair("gpu0", "mlx5_2") };
  const numbersIn = (text: string): readonly number[] =>
    [...text.matchAll(/^ {0,2}(\d+)\. /gm)].map(([, number]) => Number(number));

  test.each(Object.entries(all))("are numbered as they are printed, of %s, and as JSON has them", (_, advice) => {
    const { proposals } = fixJson(advice);
    const numbers = numbersIn(screenOf(advice, 1000));
    expect(numbers).toEqual(advice.fixes.map((__, index) => index + 1));
    expect(numbersIn(documentText(fixBlocks(advice, { isWhole: true }), { width: 1000, color: false }))).toEqual(
      numbers,
    );
    expect(proposals.flatMap((one) => (one.outcome === "proved" ? [one.title] : []))).toEqual(
      advice.fixes.map(({ title }) => title),
    );
  });

  test("move no card before settings are told, and the headline is that of the first", () => {
    const isMove = all["gpu:gpu"].fixes.map(({ kinds }) => kinds.includes("slot"));
    expect(isMove).toEqual([false, false, false, false, true, true, false]);
    expect(screenOf(all["gpu:gpu"], 1000).split("\n")[2]).toBe(
      "8 of 56 pairs become direct; the other 48 work through the host bridge, slower: only one switch above both makes them direct (other slots, or a switch card); 10 direct with cards in other slots (proposal 5)",
    );
  });

  test("that gain a direct path come before those that only make the way shorter", () => {
    expect(all["a far pair"].fixes.map(({ verdicts }) => verdicts[0]?.mapType)).toEqual([
      "bus-addr",
      "bus-addr",
      "thru-host-bridge",
    ]);
  });

  test("say of other pairs what is not known of their reads, why, and how to know or avoid it", () => {
    const advice = ofPair("gpu0", "gpu1");
    const text = screenOf(advice, 1000);
    expect(text).toContain(
      "other pairs: reads arrive today, after it that is not known: 4 GPU ↔ NIC each way: of a read's request and its completion one goes up to the root complex and the other turns at the switch, as redirection is off at one of the two ports alone; no source documents whether that works, only a read on this machine shows it; redirection off at both ports avoids it, as proposal 2 does",
    );
    expect(text).toContain("  2. pci=disable_acs_redir=pci:1000:c030: ");
    const [first] = fixJson(advice).proposals;
    const routes = first?.outcome === "proved" ? (first.otherPairs.routes ?? []) : [];
    const why = (end: string): readonly string[] => [
      ...new Set(routes.filter(({ after }) => after === end).flatMap((route) => route.why)),
    ];
    expect(why("unknown")).toEqual([
      "it reaches the root complex, and no documented fact applies: ACS redirects requests and not completions",
      "it reaches the root complex, and no documented fact applies: ACS redirects completions and not requests",
    ]);
    expect(why("arrive otherwise")).toEqual(["they turn at the switch, while the verdict is through the host bridge"]);
  });

  test("stand below what is nearer than a far device: direct now, or once nothing redirects", () => {
    const near = (machine: Machine): readonly string[] => {
      const [provider, client] = ["gpu0", "mlx5_2"].map((name) => findDevice(machine, name));
      const advice = advise(machine, [{ provider: provider as Bdf, client: client as Bdf }]);
      const { nearer } = fixJson(advice);
      expect(nearer.map(({ of, devices }) => [of.name, ...devices.map(({ name }) => name)])).toEqual([
        ["gpu0", "mlx5_0", "mlx5_1"],
        ["mlx5_2", "gpu2", "gpu3"],
      ]);
      return screenOf(advice, 1000)
        .split("\n")
        .filter((line) => line.startsWith("  nearer to "));
    };
    expect(near(server)).toEqual([
      "  nearer to gpu0: mlx5_0 mlx5_1: through the host bridge, 4 hops, direct without ACS redirection: fix gpu0 mlx5_0 says how",
      "  nearer to mlx5_2: gpu2 gpu3: through the host bridge, 4 hops, direct without ACS redirection: fix gpu2 mlx5_2 says how",
    ]);
    const text = readFileSync(new URL("../../examples/gpu-nic-server.yaml", import.meta.url), "utf8");
    const cleared = bootScenario(`${text}\ncmdline: "pci=disable_acs_redir=pci:1000:c030"\n`);
    expect(near(cleared)).toEqual([
      "  nearer to gpu0: mlx5_0 mlx5_1: direct, 4 hops, as the machine is",
      "  nearer to mlx5_2: gpu2 gpu3: direct, 4 hops, as the machine is",
    ]);
    const beside = advise(server, [{ provider: findDevice(server, "gpu0"), client: findDevice(server, "mlx5_0") }]);
    expect(beside.nearer).toEqual([]);
  });
});

describe("Ways of sharing memory that came with releases of their own", () => {
  const text = (kernel: string): string => `${kernel}
cpu: amd-zen
iommu: strict
hostBridges:
  - id: 1022:14d8
    below:
      - rootPort: { at: 01.0, id: 1022:14db }
        below: [{ gpu: { bar: 32G, name: gpu0, driver: vfio-pci, id: 1002:744c } }]
      - rootPort: { at: 02.0, id: 1022:14db }
        below: [{ nic: { id: 15b3:1017, name: mlx5_0, driver: mlx5_core, bars: { 0: 32M } } }]
      - rootPort: { at: 03.0, id: 1022:14db }
        below: [{ gpu: { bar: 32G, name: gpu1, driver: amdgpu, id: 1002:744c } }]
`;
  const blockedOn = (kernel: string): readonly string[] => {
    const lines = screenOf(adviceOn(bootScenario(text(kernel)), "gpu:nic"), 1000).split("\n");
    return lines.filter((line) => /blocked/i.test(line));
  };

  test("say, where the kernel is not named, that they may be blocked and that naming it decides", () => {
    const [head, ...lines] = blockedOn("");
    expect(head).toBe("May be blocked by something else: all 2 pairs");
    expect(lines.map((line) => /if (Linux is [^:]*): .* → (.*)$/.exec(line)?.slice(1))).toEqual([
      ["Linux is older than 6.19", "the kernel is not named: give --kernel RELEASE, as uname -r prints it"],
      [
        "Linux is 6.19 or newer and CONFIG_VFIO_PCI_DMABUF is not set",
        "the kernel is not named: give --kernel RELEASE, as uname -r prints it, and look there: grep CONFIG_VFIO_PCI_DMABUF /boot/config-$(uname -r)",
      ],
      [
        "Linux is older than 7.1 and CONFIG_DMABUF_MOVE_NOTIFY is not set",
        "the kernel is not named: give --kernel RELEASE, as uname -r prints it, and look there: grep CONFIG_DMABUF_MOVE_NOTIFY /boot/config-$(uname -r)",
      ],
    ]);
    for (const line of lines) expect(line).toMatch(/^ {2}may be blocked: /);
  });

  test("and that a kernel which is named leaves the configuration to look at", () => {
    expect(blockedOn("kernel: 7.2").map((line) => line.replace(/.* → /, ""))).toEqual([
      "May be blocked by something else: 1 of 2 pairs",
      "look on that machine: grep CONFIG_VFIO_PCI_DMABUF /boot/config-$(uname -r)",
    ]);
  });
});

describe("Parameters that a machine has in a what-if alone", () => {
  const server = machineOf("examples/gpu-nic-server.yaml");
  const pair = { provider: findDevice(server, "gpu0"), client: findDevice(server, "mlx5_0") };
  const toSet = (...asked: readonly string[]): string | null => {
    const machine = askWhatIf(server, { append: asked.join(" ") }).after;
    const blocks = fixBlocks(advise(machine, [pair], { slots: false }), { asked });
    const text = documentText(blocks, { width: 1000, color: false });
    return /this machine has (.*) in the what-if alone: set it as well/.exec(text)?.[1] ?? null;
  };

  test.each<[asked: string, toSet: string | null]>([
    ["iommu=pt", "iommu=pt"],
    ["pci=noats", "pci=noats"],
    ["iommmu=pt", null],
    ["pci=nonsense", null],
    ["pcie_acs_override=downstream", null],
    ["disable_acs_redir=0000:17:00.0", null],
    ["pci=disable_acs_redir=0000:17:00.0,0000:17:01.0", null],
    ["pci=disable_acs_redir=0000:77:00.0", null],
    ["iommu=pt iommmu=pt pci=nonsense", "iommu=pt"],
  ])("are to be set as well where Linux reads them as they were meant: %s", (asked, expected) => {
    expect(toSet(asked)).toBe(expected);
  });
});

describe("what fix predicts that pairs carry after a proposal", () => {
  const advice = adviceOn(machineOf("examples/gpu-nic-server.yaml"), "gpu:nic");
  const linesOf = (of: Advice, isWhole: boolean): readonly string[] =>
    documentText(fixBlocks(of, { isWhole }), { width: 200, color: false })
      .split("\n")
      .filter((line) => line.includes("predicted"));

  it("is a line of each proposal, by class and with counts", () => {
    const line = "  predicted: 16 GPU → NIC: writes 44.5 → 56.3, reads 54.4 → 57.1 GB/s";
    expect(linesOf(advice, true)).toEqual(advice.fixes.map(() => line));
  });

  it("is told once of proposals that come to the same", () => {
    expect(linesOf(advice, false)).toHaveLength(1);
  });

  it("has no counts of one pair", () => {
    const [line] = linesOf(adviceOn(machineOf("examples/gpu-nic-server.yaml"), "gpu0:mlx5_0"), false);
    expect(line).toBe("  predicted: writes 44.5 → 56.3, reads 54.4 → 57.1 GB/s");
  });

  it("is nothing where the figures stay: a slower link holds them", () => {
    const text = readFileSync("examples/gpu-nic-server.yaml", "utf8").replaceAll(
      /(driver: mlx5_core, link:) gen5 x16/g,
      "$1 gen3 x4",
    );
    const held = adviceOn(afterBoot(readScenario(text, "server.yaml")), "gpu:nic");
    expect(held.fixes.length).toBeGreaterThan(0);
    expect(linesOf(held, true)).toEqual([]);
  });
});
