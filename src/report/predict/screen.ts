import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import type { Topology } from "../../pci/topology.ts";
import { bothWaysOf } from "../../predict/flows.ts";
import type { HopLimit } from "../../predict/hops.ts";
import type { Loss } from "../../predict/losses.ts";
import { type Prediction, predictionsOf } from "../../predict/predict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { fullName, nameIn } from "../device-names.ts";
import { type Block, heading, list, paragraph, table } from "../document.ts";
import { linkState } from "../link-text.ts";
import { painted, type Rich, rich } from "../rich.ts";
import { gbpsText, oneAtATimeGBps, rangeText, TOLD_SIZES } from "./numbers.ts";

/** Both operations of a pair, as one asks about them. */
const OPERATIONS = ["write", "read"] as const;

/**
 * What the client can write into the provider's memory, and read from it: `decided` is the table of the one pair. The
 * figures first, then what holds them back, each hop, the sizes, and what was assumed.
 */
export function predictBlocks(decided: VerdictTable): readonly Block[] {
  const { topology } = decided;
  const [provider, client] = [decided.providers[0] as Bdf, decided.clients[0] as Bdf];
  const [write, read] = OPERATIONS.map((operation) => predictionsOf(decided).at(0, 0, operation)) as [
    Known<Prediction>,
    Known<Prediction>,
  ];
  const both = [write, read].flatMap((each) => (isUnknown(each) ? [] : [each]));
  return [
    heading(`${fullName(topology, client)} and the memory of ${fullName(topology, provider)}`),
    list([
      figure(topology, `${nameIn(topology, client)} writes into ${nameIn(topology, provider)}`, write),
      figure(topology, `${nameIn(topology, client)} reads from ${nameIn(topology, provider)}`, read),
      ...bothWaysTexts(decided, 0, 0),
    ]),
    ...lossBlocks(topology, both),
    ...both.flatMap((each) => [heading(HOP_HEADS[each.operation]), hopTable(topology, each)]),
    ...sizeBlocks(decided, both),
    ...assumptionBlocks(both),
    paragraph(
      "A forecast of one flow, one way, with nothing else under way; it says nothing about whether the data arrives right: peerlane probe does.",
    ),
  ];
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
): readonly Rich[] {
  const both = bothWaysOf(decided, i, j);
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
  assumption: "with assumptions (below)",
} as const;

/** `the link of gpu0, x16 32GT/s`. */
export function hopWords(topology: Topology, hop: HopLimit): Rich {
  if (hop.kind === "link" && hop.at !== null && hop.taken !== null) {
    const asleep = hop.link !== null && hop.link.status.speedGTps !== hop.taken.speedGTps;
    const now = asleep && hop.link !== null ? `, taken as awake (now ${linkState(hop.link.status)})` : "";
    const recut = hop.recutBytes === null ? "" : `, in packets of ${hop.recutBytes} bytes from the root complex`;
    return rich`the link of ${nameIn(topology, hop.at)}, ${linkState(hop.taken)}${now}${recut}`;
  }
  return hop.kind === "root-complex" ? "the root complex" : rich`reads in flight: ${hop.why}`;
}

function lossBlocks(topology: Topology, predictions: readonly Prediction[]): readonly Block[] {
  const items = predictions.flatMap((each) => each.losses.map((loss) => lossText(topology, loss, each)));
  return items.length === 0 ? [] : [heading("What holds it back"), list(items)];
}

/** `writes: MaxPayload is 128 bytes, …; without that 56.3 GB/s in place of 51.9`. */
export function lossText(topology: Topology, loss: Loss, { operation, value }: Prediction): Rich {
  const at = loss.at === null ? null : topology.find(loss.at);
  const name = at === null || at === undefined ? "" : ` (${nameIn(topology, at.bdf)})`;
  return rich`${operation}s: ${painted("warn", loss.why)}${name}; without that ${gbpsText(loss.gbpsWithout)} GB/s in place of ${gbpsText(value)}`;
}

function hopTable(topology: Topology, { hops, path }: Prediction): Block {
  const rows = hops.map((hop): Rich[] => [
    hop.kind === "link" && hop.at !== null
      ? nameIn(topology, hop.at)
      : hop.kind === "root-complex"
        ? "root complex"
        : "reads in flight",
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

function sizeBlocks(decided: VerdictTable, predictions: readonly Prediction[]): readonly Block[] {
  if (predictions.length === 0) return [];
  const head = ["bytes each", ...predictions.flatMap(({ operation }) => [`${operation}s`, `one at a time`])];
  const rows = TOLD_SIZES.map((size): Rich[] => [
    formatSize(size),
    ...predictions.flatMap((large) => {
      const each = predictionsOf(decided).at(0, 0, large.operation, size);
      return isUnknown(each) ? ["?", "?"] : [gbpsText(each.value), gbpsText(oneAtATimeGBps(large, size))];
    }),
  ]);
  return [heading("GB/s by size: many in flight, and one at a time"), table(head, rows)];
}

function assumptionBlocks(predictions: readonly Prediction[]): readonly Block[] {
  const said = [...new Set(predictions.flatMap(({ assumptions }) => assumptions))];
  return said.length === 0 ? [] : [heading("Assumed"), list(said)];
}
