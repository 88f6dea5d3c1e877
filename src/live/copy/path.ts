import { findDevice } from "../../host/select.ts";
import { poolUserText } from "../../measured/pools.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { type ErrorCode, PeerlaneError } from "../../pci/error.ts";
import type { MapType } from "../../rules/verdict.ts";
import { clientsOf } from "../block/data-file.ts";
import type { Host } from "../host.ts";
import { mapPeerMemory, mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { choosePools } from "../pools/choose-pools.ts";
import { chooseProvider, type ProviderChoice } from "../pools/choose-provider.ts";
import { readPools } from "../pools/memory-pool.ts";
import { type MemoryShape, smallerShapes } from "./chunks.ts";
import type { CopyEnds } from "./ends.ts";
import { type CopyRequest, LEAST_CHUNK } from "./request.ts";

/** A side's function, and how the kernel maps the provider's memory for it. */
export interface ClientMapping {
  readonly client: Bdf;
  readonly mapType: MapType;
}

/** Through which memory a copy goes. */
export type CopyPath =
  | { readonly kind: "peer"; readonly choice: ProviderChoice; readonly clients: readonly ClientMapping[] }
  | { readonly kind: "dram"; readonly reason: string };

/** What DRAM in place of peer memory makes good. */
const CURABLE: readonly ErrorCode[] = ["no-path", "unsupported", "environment"];
const FALLBACK_HINT = "--fallback copies through DRAM instead";

/** The provider for both ends, or DRAM where none serves and the user lets it be so. Throws why otherwise. */
export function choosePath(
  host: Host,
  { source, target }: CopyEnds,
  { via, allowUnpublished = false, fallback }: Pick<CopyRequest, "via" | "allowUnpublished" | "fallback">,
): CopyPath {
  const named = via === null ? [] : [[findDevice(host.machine, via)]];
  try {
    const clients = [...new Set([...clientsOf(source), ...clientsOf(target)])];
    const choice = chooseProvider(host.machine, choosePools(host, { allowUnpublished }, named), clients);
    const mapTypes = clients.map((client, index) => ({ client, mapType: choice.mapTypes[index] ?? "unknown" }));
    return { kind: "peer", choice, clients: mapTypes };
  } catch (error) {
    if (!(error instanceof PeerlaneError) || !CURABLE.includes(error.code)) throw error;
    if (fallback) return { kind: "dram", reason: error.message };
    throw withFallbackHint(error);
  }
}

function withFallbackHint(error: PeerlaneError): PeerlaneError {
  const remedy = error.remedy === undefined ? FALLBACK_HINT : `${error.remedy}; ${FALLBACK_HINT}`;
  return new PeerlaneError(error.code, error.message, { facts: error.facts, remedy, cause: error });
}

/** Memory for a copy, and what it became. */
export interface CopyMemory {
  readonly memory: TransferMemory;
  readonly shape: MemoryShape;
  readonly path: CopyPath;
}

/** What is asked of the memory. */
export interface MemoryRequest extends MemoryShape {
  /** Chunks are multiples of it. */
  readonly unit: number;
  readonly fallback: boolean;
}

/** Takes the memory: less of it where the pool is short; DRAM, or an error that names the users, where it is used up. */
export async function takeMemory(host: Host, path: CopyPath, request: MemoryRequest): Promise<CopyMemory> {
  const { depth, chunkBytes, unit, fallback } = request;
  const asked: MemoryShape = { depth, chunkBytes };
  if (path.kind === "dram") return { memory: await mapSystemMemory(depth * chunkBytes), shape: asked, path };
  const { pool } = path.choice;
  const { provider } = pool;
  const failure = await tryPool(path, asked, unit);
  if (!(failure instanceof PeerlaneError)) return failure;
  if (!fallback) throw failure;
  const reason = `no memory of ${formatBdf(provider)} could be had: ${poolUsers(host, provider) || failure.message}`;
  return takeMemory(host, { kind: "dram", reason }, request);

  async function tryPool(
    peer: CopyPath & { readonly kind: "peer" },
    shape: MemoryShape,
    unitBytes: number,
  ): Promise<CopyMemory | PeerlaneError> {
    try {
      for (const smaller of smallerShapes(shape, { leastChunk: Math.max(LEAST_CHUNK, unitBytes), unit: unitBytes })) {
        const memory = await mapPeerMemory(pool, smaller.depth * smaller.chunkBytes);
        if (memory !== null) return { memory, shape: smaller, path: peer };
      }
      return exhausted(host, provider);
    } catch (error) {
      if (error instanceof PeerlaneError) return withFallbackHint(error);
      throw error;
    }
  }
}

function exhausted(host: Host, provider: Bdf): PeerlaneError {
  const users = poolUsers(host, provider);
  return new PeerlaneError("environment", `the peer memory of ${formatBdf(provider)} is used up`, {
    facts: users === "" ? {} : { "used by": users },
    remedy: `wait for them, end them, or name another provider with --via; ${FALLBACK_HINT}`,
  });
}

/** Who has memory of the pool now, in words. */
function poolUsers({ tree, machine }: Host, provider: Bdf): string {
  const pool = readPools(tree, machine).find((one) => one.provider === provider);
  if (pool === undefined) return "";
  const named = pool.users().map(poolUserText);
  return named.length === 0 ? "drivers, or processes of other users (root sees them)" : named.join(", ");
}
