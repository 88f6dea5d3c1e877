import { entriesOf, optionOf } from "./boot.ts";
import { type Decided, pathOf, redirects, releaseNumber } from "./kernel.ts";
import { addressOf } from "./layout.ts";
import { placesFor, type Running, type Step, slotsOf } from "./running.ts";

/** A pair by the names of its functions. */
export interface NamedPair {
  readonly provider: string;
  readonly client: string;
}

export type WayKind = "disable" | "config" | "setpci" | "iommu" | "kernel" | "slot";

/** One thing that a user may do, with what it makes of the pairs. */
export interface Way {
  readonly kind: WayKind;
  readonly steps: readonly Step[];
  readonly ranks: readonly number[];
}

const RANK: Readonly<Record<Decided["mapType"], number>> = { "bus-addr": 2, "thru-host-bridge": 1, "not-supported": 0 };

/** What comes of a pair: nothing where the provider has no memory, whatever the kernel decides. */
export function ranksOf(running: Running, pairs: readonly NamedPair[]): readonly number[] {
  return pairs.map(({ provider, client }) =>
    hasMemory(running, provider) ? RANK[running.decide(provider, client).mapType] : 0,
  );
}

/** False for an NVMe controller without a memory buffer, and for virtual functions, whose BARs are small here; of NICs nobody knows. */
export function hasMemory(running: Running, name: string): boolean {
  const { kind, hasBuffer, physical } = running.at(name);
  if (kind === "gpu") return physical === null;
  return kind !== "nvme" || (hasBuffer && physical === null);
}

/** Some pair is better off, and none is worse. */
export function isBetter(before: readonly number[], after: readonly number[]): boolean {
  return after.some((rank, at) => rank > (before[at] ?? 0)) && !after.some((rank, at) => rank < (before[at] ?? 0));
}

/** Every release of kernel.org at which something about pairs or ACS at boot may change, oldest first. */
export const ALL_RELEASES: readonly string[] = [
  ...Array.from({ length: 1 }, () => "4.20"),
  ...Array.from({ length: 20 }, (_, minor) => `5.${minor}`),
  ...Array.from({ length: 12 }, (_, minor) => `6.${minor}`),
  ...["6.12", "6.12.23", "6.13", "6.13.11", "6.14", "6.14.2", "6.15", "6.16", "6.17", "6.18", "6.19"],
  ...["7.0", "7.1", "7.1.3", "7.2", "7.3"],
];

/** Names of functions that redirect one of the pairs. */
export function redirecting(running: Running, pairs: readonly NamedPair[]): readonly string[] {
  const found = pairs.flatMap(({ provider, client }) => {
    const { path, isMet } = pathOf(running.at(provider), running.at(client));
    return isMet ? path.filter((fn) => redirects(running, fn)).map(({ name }) => name) : [];
  });
  return [...new Set(found)];
}

function subsetsOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length > 6)
    return [items, ...items.map((one) => [one]), ...items.map((one) => items.filter((o) => o !== one))];
  return Array.from({ length: 2 ** items.length - 1 }, (_, at) => items.filter((__, bit) => ((at + 1) >> bit) & 1));
}

/** The parameter that stops functions from redirecting, with the entries that the command line has already. */
export function disableStep(running: Running, names: readonly string[]): Step {
  const kept = entriesOf(optionOf(running.setup.parameters, "disable_acs_redir"));
  const entries = [...names.map((name) => addressOf(running.at(name))), ...kept];
  return { kind: "parameters", text: `pci=disable_acs_redir=${entries.join(";")}` };
}

function configStep(running: Running, names: readonly string[]): Step {
  const kept = entriesOf(optionOf(running.setup.parameters, "config_acs"));
  // Redirection and egress control off, the other four as they are.
  const flagsOf = (name: string): string => `x0x00xx@${addressOf(running.at(name))}`;
  return { kind: "parameters", text: `pci=config_acs=${[...names.map(flagsOf), ...kept].join(";")}` };
}

function setpciSteps(running: Running, names: readonly string[]): readonly Step[] {
  return names.map((name) => ({ kind: "acs", name, set: 0, clear: (running.control.get(name) ?? 0) & 0x2c }));
}

type Candidate = Pick<Way, "kind" | "steps">;

