import type { Machine } from "../host/machine.ts";
import { type PermittedPool, poolUse } from "../live/pools/pool-use.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { confirm } from "./confirm.ts";

/** Asks before memory is taken that its driver did not publish. Throws where nobody can answer, or the answer is no. */
export async function askForUnpublished(
  machine: Machine,
  pools: readonly PermittedPool[],
  { yes }: { readonly yes?: boolean },
  signal: AbortSignal,
): Promise<void> {
  const unpublished = pools.flatMap((pool) => {
    const use = poolUse(pool);
    const name = machine.functions.find(({ bdf }) => bdf === pool.provider)?.names[0];
    const address = formatBdf(pool.provider);
    return use.kind === "unpublished" ? [`${name === undefined ? address : `${name} (${address})`}: ${use.why}`] : [];
  });
  if (unpublished.length === 0 || yes === true) return;
  const question = `Take memory that was not published? ${unpublished.join("; ")}. What is in it may be overwritten.`;
  if (await confirm(question, "say --yes where nothing else uses that memory", signal)) return;
  throw new PeerlaneError("operation-failed", "nothing was done: the answer was not yes");
}
