import type { Bdf } from "../pci/bdf.ts";
import { deviceKind, isBridge } from "../pci/device-kind.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { type Link, linkAbove } from "./links.ts";

/** A device whose link or memory BAR is less than it could be, for which its peers get less than they would think. */
export interface Shortfall {
  readonly device: Bdf;
  /** The link of its card, where that is narrower or slower than the card can be and no idle GPU explains it; else `null`. */
  readonly link: Link | null;
  readonly bar: SmallBar | null;
}

/** A BAR that shows a part of a device's memory. */
export interface SmallBar {
  readonly barIndex: number;
  readonly sizeBytes: number;
  /** What it could be with Resizable BAR; `null` where the source does not show that, or the device has none. */
  readonly possibleBytes: number | null;
}

/** So many functions a card has at most, with the bridges above them. */
const FEW = 32;
/** What GPUs have with Resizable BAR off. */
const USUAL_SMALL_BYTES = 256 * 2 ** 20;

/** Of some devices those that have less than they could, in the order in which they are given. */
export function shortfallsOf(topology: Topology, devices: Iterable<Bdf>): readonly Shortfall[] {
  return [...new Set(devices)].flatMap((device): Shortfall[] => {
    const link = shortLink(topology, topology.indexOf(device));
    const bar = smallBar(topology.functionOf(device));
    return link === null && bar === null ? [] : [{ device, link, bar }];
  });
}

/** True where both ends of a link can more than was negotiated, or it has fewer lanes than the device can use. */
export function isDownTrained({ is, status, belowCan }: Link): boolean {
  return is === "slow" || (belowCan !== null && status.width < belowCan.width);
}

/**
 * The first link that is short, from a device up to the slot of its card: a card may have a switch of its own, whose inner
 * links are full whatever the slot is.
 */
function shortLink(topology: Topology, index: number): Link | null {
  const ofCard = new Set([index, ...topology.slotMates(index)]);
  const isOfCard = (bridge: number): boolean => {
    const below = topology.subtreeOf(bridge);
    return below.length <= FEW && below.every((at) => isBridge(topology.functionAt(at)) || ofCard.has(at));
  };
  for (const at of [index, ...topology.bridgesAbove(index)]) {
    if (at !== index && !isOfCard(at)) break;
    const link = linkAbove(topology, at);
    if (link !== null && isShort(link)) return link;
  }
  return null;
}

function isShort({ is, mayBeIdle }: Link): boolean {
  return is === "slow" || is === "held-by-port" || (is === "below-own" && !mayBeIdle);
}

/** The largest BAR of a function that could be larger, or of a GPU no more than what GPUs have with Resizable BAR off. */
function smallBar(fn: PciFunction): SmallBar | null {
  const resizable = isUnknown(fn.resizableBars) ? [] : fn.resizableBars;
  for (const { barIndex, currentBytes, supportedBytes } of resizable) {
    if (isUnknown(currentBytes) || isUnknown(supportedBytes)) continue;
    const largest = supportedBytes.at(-1);
    if (largest !== undefined && currentBytes < largest) {
      return { barIndex, sizeBytes: currentBytes, possibleBytes: largest };
    }
  }
  if (deviceKind(fn) !== "gpu") return null;
  const bars = (memoryBars(fn) ?? []).filter(({ prefetchable }) => prefetchable);
  const sizes = bars.flatMap(({ sizeBytes }) => (isUnknown(sizeBytes) ? [] : [sizeBytes]));
  const bar = bars.find(({ sizeBytes }) => sizeBytes === USUAL_SMALL_BYTES);
  if (bar === undefined || Math.max(...sizes) > USUAL_SMALL_BYTES) return null;
  return { barIndex: bar.index, sizeBytes: USUAL_SMALL_BYTES, possibleBytes: null };
}
