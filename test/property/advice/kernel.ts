import type { Placed } from "./layout.ts";
import type { Setup } from "./made-machine.ts";

/** `6.12.23` as a number that grows with it; a patch level that is left out is 0. */
export function releaseNumber(release: string): number {
  const found = numbers.get(release);
  if (found !== undefined) return found;
  const [major = 0, minor = 0, patch = 0] = release.split(".").map(Number);
  const number = (major * 1000 + minor) * 1000 + patch;
  numbers.set(release, number);
  return number;
}

const numbers = new Map<string, number>();

/** What a release decides by, written out from docs/rules.md: no table of Peerlane's is used. */
interface Rules {
  readonly hasP2pdma: boolean;
  readonly any: ReadonlySet<string>;
  /** Listed for pairs below one host bridge. */
  readonly same: ReadonlySet<string>;
  readonly trustsZen: boolean;
  readonly takesRootPorts: boolean;
  readonly refusesRedirected: boolean;
  readonly iommuCloses: boolean;
  readonly addsThroughHost: number;
}

const known = new Map<string, Rules>();

export function rulesOf(release: string): Rules {
  const found = known.get(release);
  if (found !== undefined) return found;
  const number = releaseNumber(release);
  const since = (from: string): boolean => number >= releaseNumber(from);
  const listed = (from: string, vendor: string, devices: string): string[] =>
    since(from) ? devices.split(" ").map((device) => `${vendor}:${device}`) : [];
  const isFirstList = since("5.2") && !since("5.4");
  const rules: Rules = {
    hasP2pdma: since("4.20"),
    any: new Set([
      ...(since("5.9") ? [] : [...listed("5.2", "1022", "1450"), ...listed("5.8", "1022", "15d0 1630")]),
      ...listed("5.6", "8086", "2030 2020"),
      ...listed("5.7", "8086", "2031 2032 2033"),
      ...listed("5.18", "8086", "09a2"),
      ...listed("7.1", "1ae0", "*"),
      ...listed("7.1.3", "8086", "0b25 0cfe 11fb 1212 1216 4940 4942 4944 4946 4948"),
      ...listed("7.3", "10de", "2f95 2f96 2f97 2f98"),
    ]),
    same: new Set(listed("5.4", "8086", "3c00 3c01 2f00 2f01")),
    trustsZen: since("5.9"),
    takesRootPorts: since("5.19"),
    refusesRedirected: !since("5.4"),
    iommuCloses: isFirstList,
    addsThroughHost: isFirstList ? 0x1000 : 0,
  };
  known.set(release, rules);
  return rules;
}

/** What a pair comes to. */
export interface Decided {
  readonly mapType: "bus-addr" | "thru-host-bridge" | "not-supported";
  readonly hops: number;
  readonly distance: number;
}

/** As much of a running machine as decides pairs. */
export interface Deciding {
  readonly setup: Pick<Setup, "cpu" | "release" | "iommu">;
  readonly functions: readonly Placed[];
  /** ACS control by name; what has no ACS has none. */
  readonly control: ReadonlyMap<string, number>;
}

const REDIRECTS = 0x2c;

export function redirects({ control }: Pick<Deciding, "control">, { name }: Placed): boolean {
  return ((control.get(name) ?? 0) & REDIRECTS) !== 0;
}

const chains = new WeakMap<Placed, readonly Placed[]>();

/** A function and what is above it. */
export function chainOf(from: Placed): readonly Placed[] {
  const found = chains.get(from);
  if (found !== undefined) return found;
  const chain = from.above === null ? [from] : [from, ...chainOf(from.above)];
  chains.set(from, chain);
  return chain;
}

/** The functions on which ACS counts: up from the provider to where they meet, and up from the client to below it. */
export function pathOf(
  provider: Placed,
  client: Placed,
): { readonly path: readonly Placed[]; readonly isMet: boolean } {
  const ups = chainOf(provider);
  const others = chainOf(client);
  const meeting = ups.findIndex((fn) => others.includes(fn));
  if (meeting < 0) return { path: [...ups, ...others], isMet: false };
  return {
    path: [...ups.slice(0, meeting + 1), ...others.slice(0, others.indexOf(ups[meeting] as Placed))],
    isMet: true,
  };
}

/** Request Redirect and Egress Control: what a port goes by with a request that comes in (PCIe 6.0 sec 6.12.3). */
const HOLDS_REQUESTS = 0x24;

/**
 * Whether a request of one function for the memory of another turns down again where their ways meet. The first thing that
 * sees the peer's address beside it decides: below that, all go up.
 */
export function turnsBelowRoot({ control }: Pick<Deciding, "control">, provider: Placed, client: Placed): boolean {
  if (provider.above === client.above && client.on === "link") return false;
  const others = chainOf(provider);
  const ways = chainOf(client);
  const meeting = ways.findIndex((fn) => others.includes(fn));
  const beside = ways[meeting - 1];
  return beside !== undefined && ((control.get(beside.name) ?? 0) & HOLDS_REQUESTS) === 0;
}

/** What the kernel decides for a pair, walked on its own. */
export function decidePair(machine: Deciding, provider: Placed, client: Placed): Decided {
  const rules = rulesOf(machine.setup.release);
  const { path, isMet } = pathOf(provider, client);
  // Where they meet, the meeting point is walked to from both sides, and it is one function less.
  const hops = isMet ? path.length - 1 : path.length;
  const no: Decided = { mapType: "not-supported", hops, distance: -1 };
  if (!rules.hasP2pdma) return no;
  if (isMet && !path.some((fn) => redirects(machine, fn))) return { mapType: "bus-addr", hops, distance: hops };
  if (isMet && rules.refusesRedirected) return no;
  if (!isThroughHost(machine, provider.rootBus, client.rootBus)) return no;
  return { mapType: "thru-host-bridge", hops, distance: hops + rules.addsThroughHost };
}

function isThroughHost({ setup, functions }: Deciding, a: number, b: number): boolean {
  const rules = rulesOf(setup.release);
  const { vendor, family } = setup.cpu;
  if (rules.iommuCloses && setup.iommu !== "off") return false;
  if (rules.trustsZen && vendor === "AuthenticAMD" && family >= 0x17) return true;
  return [a, b].every((rootBus) => {
    const first = functions.find((fn) => fn.rootBus === rootBus && fn.above === null);
    if (first === undefined) return false;
    if (first.devfn !== 0 && !(rules.takesRootPorts && first.kind === "root-port")) return false;
    const [vendorId = ""] = first.ids.split(":");
    return rules.any.has(first.ids) || rules.any.has(`${vendorId}:*`) || (a === b && rules.same.has(first.ids));
  });
}
