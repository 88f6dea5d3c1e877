import type { ForbidRule, MachineFact, RequireRule, Selection, SeparateRule } from "./policy.ts";

/** As much of a rule as its name says. */
export type Unnamed =
  | Pick<RequireRule, "kind" | "providers" | "clients" | "each" | "path">
  | Pick<ForbidRule, "kind" | "providers" | "clients" | "path">
  | Pick<SeparateRule, "kind" | "devices" | "from">
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
    case "machine":
      return factName(rule.wanted);
  }
}

function requireName({
  providers,
  clients,
  each,
  path,
}: Pick<RequireRule, "providers" | "clients" | "each" | "path">): string {
  const how = path === "direct" ? "directly" : "directly or through the host bridge";
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
