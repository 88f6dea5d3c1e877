import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { askWhatIf, type WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isBridge } from "../../src/pci/device-kind.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { explainJson, treeJson } from "../../src/report/json.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { expectSame } from "../expect-same.ts";
import { wholeMatrix } from "../report/whole-pairs.ts";

/**
 * Every change is asked for twice: by an option, of a scenario as it is; and of the scenario with that written in it. The
 * JSON of both is the same, byte for byte. A move gives functions other addresses in the written machine: there they are
 * named by the names that the scenario gives them, and BAR addresses, windows and links are unknown on the side that was
 * asked.
 */

/** A port or a switch with what is below it, or the functions of one device. */
type Node =
  | { readonly kind: "switch"; readonly acs: string; readonly ports: readonly Port[] }
  | { readonly kind: "card"; readonly functions: readonly string[]; readonly name?: string };
interface Port {
  readonly acs: string;
  readonly below: Node | null;
}
interface Draft {
  readonly cpu: string | null;
  readonly kernel: string | null;
  readonly iommu: { readonly mode: string; readonly kind?: string } | null;
  readonly cmdline: string;
  readonly bridges: readonly (readonly Port[])[];
}

const acs = fc.constantFrom("false", "true", "SV+ RR+ CR+ UF+", "RR+", "CR+", "SV+", "UF+ DT+", "SV+ TB+ UF+");
const card = fc
  .array(fc.constantFrom("nvme", "gpu", "nic", "accel", "device"), { minLength: 1, maxLength: 2 })
  .map((functions): Node => ({ kind: "card", functions }));
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    card,
    fc.record({
      kind: fc.constant("switch" as const),
      acs: fc.constantFrom("false", "true"),
      ports: fc.array(fc.record({ acs, below: fc.option(tie("node")) }), { minLength: 1, maxLength: 3 }),
    }),
  ),
}));

const drafts: fc.Arbitrary<Draft> = fc
  .record({
    cpu: fc.constantFrom(null, "amd-zen", "amd-pre-zen", "intel"),
    kernel: fc.constantFrom(null, "7.2", "6.1", "6.12", "5.14.0-427.el9.x86_64", "4.19", "6.8.0-45-generic"),
    iommu: fc.option(
      fc.record(
        {
          mode: fc.constantFrom("off", "strict", "lazy", "passthrough"),
          // That of no CPU: with a CPU of the same make nobody could tell whether it was stated.
          kind: fc.constant("arm-smmu"),
        },
        { requiredKeys: ["mode"] },
      ),
    ),
    cmdline: fc.constantFrom("", "quiet", "pci=disable_acs_redir=pci:0:0 quiet"),
    bridges: fc.array(fc.array(fc.record({ acs, below: fc.option(node) }), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 2,
    }),
  })
  .map(named);

/** The scenario of a draft: JSON, which is YAML. Everything has a name that says where it stood in the draft. */
function scenarioOf(draft: Draft): string {
  const functionsOf = (functions: readonly string[], at: string): object[] => {
    const nodes = functions.map((kind, index) => ({ [kind]: { name: `${at}f${index}` } }));
    return nodes.length === 1 ? nodes : [{ functions: nodes }];
  };
  const below = (one: Node | null, at: string): object[] => {
    if (one === null) return [];
    if (one.kind === "card") return functionsOf(one.functions, one.name ?? at);
    const ports = one.ports.map((port, index) => ({
      port: { name: `${at}p${index}`, acs: port.acs },
      below: below(port.below, `${at}p${index}`),
    }));
    return [{ switch: { name: `${at}s`, acs: one.acs }, below: ports }];
  };
  const hostBridges = draft.bridges.map((ports, bridge) => ({
    below: ports.map((port, index) => ({
      rootPort: { name: `h${bridge}r${index}`, acs: port.acs },
      below: below(port.below, `h${bridge}r${index}`),
    })),
  }));
  const { cpu, kernel, iommu, cmdline } = draft;
  const head = { ...(cpu === null ? {} : { cpu }), ...(kernel === null ? {} : { kernel }) };
  const mode = iommu === null ? {} : { iommu: iommu.mode === "off" ? "off" : iommu };
  return JSON.stringify({ ...head, ...mode, cmdline, hostBridges });
}

/** The draft with its cards named by the slots that they are in, which they keep where they go. */
function named(draft: Draft): Draft {
  const cards = slotsOf(draft).flatMap(({ name, card: one }): [string, Node][] =>
    one?.kind === "card" ? [[name, { ...one, name }]] : [],
  );
  return withBelow(draft, new Map(cards));
}

