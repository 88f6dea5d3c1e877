import { bootedControl } from "./boot.ts";
import { formedGroups } from "./groups.ts";
import { type Decided, type Deciding, decidePair } from "./kernel.ts";
import { isBridge, isPort, layOut, type Placed } from "./layout.ts";
import { CPUS, type Device, type Fn, type Mode, type Setup } from "./made-machine.ts";

/** One thing that is done to a machine, by names of functions. */
export type Step =
  | { readonly kind: "parameters"; readonly text: string }
  | { readonly kind: "kernel"; readonly release: string }
  | { readonly kind: "cpu"; readonly name: keyof typeof CPUS }
  | { readonly kind: "iommu"; readonly mode: Mode }
  | { readonly kind: "move"; readonly device: string; readonly under: string }
  /** A card with a switch: its upstream port and two downstream ports, which offer ACS and have none on. */
  | { readonly kind: "switch-card"; readonly under: string; readonly names: readonly string[] }
  | { readonly kind: "acs"; readonly name: string; readonly set: number; readonly clear: number };

/** Functions by the names of those that share a group, in any order. */
export type Groups = ReadonlyMap<string, number>;

/** A machine after its kernel's boot. */
export class Running implements Deciding {
  readonly setup: Setup;
  readonly functions: readonly Placed[];
  readonly control: ReadonlyMap<string, number>;
  readonly #formedWith: ReadonlyMap<string, number>;
  readonly #byName: ReadonlyMap<string, Placed>;
  #groups: Groups | undefined;

  private constructor(
    setup: Setup,
    functions: readonly Placed[],
    control: ReadonlyMap<string, number>,
    formedWith: ReadonlyMap<string, number>,
  ) {
    this.setup = setup;
    this.functions = functions;
    this.control = control;
    this.#formedWith = formedWith;
    this.#byName = namesOf(functions);
  }

