import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Printable } from "../../pci/visible.ts";
import { isSentNothing } from "../../predict/crossings.ts";
import { type Prediction, predictionsOf } from "../../predict/predict.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { islandsOf } from "../../summary/islands.ts";
import { type CsvCell, csvText } from "../csv.ts";
import { nameIn, roleOf } from "../device-names.ts";
import { type Block, code, heading, list } from "../document.ts";
import { machineLines } from "../facts.ts";
import { islandLines } from "../island-lines.ts";
import type { BandwidthFigureJson, BandwidthJson, BandwidthPairJson } from "../json-types.ts";
import { machineJson, notesJson } from "../machine-json.ts";
import { drawCells } from "../matrix-grid.ts";
import { screenText } from "../printable.ts";
import { painted, plainText, type Rich, rich } from "../rich.ts";
import type { Paint, ScreenOptions } from "../style.ts";
import { PAGE_COLUMNS, wrap } from "../width.ts";
import { gbpsText, rangedJson, rounded } from "./numbers.ts";
import { hopWords } from "./screen.ts";

/** So many classes of pairs are told. */
const TOLD_CLASSES = 12;

/**
 * What the pairs of a table can carry, as a screen: the machine, classes of pairs with their figures and what holds them, who
 * stands together, and providers × clients in GB/s of `operation`.
 */
export function bandwidthText(table: VerdictTable, operation: PeerDirection, options: ScreenOptions): Printable {
  return screenText(bandwidthLines(table, operation, options.width), options);
}

/** The same for Markdown. */
export function bandwidthBlocks(table: VerdictTable, operation: PeerDirection): readonly Block[] {
  const islands = islandsOf(table);
  return [
    ...machineLines(table.machine, table.rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    list(classTexts(table, operation)),
    code(
      "",
      [
        ...drawCells(table, islands, PAGE_COLUMNS, cellsOf(table, operation)).lines,
        "",
        ...legend(operation, PAGE_COLUMNS),
      ].map(plainText),
    ),
  ];
}

function bandwidthLines(table: VerdictTable, operation: PeerDirection, width: number): readonly Rich[] {
  const islands = islandsOf(table);
  return [
    ...machineLines(table.machine, table.rules, width).map((line): Rich => [painted("strong", line)]),
    "",
    ...classTexts(table, operation).flatMap((text) => wrap(text, width)),
    "",
    ...islandLines(table, islands, width),
    "",
    ...drawCells(table, islands, width, cellsOf(table, operation)).lines,
    "",
    ...legend(operation, width),
  ];
}

function legend(operation: PeerDirection, width: number): readonly Rich[] {
  const what = operation === "write" ? "the client writes into" : "the client reads from";
  return wrap(
    rich`cells are GB/s that ${what} the provider's memory, one flow, one way · ${painted("warn", "root complex")} · ≤: at most, as a link is hidden · ✗: nothing is sent · ?: not known where the data goes, or what its links carry; peerlane predict A B says why and what is assumed`,
    width,
  );
}

function cellsOf(table: VerdictTable, operation: PeerDirection): Parameters<typeof drawCells>[3] {
  const predictions = predictionsOf(table);
  return (i, j) => {
    if (table.providers[i] === table.clients[j]) return { text: "·", paint: "faint" };
    const prediction = predictions.at(i, j, operation);
    if (isUnknown(prediction))
      return isSentNothing(table, i, j) ? { text: "✗", paint: "no" } : { text: "?", paint: "unknown" };
    const paint: Paint = prediction.path.turn === "root-complex" ? "host" : "direct";
    const { value, high, isUpperBound } = prediction;
    return { text: isUpperBound ? `≤${gbpsText(high)}` : gbpsText(value), paint };
  };
}

/** Pairs that carry the same for the same reason. */
interface PairClass {
  readonly words: Rich;
  /** How many are of which kinds: `GPU → NIC`. */
  readonly kinds: Map<string, number>;
  readonly example: readonly [Bdf, Bdf];
}

/** `96 pairs (64 NIC → GPU, 32 GPU → GPU): 44.8 GB/s (42.1–57.5) through the root complex; held by …, as mlx5_0 → gpu0`. */
function classTexts(table: VerdictTable, operation: PeerDirection): readonly Rich[] {
  const { topology } = table;
  const classes = new Map<string, PairClass>();
  const predictions = predictionsOf(table);
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client) return;
      const [key, words] = classOf(table, predictions.at(i, j, operation));
      const found = classes.get(key) ?? {
        words,
        kinds: new Map<string, number>(),
        example: [client, provider] as const,
      };
      const kind = `${roleOf(topology.functionOf(client))} → ${roleOf(topology.functionOf(provider))}`;
      found.kinds.set(kind, (found.kinds.get(kind) ?? 0) + 1);
      classes.set(key, found);
    });
  });
  const sorted = [...classes.values()].sort((a, b) => sizeOf(b) - sizeOf(a));
  const told = sorted.slice(0, TOLD_CLASSES).map((each): Rich => {
    const [from, to] = each.example.map((bdf) => nameIn(topology, bdf));
    const kinds = [...each.kinds].sort(([, a], [, b]) => b - a);
    const [only] = kinds;
    const who =
      kinds.length === 1 && only !== undefined
        ? `${only[1]} ${only[0]}`
        : `${sizeOf(each)} pairs (${kinds.map(([kind, count]) => `${count} ${kind}`).join(", ")})`;
    return rich`${who}: ${each.words}, as ${from ?? ""} → ${to ?? ""}`;
  });
  const rest = sorted.slice(TOLD_CLASSES);
  const more = rest.reduce((sum, each) => sum + sizeOf(each), 0);
  return more === 0 ? told : [...told, `${more} more pairs, of ${rest.length} other kinds`];
}