/** What can be done to ACS of a machine for some pairs: every subset of the functions that redirect. */
function acsCandidates(running: Running, pairs: readonly NamedPair[]): Candidate[] {
  const readsConfig = releaseNumber(running.setup.release) >= releaseNumber("6.11");
  return subsetsOf(redirecting(running, pairs)).flatMap((names): Candidate[] => [
    { kind: "disable", steps: [disableStep(running, names)] },
    ...(readsConfig ? [{ kind: "config", steps: [configStep(running, names)] } as const] : []),
    { kind: "setpci", steps: setpciSteps(running, names) },
  ]);
}

/** Another IOMMU setting. AMD's driver asks for ACS before it reads that it is off. */
function iommuCandidates({ setup }: Running): Candidate[] {
  const { iommu, cpu } = setup;
  const found: Candidate[] = [];
  if (iommu === "strict" || iommu === "lazy")
    found.push({ kind: "iommu", steps: [{ kind: "iommu", mode: "passthrough" }] });
  if (iommu !== "off" && cpu.vendor === "GenuineIntel")
    found.push({ kind: "iommu", steps: [{ kind: "iommu", mode: "off" }] });
  return found;
}

function kernelCandidates({ setup }: Running): Candidate[] {
  const number = releaseNumber(setup.release);
  return ALL_RELEASES.filter((release) => releaseNumber(release) > number).map((release) => ({
    kind: "kernel",
    steps: [{ kind: "kernel", release }],
  }));
}

function slotCandidates(running: Running, pairs: readonly NamedPair[]): Candidate[] {
  const meant = new Set(pairs.flatMap(({ provider, client }) => [provider, client]));
  // What is of no pair changes no verdict of one by where it is.
  const cards = slotsOf(running).cards.filter(({ names }) => names.some((name) => meant.has(name)));
  return cards.flatMap((card) => placesFor(running, card).map((steps) => ({ kind: "slot" as const, steps })));
}

function tried(running: Running, pairs: readonly NamedPair[], candidates: readonly Candidate[]): Way[] {
  return candidates.flatMap(({ kind, steps }) => {
    const after = running.after(steps);
    return after === undefined ? [] : [{ kind, steps, ranks: ranksOf(after, pairs) }];
  });
}

/** Everything that can be done in one step, with what comes of it. */
export function oneStepWays(running: Running, pairs: readonly NamedPair[]): readonly Way[] {
  return tried(running, pairs, [
    ...acsCandidates(running, pairs),
    ...iommuCandidates(running),
    ...kernelCandidates(running),
    ...slotCandidates(running, pairs),
  ]);
}

/** Two steps of a user at once. */
export interface TwoSteps {
  readonly kinds: readonly [WayKind, WayKind];
  readonly steps: readonly Step[];
  readonly ranks: readonly number[];
}

const releasesThatMatter = [
  "4.20",
  "5.4",
  "5.6",
  "5.7",
  "5.8",
  "5.9",
  "5.18",
  "5.19",
  "6.12.23",
  "6.15",
  "7.1",
  "7.1.3",
  "7.3",
];

/**
 * Everything that can be done in two steps of which the second may hang on the first: a card that was moved meets other
 * ports that redirect.
 */
export function* twoStepWays(running: Running, pairs: readonly NamedPair[]): Generator<TwoSteps> {
  const firsts: readonly Candidate[] = [
    ...slotCandidates(running, pairs),
    ...kernelCandidates(running).filter(({ steps: [step] }) => {
      return step?.kind === "kernel" && releasesThatMatter.includes(step.release);
    }),
    ...iommuCandidates(running),
  ];
  for (const first of firsts) {
    const between = running.after(first.steps);
    if (between === undefined) continue;
    const all = redirecting(between, pairs);
    const seconds: Candidate[] = [
      ...(all.length === 0
        ? []
        : [
            { kind: "disable" as const, steps: [disableStep(between, all)] },
            { kind: "setpci" as const, steps: setpciSteps(between, all) },
          ]),
      ...(first.kind === "kernel" ? [] : kernelCandidates(between).slice(-1)),
      ...(first.kind === "slot" ? [...slotCandidates(between, pairs), ...iommuCandidates(between)] : []),
      ...(first.kind === "kernel" ? iommuCandidates(between) : []),
    ];
    for (const second of seconds) {
      const after = between.after(second.steps);
      if (after === undefined) continue;
      yield {
        kinds: [first.kind, second.kind],
        steps: [...first.steps, ...second.steps],
        ranks: ranksOf(after, pairs),
      };
    }
  }
}
