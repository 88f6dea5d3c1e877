import { z } from "zod";
import type { Machine } from "../../host/machine.ts";
import { formatSize } from "../../p2pdma/gates.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import { fullName } from "../device-names.ts";
import { type Block, list, paragraph, type Rich, table } from "../document.ts";
import { bdf, count, known } from "../schema-parts.ts";

/** A process that has mapped memory of a pool. */
export interface PoolUserView {
  readonly pid: number;
  /** Its command name, as `/proc/PID/comm` has it. */
  readonly command: string;
  readonly sizeBytes: number;
}

/** As much of a pool as reports show; `src/live` reads it. */
export interface PoolView {
  readonly provider: Bdf;
  readonly sizeBytes: number;
  readonly availableBytes: Known<number>;
  /** Whether drivers find it (`pci_p2pmem_publish`); user space may map it either way. */
  readonly published: Known<boolean>;
  /** Whether this process may map it: the file `p2pmem/allocate` is there and can be written. */
  readonly mapping: "possible" | "no-permission" | "not-offered";
  readonly users: readonly PoolUserView[];
}

/** The pools of this host, and what it lacks to use them. */
export interface PoolsView {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly pools: readonly PoolView[];
  readonly missing: readonly { readonly what: string; readonly remedy: string }[];
}

const mappingWords = {
  possible: { text: "yes", paint: "direct" },
  "no-permission": { text: "no permission", paint: "no" },
  "not-offered": { text: "not offered", paint: "no" },
} as const;

/** `p2pmem`: every pool with its free space, who published it and who uses it; below, what is missing. */
export function poolsBlocks({ machine, topology, pools, missing }: PoolsView): readonly Block[] {
  const rows = pools.map((pool): Rich[] => [
    fullName(topology, pool.provider),
    formatSize(pool.sizeBytes),
    knownText(pool.availableBytes, formatSize),
    knownText(pool.published, (published) => (published ? publisherOf(machine, pool.provider) : "no")),
    [mappingWords[pool.mapping]],
    usersText(pool),
  ]);
  const head = ["provider", "size", "free", "published by", "can be mapped", "mapped by"];
  return [
    ...(rows.length === 0 ? [] : [table(head, rows)]),
    ...missing.map(({ what }) => paragraph([{ text: what, paint: "no" }])),
    ...(missing.length === 0 ? [] : [list(missing.map(({ remedy }) => remedy))]),
  ];
}

function knownText<T>(value: Known<T>, text: (value: T) => string): string {
  return isUnknown(value) ? "?" : text(value as T);
}

/** The driver that called `pci_p2pmem_publish`: it is the one bound to the function. */
function publisherOf(machine: Machine, provider: Bdf): string {
  const driver = machine.functions.find((fn) => fn.bdf === provider)?.driver;
  return driver === undefined || isUnknown(driver) || driver === null ? "yes" : driver;
}

/** A process that has mapped some of a pool. */
export function poolUserText({ command, pid, sizeBytes }: PoolUserView): string {
  return `${command} (${pid}) has ${formatSize(sizeBytes)}`;
}

function usersText({ users, sizeBytes, availableBytes }: PoolView): string {
  const mapped = users.map(poolUserText);
  if (isUnknown(availableBytes)) return mapped.join(", ");
  const others = sizeBytes - availableBytes - users.reduce((sum, user) => sum + user.sizeBytes, 0);
  return [...mapped, ...(others > 0 ? [`drivers and hidden processes ${formatSize(others)}`] : [])].join(", ");
}

/** `peerlane.p2pmem/1`. */
export function poolsJson({ machine, pools, missing }: PoolsView): object {
  return {
    schema: "peerlane.p2pmem/1",
    pools: pools.map((pool) => ({
      provider: formatBdf(pool.provider),
      name: machine.functions.find((fn) => fn.bdf === pool.provider)?.names[0] ?? null,
      publisher: publisherOf(machine, pool.provider),
      ...{ size: pool.sizeBytes, available: pool.availableBytes, published: pool.published, mapping: pool.mapping },
      users: pool.users.map(({ pid, command, sizeBytes }) => ({ pid, command, size: sizeBytes })),
    })),
    missing,
  };
}

/** Validator of {@link poolsJson}. */
export const poolsSchema: z.ZodType = z.strictObject({
  schema: z.literal("peerlane.p2pmem/1"),
  pools: z.array(
    z.strictObject({
      provider: bdf,
      name: z.string().nullable(),
      publisher: z.string().describe("the driver bound to the provider, yes where it is hidden"),
      size: count,
      available: known(count),
      published: known(z.boolean()),
      mapping: z.enum(["possible", "no-permission", "not-offered"]),
      users: z
        .array(z.strictObject({ pid: count, command: z.string(), size: count }))
        .describe("processes that have mapped some; kernel users are not among them"),
    }),
  ),
  missing: z.array(z.strictObject({ what: z.string(), remedy: z.string() })),
});