function sizeOf({ kinds }: PairClass): number {
  return [...kinds.values()].reduce((sum, count) => sum + count, 0);
}

function classOf(table: VerdictTable, prediction: Known<Prediction>): readonly [key: string, words: Rich] {
  if (isUnknown(prediction))
    return [prediction.unknown, rich`${painted("unknown", "no figure")}: ${prediction.unknown}`];
  const { value, low, high, isUpperBound, path, bottleneck, losses } = prediction;
  const figure = isUpperBound
    ? `at most ${gbpsText(high)} GB/s`
    : `${gbpsText(value)} GB/s (${gbpsText(low)}–${gbpsText(high)})`;
  const way = {
    switch: "in the switch",
    "root-complex": "through the root complex",
    "inside-device": "inside the device",
  }[path.turn];
  const kinds = losses.map(({ kind }) => kind).join();
  const key = [figure, path.turn, bottleneck.kind, kinds].join();
  const [loss] = losses;
  const held =
    loss === undefined
      ? rich`held by ${hopWords(table.topology, bottleneck)}`
      : rich`${painted("warn", loss.why)}: without that ${gbpsText(loss.gbpsWithout)} GB/s`;
  return [key, rich`${painted("strong", figure)} ${way}; ${held}`];
}

/** `peerlane.bandwidth/1`: every pair of a table, none of a function with itself. */
export function bandwidthJson(table: VerdictTable): BandwidthJson {
  const predictions = predictionsOf(table);
  const reasons: string[] = [];
  const positions = new Map<string, number>();
  const reasonOf = (why: string): number => {
    let position = positions.get(why);
    if (position === undefined) {
      position = reasons.push(why) - 1;
      positions.set(why, position);
    }
    return position;
  };
  const figures = (prediction: Known<Prediction>): BandwidthFigureJson => {
    if (isUnknown(prediction)) return { noFigure: reasonOf(prediction.unknown) };
    const { path, isUpperBound, sure, bottleneck, losses } = prediction;
    const { value, low, high } = rangedJson(prediction);
    const [loss] = losses;
    return {
      gbps: value,
      low,
      high,
      isUpperBound,
      sure,
      turn: path.turn,
      heldBy: reasonOf(bottleneck.why),
      ...(loss === undefined ? {} : { loss: reasonOf(loss.why), gbpsWithout: rounded(loss.gbpsWithout) }),
    };
  };
  const pairs = table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j): BandwidthPairJson[] =>
      provider === client
        ? []
        : [
            {
              provider: formatBdf(provider),
              client: formatBdf(client),
              providerName: table.topology.functionOf(provider).names[0] ?? null,
              clientName: table.topology.functionOf(client).names[0] ?? null,
              write: figures(predictions.at(i, j, "write")),
              read: figures(predictions.at(i, j, "read")),
            },
          ],
    ),
  );
  return {
    schema: "peerlane.bandwidth/1",
    machine: machineJson(table),
    pairs,
    reasons,
    notes: notesJson(table.machine),
  };
}

const CSV_HEAD = ["provider", "providerName", "client", "clientName", "turn"].concat(
  ["write", "read"].flatMap((of) => [`${of}Gbps`, `${of}Low`, `${of}High`, `${of}HeldBy`, `${of}Loss`]),
);

/** The same as CSV, a row each; a pair without a figure has the reason in the column of what holds it. */
export function bandwidthCsv(table: VerdictTable): Printable {
  const { pairs, reasons } = bandwidthJson(table);
  const why = (position: number | undefined): string => (position === undefined ? "" : (reasons[position] ?? ""));
  const cells = (figure: BandwidthFigureJson): readonly CsvCell[] =>
    "gbps" in figure
      ? [figure.gbps, figure.low, figure.high, why(figure.heldBy), why(figure.loss)]
      : [null, null, null, why(figure.noFigure), ""];
  const rows = pairs.map(({ provider, providerName, client, clientName, write, read }) => {
    const turn = "gbps" in write ? write.turn : "gbps" in read ? read.turn : "";
    return [provider, providerName, client, clientName, turn, ...cells(write), ...cells(read)];
  });
  return csvText(CSV_HEAD, rows);
}
