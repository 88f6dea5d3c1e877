import { MAP_TYPE_WORDS, TOLD_WORDS } from "../../../src/report/reasons.ts";
import { type BandwidthView, LOCALITY_CODES, type MatrixView, VERDICT_CODES } from "../../engine/protocol.ts";

/** A pair in words: `gpu0 → mlx5_0: direct, 4 hops, PIX, 52.3 GB/s`. */
export function cellWords(matrix: MatrixView, bandwidth: BandwidthView | null, i: number, j: number): string {
  const at = i * matrix.clients.length + j;
  const [provider, client] = [matrix.providers[i]?.name ?? "", matrix.clients[j]?.name ?? ""];
  const code = VERDICT_CODES[matrix.verdicts[at] ?? 0] ?? "unknown";
  if (code === "self") return `${provider}: itself`;
  const hops = matrix.hops[at] ?? 0xffff;
  const locality = LOCALITY_CODES[matrix.localities[at] ?? 0] ?? "hidden";
  const gbps = bandwidth?.writes[at] ?? Number.NaN;
  const words = [
    matrix.blocked[at] === 1 ? `blocked (${TOLD_WORDS[code]} by the kernel)` : TOLD_WORDS[code],
    ...(hops === 0xffff ? [] : [`${hops} ${hops === 1 ? "hop" : "hops"}`]),
    ...(locality === "hidden" ? [] : [locality]),
    ...(gbps > 0 ? [`writes ${gbps.toFixed(1)} GB/s`] : []),
  ];
  return `${provider} → ${client}: ${words.join(", ")}`;
}

/** What the verdicts are called in a legend, the best first. */
export const VERDICT_WORDS: readonly (readonly [code: number, words: string])[] = [...VERDICT_CODES.entries()].flatMap(
  ([code, verdict]): readonly (readonly [number, string])[] =>
    verdict === "self" ? [] : [[code, verdict === "bus-addr" ? MAP_TYPE_WORDS[verdict] : TOLD_WORDS[verdict]]],
);
