import { type LeftAlone, type PoolsView, type PoolUseView, type PoolView, poolUserText } from "../../measured/pools.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import type { Topology } from "../../pci/topology.ts";
import { fullName } from "../device-names.ts";
import { type Block, heading, list, paragraph, type Rich, type Span, table } from "../document.ts";
import type { P2pmemJson, PoolReasonJson } from "../json-types.ts";

const useWords = {
  usable: { text: "yes", paint: "direct" },
  unpublished: { text: "if asked for", paint: "warn" },
  "in-use": { text: "left alone", paint: "no" },
  "no-permission": { text: "no permission", paint: "no" },
  "not-offered": { text: "not offered", paint: "no" },
} as const satisfies Readonly<Record<PoolUseView["kind"], Span>>;

/** `p2pmem`: every pool with its free space, whose it is and who uses it; below, why some are left alone, and what is missing. */
export function poolsBlocks({ topology, pools, missing }: PoolsView): readonly Block[] {
  const rows = pools.map((pool): Rich[] => [
    fullName(topology, pool.provider),
    formatSize(pool.sizeBytes),
    knownText(pool.availableBytes, formatSize),
    ownerText(pool.owner),
    knownText(pool.published, (published) => (published ? "yes" : "no")),
    [useWords[pool.use.kind]],
    usersText(pool),
  ]);
  const head = ["provider", "size", "free", "owner", "published", "may be used", "mapped by"];
  return [
    ...(rows.length === 0 ? [] : [table(head, rows)]),
    ...(missing.length === 0 ? leftAloneBlocks(topology, pools) : []),
    ...missing.map(({ what }) => paragraph([{ text: what, paint: "no" }])),
    ...(missing.length === 0 ? [] : [list(missing.map(({ remedy }) => remedy))]),
  ];
}

function knownText<T>(value: Known<T>, text: (value: T) => string): string {
  return isUnknown(value) ? "?" : text(value as T);
}

function ownerText(owner: Known<string | null>): string {
  return knownText(owner, (driver) => driver ?? "no driver");
}

/** Why pools are not taken, or not unasked, beside others that are: else it is among what is missing. */
function leftAloneBlocks(topology: Topology, pools: readonly PoolView[]): readonly Block[] {
  const lines = pools.flatMap(({ provider, use }): Rich[] =>
    use.kind === "in-use" || use.kind === "unpublished"
      ? [[{ text: `${fullName(topology, provider)} `, paint: "strong" }, leftAloneText(use)]]
      : [],
  );
  return lines.length === 0 ? [] : [heading("Left alone"), list(lines)];
}

/** Why memory is not taken, and what could be done. */
export function leftAloneText({ kind, why }: LeftAlone["use"]): string {
  switch (kind) {
    case "in-use":
      return `is never taken: ${why}`;
    case "unpublished":
      return `is not taken unasked: ${why} (--allow-unpublished takes it)`;
    case "no-permission":
    case "not-offered":
      return `is not taken: ${why}`;
  }
}

function usersText({ users, sizeBytes, availableBytes }: PoolView): string {
  const mapped = users.map(poolUserText);
  if (isUnknown(availableBytes)) return mapped.join(", ");
  const others = sizeBytes - availableBytes - users.reduce((sum, user) => sum + user.sizeBytes, 0);
  return [...mapped, ...(others > 0 ? [`drivers and hidden processes ${formatSize(others)}`] : [])].join(", ");
}

/** `peerlane.p2pmem/2`. */
export function poolsJson({ machine, pools, missing }: PoolsView): P2pmemJson {
  return {
    schema: "peerlane.p2pmem/2",
    pools: pools.map((pool) => ({
      provider: formatBdf(pool.provider),
      name: machine.functions.find((fn) => fn.bdf === pool.provider)?.names[0] ?? null,
      owner: pool.owner,
      ...{ size: pool.sizeBytes, available: pool.availableBytes, published: pool.published, mapping: pool.mapping },
      usable: pool.use.kind === "usable",
      reason: pool.use.kind === "usable" ? null : leftAloneJson(pool.use),
      users: pool.users.map(({ pid, command, sizeBytes }) => ({ pid, command, size: sizeBytes })),
    })),
    missing,
  };
}

/** Why a pool is left alone, in JSON. */
export function leftAloneJson({ kind, why }: LeftAlone["use"]): PoolReasonJson {
  return { kind, text: why };
}
