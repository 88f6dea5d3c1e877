import { redirects } from "../pci/acs.ts";
import { deviceKind, isBridge } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { type Link, type LinkIs, linksOf } from "../summary/links.ts";
import { nameIn, namesText, portsText } from "./device-names.ts";
import { linkSentence, linkState } from "./link-text.ts";
import { painted, type Rich, rich, type Span } from "./rich.ts";
import { wrap } from "./width.ts";

/** Links of a kind that are told one by one. */
const TOLD = 4;

/** What a tree comes to: how many functions of which kinds, which ports redirect, which links are slow. */
export function treeSummary(topology: Topology, width: number): readonly Rich[] {
  if (topology.functions.length === 0) return [];
  const sentences = [countText(topology), ...redirectTexts(topology), ...linkTexts(topology)];
  return sentences.flatMap((text) =>
    wrap(text, Math.max(width - 2, 20)).map((line, at): Rich => (at === 0 ? line : rich`  ${line}`)),
  );
}

function countText({ functions, roots }: Topology): Rich {
  const virtual = functions.filter((fn) => physicalOf(fn) !== undefined).length;
  const of = (kind: string): number =>
    functions.filter((fn) => deviceKind(fn) === kind && physicalOf(fn) === undefined).length;
  const kinds = [
    counted(of("gpu"), "GPU"),
    counted(of("accel"), "accelerator"),
    counted(of("nic"), "NIC"),
    counted(of("nvme"), "NVMe", ""),
    counted(functions.filter((fn) => portType(fn) === "upstream-port").length, "switch", "es"),
    counted(functions.filter((fn) => portType(fn) === "root-port").length, "root port"),
    counted(virtual, "virtual function"),
  ].flat();
  const all = counted(functions.length, "function").join("");
  const bridges = counted(roots.length, "host bridge").join("");
  return `${all}${bridges === "" ? "" : ` below ${bridges}`}${kinds.length === 0 ? "" : `: ${kinds.join(", ")}`}`;
}

/** `3 GPUs`; nothing for none. */
function counted(count: number, what: string, plural = "s"): readonly string[] {
  return count === 0 ? [] : [`${count} ${what}${count === 1 ? "" : plural}`];
}

function portType({ express }: PciFunction): string | null {
  return isUnknown(express) || express === null || isUnknown(express.type) ? null : express.type;
}

/** Which ports send peer requests up; apart from them root ports, from which no switch can turn a request back. */
function redirectTexts(topology: Topology): readonly Rich[] {
  const ports = topology.functions.filter(isBridge);
  if (ports.length === 0) return [];
  const redirecting = ports.filter(({ acs }) => !isUnknown(acs) && acs !== null && redirects(acs));
  const hidden = ports.filter(({ acs }) => isUnknown(acs)).length;
  const isRoot = (fn: PciFunction): boolean => portType(fn) === "root-port";
  const list = (some: readonly PciFunction[]): string =>
    portsText(
      topology,
      some.map(({ bdf }) => bdf),
    );
  const below = redirecting.filter((fn) => !isRoot(fn));
  const roots = redirecting.length - below.length;
  const inside = insideText(topology);
  const hiddenText = `${inside}${hidden === 0 ? "" : `; ACS of ${counted(hidden, "port").join("")} hidden`}`;
  const rootText = roots === 0 ? "" : counted(roots, "root port").join("");
  if (below.length > 0) {
    const verb = below.length === 1 ? "redirects" : "redirect";
    return [
      rich`ACS: ${painted("host", `${list(below)} ${verb}`)} peer requests to the host bridge${rootText === "" ? "" : `, and so ${roots === 1 ? "does" : "do"} ${rootText}`}${hiddenText}`,
    ];
  }
  if (hidden === ports.length) return [rich`ACS: ${painted("unknown", "hidden")} of all ports`];
  const none = rootText === "" ? "no port redirects" : `only ${rootText} ${roots === 1 ? "redirects" : "redirect"}`;
  return [rich`ACS: ${none} peer requests to the host bridge${hiddenText}`];
}

/** Redirection in an endpoint is between the functions of its device (PCIe 6.0 sec 6.12.1.2). */
function insideText({ functions }: Topology): string {
  const ends = functions.filter((fn) => !isBridge(fn) && !isUnknown(fn.acs) && fn.acs !== null && redirects(fn.acs));
  if (ends.length === 0) return "";
  return `; ${counted(ends.length, "endpoint").join("")} ${ends.length === 1 ? "redirects" : "redirect"} what the functions of one device send each other`;
}

function linkTexts(topology: Topology): readonly Rich[] {
  const links = linksOf(topology);
  if (links.length === 0) return [];
  const of = (is: LinkIs): readonly Link[] => links.filter((link) => link.is === is);
  const slow = of("slow");
  const held = of("held-by-port");
  const own = of("below-own");
  const whole = links.filter(({ bothCan }) => bothCan !== null).length;
  const wholeText = whole === links.length ? "" : `, ${whole === 0 ? "none" : whole} with both ends shown`;
  const all = `${counted(links.length, "link").join("")}${wholeText}`;
  const head =
    slow.length > 0
      ? rich`${all}: ${painted("no", `${slow.length} slower than both ends can`)}`
      : whole === 0
        ? all
        : `${all}: none slower than both ends can`;
  return [
    slow.length === 0 ? head : rich`${head}: ${told(topology, slow)}`,
    ...(held.length === 0 ? [] : [rich`held back by the port (${String(held.length)}): ${told(topology, held)}`]),
    ...(own.length === 0 ? [] : [rich`less than the device can (${String(own.length)}): ${told(topology, own)}`]),
    ...idleTexts(topology, of("idle-gpu")),
  ];
}

function told(topology: Topology, links: readonly Link[]): Rich {
  const texts = links.slice(0, TOLD).map((link) => linkSentence(topology, link));
  const more = links.length - texts.length;
  const spans = texts.flatMap((text, at): readonly Span[] => rich`${at === 0 ? "" : "; "}${text}`);
  return more === 0 ? spans : [...spans, `; and ${more} more, marked below`];
}

/** GPUs at full width and less speed, by what they are at. */
function idleTexts(topology: Topology, links: readonly Link[]): readonly Rich[] {
  const byState = new Map<string, Link[]>();
  for (const link of links) {
    const state = `${linkState(link.status)}${link.bothCan === null ? "" : ` of ${link.bothCan.speedGTps}GT/s`}`;
    const alike = byState.get(state);
    if (alike === undefined) byState.set(state, [link]);
    else alike.push(link);
  }
  return [...byState].map(
    ([state, alike]): Rich =>
      `speed reduced (idle GPUs do this): ${namesText(
        alike.map(({ below }) => nameIn(topology, below)),
        8,
      )}, ${state} at full width`,
  );
}
