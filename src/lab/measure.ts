import type { MappingDesign } from "./design.ts";
import { type ListKind, segmentsOf } from "./list-kinds.ts";
import type { MachineClass } from "./machines/machine-class.ts";
import { DesignRunner } from "./run.ts";

/** What is measured. */
export interface MeasureOptions {
  readonly designs: readonly MappingDesign[];
  readonly kind: MachineClass;
  readonly listKind: ListKind;
  readonly length: number;
  readonly seed: number;
  /** A clock in milliseconds: `performance.now`. */
  readonly now: () => number;
  /** Each measurement takes at least so long. */
  readonly leastMs: number;
}

/** Time of preparing, mapping and unmapping in this implementation. */
export interface MeasuredDesign {
  readonly design: string;
  readonly kind: string;
  /** `null` where the design refuses. */
  readonly nsPerSegment: number | null;
}

/** Rounds, of which the fastest counts: other work on the machine only adds. */
const ROUNDS = 5;

/** Measures designs on one machine and list, in turns. */
export function measureDesigns(options: MeasureOptions): readonly MeasuredDesign[] {
  const { designs, kind, listKind, length, leastMs, now, seed } = options;
  const segments = segmentsOf(listKind, length);
  const runners = designs.map((design) => new DesignRunner(design, kind));
  const best = runners.map((runner) => (runner.mapOnly(segments, seed, 1) ? Number.POSITIVE_INFINITY : null));
  for (let round = 0; round < ROUNDS; round++) {
    runners.forEach((runner, index) => {
      const fastest = best[index] ?? null;
      if (fastest === null) return;
      let times = 1;
      let elapsed = 0;
      for (; ; times *= 2) {
        const start = now();
        runner.mapOnly(segments, seed, times);
        elapsed = now() - start;
        if (elapsed >= leastMs || times >= 2 ** 20) break;
      }
      best[index] = Math.min(fastest, (elapsed * 1e6) / times / length);
    });
  }
  return designs.map(({ id }, index) => ({ design: id, kind: kind.id, nsPerSegment: best[index] ?? null }));
}