/** Changes by options, and what they make of the draft. */
interface Asked {
  readonly request: WhatIfRequest;
  readonly written: Draft;
}

/** What parameters of the IOMMU make of a mode that is on, on x86; each word of the first column alone does it. */
const IOMMU_WORDS = new Map<string, (mode: string, cpu: string) => string>([
  ["iommu=pt", () => "passthrough"],
  ["quiet iommu=nopt iommu.strict=1", () => "strict"],
  ["iommu.passthrough=0 iommu.strict=0 pci=noats", () => "lazy"],
  ["iommu=off,force", () => "off"],
  ["intel-iommu=off", (mode, cpu) => (cpu === "intel" ? "off" : mode)],
  ["amd_iommu=off amd_iommu=on", (mode, cpu) => (cpu === "intel" ? mode : "off")],
]);

const options = fc.record({
  kernel: fc.constantFrom(undefined, undefined, "7.3", "6.14", "6.6", "5.10.0-amd64"),
  cpu: fc.constantFrom(undefined, undefined, "amd-zen", "intel", "arm"),
  iommu: fc.constantFrom(undefined, undefined, "off", "strict", "lazy", "passthrough"),
  append: fc.constantFrom(
    undefined,
    undefined,
    "pci=disable_acs_redir=pci:1b36:000c",
    "pci=config_acs=00xxxxx@pci:0:0",
    "pci=noats",
    ...IOMMU_WORDS.keys(),
  ),
});

/** The mode that the appended parameters set; `null` where they say nothing of it, or cannot be asked for here. */
function modeOfWords(draft: Draft, { cpu = draft.cpu ?? "", append = "" }: WhatIfRequest): string | null {
  const mode = draft.iommu?.mode;
  return mode === undefined || mode === "off" || cpu === "" || cpu === "arm"
    ? null
    : (IOMMU_WORDS.get(append)?.(mode, cpu) ?? null);
}

/** What can be asked of a draft: no second mode of the IOMMU, and no parameter whose effect on it is not known there. */
function givenOf(
  draft: Draft,
  request: { readonly [K in "kernel" | "cpu" | "iommu" | "append"]: string | undefined },
): WhatIfRequest {
  const said: WhatIfRequest = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
  const { append, iommu, ...rest } = said;
  if (append === undefined || !IOMMU_WORDS.has(append)) return said;
  return modeOfWords(draft, said) === null
    ? { ...rest, ...(iommu === undefined ? {} : { iommu }) }
    : { ...rest, append };
}

function askedOf(draft: Draft, request: WhatIfRequest): Asked {
  const { kernel = draft.kernel, cpu = draft.cpu, append } = request;
  const iommu = modeOfWords(draft, request) ?? request.iommu;
  const kind = draft.iommu === null || draft.iommu.mode === "off" ? undefined : draft.iommu.kind;
  const written = {
    ...draft,
    kernel,
    cpu,
    cmdline: append === undefined ? draft.cmdline : `${draft.cmdline} ${append}`.trim(),
    iommu:
      iommu === undefined ? draft.iommu : ({ mode: iommu, ...(kind === undefined ? {} : { kind }) } as Draft["iommu"]),
  };
  return { request, written };
}

const FILE = "machine.yaml";

function jsonOf(machine: Machine): readonly string[] {
  const everyone = machine.functions.filter((fn) => !isBridge(fn)).map((fn) => fn.bdf);
  const table = decideAll(machine, { providers: everyone, clients: everyone });
  const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
  const routes = new PeerRoutes(table);
  const pairs = everyone.slice(0, 3).flatMap((a) => everyone.slice(0, 3).map((b) => explainJson(table, a, b, routes)));
  return [matrixJson(input, routes), treeJson(input), ...pairs].map((value) => JSON.stringify(value));
}

/** That a parameter does nothing here is said of what is asked, and not of a machine that has it. */
function withoutParameterNotes(machine: Machine): Machine {
  return { ...machine, notes: machine.notes.filter(({ message }) => !message.startsWith("--append: ")) };
}

/** The scenario's machine, `undefined` where its windows do not fit one machine. */
function machineOf(text: string): Machine | undefined {
  try {
    return readScenario(text, FILE);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "bad-input") return undefined;
    throw error;
  }
}

