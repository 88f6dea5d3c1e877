import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import { onceOfTable } from "../rules/kept-answers.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { assumptionsOf, sureOf } from "./assumptions.ts";
import { type DataPath, dataPath, directPath } from "./crossings.ts";
import { type Amount, type AskedPath, askedPath, type HopLimit, hopsOf, latencyOf, leastOf } from "./hops.ts";
import type { LookUps } from "./look-ups.ts";
import { type Loss, lossesOf, possibleOf } from "./losses.ts";
import type { PathPackets } from "./packets.ts";
import type { Ranged } from "./platform-limits.ts";

/** 10^9 data bytes per second of a path, and what it may be. */
export interface Figure extends Pick<Ranged, "value" | "low" | "high"> {
  /** True where a link is hidden: it may be less than any figure here. */
  readonly isUpperBound: boolean;
}

/** What a path can carry of one kind of data, one way, one flow, and why: a forecast, and no word about whether the data is right. */
export interface Prediction extends Figure, Ranged {
  readonly operation: PeerDirection;
  /** Bytes of each read or write; the figure is of many that follow each other. */
  readonly sizeBytes: number;
  readonly path: DataPath;
  readonly packets: PathPackets;
  readonly hops: readonly HopLimit[];
  /** The hop with the least. */
  readonly bottleneck: HopLimit;
  readonly losses: readonly Loss[];
  /** `null` where no IOMMU translates on the way; where that is unknown, figures are as if none did. */
  readonly lookUps: Known<LookUps | null>;
  /** What was taken for given as the source does not show it. */
  readonly assumptions: readonly string[];
  /** Nanoseconds, unloaded: of one write, one way; of one read, there and back. */
  readonly latencyNs: Ranged;
}

/** Bytes of a transfer where none is asked for: large enough that only what repeats counts. */
export const LARGE_BYTES: number = 1 << 20;
const LARGE: Amount = { sizeBytes: LARGE_BYTES, windowBytes: null };

const noLink = unknown("no link is on the way, and so nothing that is known to limit it");

/** The predictions for a table's pairs, which are named by their positions, as in the table. */
export class Predictions {
  readonly #table: VerdictTable;

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  /**
   * Of one pair and direction; unknown where nothing arrives or it is not known where it goes. `windowBytes`: over how many
   * bytes of the provider's memory the requests go, at random.
   */
  at(
    i: number,
    j: number,
    operation: PeerDirection,
    sizeBytes: number = LARGE_BYTES,
    windowBytes: number | null = null,
  ): Known<Prediction> {
    const asked = this.#asked(i, j, operation, { sizeBytes, windowBytes });
    return isUnknown(asked) ? asked : predictPath(asked);
  }

  /** The figure of many large transfers alone, without what it would be otherwise: for many pairs, of which no more is told. */
  figureAt(i: number, j: number, operation: PeerDirection): Known<Figure> {
    const asked = this.#asked(i, j, operation, LARGE);
    return isUnknown(asked) ? asked : figureOf(asked, hopsOf(asked));
  }

  /** 10^9 data bytes per second that it would carry with all that holds it back away at once; its own figure where nothing does. */
  possibleAt(i: number, j: number, operation: PeerDirection): Known<number> {
    const asked = this.#asked(i, j, operation, LARGE);
    return isUnknown(asked) ? asked : possibleOf(asked);
  }

  #asked(i: number, j: number, operation: PeerDirection, amount: Amount): Known<AskedPath> {
    const path = dataPath(this.#table, i, j, operation);
    if (isUnknown(path)) return path;
    const { machine, topology } = this.#table;
    const client = this.#table.clients[j] as Bdf;
    const hidden = path.crossings.find((crossing) => crossing.kind === "hidden-link");
    if (!path.crossings.some(({ kind }) => kind === "link")) return hidden === undefined ? noLink : unknown(hidden.why);
    const direct = path.turn === "root-complex" ? directPath(this.#table, i, j, operation) : null;
    return askedPath(machine, topology, path, client, amount, direct);
  }
}

/** The predictions of a table, for whoever asks. */
export const predictionsOf: (table: VerdictTable) => Predictions = onceOfTable((table) => new Predictions(table));

/** What a path carries. Throws a `TypeError` for one that crosses no link whose state is shown. */
export function predictPath(asked: AskedPath): Prediction {
  const { path, packets, sizeBytes } = asked;
  const hops = hopsOf(asked);
  const bottleneck = leastOf(hops);
  return {
    ...figureOf(asked, hops),
    operation: path.operation,
    sizeBytes,
    path,
    packets,
    hops,
    bottleneck,
    why: bottleneck.why,
    sure: sureOf(asked, hops),
    losses: lossesOf(asked, bottleneck.value),
    assumptions: assumptionsOf(asked, hops),
    lookUps: asked.lookUps,
    latencyNs: latencyOf(asked, Math.min(sizeBytes, (packets.reads?.request ?? packets.payload).value)),
  };
}

function figureOf({ path }: AskedPath, hops: readonly HopLimit[]): Figure {
  const isUpperBound = path.crossings.some(({ kind }) => kind === "hidden-link");
  return {
    value: leastOf(hops).value,
    low: isUpperBound ? 0 : Math.min(...hops.map((hop) => hop.low)),
    high: Math.min(...hops.map((hop) => hop.high)),
    isUpperBound,
  };
}
