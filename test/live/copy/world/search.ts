import { type Bend, type CopyCommand, type Incident, type Run, runCommand } from "./command.ts";
import { badEnd, type Case, falseClaim, harmDone, namesOf, notCopied, placeAt, truthOf } from "./judge.ts";
import type { Machine } from "./machine.ts";
import { stateKey } from "./state-key.ts";
import type { Fate, WorldState } from "./world-state.ts";
import type { Call } from "./world-system.ts";

/** A world and a command in it. */
export interface Scenario {
  readonly name: string;
  readonly machine: Machine;
  readonly command: CopyCommand;
  readonly uid: number;
  /** Whether it must end well where nothing goes wrong; `false`: it must be refused. */
  readonly isCopied: boolean;
  /** What others do to the world between a crash and the next run; each is tried. */
  readonly meanwhile: readonly Meddling[];
}

/** Something that others do. */
export interface Meddling {
  readonly name: string;
  /** `null` where there is nothing to do it to. */
  readonly change: (state: WorldState) => WorldState | null;
}

/** How far a search goes. */
export interface SearchSettings {
  /** Crashes and faults on one way. */
  readonly depth: number;
  /** All selections of so many unsynced changes are tried; of more, some. */
  readonly allSelectionsOf: number;
  /** Whether calls fail at all, beside crashes. */
  readonly withFaults: boolean;
  readonly orders: readonly ("first" | "last")[];
  readonly bend: Bend | null;
}

/** What a search has found. */
export interface Findings {
  /** Different states that were reached by crashes and faults. */
  readonly states: number;
  readonly runs: number;
  /** Runs that went on from a journal to a right end. */
  readonly resumed: number;
  /** Places at which a run was cut or hurt. */
  readonly incidents: number;
  readonly problems: readonly Problem[];
}

/** A way to something wrong. */
export interface Problem {
  readonly scenario: string;
  readonly what: string;
  /** What was done and what happened, in order. */
  readonly way: readonly string[];
}

interface Node {
  readonly state: WorldState;
  /** Crashes and faults so far. */
  readonly depth: number;
  readonly way: readonly string[];
}

/** Tries several, and counts together. */
export async function searchAll(scenarios: readonly Scenario[], settings: SearchSettings): Promise<Findings> {
  let sum: Findings = { states: 0, runs: 0, resumed: 0, incidents: 0, problems: [] };
  for (const scenario of scenarios) {
    const found = await search(scenario, settings);
    sum = {
      states: sum.states + found.states,
      runs: sum.runs + found.runs,
      resumed: sum.resumed + found.resumed,
      incidents: sum.incidents + found.incidents,
      problems: [...sum.problems, ...found.problems],
    };
  }
  return sum;
}

/** A problem for people: the copy, what is wrong, and the way there. */
export function problemText({ scenario, what, way }: Problem): string {
  return [`${scenario}: ${what}`, ...way].join("\n    ");
}

/** Tries a command in its world: each crash and each fault at each of its calls, and what comes after. */
export async function search(scenario: Scenario, settings: SearchSettings): Promise<Findings> {
  const one = new Search(scenario, settings);
  await one.run();
  return one.findings;
}

class Search {
  readonly #scenario: Scenario;
  readonly #settings: SearchSettings;
  readonly #case: Case;
  readonly #known = new Set<string>();
  readonly #waiting: Node[] = [];
  readonly #problems: Problem[] = [];
  readonly #kinds = new Set<string>();
  #runs = 0;
  #incidents = 0;
  #resumed = 0;

  constructor(scenario: Scenario, settings: SearchSettings) {
    const { machine, command } = scenario;
    this.#scenario = scenario;
    this.#settings = settings;
    this.#case = { machine, command, truth: truthOf(machine, command) };
  }

  get findings(): Findings {
    return {
      states: this.#known.size,
      runs: this.#runs,
      resumed: this.#resumed,
      incidents: this.#incidents,
      problems: this.#problems,
    };
  }

  async run(): Promise<void> {
    const { machine, command } = this.#scenario;
    this.#visit({ state: machine.first, depth: 0, way: [] });
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const again = next.depth === 0 ? [command] : [{ ...command, resume: true }, command];
      for (const each of again) for (const order of this.#settings.orders) await this.#explore(next, each, order);
      if (next.depth > 0) await this.#meddle(next);
    }
  }

