import { formatSize } from "../pci/size.ts";
import type {
  BandwidthFloor,
  BarsRule,
  CountRule,
  ForbidRule,
  LinksRule,
  MachineFact,
  RequireRule,
  Selection,
  SeparateRule,
  TogetherRule,
} from "./policy.ts";

/** As much of a rule as its name says. */
export type Unnamed =
  | NamedRequire
  | Pick<ForbidRule, "kind" | "providers" | "clients" | "path">
  | Pick<SeparateRule, "kind" | "devices" | "from">
  | Pick<TogetherRule, "kind" | "devices">
  | Pick<LinksRule, "kind" | "devices" | "atLeast" | "toRoot">
  | Pick<BarsRule, "kind" | "devices" | "atLeast">
  | Pick<CountRule, "kind" | "devices" | "least" | "most">
  | { readonly kind: "machine"; readonly wanted: MachineFact };

/** What a rule demands, in a few words: the name of one that has none. */
export function ruleName(rule: Unnamed): string {
  switch (rule.kind) {
    case "require":
      return requireName(rule);
    case "forbid":
      return `no ${nameOf(rule.clients)} reaches ${nameOf(rule.providers)}${rule.path === "direct" ? " directly" : ""}`;
    case "separate":
      return `no ${nameOf(rule.devices)} shares an IOMMU group with another${rule.from === null ? "" : ` ${nameOf(rule.from)}`}`;
    case "together":
      return `all ${nameOf(rule.devices)} share one IOMMU group`;
    case "links":
      return linksName(rule);
    case "bars":
      return `each ${nameOf(rule.devices)} has a BAR of ${formatSize(rule.atLeast)} or more`;
    case "count":
      return `${rule.most === null ? "at least " : ""}${rule.least} ${nameOf(rule.devices)}`;
    case "machine":
      return factName(rule.wanted);
  }
}

type NamedRequire = Pick<
  RequireRule,
  "kind" | "providers" | "clients" | "each" | "path" | "isByPlace" | "locality" | "maxHops" | "bandwidth"
>;

/** `20 GB/s or more`, `0.9 of the possible GB/s or more`. */
export function bandwidthText({ kind, least }: BandwidthFloor): string {
  return kind === "gbps" ? `${least} GB/s or more` : `${least} of the possible GB/s or more`;
}

/** `gen5 x16`, `x8`. */
export function floorText(atLeast: LinksRule["atLeast"]): string {
  if (atLeast === "as-capable") return "as fast as both ends can";
  const { speedGTps, width } = atLeast;
  const parts = [...(width === null ? [] : [`x${width}`]), ...(speedGTps === null ? [] : [`${speedGTps}GT/s`])];
  return `${parts.join(" ")} or more`;
}

function linksName({ devices, atLeast, toRoot }: Pick<LinksRule, "devices" | "atLeast" | "toRoot">): string {
  const which = toRoot ? `each link from ${nameOf(devices)} to the root` : `the link of each ${nameOf(devices)}`;
  return `${which} is ${floorText(atLeast)}`;
}

function requireName(rule: NamedRequire): string {
  const { providers, clients, each, path, isByPlace, locality, maxHops, bandwidth } = rule;
  const far = [
    ...(locality === null ? [] : [`${locality}${locality === "PIX" ? "" : " or nearer"}`]),
    ...(isByPlace && maxHops !== null ? [`${maxHops} hops at most`] : []),
  ];
  const direct = path === "direct" ? "directly" : "directly or through the host bridge";
  const how = isByPlace
    ? `at ${far.join(", ")}`
    : [direct, ...far, ...(bandwidth === null ? [] : [bandwidthText(bandwidth)])].join(", ");
  if (isByPlace) {
    const [device, other] = each === "client" ? [clients, providers] : [providers, clients];
    return `each ${nameOf(device)} has ${each === "pair" ? "each" : "a"} ${nameOf(other)} ${how}`;
  }
  if (each === "provider") return `each ${nameOf(providers)} is reached by a ${nameOf(clients)} ${how}`;
  return `each ${nameOf(clients)} reaches ${each === "client" ? "a" : "each"} ${nameOf(providers)} ${how}`;
}

function nameOf({ text }: Selection): string {
  if (text === "all") return "device";
  return text.includes(" ") ? `(${text})` : text;
}

function factName(wanted: MachineFact): string {
  switch (wanted.fact) {
    case "kernel":
      return `kernel ${wanted.range.text}`;
    case "iommu":
      return `IOMMU ${wanted.modes.join(" or ")}`;
    case "p2pdma":
      return `kernel ${wanted.isBuilt ? "with" : "without"} CONFIG_PCI_P2PDMA`;
    case "parameters":
      return `kernel parameters ${wanted.parameters.map(({ text, isForbidden }) => (isForbidden ? `not ${text}` : text)).join(", ")}`;
  }
}

/** Gives each rule of a policy an id of its own. */
export class RuleIds {
  readonly #taken = new Set<string>();

  /** Kind and name in lower-case ASCII, with a number behind it where that is taken. */
  make(kind: string, name: string): string {
    const words = name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "");
    const base = `${kind}/${words === "" ? "rule" : words}`;
    let id = base;
    for (let number = 2; this.#taken.has(id); number++) id = `${base}-${number}`;
    this.#taken.add(id);
    return id;
  }
}