describe("What is asked by options is the machine written that way", () => {
  test("with --kernel, --cpu, --iommu and --append in any combination", () => {
    let changed = 0;
    fc.assert(
      fc.property(drafts, options, (draft, request) => {
        const machine = machineOf(scenarioOf(draft));
        if (machine === undefined) return;
        const given = givenOf(draft, request);
        const { written } = askedOf(draft, given);
        const other = machineOf(scenarioOf(written));
        if (other === undefined) return;
        const { after, changes } = askWhatIf(machine, given, false);
        if (changes.length > 0) changed++;
        const [asked, truth] = [jsonOf(withoutParameterNotes(after)), jsonOf(afterBoot(other))];
        truth.forEach((text, index) => {
          if (asked[index] === text) return;
          const where = difference(JSON.parse(asked[index] ?? "") as Json, JSON.parse(text) as Json);
          expect(where ?? "another order", JSON.stringify(given)).toBe("");
        });
      }),
      { numRuns: 200 },
    );
    expect(changed).toBeGreaterThan(80);
  });

  test("and with registers written behind them", () => {
    let wrote = 0;
    fc.assert(
      fc.property(drafts, options, fc.nat(), fc.nat(0x7f), (draft, request, seed, bits) => {
        const machine = machineOf(scenarioOf(draft));
        if (machine === undefined) return;
        const given = givenOf(draft, request);
        const other = machineOf(scenarioOf(askedOf(draft, given).written));
        if (other === undefined) return;
        const booted = afterBoot(other);
        const writable = booted.functions.filter(({ acs: own }) => own !== null && !isUnknown(own));
        const target = writable[seed % Math.max(writable.length, 1)];
        if (target === undefined || target.acs === null || isUnknown(target.acs)) return;
        const control = bits & target.acs.capability;
        wrote++;
        const groupsAtBoot = expectedIommuGroups(booted, topologyOf(booted));
        const areShown = booted.functions.every(({ iommuGroup }) => !isUnknown(iommuGroup));
        const functions = booted.functions.map((fn) => {
          if (fn !== target || fn.acs === null || isUnknown(fn.acs)) return fn;
          const { uncertain: _, ...rest } = fn.acs;
          return { ...fn, acs: { ...rest, control } };
        });
        const truth = { ...booted, functions, ...(areShown ? {} : { groupsAtBoot }) };
        const set = [`${formatBdf(target.bdf)}.acs=0x${control.toString(16)}`];
        const asked = jsonOf(withoutParameterNotes(askWhatIf(machine, { ...given, set }, false).after));
        jsonOf(truth).forEach((text, index) => {
          if (asked[index] === text) return;
          const where = difference(JSON.parse(asked[index] ?? "") as Json, JSON.parse(text) as Json);
          expect(where ?? "another order", `${JSON.stringify(given)} ${set}`).toBe("");
        });
      }),
      { numRuns: 150 },
    );
    expect(wrote).toBeGreaterThan(50);
  });
});

/** Each place of a draft that a card may be moved from or to, with the card there. */
interface Slot {
  readonly name: string;
  readonly card: Node | null;
  readonly isFree: boolean;
}

function slotsOf(draft: Draft): readonly Slot[] {
  const slots: Slot[] = [];
  const visit = (port: Port, name: string): void => {
    const { below } = port;
    slots.push({ name, card: below?.kind === "card" ? below : null, isFree: below === null });
    if (below?.kind === "switch") for (const [index, one] of below.ports.entries()) visit(one, `${name}p${index}`);
  };
  for (const [bridge, ports] of draft.bridges.entries()) {
    for (const [index, port] of ports.entries()) visit(port, `h${bridge}r${index}`);
  }
  return slots;
}