  async #explore(node: Node, command: CopyCommand, order: "first" | "last"): Promise<void> {
    const clean = await this.#runOnce(node, command, order, null);
    const way = [...node.way, command.resume ? "resume" : "copy"];
    this.#judgeClean(node, command, clean, way);
    if (node.depth >= this.#settings.depth) return;
    this.#cut(node, clean, 0, way);
    if (!this.#settings.withFaults) return;
    for (const [at, call] of clean.calls.entries()) {
      for (const what of incidentsOf(call)) {
        this.#incidents++;
        const hurt = await this.#runOnce(node, command, order, { at, what });
        const name = what.kind === "error" ? what.errno : what.kind;
        const hurtWay = [...way, `${at}: ${call.name} ${call.about}: ${name}`];
        this.#judgeEnd(node, hurt, hurtWay, hurt.calls[at]?.about);
        if (!isCopied(hurt)) this.#visit({ state: hurt.after, depth: node.depth + 1, way: hurtWay });
        if (node.depth + 1 < this.#settings.depth) this.#cut({ ...node, depth: node.depth + 1 }, hurt, at + 1, hurtWay);
      }
    }
  }

  /** Somebody does something, and the copy is resumed with a comparison of all of it. */
  async #meddle(node: Node): Promise<void> {
    for (const { name, change } of this.#scenario.meanwhile) {
      const state = change(node.state);
      if (state === null) continue;
      for (const verify of [false, true]) {
        const command = { ...this.#scenario.command, resume: true, verify };
        const run = await this.#runOnce({ ...node, state }, command, "first", null);
        const way = [...node.way, name, verify ? "resume --verify" : "resume"];
        this.#judgeHarm(state, run.after, way);
        const bad = badEnd(run.outcome);
        if (bad !== null) this.#report(bad, way);
        if (!verify || !isCopied(run)) continue;
        const wrong = notCopied(this.#case, run.after, this.#targetBytes(state));
        if (wrong !== null && !wrong.includes("instead of")) this.#report(`it said verified, and ${wrong}`, way);
      }
    }
  }

  async #runOnce(node: Node, command: CopyCommand, order: "first" | "last", incident: Incident | null): Promise<Run> {
    this.#runs++;
    const { machine, uid } = this.#scenario;
    return await runCommand(machine, node.state, command, incident, { order, uid, bend: this.#settings.bend });
  }

  /** A run that nothing happened to. */
  #judgeClean(node: Node, command: CopyCommand, run: Run, way: readonly string[]): void {
    this.#judgeEnd(node, run, way);
    const { outcome } = run;
    if (outcome.kind === "ended" && isCopied(run) && outcome.result.resumedFromBytes > 0) this.#resumed++;
    if (isCopied(run) && !this.#scenario.isCopied) this.#report("it was copied, and should have been refused", way);
    if (isCopied(run) || !this.#scenario.isCopied) return;
    // What cannot be resumed is copied anew; that must go.
    if (command.resume && outcome.kind === "refused") return;
    const why =
      outcome.kind === "refused"
        ? outcome.error.message
        : outcome.kind === "ended"
          ? outcome.result.failure?.message
          : "";
    this.#report(`it was not copied: ${why}`, way);
  }

  /** What holds however a run ended by itself. */
  #judgeEnd(node: Node, run: Run, way: readonly string[], hurt = ""): void {
    const { outcome, after } = run;
    const bad = badEnd(outcome);
    if (bad !== null) this.#report(bad, way);
    if (run.leftOpen.length > 0) this.#report(`left open: ${run.leftOpen.join(", ")}`, way);
    this.#judgeHarm(node.state, after, way);
    if (isCopied(run)) {
      this.#onEachSelection(after, (state, says) => {
        const wrong = notCopied(this.#case, state, this.#targetBytes(this.#scenario.machine.first));
        const isSaid =
          outcome.kind === "ended" && outcome.result.warnings.some((text) => text.includes("lost with the power"));
        if (wrong !== null && !isSaid) this.#report(`it said copied, and ${wrong}`, [...way, ...says]);
      });
    }
    const { targetPath } = this.#case.truth;
    const before = namesOf(node.state);
    const left = [...namesOf(after).keys()].filter(
      (path) =>
        !(before.has(path) || path === targetPath || path === "/state/peerlane") &&
        !hurt.includes(path) &&
        // After a fault the journal says how far it came.
        (isCopied(run) ||
          !(path === this.#scenario.command.journal || /^\/state\/peerlane\/copy-\w+\.json$/.test(path))),
    );
    if (left.length > 0) this.#report(`left behind: ${left.join(", ")}`, way);
  }

  #judgeHarm(before: WorldState, after: WorldState, way: readonly string[]): void {
    const harm = harmDone(this.#case, before, after);
    if (harm !== null) this.#report(harm, way);
  }

  #targetBytes(state: WorldState): number {
    return placeAt(this.#scenario.machine, state, this.#case.truth.targetPath)?.sizeBytes ?? 0;
  }

  /** Kills it before each of its calls from the given one on, with and without a loss of power. */
  #cut(node: Node, run: Run, from: number, way: readonly string[]): void {
    let last: WorldState | null = null;
    for (const [index, state] of [...run.before.slice(from), run.after].entries()) {
      this.#incidents++;
      // A call that changes nothing may as well not have been made.
      if (state === last) continue;
      last = state;
      const at = from + index;
      const call = run.calls[at];
      const where = call === undefined ? "after the last call" : `before ${at}: ${call.name} ${call.about}`;
      const cut = [...way, `kill ${where}`];
      this.#judgeHarm(node.state, state, cut);
      this.#visit({ state: state.afterKill(), depth: node.depth + 1, way: cut });
      this.#onEachSelection(state, (after, says) => {
        const lost = [...way, `loss of power ${where}`, ...says];
        const claim = falseClaim(this.#case, after);
        if (claim !== null) this.#report(claim, lost);
        this.#visit({ state: after, depth: node.depth + 1, way: lost });
      });
    }
  }

  #onEachSelection(state: WorldState, use: (after: WorldState, says: readonly string[]) => void): void {
    for (const fates of selections(state.atRisk, this.#settings.allSelectionsOf))
      use(state.afterPowerLoss(fates), fates.length === 0 ? [] : [`survivors: ${fates.join(" ")}`]);
  }

  #visit(node: Node): void {
    const key = stateKey(node.state);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#waiting.push(node);
  }

  #report(what: string, way: readonly string[]): void {
    // Ways to one fault differ in numbers.
    const kind = what.replaceAll(/\d+|[0-9a-f]{32}/g, "n");
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    this.#problems.push({ scenario: this.#scenario.name, what, way });
  }
}

function isCopied({ outcome }: Run): boolean {
  return outcome.kind === "ended" && outcome.result.outcome === "copied";
}

/** What may go wrong with a call. */
function incidentsOf({ name, about }: Call): readonly Incident["what"][] {
  const error = (errno: string): Incident["what"] => ({ kind: "error", errno });
  // The kernel's log is no part of a copy.
  if (about === "/dev/kmsg") return [];
  switch (name) {
    case "close":
      return [];
    case "open":
      return [error("EACCES"), error("EMFILE")];
    case "pread":
    case "read":
      return [error("EIO"), { kind: "short" }];
    case "pwrite":
    case "write":
      return [error("EIO"), error("ENOSPC"), { kind: "short" }, { kind: "interrupt" }];
    case "ftruncate":
      return [error("EIO"), { kind: "interrupt" }];
    case "mkdir":
    case "link":
    case "rename":
      return [error("ENOSPC"), error("EROFS")];
    case "flock":
      return [error("EWOULDBLOCK"), error("ENOLCK")];
    default:
      return [error("EIO")];
  }
}

/** Fates of so many changes: each selection of a few; of many none, all, each alone and each missing; and torn ones. */
function selections(count: number, allOf: number): readonly (readonly Fate[])[] {
  if (count === 0) return [[]];
  const indices = Array.from({ length: count }, (_, index) => index);
  const where = (fateOf: (index: number) => Fate): readonly Fate[] => indices.map(fateOf);
  const whole =
    count <= allOf
      ? Array.from({ length: 2 ** count }, (_, bits) => where((index) => ((bits >> index) & 1 ? "whole" : "not")))
      : [
          where(() => "not"),
          where(() => "whole"),
          ...indices.map((only) => where((index) => (index === only ? "whole" : "not"))),
          ...indices.map((missing) => where((index) => (index === missing ? "not" : "whole"))),
        ];
  const torn = indices.flatMap((at) => [
    where((index) => (index === at ? "start" : index < at ? "whole" : "not")),
    where((index) => (index === at ? "end" : index < at ? "whole" : "not")),
  ]);
  return [...whole, ...torn];
}
