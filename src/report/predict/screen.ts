import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import type { Topology } from "../../pci/topology.ts";
import { bothWaysOf } from "../../predict/flows.ts";
import type { HopLimit } from "../../predict/hops.ts";
import type { Loss } from "../../predict/losses.ts";
import { LARGE_BYTES, type Prediction, predictionsOf } from "../../predict/predict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { fullName, nameIn } from "../device-names.ts";
import { type Block, heading, list, paragraph, table } from "../document.ts";
import { linkState } from "../link-text.ts";
import { painted, type Rich, rich } from "../rich.ts";
import { FIRST_SIZES, gbpsText, oneAtATimeGBps, rangeText, TOLD_SIZES, toldGBps } from "./numbers.ts";

/** Both operations of a pair, as one asks about them. */
const OPERATIONS = ["write", "read"] as const;

/** How a pair's screen is asked for. */
export interface PredictScreen {
  /** Every hop, size and assumption; else the answer, what holds it back, and the first of the rest. */
  readonly isWhole?: boolean;
  /** Bytes over which the requests go, at random; `null`: not said. */
  readonly windowBytes?: number | null;
}

/** So many assumptions are told where not all are asked for. */
const FIRST_ASSUMPTIONS = 2;

/**
 * What the client can write into the provider's memory, and read from it: `decided` is the table of the one pair. The
 * figures first, then what holds them back, the sizes, and what was assumed; each hop where all is asked for.
 */
export function predictBlocks(
  decided: VerdictTable,
  { isWhole = false, windowBytes = null }: PredictScreen = {},
): readonly Block[] {
  const { topology } = decided;
  const [provider, client] = [decided.providers[0] as Bdf, decided.clients[0] as Bdf];
  const [write, read] = OPERATIONS.map((operation) =>
    predictionsOf(decided).at(0, 0, operation, LARGE_BYTES, windowBytes),
  ) as [Known<Prediction>, Known<Prediction>];
  const both = [write, read].flatMap((each) => (isUnknown(each) ? [] : [each]));
  const more = isWhole || both.length === 0 ? "" : " (--full: each hop)";
  return [
    heading(`${fullName(topology, client)} and the memory of ${fullName(topology, provider)}`),
    list([
      figure(topology, `${nameIn(topology, client)} writes into ${nameIn(topology, provider)}`, write),
      figure(topology, `${nameIn(topology, client)} reads from ${nameIn(topology, provider)}`, read),
      ...bothWaysTexts(decided, 0, 0, "all", windowBytes),
      ...latencyTexts(both),
    ]),
    ...lossBlocks(both),
    ...(isWhole ? both.flatMap((each) => [heading(HOP_HEADS[each.operation]), hopTable(topology, each)]) : []),
    ...sizeBlocks(decided, both, isWhole ? TOLD_SIZES : FIRST_SIZES, windowBytes),
    ...assumptionBlocks(both, isWhole ? Number.POSITIVE_INFINITY : FIRST_ASSUMPTIONS),
    paragraph(`A forecast: whether data arrives right says peerlane probe${more}.`),
  ];
}

/** `one write takes 0.36 µs (0.23–0.62), a read and back 0.73 (0.46–1.24)`. */
function latencyTexts(predictions: readonly Prediction[]): readonly Rich[] {
  const parts = predictions.map(({ operation, isUpperBound, latencyNs: { value, low, high } }) => {
    const [usual, least, most] = [value, low, high].map((ns) => (ns / 1000).toFixed(2));
    if (isUpperBound)
      return operation === "write" ? `one write takes at least ${least} µs` : `a read and back at least ${least}`;
    return operation === "write"
      ? `one write takes ${usual} µs (${least}–${most})`
      : `a read and back ${usual} (${least}–${most})`;
  });
  return parts.length === 0 ? [] : [parts.join("; ")];
}

/**
 * Both directions of a pair at once, and the links that both cross the same way; nothing where one of them has no figure, and
 * where only what is shared is asked for, nothing where nothing is.
 */
export function bothWaysTexts(
  decided: VerdictTable,
  i: number,
  j: number,
  of: "all" | "shared" = "all",
  windowBytes: number | null = null,
): readonly Rich[] {
  const both = bothWaysOf(decided, i, j, LARGE_BYTES, windowBytes);
  if (isUnknown(both) || (of === "shared" && both.shared.length === 0)) return [];
  const { thereGBps, backGBps, shared, directGBps } = both;
  const { topology } = decided;
  const why =
    shared.length === 0
      ? ""
      : rich`, as both cross the ${shared.length === 1 ? "link" : "links"} of ${shared.map((bdf) => nameIn(topology, bdf)).join(" and ")} up and down${directGBps === null ? "" : `; ${gbpsText(directGBps)} if they turned in the switch`}`;
  return [
    rich`both write to each other at once: ${painted("strong", `${gbpsText(thereGBps + backGBps)} GB/s`)} in all, ${gbpsText(thereGBps)} and ${gbpsText(backGBps)}${why}`,
  ];
}

