import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import { type Bdf, formatBdf, parseBdf } from "../../src/pci/bdf.ts";
import { Engine, EngineError } from "../engine/client.ts";
import type { Asked, Failure, Given, MachineView, Method, View } from "../engine/protocol.ts";
import { EXAMPLES } from "../examples.ts";
import { type Coloring, type Order, readFragment, writeFragment } from "./location.ts";
import { unpacked } from "./packed.ts";

/** The worker, for all of the page. */
export const engine: Engine = new Engine();

/** A machine that is open: a tab. */
export interface OpenMachine {
  readonly id: number;
  readonly name: string;
  readonly view: MachineView;
  /** The example that it is, and what a link has it packed to; `null` where it is none, or nobody asked. */
  readonly example: string | null;
  readonly link: string | null;
  readonly asked: WhatIfRequest;
}

/** Two devices of the machine that is shown. */
export interface Pair {
  readonly provider: Bdf;
  readonly client: Bdf;
}

export const machines: Signal<readonly OpenMachine[]> = signal([]);
export const currentId: Signal<number | null> = signal(null);
export const current: ReadonlySignal<OpenMachine | undefined> = computed(() =>
  machines.value.find(({ id }) => id === currentId.value),
);
export const pair: Signal<Pair | null> = signal(null);
export const coloring: Signal<Coloring> = signal("verdict");
export const order: Signal<Order> = signal("place");
/** What opening failed with. */
export const failure: Signal<Failure | null> = signal(null);
/** The name of what is being read. */
export const reading: Signal<string | null> = signal(null);

let nextId = 1;

/** What becomes of a request whose answer depends on what is shown. */
export type Answered<T> =
  | { readonly is: "none" }
  | { readonly is: "waiting" }
  | { readonly is: "given"; readonly given: T }
  | { readonly is: "failed"; readonly failure: Failure };

/**
 * The answer of a method to what `asked` says, asked again when that changes; what came is shown until the next comes, where
 * it is about the same machine. Nothing is asked where `asked` says nothing.
 */
export function answered<M extends Exclude<Method, "open" | "close">>(
  method: M,
  asked: () => Asked<M> | null,
): ReadonlySignal<Answered<Given<M>>> {
  const answer: Signal<Answered<Given<M>>> = signal({ is: "none" });
  let round = 0;
  let machine: number | undefined;
  effect(() => {
    const about = asked();
    const mine = ++round;
    if (about === null) {
      answer.value = { is: "none" };
      return;
    }
    if (about.machine !== machine || answer.peek().is !== "given") answer.value = { is: "waiting" };
    machine = about.machine;
    engine.ask(method, about).then(
      (given) => {
        if (mine === round) answer.value = { is: "given", given };
      },
      (error: unknown) => {
        if (mine === round) answer.value = { is: "failed", failure: failureOf(error) };
      },
    );
  });
  return answer;
}

/** What is shown, as requests name it. */
export const view: ReadonlySignal<View | null> = computed(() => {
  const shown = current.value;
  return shown === undefined ? null : { machine: shown.id, asked: shown.asked };
});

function failureOf(error: unknown): Failure {
  if (error instanceof EngineError) return error.failure;
  return { code: "broken", message: String(error), remedy: "this is a fault of Peerlane: report it" };
}

/** Reads a machine and shows it in a tab of its own; what fails is told. */
export async function openMachine(
  name: string,
  bytes: Uint8Array,
  from: Pick<OpenMachine, "example" | "link"> = { example: null, link: null },
): Promise<void> {
  failure.value = null;
  reading.value = name;
  const id = nextId++;
  try {
    const given = await engine.open(id, name, bytes);
    machines.value = [...machines.value, { id, name, view: given, ...from, asked: {} }];
    show(id);
  } catch (error) {
    failure.value = failureOf(error);
  } finally {
    reading.value = null;
  }
}

/** Opens a machine that comes with the page. */
export async function openExample(name: string): Promise<void> {
  const example = EXAMPLES.find((one) => one.name === name);
  if (example === undefined) {
    failure.value = { code: "not-found", message: `no example is called '${name}'`, remedy: "choose one of the list" };
    return;
  }
  await openMachine(name, await example.load(), { example: name, link: null });
}

/** Stops what is being read. */
export function stopReading(): void {
  engine.end("stopped: the worker that read it was ended", "open another machine, or the same again");
}

export function show(id: number): void {
  if (currentId.value !== id) pair.value = null;
  currentId.value = id;
}

export async function closeMachine(id: number): Promise<void> {
  const at = machines.value.findIndex((machine) => machine.id === id);
  machines.value = machines.value.filter((machine) => machine.id !== id);
  if (currentId.value === id) {
    pair.value = null;
    currentId.value = (machines.value[at] ?? machines.value.at(-1))?.id ?? null;
  }
  await engine.close(id);
}

/** Longest link that is made: what browsers and mail programs still carry. */
const LONGEST_LINK = 64_000;

/** The address of the page with the machine in it, without what names anybody; tells instead where it is too large. */
export async function linkOf(machine: OpenMachine): Promise<string | null> {
  const link = machine.example === null ? await engine.ask("share", { machine: machine.id }) : null;
  if (link !== null && link.length > LONGEST_LINK) {
    failure.value = {
      code: "too-large",
      message: `a link with this machine would have ${link.length} characters`,
      remedy: "send a file: peerlane report --html writes one page with the machine in it",
    };
    return null;
  }
  machines.value = machines.value.map((one) => (one.id === machine.id ? { ...one, link } : one));
  return location.href;
}

/** Keeps the address of the page at what is shown. */
export function followState(): void {
  effect(() => {
    const shown = current.value;
    const chosen = pair.value;
    const hash = writeFragment({
      example: shown?.example ?? null,
      machine: shown?.link ?? null,
      name: shown === undefined || shown.link === null ? null : shown.name,
      pair: chosen === null ? null : [formatBdf(chosen.provider), formatBdf(chosen.client)],
      coloring: coloring.value,
      order: order.value,
    });
    if (hash !== location.hash) history.replaceState(null, "", `${location.pathname}${location.search}${hash}`);
  });
}

/** Machines that stand in the page itself: `peerlane report --html` and `peerlane serve` put them there. */
function machinesInside(): readonly { readonly name: string; readonly text: string }[] {
  const inside = document.getElementById("machines")?.textContent ?? "";
  return inside === "" ? [] : (JSON.parse(inside) as { readonly name: string; readonly text: string }[]);
}

/** Shows what the address asks for. */
export async function openFromAddress(): Promise<void> {
  const asked = readFragment(location.hash);
  coloring.value = asked.coloring;
  order.value = asked.order;
  for (const { name, text } of machinesInside()) await openMachine(name, new TextEncoder().encode(text));
  if (asked.example !== null) await openExample(asked.example);
  if (asked.machine !== null) await openLink(asked.machine, asked.name ?? "machine of a link");
  if (asked.pair === null || current.value === undefined) return;
  const [provider, client] = asked.pair.map((address) => parseBdf(address));
  if (provider !== undefined && client !== undefined) pair.value = { provider, client };
}

async function openLink(text: string, name: string): Promise<void> {
  const bytes = await unpacked(text);
  if (bytes !== null) return openMachine(name, bytes, { example: null, link: text });
  failure.value = {
    code: "bad-input",
    message: "the machine in this link cannot be unpacked: it was cut, or changed",
    remedy: "ask for the link again, or for a file",
  };
}
