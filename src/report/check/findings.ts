import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { formatSize } from "../../pci/size.ts";
import type {
  BarFinding,
  Finding,
  JudgedVerdict,
  LinkFinding,
  PolicyResult,
  Problem,
  RuleResult,
} from "../../policy/result.ts";
import { bandwidthText } from "../../policy/rule-name.ts";
import { unaskedWords } from "../asked-by.ts";
import { nameIn } from "../device-names.ts";
import { linkState } from "../link-text.ts";
import { gbpsText } from "../predict/numbers.ts";
import { claimText, DIRECT_BY_VERDICT, decidedBy, GOING_UP, verdictSentences } from "../reasons.ts";

/** A finding in words: what it is about, and what is to be said of that. */
export interface FindingText {
  readonly subject: string;
  readonly why: string;
}

/** Puts a finding of `rule` into words. */
export function findingText(result: PolicyResult, rule: RuleResult, finding: Finding): FindingText {
  const name = (bdf: Bdf): string => nameIn(result.topology, bdf);
  switch (finding.kind) {
    case "pair": {
      const { provider, client } = finding.verdict;
      return { subject: `${name(provider)} → ${name(client)}`, why: judgedText(result, finding) };
    }
    case "alone":
      return { subject: name(finding.device), why: aloneText(result, rule, finding) };
    case "missing":
      return { subject: `'${finding.text}'`, why: missingText(finding) };
    case "no-pair":
      return { subject: "no pair", why: noPairText(rule) };
    case "group":
      return { subject: finding.devices.map(name).join(", "), why: groupText(finding) };
    case "no-group":
      return { subject: name(finding.device), why: noGroupText(finding) };
    case "hidden-group":
      return { subject: name(finding.device), why: `its IOMMU group is not known: ${finding.hidden}` };
    case "apart":
      return { subject: name(finding.device), why: apartText(finding, name(finding.with)) };
    case "link":
      return { subject: name(finding.device), why: linkText(finding, name) };
    case "bar":
      return { subject: name(finding.device), why: barText(finding) };
    case "count":
      return { subject: "devices", why: countText(finding) };
    case "fact":
      return {
        subject: finding.subject ?? FACTS[finding.fact],
        why: isUnknown(finding.found) ? finding.found.unknown : finding.found,
      };
  }
}

function noPairText({ rule }: RuleResult): string {
  return rule.kind === "require" || rule.kind === "forbid"
    ? "provider and client are one device, and there is no other"
    : "there is one device only, and nothing to compare it with";
}

/** A problem in words. */
export function problemText(result: PolicyResult, { verdict }: JudgedVerdict, problem: Problem): string {
  switch (problem.kind) {
    case "path": {
      const sentences = verdictSentences(verdict, decidedBy(result.machine, result.rulesChoice));
      const unasked = unaskedWords(verdict.askedBy);
      return [`${claimText(verdict.mapType, verdict.releases)}: ${sentences.join("; ")}`, unasked]
        .filter((text) => text !== "")
        .join("; ");
    }
    case "route": {
      const what = problem.directions.map((direction) => `${direction}s`).join(" and ");
      return `${what} stay below the switch, past the IOMMU, though the kernel says ${claimText(verdict.mapType, verdict.releases)}: the port where they come in does not redirect them`;
    }
    case "goes-up":
      return `${DIRECT_BY_VERDICT}: ${GOING_UP}`;
    case "hops":
      return `${problem.hops} hops, more than ${problem.most}`;
    case "locality":
      return problem.is === "hidden"
        ? "the source does not show how the two are connected"
        : `${problem.is}, and ${problem.farthest}${problem.farthest === "PIX" ? "" : " or nearer"} is wanted`;
    case "bandwidth":
      return bandwidthProblem(problem);
    case "gate":
      return problem.gate.message;
    case "hidden":
      return problem.reason;
  }
}

