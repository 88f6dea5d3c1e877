import { advise } from "../../src/advice/fix/advise.ts";
import type { ProvedFix } from "../../src/advice/fix/prove.ts";
import type { Machine } from "../../src/host/machine.ts";
import { childrenOf, type NumberedFunction, numberBuses } from "../../src/host/scenario/bus-numbers.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import type { RootPortNode, Scenario, ScenarioNode } from "../../src/host/scenario/scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, slotOf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { asQemuBuilds } from "../../src/vm/qemu-ids.ts";

/**
 * Machines for which `fix` proposes two changes, and the same machines as they are once hands have moved the devices: with
 * the addresses that the kernel gives them there.
 */

/** A proposal of two changes, with the machine that it makes. */
export interface CombinedBoot {
  readonly name: string;
  /** The machine with its devices where the proposal puts them, and with its parameters. */
  readonly scenario: Scenario;
  /** The machine as it is, of which the proposal is made. */
  readonly machine: Machine;
  readonly fix: ProvedFix;
  /** Present addresses by those that the functions have after the moves. */
  readonly present: ReadonlyMap<Bdf, Bdf>;
}

const provider = "nvme: { name: p, cmb: 16M }";
const client = "nvme: { name: c, cmb: 16M }";

/** Ports below `[…]` hang as functions of one device below the port in front of them: QEMU's switches have no ACS. */
const shapes: Readonly<Record<string, readonly string[]>> = {
  "free port that redirects": [
    "- rootPort: { at: 04.0 }",
    `- rootPort: { at: 14.0 }\n  below: [${provider}]`,
    "- rootPort: { at: 15.0 }",
    `- rootPort: { at: 05.0 }\n  below: [${client}]`,
  ],
  "free port two levels down": [
    "- rootPort: { at: 04.0 }",
    "- rootPort: { at: 14.0 }",
    `- rootPort: { at: 18.0 }\n  below: [${provider}]`,
    "- rootPort: { at: 19.0 }",
    `- rootPort: { at: 05.0 }\n  below: [${client}]`,
  ],
  "two free ports that redirect": [
    "- rootPort: { at: 04.0 }",
    "- rootPort: { at: 14.0 }",
    "- rootPort: { at: 15.0 }",
    `- rootPort: { at: 05.0 }\n  below: [${provider}]`,
    `- rootPort: { at: 06.0 }\n  below: [${client}]`,
  ],
  "a switch with two free ports": [
    "- rootPort: { at: 04.0 }\n  below: [{ switch: { acs: false }, below: [{ port: { at: 00.0, acs: false } }, { port: { at: 01.0, acs: false } }] }]",
    `- rootPort: { at: 05.0 }\n  below: [${provider}]`,
    `- rootPort: { at: 06.0 }\n  below: [${client}]`,
  ],
};

const boots: readonly (readonly [shape: string, cpu: string, mode: string])[] = [
  ["free port that redirects", "intel", "strict"],
  ["free port that redirects", "intel", "passthrough"],
  ["free port that redirects", "amd-zen", "strict"],
  ["free port that redirects", "amd-zen", "passthrough"],
  ["free port two levels down", "intel", "strict"],
  ["free port two levels down", "amd-zen", "strict"],
  ["two free ports that redirect", "intel", "strict"],
  ["two free ports that redirect", "amd-zen", "passthrough"],
  ["a switch with two free ports", "intel", "strict"],
  ["a switch with two free ports", "intel", "off"],
];

/** One proposal of two changes for each of the machines. */
export function combinedBoots(): readonly CombinedBoot[] {
  return boots.map(([shape, cpu, mode]) => {
    const head = `kernel: 7.2\ncpu: ${cpu}\niommu: "${mode}"\nhostBridges:\n  - below:\n`;
    const below = (shapes[shape] ?? []).join("\n").replaceAll(/^/gm, "      ");
    const scenario = asQemuBuilds(hung(parseScenario(`${head}${below}\n`, `${shape}.yaml`)));
    const machine = afterBoot(scenarioMachine(scenario));
    const of = (name: string): Bdf => machine.functions.find(({ names }) => names.includes(name))?.bdf as Bdf;
    const pair = { provider: of("p"), client: of("c") };
    const fix = advise(machine, [pair]).fixes.find(({ changes }) => changes.length > 1);
    if (fix === undefined) throw new Error(`no two changes are proposed for ${shape}, ${cpu}, ${mode}`);
    const moved = withMoves(scenario, fix);
    return {
      name: `${shape}.${cpu}.${mode} + ${fix.title}`,
      scenario: moved,
      machine,
      fix,
      present: presentAddresses(scenario, moved),
    };
  });
}