/** The draft with other things below some of its ports. */
function withBelow(draft: Draft, contents: ReadonlyMap<string, Node | null>): Draft {
  const change = (port: Port, name: string): Port => {
    const { below } = port;
    if (contents.has(name)) return { ...port, below: contents.get(name) ?? null };
    if (below?.kind !== "switch") return port;
    return { ...port, below: { ...below, ports: below.ports.map((one, index) => change(one, `${name}p${index}`)) } };
  };
  const bridges = draft.bridges.map((ports, bridge) => ports.map((port, index) => change(port, `h${bridge}r${index}`)));
  return { ...draft, bridges };
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const ANEW = /anew after (?:a move|it)$/;

/** What a move leaves open: it stands for anything. */
const OPEN = "OPEN";

/**
 * An output with names in place of addresses, what is sorted by addresses sorted by names, IOMMU groups as the names of
 * their members, and what a move leaves open as `OPEN`.
 */
function renamed(text: string, machine: Machine): Json {
  const names = new Map(machine.functions.map((fn) => [formatBdf(fn.bdf), nameOf(machine, fn.bdf)]));
  const members = new Map<number, string[]>();
  const groups = expectedIommuGroups(machine, topologyOf(machine));
  for (const [bdf, group] of isUnknown(groups) ? [] : groups) {
    members.set(group, [...(members.get(group) ?? []), nameOf(machine, bdf)].sort());
  }
  const read = (value: Json, key: string): Json => {
    if (typeof value === "string")
      return value.replaceAll(/[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.\d/g, (one) => names.get(one) ?? one);
    if (key === "expectedIommuGroup" && typeof value === "number") return members.get(value)?.join(" ") ?? null;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((item: Json) => read(item, key));
      return key === "devices" || key === "pairs" || key === "functions" || key === "hostBridges"
        ? items.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
        : items;
    }
    const entries = Object.entries(value);
    if (key === "unknown" || (entries.length === 1 && typeof entries[0]?.[1] === "string" && ANEW.test(entries[0][1])))
      return OPEN;
    return Object.fromEntries(entries.map(([name, one]) => [name, read(one as Json, name)]));
  };
  return read(JSON.parse(text) as Json, "");
}

function nameOf({ functions }: Machine, bdf: Bdf): string {
  const fn = functions.find((one) => one.bdf === bdf);
  return fn?.names[0] ?? `host bridge of bus ${formatBdf(bdf).slice(5, 7)}`;
}

function keyOf(value: Json): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return String(value);
  const { bdf, provider, client } = value as { readonly [key: string]: Json };
  return `${String(bdf)} ${String(provider)} ${String(client)}`;
}

/** A route of which all is open stands for one that is as the verdict says, and is left out. */
function isOpen(value: Json): boolean {
  if (typeof value !== "object" || value === null) return value === OPEN;
  const values = Object.values(value as object) as Json[];
  return values.length > 0 && !Array.isArray(value) && values.every(isOpen);
}

/** The first place where two outputs differ; what one leaves open is no difference. */
function difference(asked: Json, written: Json, path = ""): string | undefined {
  if (isOpen(asked)) return undefined;
  const isPlain = (value: Json): boolean => typeof value !== "object" || value === null;
  if (isPlain(asked) || isPlain(written)) {
    return asked === written ? undefined : `${path}: ${JSON.stringify(asked)}, written ${JSON.stringify(written)}`;
  }
  const [a, b] = [asked, written].map((value) => Object.entries(value as object).sort(([x], [y]) => (x < y ? -1 : 1)));
  if (a === undefined || b === undefined) return undefined;
  if (a.map(([key]) => key).join() !== b.map(([key]) => key).join()) {
    return `${path}: ${JSON.stringify(asked)}, written ${JSON.stringify(written)}`;
  }
  for (const [index, [key, value]] of a.entries()) {
    const found = difference(value as Json, b[index]?.[1] as Json, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

test("A machine with devices in other slots is the machine written that way, but for addresses", () => {
  let moves = 0;
  fc.assert(
    fc.property(drafts, options, fc.nat(), fc.nat(), (draft, request, from, to) => {
      const machine = machineOf(scenarioOf(draft));
      if (machine === undefined) return;
      const slots = slotsOf(draft);
      const cards = slots.filter((slot) => slot.card !== null);
      const source = cards[from % Math.max(cards.length, 1)];
      const targets = slots.filter((slot) => slot !== source && (slot.isFree || slot.card !== null));
      const target = targets[to % Math.max(targets.length, 1)];
      if (source?.card?.kind !== "card" || target === undefined) return;
      const { append: _, ...given } = Object.fromEntries(
        Object.entries(request).filter(([, value]) => value !== undefined),
      );
      const moved = withBelow(
        draft,
        new Map([
          [source.name, target.card],
          [target.name, source.card],
        ]),
      );
      const other = machineOf(scenarioOf(askedOf(moved, given).written));
      if (other === undefined) return;
      const move = [`${source.name}f0=under:${target.name}`];
      if (target.card !== null) move.push(`${target.name}f0=under:${source.name}`);
      const { after } = askWhatIf(machine, { ...given, move }, false);
      moves++;
      const written = afterBoot(other);
      const [asked, truth] = [after, written].map((one) => {
        const everyone = one.functions.filter((fn) => !isBridge(fn)).map((fn) => fn.bdf);
        const table = decideAll(one, { providers: everyone, clients: everyone });
        const input = { table, expectedGroups: expectedIommuGroups(one, table.topology) };
        return renamed(JSON.stringify({ ...wholeMatrix(matrixJson(input, new PeerRoutes(table))), notes: [] }), one);
      });
      expectSame(difference(asked as Json, truth as Json), undefined, () => `${move} ${JSON.stringify(given)}`);
    }),
    { numRuns: 200 },
  );
  expect(moves).toBeGreaterThan(100);
});
