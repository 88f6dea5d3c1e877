import { addressOf, type Printed } from "./pasted-machine.ts";

/** What releases differ in, as far as machines of `pastedMachine` go, from a release on (docs/rules.md). */
interface Release {
  readonly from: string;
  readonly allowed: ReadonlySet<string>;
  readonly refusesRedirected: boolean;
  readonly takesRootPorts: boolean;
}

const SKYLAKE = ["8086:2030", "8086:2020"];
const ICE_LAKE = [...SKYLAKE, "8086:09a2"];
const RELEASES: readonly Release[] = [
  { from: "4.20", allowed: new Set(), refusesRedirected: true, takesRootPorts: false },
  { from: "5.4", allowed: new Set(), refusesRedirected: false, takesRootPorts: false },
  { from: "5.6", allowed: new Set(SKYLAKE), refusesRedirected: false, takesRootPorts: false },
  { from: "5.18", allowed: new Set(ICE_LAKE), refusesRedirected: false, takesRootPorts: false },
  { from: "5.19", allowed: new Set(ICE_LAKE), refusesRedirected: false, takesRootPorts: true },
];

/**
 * What a release decides on an Intel CPU without an IOMMU, walked on its own from the functions that are printed, by
 * the rules of docs/rules.md: no code of Peerlane's is used.
 */
function judge(functions: readonly Printed[], provider: Printed, client: Printed, release: Release): string {
  const chain = (from: Printed): readonly Printed[] => (from.above === null ? [from] : [from, ...chain(from.above)]);
  const ups = chain(provider);
  const others = chain(client);
  const meeting = ups.find((fn) => others.includes(fn));
  if (meeting !== undefined) {
    const path = [...ups.slice(0, ups.indexOf(meeting) + 1), ...others.slice(0, others.indexOf(meeting))];
    if (!path.some(({ acs }) => acs !== null && (acs & 0x2c) !== 0)) return "bus-addr";
  }
  if (meeting !== undefined && release.refusesRedirected) return "not-supported";
  const roots = new Set([provider, client].map((fn) => chain(fn).at(-1)?.bus ?? 0));
  return [...roots].every((bus) => isAllowed(functions, bus, release)) ? "thru-host-bridge" : "not-supported";
}

/** The first device of the root bus stands for the host bridge: at 00.0, or a root port. */
function isAllowed(functions: readonly Printed[], bus: number, { allowed, takesRootPorts }: Release): boolean {
  const [first] = functions.filter((fn) => fn.bus === bus && fn.above === null);
  if (first === undefined) return false;
  const isFirst = first.device === 0 && first.fn === 0;
  return isFirst || (takesRootPorts && first.kind === "root-port") ? allowed.has(first.ids) : false;
}

/** A pair of endpoints, by address, and what is right for it. */
export interface JudgedPair {
  readonly provider: string;
  readonly client: string;
  /** By Linux 7.2. */
  readonly judged: string;
  /** By each release in which they differ, oldest first. */
  readonly byRelease: readonly { readonly from: string; readonly judged: string }[];
}

/** The pairs that are judged: up to six endpoints, each with each. */
export function pairsOf(functions: readonly Printed[]): readonly JudgedPair[] {
  const ends = functions.filter((fn) => fn.kind === "endpoint").slice(0, 6);
  return ends.flatMap((provider) =>
    ends
      .filter((client) => client !== provider)
      .map((client) => {
        const byRelease = RELEASES.map((release) => ({
          from: release.from,
          judged: judge(functions, provider, client, release),
        }));
        const judged = byRelease.at(-1)?.judged ?? "";
        return { provider: addressOf(provider), client: addressOf(client), judged, byRelease };
      }),
  );
}
