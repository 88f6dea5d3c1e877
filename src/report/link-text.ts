import type { LinkState } from "../pci/express.ts";
import { isUnknown } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import { isPortAbove, type Link, type LinkIs, linkAbove } from "../summary/links.ts";
import type { Shortfall, SmallBar } from "../summary/shortfalls.ts";
import { nameIn, namesText } from "./device-names.ts";
import { painted, type Rich, rich } from "./rich.ts";
import type { Paint } from "./style.ts";

/** `x4 8GT/s`; the width alone where the speed's encoding is none. */
export function linkState({ width, speedGTps }: LinkState): string {
  return speedGTps === 0 ? `x${width}` : `x${width} ${speedGTps}GT/s`;
}

/** So many names of devices that are alike are told. */
const NAMED = 8;

/** How links that are not full are marked behind their state, and painted. */
const MARKS: Readonly<Record<LinkIs, readonly [mark: string, paint: Paint | null]>> = {
  full: ["", null],
  slow: [", slow", "no"],
  "idle-gpu": [", idle?", "faint"],
  "held-by-port": [", port", "warn"],
  "below-own": [", why hidden", "warn"],
  open: ["", null],
};

/**
 * A function's link as a cell: `x16 32GT/s`; `x4 8GT/s of x16 32GT/s, slow` where both ends can more; of a port the state
 * of the link below it. Empty where there is none.
 */
export function linkText(topology: Topology, index: number): { readonly text: string; readonly paint: Paint | null } {
  const link = linkAbove(topology, index);
  if (link === null) return { text: portLinkText(topology, index), paint: null };
  return { text: judgedLinkText(link), paint: MARKS[link.is][1] };
}

/** `x4 8GT/s of x16 32GT/s, slow`: what was negotiated, what could be, and why it is not. */
function judgedLinkText(link: Link): string {
  const [why] = MARKS[link.is];
  const mark = link.is === "below-own" && link.mayBeIdle ? `${why}, idle?` : why;
  return `${linkState(link.status)}${moreText(link)}${mark}`;
}

/** Why a link that is short is so, behind its states. */
const WHY_SHORT: Partial<Readonly<Record<LinkIs, string>>> = {
  slow: ", and both ends can more",
  "held-by-port": ", as its port can no more",
  "below-own": "; what its port can is not shown",
};

/** What of some devices is less than it could be, those that are alike together: `mlx5_0: x8 8GT/s of x16 8GT/s, and both ends can more`. */
export function shortfallTexts(topology: Topology, shortfalls: readonly Shortfall[]): readonly Rich[] {
  const alike = new Map<string, string[]>();
  for (const shortfall of shortfalls) {
    const text = shortfallText(topology, shortfall);
    const names = alike.get(text);
    const name = nameIn(topology, shortfall.device);
    if (names === undefined) alike.set(text, [name]);
    else names.push(name);
  }
  return [...alike].map(
    ([text, names]) => rich`${painted("strong", namesText(names, NAMED))}: ${painted("warn", text)}`,
  );
}

function shortfallText(topology: Topology, { device, link, bar }: Shortfall): string {
  const at = link === null || link.below === device ? "" : ` (at ${nameIn(topology, link.below)})`;
  const ofLink = link === null ? [] : [`${linkState(link.status)}${moreText(link)}${at}${WHY_SHORT[link.is] ?? ""}`];
  const ofBar = bar === null ? [] : [smallBarText(bar)];
  return [...ofLink, ...ofBar].join("; ");
}

function smallBarText({ barIndex, sizeBytes, possibleBytes }: SmallBar): string {
  const of = possibleBytes === null ? ", as without Resizable BAR" : ` of ${formatSize(possibleBytes)}`;
  return `BAR ${barIndex} is ${formatSize(sizeBytes)}${of}`;
}

/** What a link could be, as ` of x16 32GT/s`: what both ends can do where it is less, else what the function below can. */
function moreText({ is, status, belowCan, bothCan }: Link): string {
  if (is === "full" || is === "open") return "";
  if (is === "idle-gpu") return bothCan === null ? "" : ` of ${bothCan.speedGTps}GT/s`;
  const more = is === "slow" ? bothCan : belowCan;
  return more === null || linkState(more) === linkState(status) ? "" : ` of ${linkState(more)}`;
}

function portLinkText(topology: Topology, index: number): string {
  const { express } = topology.functionAt(index);
  if (isUnknown(express) || express === null || !isPortAbove(express)) return "";
  const { linkStatus } = express;
  if (linkStatus === null || isUnknown(linkStatus)) return "";
  return linkStatus.width === 0 ? "link down" : linkState(linkStatus);
}

/** A link that is not full, in a sentence with both of its ends. */
export function linkSentence(topology: Topology, link: Link): Rich {
  const { below, above, status, belowCan, aboveCan, bothCan } = link;
  const name = painted("strong", nameIn(topology, below));
  const port = above === null ? "" : nameIn(topology, above);
  const own = belowCan === null ? "" : linkState(belowCan);
  const [, paint] = MARKS[link.is];
  const is = paint === null ? linkState(status) : painted(paint, linkState(status));
  switch (link.is) {
    case "slow":
      return rich`${name} is ${is}, and both ends can ${bothCan === null ? "" : linkState(bothCan)} (port ${port})`;
    case "idle-gpu":
      return rich`${name} is ${is}${moreText(link)}, perhaps because it is idle: GPUs lower the speed then; look under load`;
    case "held-by-port":
      return rich`${name} is ${is}, as its port ${port} can only ${aboveCan === null ? "" : linkState(aboveCan)}, and can itself ${own}`;
    case "below-own":
      return rich`${name} is ${is}, and can itself ${own}; what the port above it can do is not shown${link.mayBeIdle ? ", and it may be idle" : ""}`;
    default:
      return rich`${name} is ${is}`;
  }
}
