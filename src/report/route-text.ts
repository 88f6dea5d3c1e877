import type { RouteHop, RouteOutcome } from "../fabric/route.ts";
import { formatAddress } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { PeerDifference } from "../routes/peer-difference.ts";
import type { PeerRoute, PeerRouting } from "../routes/peer-routes.ts";
import { type Painted, painted, plainText, type Rich, rich } from "./rich.ts";

/** How a function is called on a screen. */
export type NameOf = (bdf: Bdf) => string;

/** How a route's end is called, beside its reason. */
const OUTCOME_WORDS: Readonly<Record<RouteOutcome, string>> = {
  delivered: "arrives",
  "unsupported-request": "unsupported request",
  "acs-violation": "ACS violation",
  "iommu-fault": "IOMMU fault",
  lost: "lost",
  "not-issued": "not issued",
};

/** What a difference means, as the second half of a sentence about writes or reads. */
export const DIFFERENCE_WORDS: Readonly<Record<PeerDifference, string>> = {
  "not-delivered": "do not arrive",
  elsewhere: "reach something else",
  "goes-up": "go up to the root complex",
  "stays-below": "stay below the switch",
};

/** A routing in words: one text where both directions go the same way, else one for each. */
export function routeTexts({ write, read }: PeerRouting, nameOf: NameOf): readonly Rich[] {
  const [writes, reads] = [wayText(write, nameOf), wayText(read, nameOf)];
  if (plainText(writes) === plainText(reads)) return [rich`writes and reads: ${writes}`];
  return [rich`writes: ${writes}`, rich`reads: ${reads}`];
}

function wayText(route: Known<PeerRoute>, nameOf: NameOf): Rich {
  if (isUnknown(route)) return rich`${painted("unknown", "unknown")}: ${route.unknown}`;
  const { differs } = route;
  const mark = differs === null ? "" : painted("warn", `  ← not as the kernel says: they ${DIFFERENCE_WORDS[differs]}`);
  return rich`${hopsText(route.hops, nameOf)}, ${endText(route, nameOf)}${mark}`;
}

function endText(route: PeerRoute, nameOf: NameOf): Rich {
  const { outcome, target } = route;
  if (outcome !== "delivered") return failureText(route, (words) => painted("no", words));
  return rich`${painted("direct", "arrives")} in ${targetText(target, nameOf)}`;
}

/** What a route reached, as `BAR 2 of nvme0`. */
export function targetText(target: PeerRoute["target"], nameOf: NameOf): string {
  if (target === null) return "nothing";
  if (target.kind === "interrupt") return "the interrupt controller";
  if (target.kind === "dram") return `DRAM at ${formatAddress(target.phys)}`;
  const offset = target.offset === 0 ? "" : ` + ${formatAddress(target.offset)}`;
  return `BAR ${target.bar}${offset} of ${nameOf(target.fn)}`;
}

/** How a route fails and why: `IOMMU fault: nothing is mapped at the address`. */
export function failureText({ outcome, reason }: PeerRoute, paint: (words: string) => string | Painted): Rich {
  const words = OUTCOME_WORDS[outcome];
  // The fabric's words for some ends begin with that already.
  const why = reason.startsWith(`${words}: `) ? reason.slice(words.length + 2) : reason;
  return rich`${paint(words)}: ${why}`;
}

/** Marks between a hop and the next, by what the first of them does. */
const ARROWS: Readonly<Record<RouteHop["what"], string>> = {
  issue: "↑",
  up: "↑",
  redirect: "↑",
  across: "→",
  translate: "↓",
  reflect: "↓",
  down: "↓",
  complete: "",
  end: "",
};

/** Notes behind the name of a hop that does more than pass on. */
const NOTES: Readonly<Partial<Record<RouteHop["what"], string>>> = {
  redirect: " (redirects)",
  translate: " (IOMMU)",
};

/**
 * A request's hops in one line, and those of its completion where they are not the same ones backwards:
 * `nic0 ↑ 02:01.0 → 02:00.0 ↓ nvme0`.
 */
function hopsText(hops: readonly RouteHop[], nameOf: NameOf): string {
  const split = hops.findIndex(({ what }) => what === "complete");
  const request = split < 0 ? hops : hops.slice(0, split);
  const there = chain(request, nameOf);
  if (split < 0) return there;
  const back = placesOf(hops.slice(split));
  const isSameWay = back.join() === placesOf(request).reverse().join();
  return isSameWay
    ? there
    : `${there}, data back over ${back
        .slice(1)
        .map((at) => placeText(at, nameOf))
        .join(", ")}`;
}

function chain(hops: readonly RouteHop[], nameOf: NameOf): string {
  let text = "";
  hops.forEach(({ at, what }, position) => {
    const before = hops[position - 1];
    if (before?.at === at) {
      text += NOTES[what] ?? "";
      return;
    }
    const arrow = before === undefined ? "" : ` ${ARROWS[before.what] || "↑"} `;
    text += `${arrow}${placeText(at, nameOf)}${NOTES[what] ?? ""}`;
  });
  return text;
}

function placesOf(hops: readonly RouteHop[]): RouteHop["at"][] {
  return hops.map(({ at }) => at).filter((at, position, all) => at !== all[position - 1]);
}

function placeText(at: RouteHop["at"], nameOf: NameOf): string {
  return at === "root-complex" ? "root complex" : nameOf(at);
}