/** `writes 44.5 GB/s, as predicted, where 50 GB/s or more is wanted: MaxPayload is …; without that 56.3 GB/s`. */
function bandwidthProblem(problem: Extract<Problem, { readonly kind: "bandwidth" }>): string {
  const { operation, floor, gbps, isUpperBound, possibleGBps, losses } = problem;
  const of = possibleGBps === null ? "" : ` of ${gbpsText(possibleGBps)} possible`;
  const wanted = floor.kind === "gbps" ? bandwidthText(floor) : `${floor.least} of that or more`;
  const is = `${operation}s ${isUpperBound ? "at most " : ""}${gbpsText(gbps)} GB/s${of}, as predicted, where ${wanted} is wanted`;
  const costs = losses.map(({ why, gbpsWithout }) => `${why}; without that ${gbpsText(gbpsWithout)} GB/s`);
  return costs.length === 0 ? is : `${is}: ${costs.join("; ")}`;
}

const FACTS = { kernel: "kernel", iommu: "IOMMU mode", p2pdma: "kernel build", parameters: "parameters" } as const;

/** What is to be said of a pair: its problems, or else its verdict. */
export function judgedText(result: PolicyResult, judged: JudgedVerdict): string {
  const problems: readonly Problem[] = judged.problems.length > 0 ? judged.problems : [{ kind: "path" }];
  return [...new Set(problems.map((problem) => problemText(result, judged, problem)))].join("; ");
}

type Kind<K extends Finding["kind"]> = Extract<Finding, { kind: K }>;

function aloneText(result: PolicyResult, { outcome }: RuleResult, finding: Kind<"alone">): string {
  const { nearest, candidates, side } = finding;
  if (nearest === null) return "there is no other device to pair it with";
  const { provider, client } = nearest.verdict;
  const others = side === "provider" ? "client" : "provider";
  const name = nameIn(result.topology, side === "provider" ? client : provider);
  const why = judgedText(result, nearest);
  if (candidates === 1) return `its only ${others}, ${name}: ${why}`;
  return `none of ${candidates} ${others}s ${outcome === "fail" ? "fits" : "is known to fit"}; the nearest, ${name}: ${why}`;
}

function missingText({ near, hidden }: Kind<"missing">): string {
  const guess = near.length > 0 ? `; did you mean ${near.join(" or ")}?` : "";
  return hidden === null ? `no such device in this machine${guess}` : `no such device is known here: ${hidden}${guess}`;
}

function groupText({ devices, group, isPredicted, hidden }: Kind<"group">): string {
  const verb = devices.length === 1 ? "in" : hidden === null ? "share" : "may share";
  const source = isPredicted ? ", as predicted from ACS and topology" : "";
  return `${verb} IOMMU group ${group}${source}${hidden === null ? "" : `: ${hidden}`}`;
}

function noGroupText({ hidden }: Kind<"no-group">): string {
  return `in no IOMMU group: nothing confines its DMA${hidden === null ? "" : `; ${hidden}`}`;
}

function apartText({ group, other, isPredicted, hidden }: Kind<"apart">, first: string): string {
  const source = isPredicted ? ", as predicted from ACS and topology" : "";
  return `in IOMMU group ${group}, and ${first} in ${other}${source}${hidden === null ? "" : `: ${hidden}`}`;
}

function linkText({ link, isIdle, hidden }: LinkFinding, name: (bdf: Bdf) => string): string {
  if (link === null) return hidden ?? "it has no PCIe link";
  const { status, bothCan, belowCan, above } = link;
  const can = bothCan ?? belowCan;
  const isLess = can !== null && linkState(can) !== linkState(status);
  const whose = bothCan === null ? "it can" : `both ends can (port ${above === null ? "hidden" : name(above)})`;
  const idle = isIdle ? ", as idle GPUs have it: look under load" : "";
  const more = isLess ? `; ${whose} ${linkState(can)}${idle}` : "";
  return `${linkState(status)}${more}${hidden === null ? "" : `; ${hidden}`}`;
}

function barText({ bar, hidden }: BarFinding): string {
  if (bar === null) return hidden ?? "it has no memory BAR";
  const { index, sizeBytes, busAddress } = bar;
  const size = isUnknown(sizeBytes) ? "size hidden" : formatSize(sizeBytes);
  const state = busAddress === null ? ", and no address" : "";
  return `BAR ${index} is the largest: ${size}${state}${hidden === null ? "" : `; ${hidden}`}`;
}

function countText({ found, possible, hidden }: Kind<"count">): string {
  const more = possible === 0 ? "" : `, and ${possible} that may be such`;
  return `${found} found${more}${hidden === null ? "" : `: ${hidden}`}`;
}
