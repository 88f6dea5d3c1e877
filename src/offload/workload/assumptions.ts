import type { PeerReach } from "../../fabric/fabric.ts";
import { hopWords, LEFT_OPEN } from "../../fabric/words.ts";
import type { Machine } from "../../host/machine.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { PeerRoutes } from "../../routes/peer-routes.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import type { RepeatedFailure } from "./simulation.ts";

const leftOpen = new Set(LEFT_OPEN.map(hopWords));

/** True for a request that the model did not deliver only because a setting of its own says so. */
export function isAssumedFailure({ reason }: Pick<RepeatedFailure, "reason">): boolean {
  return leftOpen.has(reason);
}

/**
 * What transfers rest on: the pairs that reached each other on the model, though what really happens between them is
 * unknown (`PeerRoutes`), as nobody shows, documents or specifies it. Each reason once, with the first pair.
 */
export class Assumptions {
  readonly #machine: Machine;
  readonly #rules: { readonly rules?: string };
  readonly #reasons = new Map<string, string | null>();

  /** `rules`: a release whose rules to use instead of the machine's. */
  constructor(machine: Machine, rules: string | undefined) {
    this.#machine = machine;
    this.#rules = rules === undefined ? {} : { rules };
  }

  of(reached: readonly PeerReach[], failures: readonly RepeatedFailure[]): readonly string[] {
    const byReason = new Map<string, { readonly first: string; count: number }>();
    for (const reach of reached) {
      const reason = this.#reasonOf(reach);
      if (reason === null) continue;
      const found = byReason.get(reason);
      if (found === undefined) byReason.set(reason, { first: pairText(reach), count: 1 });
      else found.count++;
    }
    return [
      ...[...byReason].map(([reason, { first, count }]) => {
        const more = count === 1 ? "" : ` (and ${count - 1} more)`;
        return `${first}${more}: ${reason}`;
      }),
      ...new Set(
        failures.filter(isAssumedFailure).map(({ reason }) => `PCIe leaves open what happens where ${reason}`),
      ),
    ];
  }

  #reasonOf(reach: PeerReach): string | null {
    const key = `${reach.owner} ${reach.requester} ${reach.kind}`;
    let reason = this.#reasons.get(key);
    if (reason === undefined) {
      reason = this.#ask(reach);
      this.#reasons.set(key, reason);
    }
    return reason;
  }

  #ask({ owner, requester, kind }: PeerReach): string | null {
    const table = decideAll(this.#machine, { ...this.#rules, providers: [owner], clients: [requester] });
    const route = new PeerRoutes(table).at(0, 0, false)?.[kind];
    return route === undefined || !isUnknown(route) ? null : route.unknown;
  }
}

function pairText({ owner, requester, kind }: PeerReach): string {
  return `${kind}s of ${formatBdf(requester)} reach ${formatBdf(owner)}`;
}
