import { PCI_ACS_RR } from "../pci/acs.ts";
import { type ByteRange, overlaps } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/**
 * Which function claims an untranslated request of function `index` to bus addresses on its way up to the root complex: a sibling whose
 * window or BAR overlaps, or the bridge above itself, which passes nothing up that lies in its own windows; unless the
 * port that takes the request in redirects (PCIe 6.0 sec 6.12.3). `null` where none does; indices of `topology`.
 *
 * MODEL: a root complex is taken to translate before it routes between its own ports; functions of one device are taken
 * to route between each other as the ports of a switch do.
 */
export function claimedOnTheWay(topology: Topology, index: number, addressed: ByteRange): Known<number | null> {
  let at = index;
  for (const above of topology.bridgesAbove(index)) {
    const [entered, bridge] = [topology.functionAt(at), topology.functionAt(above)];
    const sibling = unlessRedirected(claimingSibling(topology, above, at, addressed), [entered]);
    if (sibling !== null) return sibling;
    const keeps = claimsByWindow(bridge, addressed);
    const kept = unlessRedirected(isUnknown(keeps) ? keeps : keeps ? above : null, [entered, bridge]);
    if (kept !== null) return kept;
    at = above;
  }
  return topology.rootOf(index) === undefined ? unknown("the source does not show the way to the root complex") : null;
}

/** A claim stands unless one of the ports redirects requests. */
function unlessRedirected(claim: Known<number | null>, ports: readonly PciFunction[]): Known<number | null> {
  if (claim === null) return null;
  const redirects = ports.map(redirectsRequests);
  if (redirects.includes(true)) return null;
  return redirects.find(isUnknown) ?? claim;
}

function redirectsRequests({ acs }: PciFunction): Known<boolean> {
  if (acs === null || isUnknown(acs)) return acs ?? false;
  if (((acs.uncertain ?? 0) & PCI_ACS_RR) !== 0) return unknown("whether ACS redirects requests was not worked out");
  return (acs.control & PCI_ACS_RR) !== 0;
}

/** A sure claimant before a hidden one: both end the way, and the sure one says how. */
function claimingSibling(topology: Topology, above: number, at: number, addressed: ByteRange): Known<number | null> {
  let doubt: Known<number | null> = null;
  for (const sibling of topology.children(above)) {
    if (sibling === at) continue;
    const fn = topology.functionAt(sibling);
    const claims = claimsAddress(fn, addressed);
    if (claims === true) return sibling;
    if (isUnknown(claims)) doubt = unknown(`${formatBdf(fn.bdf)} may claim the address: ${claims.unknown}`);
  }
  return doubt;
}

function claimsAddress(fn: PciFunction, addressed: ByteRange): Known<boolean> {
  const byWindow = claimsByWindow(fn, addressed);
  if (byWindow === true) return true;
  const byBar = claimsByBar(fn, addressed);
  return byBar === false ? byWindow : byBar;
}

function claimsByWindow({ bridge }: PciFunction, addressed: ByteRange): Known<boolean> {
  if (bridge === null || isUnknown(bridge)) return bridge ?? false;
  const { windows } = bridge;
  if (isUnknown(windows)) return windows;
  return windows.some(({ kind, start, size }) => kind !== "io" && overlaps(addressed, { start, sizeBytes: size }));
}

function claimsByBar({ bars }: PciFunction, addressed: ByteRange): Known<boolean> {
  if (isUnknown(bars)) return bars;
  let doubt: Known<boolean> = false;
  for (const { kind, busAddress, sizeBytes } of bars) {
    if (kind !== "memory" || busAddress === null) continue;
    if (isUnknown(busAddress)) doubt = busAddress;
    else if (isUnknown(sizeBytes)) doubt = sizeBytes;
    else if (overlaps(addressed, { start: busAddress, sizeBytes })) return true;
  }
  return doubt;
}