  static boot(setup: Setup): Running {
    const functions = layOut(setup);
    const control = bootedControl(setup, functions);
    return new Running(setup, functions, control, control);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  at(name: string): Placed {
    const fn = this.#byName.get(name);
    if (fn === undefined) throw new Error(`no function ${name}`);
    return fn;
  }

  decide(provider: string, client: string): Decided {
    return decidePair(this, this.at(provider), this.at(client));
  }

  /** As they were formed at the boot, whatever was written to registers since; empty without an IOMMU. */
  get groups(): Groups {
    if (this.setup.iommu === "off") return new Map();
    this.#groups ??= formedGroups(this.functions, this.#formedWith);
    return this.#groups;
  }

  /** As they would be formed of the registers as they are. */
  get groupsOfRegisters(): Groups {
    return this.setup.iommu === "off" ? new Map() : formedGroups(this.functions, this.control);
  }

  /** With bits written to ACS control registers, as `setpci` does. */
  written(name: string, set: number, clear: number): Running {
    const { offers } = this.at(name);
    const control = new Map(this.control);
    control.set(name, ((this.control.get(name) ?? 0) & ~clear) | (set & (offers ?? 0)));
    return new Running(this.setup, this.functions, control, this.#formedWith);
  }

  /** Its registers as they are, under the rules of another release. */
  withRelease(release: string): Running {
    return new Running({ ...this.setup, release }, this.functions, this.control, this.#formedWith);
  }

  /** Booted anew after firmware leaves bits of ACS off. */
  withoutFirmwareBits(clear: ReadonlyMap<string, number>): Running {
    const cleared = (devices: readonly Device[]): readonly Device[] =>
      devices.map((device) => ({
        ...device,
        fns: device.fns.map((fn) => ({
          ...fn,
          acs: fn.acs === null ? null : fn.acs & ~(clear.get(fn.name) ?? 0),
          below: cleared(fn.below),
        })),
      }));
    const roots = this.setup.roots.map((root) => ({ ...root, devices: cleared(root.devices) }));
    return Running.boot({ ...this.setup, roots });
  }

  /** The same boot on another CPU. */
  #onCpu(setup: Setup): Running {
    return new Running(setup, this.functions, this.control, this.#formedWith);
  }

  /** The machine after all of some steps; `undefined` where a slot would hold two devices. */
  after(steps: readonly Step[]): Running | undefined {
    let setup: Setup | undefined = this.setup;
    for (const step of steps) {
      if (step.kind === "kernel") setup = { ...setup, release: step.release };
      if (step.kind === "cpu") setup = { ...setup, cpu: CPUS[step.name] };
      if (step.kind === "iommu") setup = { ...setup, iommu: step.mode };
      if (step.kind === "parameters") setup = { ...setup, parameters: `${setup.parameters} ${step.text}`.trim() };
    }
    setup = moved(
      setup,
      steps.filter((step) => step.kind === "move"),
      steps.filter((step) => step.kind === "switch-card"),
    );
    if (setup === undefined) return undefined;
    const isBooted = steps.some(({ kind }) => kind !== "acs" && kind !== "cpu");
    let running = isBooted ? Running.boot(setup) : this.#onCpu(setup);
    for (const step of steps) {
      if (step.kind === "acs") running = running.written(step.name, step.set, step.clear);
    }
    return running;
  }
}

const byNames = new WeakMap<readonly Placed[], ReadonlyMap<string, Placed>>();

function namesOf(functions: readonly Placed[]): ReadonlyMap<string, Placed> {
  const found = byNames.get(functions) ?? new Map(functions.map((fn) => [fn.name, fn]));
  byNames.set(functions, found);
  return found;
}

type Move = Extract<Step, { kind: "move" }>;
type SwitchCard = Extract<Step, { kind: "switch-card" }>;

function cardOf({ names: [upstream = "", ...ports] }: SwitchCard): Device {
  const fn: Omit<Fn, "name" | "kind" | "acs"> = { fn: 0, ids: "0000:0000", hasBuffer: false, virtuals: 0, below: [] };
  const below = ports.map((name, at): Device => ({ at, fns: [{ ...fn, name, kind: "port", acs: 0, below: [] }] }));
  return { at: 0, fns: [{ ...fn, name: upstream, kind: "switch", acs: null, below }] };
}

/** The machine put together anew with devices below other ports; `undefined` where one port would have two, or is not there. */
function moved(setup: Setup, moves: readonly Move[], cards: readonly SwitchCard[]): Setup | undefined {
  if (moves.length + cards.length === 0) return setup;
  const taken = new Map<string, Device>();
  // A virtual function goes where its physical one does.
  const ofDevice = (name: string): string => name.replace(/-vf\d+$/, "");
  const wanted = new Set(moves.map(({ device }) => ofDevice(device)));
  const without = (devices: readonly Device[]): readonly Device[] => {
    const left = devices.flatMap((device) => {
      const mover = device.fns.find(({ name }) => wanted.has(name));
      if (mover === undefined) return [withBelow(device, ({ below }) => without(below))];
      taken.set(mover.name, device);
      return [];
    });
    return isAlike(left, devices) ? devices : left;
  };
  const bare = setup.roots.map((root) => ({ ...root, devices: without(root.devices) }));
  const put = new Map<string, Device[]>();
  for (const { device, under } of moves) {
    const mover = taken.get(ofDevice(device));
    if (mover !== undefined) put.set(under, [...(put.get(under) ?? []), { ...mover, at: 0 }]);
  }
  for (const card of cards) put.set(card.under, [...(put.get(card.under) ?? []), cardOf(card)]);
  let isFull = false;
  const placed = new Set<string>();
  const withMoved = (devices: readonly Device[]): readonly Device[] => {
    const now = devices.map((device) =>
      withBelow(device, ({ name, below }) => {
        const more = put.get(name) ?? [];
        placed.add(name);
        if (more.length > 0 && below.length + more.length > 1) isFull = true;
        return withMoved(more.length > 0 ? [...below, ...more] : below);
      }),
    );
    return isAlike(now, devices) ? devices : now;
  };
  const roots = bare.map((root) => ({ ...root, devices: withMoved(root.devices) }));
  const isPlaced = [...put.keys()].every((name) => placed.has(name));
  return isFull || !isPlaced ? undefined : { ...setup, roots };
}

function isAlike(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}

/** A device with other things below its functions; the same one where nothing changes. */
function withBelow(device: Device, belowOf: (fn: Fn) => readonly Device[]): Device {
  const belows = device.fns.map(belowOf);
  if (belows.every((below, at) => below === device.fns[at]?.below)) return device;
  return { ...device, fns: device.fns.map((fn, at) => ({ ...fn, below: belows[at] ?? [] })) };
}

/** A card in a slot: the port above it and its functions, by name. */
export interface Card {
  readonly first: string;
  readonly under: string;
  readonly names: readonly string[];
}

/** The cards that hang alone from a port, and the ports that have a slot. */
export function slotsOf({ functions }: Running): {
  readonly cards: readonly Card[];
  readonly ports: readonly string[];
} {
  const ports = functions.filter(isPort);
  const cards = ports.flatMap((port): Card[] => {
    const below = functions.filter(({ above }) => above === port);
    const [first] = below;
    if (first === undefined || below.some(isBridge)) return [];
    return [{ first: first.name, under: port.name, names: below.map(({ name }) => name) }];
  });
  return { cards, ports: ports.map(({ name }) => name) };
}

/** Every way to put a card into another slot: a free one, or that of another card, which takes the old place. */
export function placesFor(running: Running, card: Card): readonly (readonly Move[])[] {
  const { cards, ports } = slotsOf(running);
  return ports.flatMap((under): Move[][] => {
    if (under === card.under) return [];
    const move: Move = { kind: "move", device: card.first, under };
    const port = running.at(under);
    if (!running.functions.some(({ above }) => above === port)) return [[move]];
    const other = cards.find((one) => one.under === under);
    return other === undefined ? [] : [[move, { kind: "move", device: other.first, under: card.under }]];
  });
}
