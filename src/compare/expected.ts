import type { Machine } from "../host/machine.ts";
import { linkGbps } from "../link/rate.ts";
import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { directPath, hostMemoryPath } from "../predict/crossings.ts";
import { shareOut } from "../predict/flows.ts";
import { askedPath, type HopLimit } from "../predict/hops.ts";
import type { Loss } from "../predict/losses.ts";
import { type Figure, LARGE_BYTES, type Prediction, predictionsOf, predictPath } from "../predict/predict.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";

/** One transfer: bytes go from one function, or memory of the host, to another; `null` is memory of the host. */
export interface Transfer {
  readonly from: Bdf | null;
  readonly to: Bdf | null;
}

/** Whose DMA moves the bytes of a transfer: `from` writes, or `to` reads. */
export type Mover = "from" | "to";

/** Transfers that run at once, and of which of them the figure is. */
export interface AskedFigure {
  readonly measured: readonly Transfer[];
  /** What runs beside them. */
  readonly beside: readonly Transfer[];
  /** Who moves the bytes between two devices: both where the output does not say. */
  readonly movers: readonly Mover[];
  /** Between two devices through memory of the host: written there by one, read by the other. */
  readonly isStaged: boolean;
  /** The figure is the sum of all measured transfers, or the least of them, as in a ring that waits for its slowest link. */
  readonly combine: "sum" | "least";
  /** Bytes of one; `null` where it is not said, which is taken as large. */
  readonly sizeBytes: number | null;
}

/** What a figure is held against, in 10^9 bytes per second; of an upper bound only the limit says something. */
export interface Expected extends Figure {
  /** What the links can carry of anything, however it is packed: more went another way, or is another unit. */
  readonly limit: number;
  /**
   * The same where transfers that go up to the root complex turned in the switch above both; `null` where none of them could.
   */
  readonly directLimit: number | null;
  /** The predictions of the transfers of the figure, each alone. */
  readonly predictions: readonly Prediction[];
  readonly bottleneck: HopLimit;
  /** What holds the measured transfers back, the dearest first, each once. */
  readonly losses: readonly Loss[];
  readonly assumptions: readonly string[];
}

/** What the transfers between devices of one machine, and with its memory, can carry. */
export class Expectations {
  readonly topology: Topology;
  readonly #machine: Machine;
  readonly #table: VerdictTable;
  readonly #positions: ReadonlyMap<Bdf, number>;
  readonly #known = new Map<string, Known<Prediction>>();

  /** `devices` are all that will be asked about. */
  constructor(machine: Machine, devices: readonly Bdf[], rules: { readonly rules?: string } = {}) {
    this.#machine = machine;
    this.#table = decideAll(machine, { ...rules, providers: devices, clients: devices });
    this.topology = this.#table.topology;
    this.#positions = new Map(devices.map((bdf, at) => [bdf, at]));
  }

  get table(): VerdictTable {
    return this.#table;
  }

  /** What one figure is to be; unknown, with why, where a transfer has no prediction. */
  of(asked: AskedFigure): Known<Expected> {
    const ways: Expected[] = [];
    let why: ReturnType<typeof unknown> | null = null;
    for (const mover of asked.movers) {
      const way = this.#way(asked, mover);
      if (isUnknown(way)) why = way;
      else ways.push(way);
    }
    const [first, ...others] = ways;
    if (first === undefined || (why !== null && asked.movers.length > 1)) return why ?? unknown("nothing is measured");
    return others.reduce(either, first);
  }

