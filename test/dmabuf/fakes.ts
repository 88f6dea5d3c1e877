import type { DmaMapping, DmaOps } from "../../src/dma/dma-ops.ts";
import type { Importer } from "../../src/dmabuf/dma-buf.ts";
import type { Bed } from "./test-bed.ts";

/** An importer that does nothing by itself. */
export function importer(bed: Bed, parts: Partial<Importer> = {}): Importer {
  return { name: "importer", target: { device: bed.device, dma: bed.dma }, allowsPeers: true, ...parts };
}

/** The value of an answer that must be one. */
export function granted<T>(
  answer: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string },
): T {
  if (!answer.ok) throw new Error(answer.reason);
  return answer.value;
}

/** The errno of an answer that must be a refusal. */
export function errnoOf(answer: { readonly ok: true } | { readonly ok: false; readonly errno: string }): string {
  return answer.ok ? "no error" : answer.errno;
}

/** Mapping that always fails. */
export function failingDma(bed: Bed): DmaOps {
  const failure = { ok: false, errno: "EINVAL", reason: "not supported" } as const;
  return {
    ...bed.dma,
    name: "refusing",
    takesPeers: false,
    cost: bed.dma.cost,
    mapProviderRanges: () => failure,
    unmapProviderRanges: never,
  };
}

function never(_device: unknown, _mappings: readonly DmaMapping[]): void {
  throw new Error("nothing was mapped");
}
