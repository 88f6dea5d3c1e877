import { LATENCY_NS } from "../../src/predict/latency.ts";
import { LOOK_UP } from "../../src/predict/look-ups.ts";
import { ASSUMED_PACKETS } from "../../src/predict/packets.ts";
import {
  ACROSS_SOCKETS,
  LINK_EFFICIENCY,
  REPACKED_BYTES,
  UNMEASURED_SHARE,
} from "../../src/predict/platform-limits.ts";
import {
  BOUNDS,
  type Errors,
  errorOf,
  errorsOf,
  GROUPS,
  PING_NS,
  type Point,
  predicted,
  predictedByNccl,
  validationPoints,
} from "../predict/validation.ts";
import { tableText, withTable } from "./marked-tables.ts";

/** A point with what the model and NCCL's constants say of it. */
export interface Checked {
  readonly point: Point;
  readonly value: number;
  readonly error: number;
  readonly nccl: number | null;
  readonly ncclError: number | null;
}

/** All points, predicted. */
export function checkedPoints(): readonly Checked[] {
  return validationPoints().map((point) => {
    const value = predicted(point);
    const nccl = predictedByNccl(point);
    return {
      point,
      value,
      error: errorOf(point, value),
      nccl,
      ncclError: nccl === null ? null : errorOf(point, nccl),
    };
  });
}

/** docs/time.md with its tables made of the code and of the points. */
export function withTime(page: string, checked: readonly Checked[]): string {
  const tables: Readonly<Record<string, string>> = {
    parameters: parameters(),
    reached: reached(checked),
    misses: misses(checked),
    scored: points(checked.filter(({ point }) => point.use === "score")),
    calibrating: points(checked.filter(({ point }) => point.use === "calibrate")),
    reported: points(checked.filter(({ point }) => point.use === "report")),
    sources: sources(checked),
  };
  return Object.entries(tables).reduce((text, [name, table]) => withTable(text, name, table), page);
}

function parameters(): string {
  const range = (low: number, high: number): string => `${low} to ${high}`;
  const latency = Object.entries(LATENCY_NS).map(([name, [value, low, high]]) => [
    LATENCY_WORDS[name] ?? name,
    `${value} ns`,
    range(low, high),
    "measured elsewhere, below",
  ]);
  const lookUps = Object.entries(LOOK_UP).map(([name, [value, low, high]]) => {
    const { words, unit, from } = LOOK_UP_WORDS[name] ?? { words: name, unit: "", from: "" };
    return [words, `${value} ${unit}`, range(low, high), from];
  });
  const across = ACROSS_SOCKETS.map(({ on, gbps }) => [
    `one flow across two sockets of ${on.name}`,
    `${gbps.value} GB/s`,
    range(gbps.low, gbps.high),
    gbps.why,
  ]);
  return tableText(
    ["parameter", "value", "range", "from"],
    [
      [
        "part of a link's packet rate that data packets get",
        String(LINK_EFFICIENCY.value),
        range(LINK_EFFICIENCY.low, LINK_EFFICIENCY.high),
        "median of the four single flows that calibrate, below",
      ],
      [
        "bytes of a packet that an Intel root complex sends on",
        String(REPACKED_BYTES),
        "64 to 256",
        "a hypothesis, above",
      ],
      ...across,
      [
        "part of the links' rate at least, where a root complex was not measured",
        `1/${UNMEASURED_SHARE}`,
        "",
        "assumed",
      ],
      ["MaxPayload where nothing shows it", `${ASSUMED_PACKETS.payload} bytes`, "128 to 512", "assumed"],
      ["MaxReadReq where nothing shows it", `${ASSUMED_PACKETS.readRequest} bytes`, "256 to 4096", "assumed"],
      ["reads in flight where nothing shows Extended Tags", String(ASSUMED_PACKETS.tags), "32 to 768", "assumed"],
      ...lookUps,
      ...latency,
      [
        "what a ping between GPUs takes beside its way",
        `${PING_NS} ns`,
        "",
        "measured elsewhere; for the points of pings alone",
      ],
    ],
  );
}

const LOOK_UP_WORDS: Readonly<
  Record<string, { readonly words: string; readonly unit: string; readonly from: string }>
> = {
  reachPages: {
    words: "pages of 4 KiB that an IOMMU has at hand",
    unit: "pages",
    from: "fitted to the five points of 64-byte reads, below; the range: other Xeon E5 of v2 to v4",
  },
  walkNs: {
    words: "from one walk's end to the next one's",
    unit: "ns",
    from: "fitted to the same points, together",
  },
  walkLatencyNs: {
    words: "what one request waits for its walk",
    unit: "ns",
    from: "pcie-bench/data, LAT_CMD_RD of 64 bytes over 4 MiB: 692 ns and not 433, of 92 % of the pages",
  },
};

