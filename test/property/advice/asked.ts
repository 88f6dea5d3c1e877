import type { Change } from "../../../src/advice/what-if/change.ts";
import { askWhatIf, type WhatIfRequest } from "../../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { readScenario } from "../../../src/host/scenario/scenario-machine.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import type { Random } from "../pastes/random.ts";
import { addressOf, isEnd, scenarioOf } from "./layout.ts";
import { CPUS, type Mode, madeSetup, RELEASES, type Setup } from "./made-machine.ts";
import { Names } from "./names.ts";
import { placesFor, Running, type Step, slotsOf } from "./running.ts";

/** Peerlane's machine beside the judge's. */
export interface Asked {
  readonly machine: Machine;
  readonly running: Running;
  readonly names: Names;
  /** What firmware left is seen: then nothing may be unknown. A running machine shows registers as they are now. */
  readonly isWhole: boolean;
  /** Names of the functions that pairs are made of. */
  readonly ends: readonly string[];
}

/** A machine that is made up, with parameters on its command line. */
export function madeMachine(random: Random): Setup {
  const setup = madeSetup(random);
  if (!random.chance(35)) return setup;
  return { ...setup, parameters: madeParameters(random, Running.boot(setup)) };
}

/** `pci=` with one or both of its lists. */
function madeParameters(random: Random, running: Running): string {
  const withAcs = running.functions.filter(({ offers }) => offers !== null);
  if (withAcs.length === 0) return "quiet";
  const entry = (): string => {
    const fn = random.pick(withAcs);
    const { above } = fn;
    const roll = random.below(10);
    if (roll === 0) return `pci:${fn.ids}`;
    if (roll === 1 && above !== null) {
      return `${addressOf(above)}/${addressOf(fn).slice(-4)}`;
    }
    return roll < 6 ? addressOf(fn) : addressOf(fn).slice(5);
  };
  const list = (make: () => string): string => Array.from({ length: 1 + random.below(3) }, make).join(";");
  const flags = (): string =>
    Array.from({ length: random.pick([7, 7, 4]) }, () => random.pick(["0", "0", "1", "x"])).join("");
  const disable = `disable_acs_redir=${list(entry)}`;
  const config = `config_acs=${list(() => `${flags()}@${entry()}`)}`;
  return random.pick([
    `pci=${disable}`,
    `quiet pci=${disable}`,
    `pci=nommconf,${disable}`,
    `pci=${config}`,
    `pci=${disable} pci=${config}`,
    `pci=${disable},${config}`,
    `pci=disable_acs_redir=${entry()} pci=${disable}`,
  ]);
}

/** Gives a machine to Peerlane, as a scenario that it boots, or as a running machine with registers and groups. */
export function ask(setup: Setup, isWhole: boolean): Asked {
  const running = Running.boot(setup);
  const names = new Names(running);
  const read = readScenario(scenarioOf(setup), "made.yaml");
  const machine = isWhole ? read : { ...read, functions: read.functions.map((fn) => asItRuns(fn, running, names)) };
  return {
    machine: askWhatIf(machine, {}, !isWhole).before,
    running,
    names,
    isWhole,
    ends: running.functions.filter(isEnd).map(({ name }) => name),
  };
}

function asItRuns(fn: PciFunction, running: Running, names: Names): PciFunction {
  const name = names.of(fn.bdf);
  const control = running.control.get(name);
  const acs = control === undefined || fn.acs === null || isUnknown(fn.acs) ? fn.acs : { ...fn.acs, control };
  return { ...fn, acs, iommuGroup: running.groups.get(name) ?? null };
}

/** What is asked of a machine, in the words of the command line and in the judge's. */
export interface Question {
  readonly request: WhatIfRequest;
  readonly steps: readonly Step[];
}

const LETTERS = ["SV", "TB", "RR", "CR", "UF", "EC", "DT"];

/** One to three options of what-if. */
export function madeQuestion(random: Random, { running, names }: Asked): Question {
  const { setup } = running;
  const steps: Step[] = [];
  const request: { -readonly [Key in keyof WhatIfRequest]: WhatIfRequest[Key] } = {};
  const one = (): void => {
    switch (random.below(7)) {
      case 0: {
        const release = random.pick(RELEASES);
        if (release === setup.release || request.kernel !== undefined) return;
        request.kernel = release;
        return void steps.push({ kind: "kernel", release });
      }
      case 1: {
        const name = random.pick(Object.keys(CPUS)) as keyof typeof CPUS;
        if (request.cpu !== undefined) return;
        request.cpu = name;
        return void steps.push({ kind: "cpu", name });
      }
      case 2: {
        const mode = random.pick<Mode>(["off", "strict", "lazy", "passthrough"]);
        if (mode === setup.iommu || request.iommu !== undefined) return;
        request.iommu = mode;
        return void steps.push({ kind: "iommu", mode });
      }
      case 3: {
        if (request.append !== undefined) return;
        const text = madeParameters(random, running);
        request.append = text;
        return void steps.push({ kind: "parameters", text });
      }
      case 4: {
        const withAcs = running.functions.filter(({ offers }) => offers !== null);
        if (withAcs.length === 0) return;
        const { name, offers } = random.pick(withAcs);
        const bits = LETTERS.map((_, bit) => 1 << bit).filter(() => random.chance(40));
        const set = bits.filter((bit) => ((offers ?? 0) & bit) !== 0 && random.chance(40)).reduce((a, b) => a | b, 0);
        const clear = bits.reduce((all, bit) => all | bit, 0) & ~set;
        if ((set | clear) === 0) return;
        const text = LETTERS.map((letters, bit) =>
          (set >> bit) & 1 ? `+${letters}` : (clear >> bit) & 1 ? `-${letters}` : "",
        ).join("");
        request.set = [...(request.set ?? []), `${names.address(name)}.acs=${text}`];
        return void steps.push({ kind: "acs", name, set, clear });
      }
      default: {
        const { cards } = slotsOf(running);
        if (cards.length === 0 || request.move !== undefined) return;
        const card = random.pick(cards);
        const places = placesFor(running, card);
        if (places.length === 0) return;
        const moves = random.pick(places);
        request.move = moves.flatMap((move) =>
          move.kind === "move" ? [`${names.address(move.device)}=under:${names.address(move.under)}`] : [],
        );
        return void steps.push(...moves);
      }
    }
  };
  for (let left = 1 + random.below(3); left > 0; left--) one();
  return { request, steps };
}

/** Changes of Peerlane's in the judge's words. */
export function stepsOf(changes: readonly Change[], names: Names): readonly Step[] {
  return changes.map((change): Step => {
    switch (change.kind) {
      case "acs":
        return { kind: "acs", name: names.of(change.device), set: change.set, clear: change.clear };
      case "move":
        return { kind: "move", device: names.of(change.device), under: names.of(change.under) };
      case "cpu":
        return { kind: "cpu", name: change.name as keyof typeof CPUS };
      case "iommu":
        return { kind: "iommu", mode: change.mode as Mode };
      case "switch-card":
        return {
          kind: "switch-card",
          under: names.of(change.under),
          names: [change.upstream, ...change.ports].map((bdf) => names.of(bdf)),
        };
      default:
        return change;
    }
  });
}