  /** One transfer alone: what `Predictions` says; with memory of the host the device moves the bytes, whatever `mover` is. */
  transfer(transfer: Transfer, mover: Mover, sizeBytes: number = LARGE_BYTES): Known<Prediction> {
    const key = `${transfer.from} ${transfer.to} ${mover} ${sizeBytes}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#predict(transfer, mover, sizeBytes);
    this.#known.set(key, made);
    return made;
  }

  #predict({ from, to }: Transfer, mover: Mover, sizeBytes: number): Known<Prediction> {
    if (from === null || to === null) {
      const device = from ?? to;
      if (device === null) return unknown("both ends are memory of the host");
      return this.#withHost(device, to === null ? "write" : "read", sizeBytes);
    }
    const [provider, client] = mover === "from" ? [to, from] : [from, to];
    const [i, j] = [this.#positions.get(provider), this.#positions.get(client)];
    if (i === undefined || j === undefined) return unknown("a device that was not asked about");
    return predictionsOf(this.#table).at(i, j, mover === "from" ? "write" : "read", sizeBytes);
  }

  #withHost(device: Bdf, operation: "write" | "read", sizeBytes: number): Known<Prediction> {
    const path = hostMemoryPath(this.topology, device, operation);
    if (!path.crossings.some(({ kind }) => kind === "link")) {
      const hidden = path.crossings.find((crossing) => crossing.kind === "hidden-link");
      return unknown(hidden?.why ?? "no link is between the device and memory of the host");
    }
    return predictPath(askedPath(this.#machine, this.topology, path, device, { sizeBytes, windowBytes: null }));
  }

  /** The prediction of a transfer, if its data turned in the switch above both; `null` where it does, or nothing is there. */
  #turned({ from, to }: Transfer, mover: Mover, { path, sizeBytes }: Prediction): Prediction | null {
    if (path.turn !== "root-complex" || from === null || to === null) return null;
    const [provider, client] = mover === "from" ? [to, from] : [from, to];
    const [i, j] = [this.#positions.get(provider), this.#positions.get(client)];
    const direct = i === undefined || j === undefined ? null : directPath(this.#table, i, j, path.operation);
    if (direct === null || !direct.crossings.some(({ kind }) => kind === "link")) return null;
    return predictPath(askedPath(this.#machine, this.topology, direct, client, { sizeBytes, windowBytes: null }));
  }

  #way({ measured, beside, isStaged, combine, sizeBytes }: AskedFigure, mover: Mover): Known<Expected> {
    const size = Math.min(sizeBytes ?? LARGE_BYTES, LARGE_BYTES);
    const all: Prediction[] = [];
    const turned: (Prediction | null)[] = [];
    // Of each measured transfer the positions of its predictions: two of one that goes through memory of the host.
    const stages: number[][] = [];
    for (const [at, transfer] of [...measured, ...beside].entries()) {
      const parts =
        isStaged && transfer.from !== null && transfer.to !== null ? stagesOf(transfer) : [{ transfer, mover }];
      const positions: number[] = [];
      for (const part of parts) {
        const prediction = this.transfer(part.transfer, part.mover, size);
        if (isUnknown(prediction)) return prediction;
        positions.push(all.push(prediction) - 1);
        turned.push(this.#turned(part.transfer, part.mover, prediction));
      }
      if (at < measured.length) stages.push(positions);
    }
    const figure = (predictions: readonly Prediction[], atOnce: boolean): number => {
      const shares = shareOut(this.topology, predictions);
      const each = stages.map((positions) => {
        const rates = positions.map((position) => shares[position] ?? 0);
        return atOnce ? Math.min(...rates) : 1 / rates.reduce((sum, rate) => sum + 1 / rate, 0);
      });
      return combine === "sum" ? each.reduce((sum, rate) => sum + rate, 0) : Math.min(...each);
    };
    const value = figure(all, true);
    const own = [...new Set(stages.flat().map((position) => all[position] as Prediction))];
    return {
      value,
      // What goes through memory of the host in two steps may take one behind the other.
      low: Math.min(value, figure(all.map(atLeast), false)),
      high: Math.max(value, figure(all.map(atMost), true)),
      limit: figure(all.map(physical), true),
      directLimit: turned.some((each) => each !== null)
        ? figure(
            all.map((each, at) => physical(turned[at] ?? each)),
            true,
          )
        : null,
      predictions: own,
      bottleneck: own.reduce((least, each) => (each.value < least.value ? each : least)).bottleneck,
      losses: [...new Map(own.flatMap(({ losses }) => losses).map((loss) => [loss.why, loss])).values()],
      assumptions: [...new Set(own.flatMap(({ assumptions }) => assumptions))],
      isUpperBound: own.some(({ isUpperBound }) => isUpperBound),
    };
  }
}

function stagesOf({ from, to }: Transfer): readonly { readonly transfer: Transfer; readonly mover: Mover }[] {
  return [
    { transfer: { from, to: null }, mover: "from" },
    { transfer: { from: null, to }, mover: "to" },
  ];
}

function either(one: Expected, other: Expected): Expected {
  const losses = new Map([...one.losses, ...other.losses].map((loss) => [loss.why, loss]));
  return {
    value: Math.max(one.value, other.value),
    low: Math.min(one.low, other.low),
    high: Math.max(one.high, other.high),
    limit: Math.max(one.limit, other.limit),
    directLimit:
      one.directLimit === null ? other.directLimit : Math.max(one.directLimit, other.directLimit ?? one.directLimit),
    predictions: [...one.predictions, ...other.predictions],
    bottleneck: one.value <= other.value ? one.bottleneck : other.bottleneck,
    losses: [...losses.values()],
    assumptions: [...new Set([...one.assumptions, ...other.assumptions])],
    isUpperBound: one.isUpperBound || other.isUpperBound,
  };
}

function atLeast(prediction: Prediction): Prediction {
  return { ...prediction, hops: prediction.hops.map((hop) => ({ ...hop, value: hop.low })) };
}

function atMost(prediction: Prediction): Prediction {
  return { ...prediction, hops: prediction.hops.map((hop) => ({ ...hop, value: hop.high })) };
}

/** The links of a path alone, each with all the bits that its coding leaves: nothing around the data, nothing coming back. */
function physical(prediction: Prediction): Prediction {
  const hops = prediction.hops.flatMap((hop): readonly HopLimit[] =>
    hop.kind === "link" && hop.taken !== null ? [{ ...hop, value: linkGbps(hop.taken) / 8, otherWay: 0 }] : [],
  );
  return { ...prediction, hops };
}
