import { stringify } from "yaml";
import type { Device, Fn, Root, Setup } from "./made-machine.ts";

/** A function at its place, as firmware numbers buses. */
export interface Placed {
  readonly name: string;
  readonly kind: Fn["kind"] | "host";
  readonly ids: string;
  readonly bus: number;
  readonly devfn: number;
  readonly rootBus: number;
  readonly above: Placed | null;
  /** What the kernel takes for one function of several. */
  readonly isOfSeveral: boolean;
  /** The physical function of a virtual one. */
  readonly physical: Placed | null;
  /** What its ACS offers, `null` without the capability. */
  readonly offers: number | null;
  readonly firmware: number;
  readonly hasBuffer: boolean;
  /** What it sits on. */
  readonly on: "root" | "link" | "conventional";
}

const hex = (value: number, digits = 2): string => value.toString(16).padStart(digits, "0");

/** `0000:03:00.0`. */
export function addressOf({ bus, devfn }: Placed): string {
  return `0000:${hex(bus)}:${hex(devfn >> 3)}.${devfn & 7}`;
}

export const isPort = ({ kind }: { kind: Placed["kind"] }): boolean => kind === "root-port" || kind === "port";
export const isBridge = (fn: { kind: Placed["kind"] }): boolean =>
  isPort(fn) || fn.kind === "switch" || fn.kind === "bridge";
export const isEnd = (fn: { kind: Placed["kind"] }): boolean => !isBridge(fn) && fn.kind !== "host";

const PORT_OFFERS = 0x5f;
const ENDPOINT_OFFERS = 0x0c;

const laidOut = new WeakMap<readonly Root[], readonly Placed[]>();

/** All functions in the order in which the kernel meets them: depth first, each bus in order of devices. */
export function layOut({ roots }: Setup): readonly Placed[] {
  const found = laidOut.get(roots);
  if (found !== undefined) return found;
  const placed = roots.flatMap((root) => new RootBus(root).functions);
  laidOut.set(roots, placed);
  return placed;
}

/** Numbers the buses below a host bridge, each bridge's the next free one. */
class RootBus {
  readonly functions: Placed[] = [];
  readonly #rootBus: number;
  #last: number;

  constructor({ bus, host, devices }: Root) {
    this.#rootBus = bus;
    this.#last = bus;
    if (host !== null) {
      const fn: Fn = { ...NO_FUNCTION, name: `host-${bus}`, ids: host };
      this.functions.push(this.#placed(fn, "host", bus, 0, null, "root"));
    }
    this.#place(devices, bus, null, "root");
    this.functions.sort((a, b) => a.bus - b.bus || a.devfn - b.devfn);
  }

  #placed(fn: Fn, kind: Placed["kind"], bus: number, devfn: number, above: Placed | null, on: Placed["on"]): Placed {
    const offers = fn.acs === null ? null : (isPort(fn) ? PORT_OFFERS : ENDPOINT_OFFERS) | fn.acs;
    return {
      name: fn.name,
      kind,
      ids: fn.ids,
      bus,
      devfn,
      rootBus: this.#rootBus,
      above,
      isOfSeveral: false,
      physical: null,
      offers,
      firmware: fn.acs ?? 0,
      hasBuffer: fn.hasBuffer,
      on,
    };
  }

  #place(devices: readonly Device[], bus: number, above: Placed | null, on: Placed["on"]): void {
    const here: { readonly fn: Fn; readonly at: Placed }[] = [];
    let next = 0;
    for (const { at: device, fns } of devices) {
      for (const fn of fns) {
        const at = { ...this.#placed(fn, fn.kind, bus, device * 8 + fn.fn, above, on), isOfSeveral: fns.length > 1 };
        here.push({ fn, at });
        this.functions.push(at);
        next = Math.max(next, at.devfn + 1);
      }
    }
    for (const { fn, at } of here) {
      for (let virtual = 0; virtual < fn.virtuals; virtual++) {
        const own = { ...fn, name: `${fn.name}-vf${virtual}`, acs: null, hasBuffer: false };
        this.functions.push({ ...this.#placed(own, fn.kind, bus, next++, above, on), physical: at });
      }
    }
    for (const { fn, at } of here) {
      if (!isBridge(fn)) continue;
      this.#place(fn.below, ++this.#last, at, fn.kind === "bridge" ? "conventional" : "link");
    }
  }
}

const NO_FUNCTION: Fn = {
  ...{ name: "", kind: "accel", fn: 0, ids: "", acs: null, hasBuffer: false, virtuals: 0, below: [] },
};

const LETTERS = ["SV", "TB", "RR", "CR", "UF", "EC", "DT"];

/** The machine as a scenario file. */
export function scenarioOf(setup: Setup): string {
  const { roots, cpu, release, iommu, parameters } = setup;
  return stringify(
    {
      scenario: "made up",
      cpu: cpu.written,
      kernel: release,
      iommu,
      ...(parameters === "" ? {} : { cmdline: parameters }),
      hostBridges: roots.map(({ bus, host, devices }) => ({
        bus: `0x${hex(bus)}`,
        id: host ?? "none",
        below: devices.flatMap(nodesOf),
      })),
    },
    { lineWidth: 0 },
  );
}

function nodesOf({ at, fns }: Device): object[] {
  return fns.map((fn) => {
    const { name, kind, ids, acs, hasBuffer, virtuals, below } = fn;
    const bits = LETTERS.map((letters, bit) => `${letters}${((acs ?? 0) >> bit) & 1 ? "+" : "-"}`).join(" ");
    const attributes = {
      at: `${hex(at)}.${fn.fn}`,
      name,
      id: ids,
      ...(kind === "switch" || kind === "bridge" ? {} : { acs: acs === null ? false : bits }),
      ...(hasBuffer ? { cmb: "16M" } : {}),
      ...(virtuals > 0 ? { sriov: { total: virtuals, vfs: virtuals } } : {}),
    };
    const key = kind === "root-port" ? "rootPort" : kind;
    return { [key]: attributes, ...(below.length > 0 ? { below: below.flatMap(nodesOf) } : {}) };
  });
}
