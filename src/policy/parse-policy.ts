import { issueError } from "../host/yaml/issues.ts";
import { readYaml, type ValuePath, type YamlSource } from "../host/yaml/yaml-source.ts";
import { formatPlace, PeerlaneError, type Place } from "../pci/error.ts";
import type {
  Absence,
  BarsRule,
  CountRule,
  ForbidRule,
  LinksRule,
  MachineFact,
  Policy,
  PolicyRule,
  RequireRule,
  SeparateRule,
  TogetherRule,
} from "./policy.ts";
import { RuleIds, ruleName, type Unnamed } from "./rule-name.ts";
import {
  type BarsInput,
  type CountInput,
  type ForbidInput,
  type LinksInput,
  type PolicyInput,
  policySchema,
  type RequireInput,
  type SeparateInput,
  type TogetherInput,
} from "./schema.ts";

/**
 * Reads a policy file. `file` is its name for messages. Throws `bad-input` or `too-large` with file, line and column
 * for anything that is not a policy; never returns a partial one.
 */
export function parsePolicy(text: string, file: string): Policy {
  const source = readYaml(text, file);
  const result = policySchema.safeParse(source.value);
  if (!result.success) throw issueError(result.error.issues, source);
  const rules = new PolicyBuilder(source).build(result.data);
  if (rules.length === 0) {
    throw new PeerlaneError("bad-input", "a policy needs at least one rule", {
      place: source.placeOf([]),
      remedy: "add one below require, forbid, separate, together, links, bars, count or machine",
    });
  }
  return { file, name: result.data.policy ?? null, rules };
}

/** Fills in defaults, names, ids and places. */
class PolicyBuilder {
  readonly #source: YamlSource;
  readonly #ids = new RuleIds();
  readonly #placeByName = new Map<string, Place>();

  constructor(source: YamlSource) {
    this.#source = source;
  }

  build(input: PolicyInput): readonly PolicyRule[] {
    const rules: PolicyRule[] = [
      ...(input.require ?? []).map((rule, index) => this.#require(rule, ["require", index])),
      ...(input.forbid ?? []).map((rule, index) => this.#forbid(rule, ["forbid", index])),
      ...(input.separate ?? []).map((rule, index) => this.#separate(rule, ["separate", index])),
      ...(input.together ?? []).map((rule, index) => this.#together(rule, ["together", index])),
      ...(input.links ?? []).map((rule, index) => this.#links(rule, ["links", index])),
      ...(input.bars ?? []).map((rule, index) => this.#bars(rule, ["bars", index])),
      ...(input.count ?? []).map((rule, index) => this.#count(rule, ["count", index])),
      ...this.#machine(input.machine ?? {}),
    ];
    return rules.sort((a, b) => (a.place.line ?? 0) - (b.place.line ?? 0));
  }

  #require(input: RequireInput, path: ValuePath): RequireRule {
    const rule = {
      kind: "require",
      providers: input.provider,
      clients: input.client,
      each: input.each ?? "pair",
      path: input.path === undefined || input.path === "any" ? "direct" : input.path,
      isByPlace: input.path === "any",
      maxHops: input.maxHops ?? null,
      locality: input.locality ?? null,
      bandwidth: input.bandwidth ?? null,
      gates: input.gates ?? "blocking",
      absence: demanded(input.optional),
    } as const;
    if (rule.isByPlace && rule.bandwidth !== null) {
      throw new PeerlaneError(
        "bad-input",
        "`path: any` asks where the two are, and `bandwidth` what goes between them",
        {
          place: this.#source.placeOfKey(path, "bandwidth"),
          remedy: "write `path: supported`, or two rules",
        },
      );
    }
    if (rule.isByPlace && rule.maxHops === null && rule.locality === null) {
      throw new PeerlaneError("bad-input", "with `path: any` this rule demands nothing", {
        place: this.#source.placeOfKey(path, "path"),
        remedy: "say how far it may be: `locality: PXB`, `maxHops: 4`",
      });
    }
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #forbid(input: ForbidInput, path: ValuePath): ForbidRule {
    const rule = {
      kind: "forbid",
      providers: input.provider,
      clients: input.client,
      path: input.path ?? "supported",
      absence: absenceOf(input.optional),
    } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #separate(input: SeparateInput, path: ValuePath): SeparateRule {
    const rule = {
      kind: "separate",
      devices: input.devices,
      from: input.from ?? null,
      absence: absenceOf(input.optional),
    } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #together(input: TogetherInput, path: ValuePath): TogetherRule {
    const rule = { kind: "together", devices: input.devices, absence: demanded(input.optional) } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #links(input: LinksInput, path: ValuePath): LinksRule {
    const rule = {
      kind: "links",
      devices: input.devices,
      atLeast: input.atLeast,
      toRoot: input.toRoot === true,
      idle: input.idle ?? "pass",
      absence: demanded(input.optional),
    } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #bars(input: BarsInput, path: ValuePath): BarsRule {
    const { devices, atLeast, optional } = input;
    const rule = { kind: "bars", devices, atLeast, absence: demanded(optional) } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #count(input: CountInput, path: ValuePath): CountRule {
    const least = input.is ?? input.atLeast ?? 0;
    const rule = { kind: "count", devices: input.devices, least, most: input.is ?? null } as const;
    return { ...rule, ...this.#base(rule, input.name, this.#source.placeOf(path)) };
  }

  #machine({ kernel, iommu, p2pdma, parameters }: NonNullable<PolicyInput["machine"]>): PolicyRule[] {
    const facts: MachineFact[] = [];
    if (kernel !== undefined) facts.push({ fact: "kernel", range: kernel });
    if (iommu !== undefined) facts.push({ fact: "iommu", modes: iommu });
    if (p2pdma !== undefined) facts.push({ fact: "p2pdma", isBuilt: p2pdma });
    if (parameters !== undefined) facts.push({ fact: "parameters", parameters });
    return facts.map((wanted) => {
      const rule = { kind: "machine", wanted } as const;
      const base = this.#base(rule, undefined, this.#source.placeOfKey(["machine"], wanted.fact));
      return { ...rule, ...base, id: `machine/${wanted.fact}` };
    });
  }

  #base(rule: Unnamed, given: string | undefined, place: Place): Pick<PolicyRule, "id" | "name" | "place"> {
    const name = given ?? ruleName(rule);
    const other = this.#placeByName.get(name);
    if (other !== undefined) {
      throw new PeerlaneError("bad-input", `another rule has this name: '${name}'`, {
        place,
        facts: { other: formatPlace(other) },
        remedy: "give each rule a `name:` of its own: reports tell rules apart by it",
      });
    }
    this.#placeByName.set(name, place);
    return { id: this.#ids.make(rule.kind, name), name, place };
  }
}

/** Of a rule that asks for something: what is not there does not have it. */
function demanded(optional: boolean | undefined): Absence {
  return optional === true ? "anything" : "nothing";
}

/** Of a rule that asks for nothing: with none of a class there is nothing to forbid, and a typo must not look like that. */
function absenceOf(optional: boolean | undefined): Absence {
  if (optional === undefined) return "classes";
  return optional ? "anything" : "nothing";
}