/** Hangs the ports from 14.0 on below the one at 04.0, and those from 18.0 on below the one at 14.0. */
export function hung(scenario: Scenario): Scenario {
  return {
    ...scenario,
    hostBridges: scenario.hostBridges.map((hostBridge) => {
      const ports = hostBridge.below.filter((node) => node.kind === "root-port");
      const from = (first: number, last: number): readonly RootPortNode[] =>
        ports.filter(({ device }) => first <= device && device <= last);
      const asFunctions = (inner: readonly RootPortNode[]): readonly ScenarioNode[] =>
        inner.map((port, index) => ({ ...port, device: 0, function: index, multifunction: inner.length > 1 }));
      const deepest = from(0x18, 0x1f);
      const middle = from(0x14, 0x17).map((port, index) =>
        index === 0 && deepest.length > 0 ? { ...port, below: asFunctions(deepest) } : port,
      );
      const below = from(0, 0x13).map((port) =>
        port.device === 4 && middle.length > 0 ? { ...port, below: asFunctions(middle) } : port,
      );
      return { ...hostBridge, below };
    }),
  };
}

/** The scenario with a proposal carried out by hand: devices below other ports, parameters on the command line. */
function withMoves(scenario: Scenario, { changes }: ProvedFix): Scenario {
  const all = numberBuses(scenario).flatMap(({ below }) => below.flatMap(withBelow));
  const targets = new Map<Bdf, ScenarioNode[]>();
  const moved = new Set<Bdf>();
  for (const change of changes) {
    if (change.kind !== "move") continue;
    const device = all.filter(({ bdf }) => slotOf(bdf) === slotOf(change.device));
    for (const { bdf } of device) moved.add(bdf);
    targets.set(change.under, device.map(({ node }) => node) as ScenarioNode[]);
  }
  const rebuilt = (fn: NumberedFunction): NumberedFunction["node"] => {
    const { node, below } = fn;
    if (childrenOf(node) === null) return node;
    const kept = below.filter(({ bdf }) => !moved.has(bdf)).map(rebuilt);
    const children = [...kept, ...(targets.get(fn.bdf) ?? [])];
    return (node.kind === "switch" ? { ...node, ports: children } : { ...node, below: children }) as typeof node;
  };
  const hostBridges = numberBuses(scenario).map(({ hostBridge, below }) => ({
    ...hostBridge,
    below: below.map(rebuilt) as readonly ScenarioNode[],
  }));
  const parameters = changes.flatMap((change) => (change.kind === "parameters" ? [change.text] : []));
  return { ...scenario, hostBridges, commandLine: [scenario.commandLine, ...parameters].filter(Boolean).join(" ") };
}

function withBelow(fn: NumberedFunction): NumberedFunction[] {
  return [fn, ...fn.below.flatMap(withBelow)];
}

function presentAddresses(before: Scenario, after: Scenario): ReadonlyMap<Bdf, Bdf> {
  const old = new Map(numbered(before).map((fn) => [keyOf(fn), fn.bdf]));
  return new Map(numbered(after).map((fn) => [fn.bdf, old.get(keyOf(fn)) as Bdf]));
}

function numbered(scenario: Scenario): readonly NumberedFunction[] {
  return numberBuses(scenario).flatMap(({ below }) => below.flatMap(withBelow));
}

/** Where the file writes a function says which one it is, wherever it is put. */
function keyOf({ node }: NumberedFunction): string {
  return JSON.stringify([node.kind, node.place]);
}
