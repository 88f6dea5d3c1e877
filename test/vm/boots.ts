import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import type { RootPortNode, Scenario, ScenarioNode } from "../../src/host/scenario/scenario.ts";

/** One boot of the suite: a scenario under one CPU, one IOMMU mode and one kernel command line. */
export interface Boot {
  readonly name: string;
  readonly scenario: Scenario;
}

const folder = join(import.meta.dirname, "scenarios");
const cpus = ["amd-zen", "intel"] as const;
const modes = ["off", "strict", "passthrough"] as const;

/** Kernel parameters that disable ACS redirect, by the suffix of the boot's name; all with an IOMMU that turns ACS on. */
const parameters: Readonly<Record<string, string>> = {
  "by-ids": "pci=disable_acs_redir=pci:1b36:000c",
  "by-address": "pci=disable_acs_redir=0000:00:04.0;0000:00:05.0",
  // The kernel reads the comma as the end of the list: the second port keeps redirecting.
  "by-address-with-comma": "pci=disable_acs_redir=0000:00:05.0,0000:00:04.0",
  "by-path": "pci=disable_acs_redir=00:04.0;pci:8086:0",
};
const withParameters = [
  "functions-of-one-device",
  "mixed-acs",
  "multifunction-root-ports",
  "intel-root-ports",
  "one-switch",
];

/** All boots, in the order of their names. */
export function listBoots(): Boot[] {
  const names = readdirSync(folder).map((file) => file.replace(/\.yaml$/, ""));
  return names.flatMap((name) => {
    const text = readFileSync(join(folder, `${name}.yaml`), "utf8");
    const make = (suffix: string, ...lines: string[]): Boot => {
      const scenario = parseScenario(`kernel: 7.2\n${lines.join("\n")}\n${text}`, `${name}.yaml`);
      return { name: `${name}.${suffix}`, scenario: name === CHAINED ? withChainedPorts(scenario) : scenario };
    };
    const plain = cpus.flatMap((cpu) => modes.map((mode) => make(`${cpu}.${mode}`, `cpu: ${cpu}`, `iommu: "${mode}"`)));
    const changed = withParameters.includes(name)
      ? Object.entries(parameters).flatMap(([suffix, parameter]) =>
          cpus.map((cpu) => make(`${cpu}.strict.${suffix}`, `cpu: ${cpu}`, "iommu: strict", `cmdline: "${parameter}"`)),
        )
      : [];
    return [...plain, ...changed];
  });
}

/** The scenario whose root ports are hung below each other. */
const CHAINED = "chained-ports";

/**
 * QEMU's switches have no ACS, but it takes a root port below a root port. No real machine has that and no scenario file
 * can say it; the kernel walks such a path as any other, past several ports that redirect.
 */
function withChainedPorts(scenario: Scenario): Scenario {
  const [hostBridge, ...others] = scenario.hostBridges;
  if (hostBridge === undefined) return scenario;
  const ports = hostBridge.below.filter((node) => node.kind === "root-port");
  let chain: RootPortNode | null = null;
  for (const port of ports.toReversed()) chain = chain === null ? port : withInner(port, chain);
  return { ...scenario, hostBridges: [{ ...hostBridge, below: chain === null ? [] : [chain] }, ...others] };
}

/** A port with another one as function 0 of the device below it, beside what is there. */
function withInner(port: RootPortNode, inner: RootPortNode): RootPortNode {
  const beside = port.below.map((node, index): ScenarioNode => ({ ...node, function: index + 1, multifunction: true }));
  return { ...port, below: [{ ...inner, device: 0, function: 0, multifunction: true }, ...beside] };
}

/** What the kernel walks in a scenario: how many host bridges, what kinds of ports, which of them redirect. */
export function features({ hostBridges }: Scenario): readonly string[] {
  const nodes = hostBridges.flatMap(({ below }) => below.flatMap(withBelow));
  const kinds = new Set(nodes.map(({ kind }) => kind));
  const redirecting = nodes.filter(({ kind, acs }) => kind === "root-port" && acs !== null).length;
  const ports = nodes.filter(({ kind }) => kind === "root-port").length;
  return [
    hostBridges.length === 1 ? "one host bridge" : "several host bridges",
    kinds.has("pcie-to-pci-bridge") ? "conventional bridge" : kinds.has("switch") ? "switch" : "no bridge below ports",
    redirecting === 0 ? "no port redirects" : redirecting === ports ? "each port redirects" : "some ports redirect",
    nodes.some(({ multifunction }) => multifunction) ? "devices of several functions" : "devices of one function",
  ];
}

function withBelow(node: ScenarioNode): ScenarioNode[] {
  if (node.kind === "switch") return [node, ...node.ports.flatMap(({ below }) => below).flatMap(withBelow)];
  return "below" in node ? [node, ...node.below.flatMap(withBelow)] : [node];
}
