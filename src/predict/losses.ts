import { isLinkState } from "../link/rate.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import { isUnknown } from "../pci/known.ts";
import type { Crossing, DataPath } from "./crossings.ts";
import { type AskedPath, hopsOf, leastOf, linksOf } from "./hops.ts";
import { walkWords } from "./look-ups.ts";
import type { PathPackets } from "./packets.ts";

/** What holds a path back, and what it would carry without that. */
export interface Loss {
  readonly kind: "slow-link" | "narrow-slot" | "small-payload" | "up-to-the-root-complex" | "iommu-walks";
  /** The function at the lower end of the link; `null` where it is no link's, or that of several. */
  readonly at: Bdf | null;
  /** 10^9 data bytes per second without it, all else as it is. */
  readonly gbpsWithout: number;
  readonly why: string;
}

/** What holds a path back, the dearest first: only what would give more if it were away. */
export function lossesOf(asked: AskedPath, now: number): readonly Loss[] {
  const { packets, direct, lookUps } = asked;
  const losses: Loss[] = [];
  const without = (changed: Partial<AskedPath>): number => withoutLosses({ ...asked, ...changed });
  const isMore = ({ gbpsWithout }: Loss): boolean => gbpsWithout > now * 1.001;
  const links = lessLinks(asked.path);
  const ofLinks = links.map(({ below, kind, can, why }): Loss => {
    const path = withLinks(asked.path, new Map([[below, can]]));
    return { kind, at: below, gbpsWithout: without({ path }), why };
  });
  if (links.length > 1 && !ofLinks.some(isMore)) {
    // None of them alone helps, as the others hold the data back as much.
    const path = withLinks(asked.path, new Map(links.map(({ below, can }) => [below, can])));
    const why = links.map((link) => link.why).join("; ");
    losses.push({ kind: "slow-link", at: null, gbpsWithout: without({ path }), why });
  }
  losses.push(...ofLinks);
  const larger = largerPackets(packets);
  if (larger !== null) {
    losses.push({
      kind: "small-payload",
      at: null,
      gbpsWithout: without({ packets: larger }),
      why: `MaxPayload is ${packets.payload.value} bytes, and all on the way can ${larger.payload.value}`,
    });
  }
  if (lookUps !== null && !isUnknown(lookUps) && lookUps.missed.value > 0) {
    losses.push({
      kind: "iommu-walks",
      at: null,
      gbpsWithout: without({ lookUps: null }),
      why: walkWords(lookUps),
    });
  }
  if (direct !== null) {
    losses.push({
      kind: "up-to-the-root-complex",
      at: null,
      gbpsWithout: without({ path: direct, lookUps: null, direct: null }),
      why: "the data goes up to the root complex and down again, and both devices are below one switch",
    });
  }
  return losses.filter(isMore).sort((one, other) => other.gbpsWithout - one.gbpsWithout);
}

/** With the MaxPayload that all on the way can; `null` where they have that, or it is not known. */
function largerPackets({ possiblePayload, payload, ...others }: PathPackets): PathPackets | null {
  if (possiblePayload === null || possiblePayload <= payload.value || payload.sure === "measured") return null;
  const larger = { ...payload, value: possiblePayload, low: possiblePayload, high: possiblePayload };
  return { ...others, possiblePayload, payload: larger };
}

/** 10^9 data bytes per second without any of {@link lossesOf}. */
export function possibleOf(asked: AskedPath): number {
  const path = asked.direct ?? asked.path;
  const links = new Map(lessLinks(path).map(({ below, can }) => [below, can]));
  const packets = largerPackets(asked.packets) ?? asked.packets;
  const whole = withoutLosses({ ...asked, path: withLinks(path, links), packets, lookUps: null, direct: null });
  return Math.max(whole, withoutLosses(asked));
}

/** A link that is less than it could be, and what it could be. */
interface LessLink {
  readonly kind: "slow-link" | "narrow-slot";
  readonly below: Bdf;
  readonly can: LinkState;
  readonly why: string;
}

/** Those of a path, each once, also where the data crosses it both ways. */
function lessLinks(path: DataPath): readonly LessLink[] {
  const links = new Map(linksOf(path).map(({ below, link }) => [below, link]));
  return [...links].flatMap(([below, { is, status, bothCan, belowCan }]): readonly LessLink[] => {
    if (is === "slow" && bothCan !== null && isLinkState(bothCan)) {
      const why = `the link of ${formatBdf(below)} is ${stateWords(status)}, and both ends can ${stateWords(bothCan)}`;
      return [{ kind: "slow-link", below, can: bothCan, why }];
    }
    if (is === "held-by-port" && belowCan !== null && isLinkState(belowCan)) {
      const why = `${formatBdf(below)} can ${stateWords(belowCan)}, and its port only ${stateWords(status)}`;
      return [{ kind: "narrow-slot", below, can: belowCan, why }];
    }
    return [];
  });
}

function withLinks(path: DataPath, states: ReadonlyMap<Bdf, LinkState>): DataPath {
  const crossings = path.crossings.map((crossing): Crossing => {
    const state = crossing.kind === "link" ? states.get(crossing.below) : undefined;
    if (crossing.kind !== "link" || state === undefined) return crossing;
    return { ...crossing, link: { ...crossing.link, status: state, is: "full" } };
  });
  return { ...path, crossings };
}

function withoutLosses(asked: AskedPath): number {
  return leastOf(hopsOf(asked)).value;
}

/** `x8 8 GT/s`. */
function stateWords({ width, speedGTps }: LinkState): string {
  return `x${width} ${speedGTps} GT/s`;
}