const LATENCY_WORDS: Readonly<Record<string, string>> = {
  ends: "both ends of one way",
  switch: "a switch",
  rootComplex: "a root complex, within a socket",
  otherSocket: "to the other socket, beside it",
  hostMemory: "host memory, of a read of it",
};

/** Groups as the table counts them: each, and the single flows together. */
const TOLD_GROUPS: readonly (readonly [words: string, groups: readonly Point["group"][]])[] = [
  ["single flows between peers", ["peers"]],
  ["single flows to and from host memory", ["host memory"]],
  ["all single flows", ["peers", "host memory"]],
  ["gen-2 uplink", ["gen-2 uplink"]],
  ["several flows, and both directions", ["contention"]],
  ["latency", ["latency"]],
  ["with the IOMMU on", ["IOMMU on"]],
];

/** Errors of the scored points of some groups: ours, and NCCL's where it has some. */
export function reachedBy(
  checked: readonly Checked[],
  groups: readonly Point["group"][],
): { readonly ours: Errors; readonly nccl: Errors } {
  const scored = checked.filter(({ point }) => point.use === "score" && groups.includes(point.group));
  return {
    ours: errorsOf(scored.map(({ error }) => error)),
    nccl: errorsOf(scored.flatMap(({ ncclError }) => (ncclError === null ? [] : [ncclError]))),
  };
}

function reached(checked: readonly Checked[]): string {
  const rows = TOLD_GROUPS.map(([words, groups]) => {
    const { ours, nccl } = reachedBy(checked, groups);
    const bound = BOUNDS[groups[0] ?? "peers"];
    const isMet = ours.worst <= bound.worst && (bound.median === null || ours.median <= bound.median);
    const isContention = groups[0] === "contention";
    const met = isContention ? ours.median <= (bound.median ?? 0) : isMet;
    const goal = [
      ...(bound.median === null ? [] : [`median ${percent(bound.median)}`]),
      ...(isContention ? [] : [`worst ${percent(bound.worst)}`]),
    ].join(", ");
    return [
      words,
      String(ours.count),
      percent(ours.median),
      percent(ours.worst),
      goal,
      met ? "yes" : "**no**",
      nccl.count === 0 ? "" : percent(nccl.median),
      nccl.count === 0 ? "" : percent(nccl.worst),
    ];
  });
  const head = ["scored", "points", "median", "worst", "goal", "met", "NCCL's constants: median", "worst"];
  return tableText(head, rows);
}

/** Scored points that are farther off than their group's bound for one point. */
export function missed(checked: readonly Checked[]): readonly Checked[] {
  return checked.filter(({ point, error }) => point.use === "score" && Math.abs(error) > BOUNDS[point.group].worst);
}

function misses(checked: readonly Checked[]): string {
  return missed(checked)
    .map(({ point, value, error }) => {
      const { id, measuredText, unit, known } = point;
      return `- [${id}](../test/predict/validation/${id}.yaml): ${measuredText} ${unit}, the model ${number(value)} (${signed(error)}): ${known ?? "not known why"}.`;
    })
    .join("\n");
}

function points(checked: readonly Checked[]): string {
  const rows = GROUPS.flatMap((group) =>
    checked
      .filter(({ point }) => point.group === group)
      .map(({ point, value, error, nccl, ncclError }) => [
        group,
        `[${point.id}](../test/predict/validation/${point.id}.yaml)`,
        point.what.replace(/\.$/, ""),
        `${point.measuredText} ${point.unit}`,
        number(value),
        signed(error),
        nccl === null || ncclError === null ? "" : `${number(nccl)} (${signed(ncclError)})`,
        point.known ?? "",
      ]),
  );
  const isReport = checked.every(({ point }) => point.use === "report");
  const head = ["of", "point", "what", "measured", "model", "error", "by NCCL's constants", "what is known"];
  return tableText(isReport ? head : head.slice(0, -1), isReport ? rows : rows.map((row) => row.slice(0, -1)));
}

function sources(checked: readonly Checked[]): string {
  const counts = new Map<string, number>();
  for (const { point } of checked) counts.set(point.source, (counts.get(point.source) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([source, count]) => `- ${source}: ${count === 1 ? "1 point" : `${count} points`}`)
    .join("\n");
}

export function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

export function signed(part: number): string {
  return `${part < 0 ? "−" : "+"}${percent(Math.abs(part))}`;
}

export function number(value: number): string {
  return value >= 200 ? value.toFixed(0) : value >= 100 ? value.toFixed(1) : value.toFixed(2);
}
