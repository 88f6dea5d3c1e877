import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { deviceKind } from "../pci/device-kind.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { hiddenLinkAbove, isPortAbove, type Link, linkAbove } from "../summary/links.ts";
import type { LinkFloor, LinksRule } from "./policy.ts";
import type { FindingList, LinkFinding, Member, RuleOutcome } from "./result.ts";

/** A link that a rule is about. */
interface JudgedLink {
  /** The function at its lower end. */
  readonly index: number;
  /** The device of the rule above which it was found; of a link of switches the first. */
  readonly member: Member;
}

/** Links as fast as a rule wants them: of each device its own, or all up to the root complex. */
export function checkLinks(
  topology: Topology,
  rule: LinksRule,
  devices: readonly Member[],
  findings: FindingList,
): void {
  for (const { index, member } of linksOfRule(topology, rule, devices)) {
    const finding = judgeLink(topology, rule, index);
    const { outcome } = finding;
    const isOpen = member.hidden !== null && outcome === "fail";
    const one = isOpen ? { ...finding, hidden: member.hidden } : finding;
    if (member.hidden !== null && outcome === "pass") continue;
    findings.add(isOpen ? "unknown" : outcome, () => one);
    if (outcome === "pass" && finding.isIdle) findings.remark(finding);
  }
}

/** Each link once: functions of one device share it, virtual ones that of their physical one, devices those of their switches. */
function linksOfRule(topology: Topology, { toRoot }: LinksRule, devices: readonly Member[]): Iterable<JudgedLink> {
  const links = new Map<number, JudgedLink>();
  for (const member of devices) {
    const own = linkEnd(topology, topology.indexOf(member.bdf));
    const above = toRoot ? topology.bridgesAbove(own).filter((index) => hasLinkAbove(topology, index)) : [];
    for (const index of [own, ...above]) {
      const key = lowerEnd(topology, index);
      const known = links.get(key);
      if (known === undefined || (known.member.hidden !== null && member.hidden === null)) {
        links.set(key, { index, member });
      }
    }
  }
  return links.values();
}

/** The function whose link is meant: of a root or downstream port, whose link is the one below it, what is there. */
function linkEnd(topology: Topology, index: number): number {
  return isPort(topology, index) ? (topology.children(index)[0] ?? index) : index;
}

function isPort(topology: Topology, index: number): boolean {
  const { express } = topology.functionAt(index);
  return !isUnknown(express) && express !== null && isPortAbove(express);
}

/** The function that stands for a link's lower end. */
function lowerEnd(topology: Topology, index: number): number {
  const physical = physicalOf(topology.functionAt(index));
  const own = physical === undefined || !topology.has(physical) ? index : topology.indexOf(physical);
  return topology.slotMates(own)[0] ?? own;
}

/** False for root and downstream ports, whose link is the one below them. */
function hasLinkAbove(topology: Topology, index: number): boolean {
  const { express } = topology.functionAt(index);
  return isUnknown(express) || (express !== null && !isPortAbove(express));
}

/** The link above a function; `null` where there is none, unknown where the source does not show it. */
function linkOf(topology: Topology, index: number): Known<Link | null> {
  const link = linkAbove(topology, index);
  if (link !== null) return link;
  const { express, bdf } = topology.functionAt(index);
  if (isUnknown(express)) return unknown(express.unknown);
  const hidden = hiddenLinkAbove(topology, index);
  if (hidden !== null) return unknown(hidden);
  if (isPort(topology, index)) return unknown(`the source shows nothing below ${formatBdf(bdf)}`);
  const isDown = express !== null && express.linkStatus !== null;
  return isDown ? unknown(`the registers of ${formatBdf(bdf)} say that its link is down`) : null;
}

function judgeLink(topology: Topology, rule: LinksRule, index: number): LinkFinding {
  const { bdf } = topology.functionAt(index);
  const link = linkOf(topology, index);
  const finding = (outcome: RuleOutcome, hidden: string | null, isIdle = false): LinkFinding => {
    return { kind: "link", outcome, device: bdf, link: isUnknown(link) ? null : link, isIdle, hidden };
  };
  if (isUnknown(link)) return finding("unknown", link.unknown);
  // What has no link has none that is slower than both ends can.
  if (link === null) return finding(rule.atLeast === "as-capable" ? "pass" : "fail", null);
  const judged = rule.atLeast === "as-capable" ? asCapable(link) : atLeast(topology, link, rule.atLeast);
  const outcome = judged.isIdle && rule.idle === "fail" ? "fail" : judged.outcome;
  return finding(outcome, judged.hidden ?? null, judged.isIdle);
}

interface Judgement {
  readonly outcome: RuleOutcome;
  readonly isIdle: boolean;
  readonly hidden?: string;
}

function asCapable({ is, below, above }: Link): Judgement {
  switch (is) {
    case "full":
    case "held-by-port":
      return { outcome: "pass", isIdle: false };
    case "idle-gpu":
      return { outcome: "pass", isIdle: true };
    case "slow":
      return { outcome: "fail", isIdle: false };
    case "below-own":
      return { outcome: "unknown", isIdle: false, hidden: hiddenAbility(above) };
    case "open":
      return { outcome: "unknown", isIdle: false, hidden: hiddenAbility(below) };
  }
}

function hiddenAbility(bdf: Bdf | null): string {
  const whose = bdf === null ? "the port above" : formatBdf(bdf);
  return `the source does not show what the link of ${whose} can do`;
}

function atLeast(topology: Topology, link: Link, floor: LinkFloor): Judgement {
  const { status, bothCan, belowCan, is, below } = link;
  if (floor.width !== null && status.width < floor.width) return { outcome: "fail", isIdle: false };
  if (floor.speedGTps === null) return { outcome: "pass", isIdle: false };
  if (status.speedGTps === 0) {
    return { outcome: "unknown", isIdle: false, hidden: "its registers name a speed that is none" };
  }
  if (status.speedGTps >= floor.speedGTps) return { outcome: "pass", isIdle: false };
  // An idle GPU has all of its lanes, and will be as fast as both ends can.
  if (is === "idle-gpu" && bothCan !== null && bothCan.speedGTps >= floor.speedGTps) {
    return { outcome: "pass", isIdle: true };
  }
  const mayBeIdle =
    bothCan === null &&
    deviceKind(topology.functionOf(below)) === "gpu" &&
    (belowCan === null || (belowCan.speedGTps >= floor.speedGTps && status.width >= belowCan.width));
  if (!mayBeIdle) return { outcome: "fail", isIdle: false };
  const hidden = `it may be idle: ${hiddenAbility(belowCan === null ? below : link.above)}`;
  return { outcome: "unknown", isIdle: false, hidden };
}
