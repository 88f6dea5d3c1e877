import { addressOf, type Printed } from "./pasted-machine.ts";

/**
 * What Linux 7.2 decides on an Intel CPU without an IOMMU, walked on its own from the functions that are printed, by
 * the rules of docs/rules.md: no code of Peerlane's is used.
 */
function judge(functions: readonly Printed[], provider: Printed, client: Printed): string {
  const chain = (from: Printed): readonly Printed[] => (from.above === null ? [from] : [from, ...chain(from.above)]);
  const ups = chain(provider);
  const others = chain(client);
  const meeting = ups.find((fn) => others.includes(fn));
  if (meeting !== undefined) {
    const path = [...ups.slice(0, ups.indexOf(meeting) + 1), ...others.slice(0, others.indexOf(meeting))];
    if (!path.some(({ acs }) => acs !== null && (acs & 0x2c) !== 0)) return "bus-addr";
  }
  const roots = new Set([provider, client].map((fn) => chain(fn).at(-1)?.bus ?? 0));
  return [...roots].every((bus) => isAllowed(functions, bus)) ? "thru-host-bridge" : "not-supported";
}

const ALLOWED = new Set(["8086:09a2", "8086:2030", "8086:2020"]);

/** The first device of the root bus stands for the host bridge: at 00.0, or a root port. */
function isAllowed(functions: readonly Printed[], bus: number): boolean {
  const [first] = functions.filter((fn) => fn.bus === bus && fn.above === null);
  if (first === undefined) return false;
  return (first.device === 0 && first.fn === 0) || first.kind === "root-port" ? ALLOWED.has(first.ids) : false;
}

/** A pair of endpoints, by address, and what is right for it. */
export interface JudgedPair {
  readonly provider: string;
  readonly client: string;
  readonly judged: string;
}

/** The pairs that are judged: up to six endpoints, each with each. */
export function pairsOf(functions: readonly Printed[]): readonly JudgedPair[] {
  const ends = functions.filter((fn) => fn.kind === "endpoint").slice(0, 6);
  return ends.flatMap((provider) =>
    ends
      .filter((client) => client !== provider)
      .map((client) => ({
        provider: addressOf(provider),
        client: addressOf(client),
        judged: judge(functions, provider, client),
      })),
  );
}