const HOP_HEADS = { write: "What each hop carries of writes", read: "What each hop carries of reads" } as const;

function figure(topology: Topology, what: string, prediction: Known<Prediction>): Rich {
  if (isUnknown(prediction)) return rich`${what}: ${painted("unknown", "not known")} (${prediction.unknown})`;
  const by = rich`held by ${hopWords(topology, prediction.bottleneck)}`;
  return rich`${what}: ${painted("strong", rangeText(prediction))}, ${by}; ${SURE_WORDS[prediction.sure]}`;
}

/** How sure a figure is, in words. */
export const SURE_WORDS = {
  measured: "as measured on such hardware",
  specification: "by the specification",
  assumption: "assumed in part",
} as const;

/** `the link of gpu0, x16 32GT/s`. */
export function hopWords(topology: Topology, hop: HopLimit): Rich {
  if (hop.kind === "link" && hop.at !== null && hop.taken !== null) {
    const asleep = hop.link !== null && hop.link.status.speedGTps !== hop.taken.speedGTps;
    const now = asleep && hop.link !== null ? `, taken as awake (now ${linkState(hop.link.status)})` : "";
    const recut = hop.recutBytes === null ? "" : `, in packets of ${hop.recutBytes} bytes from the root complex`;
    return rich`the link of ${nameIn(topology, hop.at)}, ${linkState(hop.taken)}${now}${recut}`;
  }
  if (hop.kind === "iommu") return hop.why;
  return hop.kind === "root-complex" ? "the root complex" : rich`reads in flight: ${hop.why}`;
}

function lossBlocks(predictions: readonly Prediction[]): readonly Block[] {
  const items = lossTexts(predictions);
  return items.length === 0 ? [] : [heading("What holds it back"), list(items)];
}

/** Losses, those of writes and of reads that are one thing as one: `MaxPayload is 128 bytes …; without that writes 56.3 GB/s`. */
export function lossTexts(predictions: readonly Prediction[]): readonly Rich[] {
  const byWhy = new Map<string, { readonly of: Prediction; readonly loss: Loss }[]>();
  for (const of of predictions) {
    for (const loss of of.losses) byWhy.set(loss.why, [...(byWhy.get(loss.why) ?? []), { of, loss }]);
  }
  return [...byWhy].map(([why, each]): Rich => {
    const gains = each.map(({ of, loss }) => `${of.operation}s ${gbpsText(loss.gbpsWithout)} GB/s`).join(", ");
    return rich`${painted("warn", why)}; without that ${gains}`;
  });
}

function hopTable(topology: Topology, { hops, path }: Prediction): Block {
  const rows = hops.map((hop): Rich[] => [
    hop.kind === "link" && hop.at !== null
      ? nameIn(topology, hop.at)
      : { "root-complex": "root complex", iommu: "IOMMU", "reads-in-flight": "reads in flight", link: "" }[hop.kind],
    hop.taken === null ? "" : linkState(hop.taken),
    hop.towards ?? "",
    gbpsText(hop.value),
    `${gbpsText(hop.low)}–${gbpsText(hop.high)}`,
  ]);
  const hidden = path.crossings.flatMap((crossing): Rich[][] =>
    crossing.kind === "hidden-link" ? [[nameIn(topology, crossing.below), "not shown", crossing.towards, "?", ""]] : [],
  );
  return table(["link above", "state", "data goes", "GB/s", "from–to"], [...rows, ...hidden]);
}

function sizeBlocks(
  decided: VerdictTable,
  predictions: readonly Prediction[],
  sizes: readonly number[],
  windowBytes: number | null,
): readonly Block[] {
  if (predictions.length === 0) return [];
  const head = ["bytes each", ...predictions.flatMap(({ operation }) => [`${operation}s`, `one at a time`])];
  const rows = sizes.map((size): Rich[] => [
    formatSize(size),
    ...predictions.flatMap((large) => {
      const each = predictionsOf(decided).at(0, 0, large.operation, size, windowBytes);
      if (isUnknown(each)) return ["?", "?"];
      const most = each.isUpperBound ? "≤" : "";
      return [toldGBps(each), oneAtATimeGBps(large, size)].map((gbps) => `${most}${gbpsText(gbps)}`);
    }),
  ]);
  return [heading("GB/s by size: many in flight, and one at a time"), table(head, rows)];
}

/** The first `most` of what was assumed: what holds for writes and reads is said once. */
function assumptionBlocks(predictions: readonly Prediction[], most: number): readonly Block[] {
  const said = [...new Set(predictions.flatMap(({ assumptions }) => assumptions))];
  const more = said.length > most + 1 ? said.length - most : 0;
  const told = more === 0 ? said : said.slice(0, most);
  return said.length === 0 ? [] : [heading("Assumed"), list(more === 0 ? told : [...told, `${more} more (--full)`])];
}
