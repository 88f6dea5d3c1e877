import type { RouteHop } from "./route.ts";

/** The decisions by number, for flat arrays. */
export const WHY = {
  issues: 0,
  busMasterOff: 1,
  ownMemory: 2,
  pastTheEnd: 3,
  delivered: 4,
  unclaimed: 5,
  intoRoot: 6,
  alwaysUpstream: 7,
  outsideTheDevice: 8,
  portMasterOff: 9,
  sourceInvalid: 10,
  translationBlocked: 11,
  peerClaims: 12,
  directTranslated: 13,
  requestRedirect: 14,
  egressRedirect: 15,
  egressBlocked: 16,
  upstreamForwarded: 17,
  loopForwarded: 18,
  redirectedBelow: 19,
  loopRefused: 20,
  windowEmpty: 21,
  unclaimedBelow: 22,
  down: 23,
  translated: 24,
  noDomain: 25,
  notPresent: 26,
  noWrite: 27,
  noRead: 28,
  blocked: 29,
  mappingTooShort: 30,
  dram: 31,
  noMemory: 32,
  reflected: 33,
  policyRefuses: 34,
  policyWritesOnly: 35,
  policyOtherHostBridge: 36,
  cpuIssues: 37,
  completes: 38,
  completionUp: 39,
  completionAcross: 40,
  completionRedirect: 41,
  completionForwarded: 42,
  completionReflected: 43,
  completionDown: 44,
  completionArrives: 45,
  completionLoops: 46,
  completionStrays: 47,
  completionRefused: 48,
  hidden: 49,
  interrupt: 50,
  noInterrupt: 51,
  noAts: 52,
} as const;

/** Decisions of ports about which the specification says nothing (PCIe 6.0 sec 6.12.1.1): settings of the model decide. */
export const LEFT_OPEN: readonly number[] = [WHY.loopRefused, WHY.completionLoops];

type What = RouteHop["what"];

/** For every decision that a hop can stand for: what kind of hop it is, and the decision in the field's words. */
const decisions: Readonly<Record<keyof typeof WHY, readonly [What, string]>> = {
  issues: ["issue", "issues the request"],
  busMasterOff: ["end", "its Bus Master Enable bit is off: it issues no request"],
  ownMemory: ["end", "the address is in its own BAR: nothing leaves the device"],
  pastTheEnd: ["end", "the request runs past the end of the BAR that claims its first byte"],
  delivered: ["end", "its BAR claims the address"],

  unclaimed: ["up", "nothing beside it claims the address: on towards the root"],
  intoRoot: ["up", "into the root complex"],
  alwaysUpstream: ["up", "it forwards every request upstream, whatever is beside it"],
  outsideTheDevice: ["up", "the functions of this device do not reach each other inside: on towards the root"],
  portMasterOff: ["end", "its Bus Master Enable bit is off: it forwards no request upstream (PCIe 6.0 sec 7.5.1.1.3)"],
  sourceInvalid: ["end", "ACS Source Validation: the requester id is not of a bus below this port"],
  translationBlocked: ["end", "ACS Translation Blocking: the address claims to be translated"],

  peerClaims: ["across", "a peer beside it claims the address"],
  directTranslated: ["across", "a peer claims the translated address: ACS Direct Translated P2P lets it pass directly"],
  requestRedirect: ["redirect", "a peer claims the address: ACS P2P Request Redirect sends it towards the root"],
  egressRedirect: ["redirect", "ACS P2P Egress Control with Request Redirect sends it towards the root"],
  egressBlocked: ["end", "ACS P2P Egress Control blocks the peer that claims the address"],
  upstreamForwarded: ["redirect", "the target is below this port again: ACS Upstream Forwarding sends it on"],
  loopForwarded: [
    "redirect",
    "the target is below this port again: without ACS Upstream Forwarding it is sent on here",
  ],
  redirectedBelow: ["up", "redirected below: on towards the root"],
  loopRefused: ["end", "the target is below this port again, and ACS Upstream Forwarding is off"],
  windowEmpty: ["end", "the address is in its window, and nothing below it claims it"],
  unclaimedBelow: ["end", "nothing below it claims the address"],
  down: ["down", "its window claims the address"],

  translated: ["translate", "the IOMMU translates the address"],
  noDomain: ["end", "IOMMU fault: the requester has no domain"],
  notPresent: ["end", "IOMMU fault: nothing is mapped at the address"],
  noWrite: ["end", "IOMMU fault: the mapping does not permit writes"],
  noRead: ["end", "IOMMU fault: the mapping does not permit reads"],
  blocked: ["end", "IOMMU fault: the requester is blocked"],
  mappingTooShort: ["end", "IOMMU fault: the mapping ends inside the request"],
  dram: ["end", "the address is DRAM"],
  noMemory: ["end", "the address is neither DRAM nor in a window of a host bridge"],
  reflected: ["reflect", "a window of a host bridge holds the address: down again"],
  policyRefuses: ["end", "this root complex forwards nothing from port to port (PCIe 6.0 sec 1.3.1 leaves it free to)"],
  policyWritesOnly: ["end", "this root complex forwards only writes from port to port"],
  policyOtherHostBridge: ["end", "this root complex forwards nothing from one host bridge to another"],
  cpuIssues: ["issue", "the CPU issues the request"],

  completes: ["complete", "completes the read"],
  completionUp: ["complete", "the completion goes up"],
  completionAcross: ["complete", "the completion goes across to the peer that has the requester's bus"],
  completionRedirect: ["complete", "ACS P2P Completion Redirect sends the completion towards the root"],
  completionForwarded: [
    "complete",
    "the requester is below this port again: the completion is sent on towards the root",
  ],
  completionReflected: ["complete", "the completion goes down again"],
  completionDown: ["complete", "the completion goes down"],
  completionArrives: ["complete", "the completion reaches the requester"],
  completionLoops: [
    "end",
    "the requester is below this port again, and ACS Upstream Forwarding is off: completion lost",
  ],
  completionStrays: ["end", "no bus number here leads to the requester id: completion lost"],
  completionRefused: ["end", "this root complex forwards no completion from port to port: completion lost"],
  interrupt: ["end", "a write of four bytes to the range of interrupts: a message-signalled interrupt, and no DMA"],
  noInterrupt: ["end", "the range of interrupts takes aligned writes of four bytes and nothing else"],
  noAts: ["end", "IOMMU fault: the address claims to be translated, and the requester has no ATS, or has it off"],
  hidden: ["end", "the source does not show what decides here"],
};

const byNumber: readonly (readonly [What, string])[] = Object.entries(WHY)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => decisions[name as keyof typeof WHY]);

/** What kind of hop a decision makes; throws a `RangeError` for no number of {@link WHY}. */
export function hopKind(why: number): What {
  return decisionOf(why)[0];
}

/** A decision in words; throws a `RangeError` for no number of {@link WHY}. */
export function hopWords(why: number): string {
  return decisionOf(why)[1];
}

function decisionOf(why: number): readonly [What, string] {
  const decision = byNumber[why];
  if (decision === undefined) throw new RangeError(`${why} is no decision`);
  return decision;
}
