import { answersOf } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

/** Pairs that the kernel supports and that a gate stops all the same, by position (`i * clients + j`). */
export interface BlockedPairs {
  readonly sure: ReadonlySet<number>;
  /** Those that a gate in doubt may stop. */
  readonly perhaps: ReadonlySet<number>;
}

const found = new WeakMap<VerdictTable, BlockedPairs>();

/**
 * The blocked pairs of a table. Where no function of the machine may have memory and rows tell what the paths would give,
 * that one has none is no gate: so a pair is the same whatever stands beside it.
 */
export function blockedPairs(table: VerdictTable): BlockedPairs {
  let blocked = found.get(table);
  if (blocked === undefined) {
    blocked = look(table);
    found.set(table, blocked);
  }
  return blocked;
}

function look(table: VerdictTable): BlockedPairs {
  const { providers, clients, topology } = table;
  const answers = answersOf(table);
  const isByPath = topology.functions.every((fn) => mayProvide(fn) !== true);
  const sure = new Set<number>();
  const perhaps = new Set<number>();
  providers.forEach((provider, i) => {
    clients.forEach((client, j) => {
      const mapType = table.mapType(i, j);
      if (provider === client || mapType === "not-supported" || mapType === "unknown") return;
      const blocking = answers
        .gates(i, j)
        .filter(({ effect, kind }) => effect === "blocks" && !(isByPath && kind === "registers-only"));
      if (blocking.length === 0) return;
      (blocking.some(isSureBlock) ? sure : perhaps).add(i * clients.length + j);
    });
  });
  return { sure, perhaps };
}
