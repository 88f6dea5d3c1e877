import { LOCALITIES, Localities } from "../answers/locality.ts";
import { commandLineWords } from "../host/command-line.ts";
import { type Machine, topologyOf } from "../host/machine.ts";
import { keptParameters } from "../host/redaction/command-line.ts";
import { GONE } from "../host/redaction/scrub.ts";
import { type Acs, PCI_ACS_RR, redirects } from "../pci/acs.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import type { LinkState } from "../pci/express.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { type Printable, visible } from "../pci/visible.ts";
import { parseKernelRelease } from "../rules/kernels/kernel-release.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";
import { islandsOf } from "../summary/islands.ts";
import { linkAbove } from "../summary/links.ts";
import { checkPolicy } from "./check-policy.ts";
import { parseParameter } from "./parameters.ts";
import { parsePolicy } from "./parse-policy.ts";
import type { Policy } from "./policy.ts";
import type { RuleOutcome } from "./result.ts";
import { slotsOf } from "./slots.ts";

/** A policy that a machine passes, as the text of a file. */
export interface WrittenPolicy {
  readonly text: Printable;
  readonly policy: Policy;
}

/** What a policy is made for. */
export interface WriteOptions {
  /** Its `policy:`, a line. */
  readonly name: string;
  /** What stands above it, lines without `#`. */
  readonly head: readonly string[];
  readonly rules?: string;
}

/** More ports than this are not tried one by one. */
const MAX_PORTS = 256;

/**
 * A policy of what a machine has, in classes and names: how many devices, which reach which and how, who is alone in its
 * IOMMU group, links, BARs, kernel, IOMMU and its parameters. Each rule was held against the machine and passes; what the
 * source hides is not demanded, and said in a comment. The redirection of each port on a direct way is tried: where no rule
 * of classes notices it, the devices of its switch are named. `null` where there is nothing to demand.
 */
export function writePolicy(machine: Machine, options: WriteOptions): WrittenPolicy | null {
  return new PolicyWriter(machine, options).write();
}

/** The sections of a policy, in the order in which they are written. */
const SECTIONS = ["count", "require", "separate", "links", "bars"] as const;
type Section = (typeof SECTIONS)[number];

class PolicyWriter {
  readonly #machine: Machine;
  readonly #topology: Topology;
  readonly #options: WriteOptions;
  readonly #rules: Record<Section, string[]> = { count: [], require: [], separate: [], links: [], bars: [] };
  readonly #facts: string[] = [];
  /** What is not demanded, as sentences. */
  readonly #left: string[] = [];
  #slots: ReturnType<typeof slotsOf> | undefined;

  constructor(machine: Machine, options: WriteOptions) {
    this.#machine = machine;
    this.#topology = topologyOf(machine);
    this.#options = options;
  }

  write(): WrittenPolicy | null {
    this.#addCounts();
    this.#addPairs();
    this.#addSeparate();
    this.#addLinks();
    this.#addBars();
    this.#addFacts();
    const body = this.#bodyOf(this.#rules, this.#facts);
    if (body.length === 0) return null;
    const { name, head } = this.#options;
    const left = this.#left.map((sentence) => `not demanded: ${sentence}`);
    const comments = [...head, ...left].map((line) => `# ${visible(line)}`);
    const text = `${[...comments, `policy: ${quoted(visible(name))}`, ...body].join("\n")}\n`;
    // What a machine brings is made visible in comments, and stands elsewhere as plain words only.
    return { text: text as Printable, policy: parsePolicy(text, "policy.yaml") };
  }

  #bodyOf(rules: Readonly<Record<Section, readonly string[]>>, facts: readonly string[]): readonly string[] {
    const lists = SECTIONS.flatMap((section) => {
      const items = rules[section];
      return items.length === 0 ? [] : [`${section}:`, ...items.map((item) => `  - ${item}`)];
    });
    return [...lists, ...(facts.length === 0 ? [] : ["machine:", ...facts.map((fact) => `  ${fact}`)])];
  }

  #outcome(text: string, machine: Machine = this.#machine): RuleOutcome {
    const { rules } = this.#options;
    return checkPolicy(machine, parsePolicy(text, "policy.yaml"), rules === undefined ? {} : { rules }).outcome;
  }

  /** Writes the first of some rules that the machine passes; says `what` is not demanded where it passes none. */
  #addFirst(section: Section, what: string, items: readonly string[]): string | null {
    let isHidden = false;
    for (const item of items) {
      const outcome = this.#outcome(`${section}:\n  - ${item}\n`);
      if (outcome === "pass") {
        this.#rules[section].push(item);
        return item;
      }
      isHidden ||= outcome === "unknown";
    }
    if (isHidden) this.#left.push(`${what}, as the source hides what decides`);
    return null;
  }

  #functionsOf(kind: DeviceKind): readonly PciFunction[] {
    return this.#machine.functions.filter((fn) => !isBridge(fn) && deviceKind(fn) === kind);
  }

  get #kinds(): readonly DeviceKind[] {
    return KINDS_OF_INTEREST.filter((kind) => this.#functionsOf(kind).length > 0);
  }

  #addCounts(): void {
    for (const kind of this.#kinds) {
      const functions = this.#functionsOf(kind);
      const physical = functions.filter((fn) => physicalOf(fn) === undefined).length;
      // How many virtual ones there are is a setting of each boot.
      const items =
        physical === functions.length
          ? [`{ devices: ${kind}, is: ${physical} }`, `{ devices: ${kind}, atLeast: ${physical} }`]
          : [`{ devices: ${kind}, atLeast: ${physical} }`];
      this.#addFirst("count", `how many ${kind} there are`, items);
    }
  }

  #addPairs(): void {
    const tables: VerdictTable[] = [];
    for (const provider of this.#providers()) {
      for (const kind of this.#kinds) {
        const client = { word: kind, devices: this.#functionsOf(kind).map(({ bdf }) => bdf) };
        if (!provider.devices.some((bdf) => client.devices.some((other) => other !== bdf))) continue;
        const { rules } = this.#options;
        const table = decideAll(this.#machine, {
          providers: provider.devices,
          clients: client.devices,
          ...(rules === undefined ? {} : { rules }),
        });
        tables.push(table);
        this.#addPair(provider.word, client.word, table);
      }
    }
    this.#nameWhatIsNotNoticed(tables);
  }

  /** Devices that have memory for peers, by classes as far as all of a class have. */
  #providers(): readonly Side[] {
    const sides: Side[] = [];
    const rest: Bdf[] = [];
    for (const kind of [...this.#kinds, "other" as const]) {
      const functions = this.#functionsOf(kind);
      const providing = functions.filter((fn) => mayProvide(fn) === true).map(({ bdf }) => bdf);
      if (providing.length === 0) continue;
      if (kind !== "other" && providing.length === functions.length) sides.push({ word: kind, devices: providing });
      else rest.push(...providing);
    }
    if (rest.length === 0) return sides;
    const withPool = this.#machine.functions
      .filter(({ p2pmem }) => !isUnknown(p2pmem) && p2pmem !== null)
      .map(({ bdf }) => bdf);
    const isPool = withPool.length === rest.length && rest.every((bdf) => withPool.includes(bdf));
    return [...sides, { word: isPool ? "p2pmem" : this.#words(rest), devices: rest }];
  }

  #addPair(provider: string, client: string, table: VerdictTable): void {
    const pair = `provider: ${provider}, client: ${client}`;
    const what = `which ${client} reach ${provider}`;
    const pairs = pairsOf(table);
    const hopsOf = ([i, j]: Position): number => table.hops(i, j) ?? 0;
    const isDirect = ([i, j]: Position): boolean => table.mapType(i, j) === "bus-addr";
    const isSupported = ([i, j]: Position): boolean => table.why(i, j).supported === true;
    if (pairs.every(isDirect)) {
      this.#addFirst("require", what, [`{ ${pair}, maxHops: ${Math.max(...pairs.map(hopsOf))} }`]);
      return;
    }
    const isAll = pairs.every(isSupported);
    const isOwn = provider === client;
    let isAnyAdded = false;
    let isDirectDemanded = false;
    for (const side of isOwn ? (["provider"] as const) : (["provider", "client"] as const)) {
      const ofDevice = pairs.map((position) => [side === "provider" ? position[0] : position[1], position] as const);
      const devices = [...new Set(ofDevice.map(([device]) => device))];
      const best = (test: (position: Position) => boolean): readonly number[] =>
        devices.map((device) => {
          return Math.min(
            ...ofDevice.filter(([one, position]) => one === device && test(position)).map(([, at]) => hopsOf(at)),
          );
        });
      const direct = Math.max(...best(isDirect));
      const supported = Math.max(...best(isSupported));
      const items = [
        ...(Number.isFinite(direct) ? [`{ ${pair}, each: ${side}, maxHops: ${direct} }`] : []),
        ...(Number.isFinite(supported) && !isAll ? [`{ ${pair}, each: ${side}, path: supported }`] : []),
      ];
      const added = items.length === 0 ? null : this.#addFirst("require", what, items);
      isAnyAdded ||= added !== null;
      isDirectDemanded ||= added?.includes("maxHops") === true;
    }
    if (!isDirectDemanded && pairs.some(isDirect)) isAnyAdded = this.#addIslands(table) || isAnyAdded;
    if (isAll) isAnyAdded = this.#addFirst("require", what, [`{ ${pair}, path: supported }`]) !== null || isAnyAdded;
    if (!isAnyAdded) this.#addPlace(pair, what, table);
  }

  /** That the direct pairs of each island stay so, where not every device of a class has one. */
  #addIslands(table: VerdictTable): boolean {
    const items = islandsOf(table).flatMap(({ devices }) => this.#islandRule(table, devices, null) ?? []);
    return items.map((item) => this.#addFirst("require", "", [item])).some((added) => added !== null);
  }

  /** Where nothing is known to work: how near the nearest are. */
  #addPlace(pair: string, what: string, table: VerdictTable): void {
    const localities = new Localities(this.#machine, this.#topology);
    const places: readonly string[] = LOCALITIES;
    const farthest = table.providers.map((_, i) => {
      const ranks = pairsOf(table)
        .filter(([provider]) => provider === i)
        .map(([, j]) => places.indexOf(localities.of(table.path(i, j)).word))
        .map((place) => (place < 0 ? places.length : place));
      return Math.min(places.length, ...ranks);
    });
    const place = LOCALITIES[Math.max(...farthest)];
    if (place === undefined) this.#left.push(`${what}, as the source does not show how they are connected`);
    else if (place !== "SYS") {
      this.#addFirst("require", what, [`{ ${pair}, each: provider, path: any, locality: ${place} }`]);
    }
  }

  /** Where a port of a direct way could redirect and no rule of classes would fail, the devices of its switch are named. */
  #nameWhatIsNotNoticed(tables: readonly VerdictTable[]): void {
    const ports = this.#portsOf(tables);
    if (ports.length > MAX_PORTS) {
      this.#left.push(`that none of ${ports.length} ports redirects, which are too many to try one by one`);
      return;
    }
    const added = new Set<string>();
    for (const port of ports) {
      if (this.#isNoticed(port)) continue;
      for (const table of tables) {
        for (const { devices } of islandsOf(table)) {
          const item = this.#islandRule(table, devices, port);
          if (item !== null && !added.has(item)) {
            added.add(item);
            this.#addFirst("require", `that ${formatBdf(port)} does not redirect`, [item]);
          }
        }
      }
      if (!this.#isNoticed(port)) this.#left.push(`that ${formatBdf(port)} does not redirect`);
    }
  }

  /** Ports that redirect nothing, and could, on the ways of direct pairs. */
  #portsOf(tables: readonly VerdictTable[]): readonly Bdf[] {
    const ports = new Set<Bdf>();
    for (const table of tables) {
      for (const [i, j] of pairsOf(table)) {
        if (table.mapType(i, j) !== "bus-addr") continue;
        for (const bdf of table.path(i, j).path) if (mayRedirect(this.#topology.functionOf(bdf))) ports.add(bdf);
      }
    }
    return [...ports].sort((a, b) => a - b);
  }

  #isNoticed(port: Bdf): boolean {
    const body = this.#bodyOf({ ...EMPTY, require: this.#rules.require }, []);
    if (body.length === 0) return false;
    const functions = this.#machine.functions.map((fn) => (fn.bdf === port ? { ...fn, acs: redirecting(fn) } : fn));
    return this.#outcome(`${body.join("\n")}\n`, { ...this.#machine, functions }) === "fail";
  }

  /** A rule that the direct pairs of one island stay so; `null` where there are none, or none goes through the port. */
  #islandRule(table: VerdictTable, devices: readonly Bdf[], port: Bdf | null): string | null {
    const here = new Set(devices);
    const direct = pairsOf(table).filter(([i, j]) => {
      const isHere = here.has(table.providers[i] as Bdf) && here.has(table.clients[j] as Bdf);
      return isHere && table.mapType(i, j) === "bus-addr";
    });
    if (!direct.some(([i, j]) => port === null || table.path(i, j).path.includes(port))) return null;
    const providers = [...new Set(direct.map(([i]) => table.providers[i] as Bdf))];
    const clients = [...new Set(direct.map(([, j]) => table.clients[j] as Bdf))];
    return `{ provider: ${this.#words(providers)}, client: ${this.#words(clients)} }`;
  }

  #addSeparate(): void {
    const { mode } = this.#machine.iommu;
    if (isUnknown(mode) || mode === "off") return;
    const alone = this.#kinds.filter((kind) => {
      const outcome = this.#outcome(`separate:\n  - { devices: ${kind}, from: all }\n`);
      if (outcome === "unknown")
        this.#left.push(`that each ${kind} is alone in its IOMMU group, as the source hides it`);
      return outcome === "pass";
    });
    if (alone.length > 0) this.#addFirst("separate", "", [`{ devices: ${wordList(alone)}, from: all }`]);
  }

  #addLinks(): void {
    const all = "atLeast: as-capable, toRoot: true";
    const slow = this.#machine.functions
      .filter((fn, index) => !isBridge(fn) && linkAbove(this.#topology, index)?.is === "slow")
      .map(({ bdf }) => bdf);
    const others = slow.length === 0 ? "all" : `[all, ${slow.map((bdf) => `not ${this.#word(bdf)}`).join(", ")}]`;
    if (slow.length > 0)
      this.#left.push(
        `more of the links of ${slow.map((bdf) => this.#word(bdf)).join(", ")}: they are slower than both of their ends can`,
      );
    const whole = [`{ devices: ${others}, ${all} }`, `{ devices: ${others}, atLeast: as-capable }`];
    const isWhole = whole.some((item) => this.#outcome(`links:\n  - ${item}\n`) === "pass");
    if (isWhole) this.#addFirst("links", "", whole);
    else {
      for (const kind of this.#kinds) {
        const items = [all, "atLeast: as-capable"].map((rest) => `{ devices: ${kind}, ${rest} }`);
        this.#addFirst("links", `that links of ${kind} are as fast as both ends can`, items);
      }
    }
    const floors = new Map<string, DeviceKind[]>();
    for (const kind of this.#kinds) {
      const floor = this.#floorOf(kind);
      if (floor !== null) floors.set(floor, [...(floors.get(floor) ?? []), kind]);
    }
    for (const [floor, kinds] of floors) {
      this.#addFirst("links", `links of ${kinds.join(", ")}`, [`{ devices: ${wordList(kinds)}, atLeast: ${floor} }`]);
    }
  }

  /** The least width and speed of a class's links, idle GPUs at what both ends can; `null` where one has none or hides it. */
  #floorOf(kind: DeviceKind): string | null {
    const states: LinkState[] = [];
    for (const { bdf } of this.#functionsOf(kind)) {
      const link = linkAbove(this.#topology, this.#topology.indexOf(bdf));
      if (link === null) return null;
      states.push(link.is === "idle-gpu" && link.bothCan !== null ? link.bothCan : link.status);
    }
    const width = Math.min(...states.map((state) => state.width));
    const generation = GENERATIONS.indexOf(Math.min(...states.map(({ speedGTps }) => speedGTps)));
    return generation < 0 || !WIDTHS.includes(width) ? null : `gen${generation + 1} x${width}`;
  }

  #addBars(): void {
    const groups = [
      ...(["gpu", "accel"] as const).map((kind) => ({ word: kind as string, functions: this.#functionsOf(kind) })),
      {
        word: "p2pmem",
        functions: this.#machine.functions.filter(({ p2pmem }) => !isUnknown(p2pmem) && p2pmem !== null),
      },
    ];
    for (const { word, functions } of groups) {
      if (functions.length === 0) continue;
      const least = Math.min(...functions.map(largestBar));
      if (Number.isFinite(least) && least > 0) {
        this.#addFirst("bars", `the BARs of ${word}`, [`{ devices: ${word}, atLeast: ${sizeWord(least)} }`]);
      } else if (functions.some((fn) => isUnknown(fn.bars))) {
        this.#left.push(`the BARs of ${word}, as the source hides them`);
      }
    }
  }

  #addFacts(): void {
    const { kernel, iommu } = this.#machine;
    const series = isUnknown(kernel.release) ? undefined : parseKernelRelease(kernel.release)?.series;
    this.#addFact("the kernel's release", series === undefined ? null : `kernel: ">=${series}"`);
    this.#addFact("the mode of the IOMMU", isUnknown(iommu.mode) ? null : `iommu: ${iommu.mode}`);
    const { config } = kernel;
    if (!isUnknown(config) && config["CONFIG_PCI_P2PDMA"] !== undefined) this.#addFact("", "p2pdma: true");
    if (isUnknown(kernel.commandLine)) {
      this.#left.push("kernel parameters, as the source hides them");
      return;
    }
    const words = commandLineWords(keptParameters(kernel.commandLine)).filter((word) => {
      return !word.includes(GONE) && !word.includes('"') && typeof parseParameter(word) !== "string";
    });
    if (words.length > 0) this.#addFact("kernel parameters", `parameters: [${words.map(quoted).join(", ")}]`);
  }

  #addFact(what: string, line: string | null): void {
    if (line !== null && this.#outcome(`machine:\n  ${line}\n`) === "pass") this.#facts.push(line);
    else if (what !== "") this.#left.push(`${what}, as the source hides it`);
  }

  /** What a policy calls a device: its name, else its slot where no other is in one of that number, else its address. */
  #word(bdf: Bdf): string {
    const fn = this.#topology.functionOf(bdf);
    const [name] = fn.names;
    const isName = name !== undefined && /^[\w.-]{1,64}$/.test(name) && this.#isOne(name);
    if (isName) return name;
    this.#slots ??= slotsOf(this.#topology);
    const slot = this.#slots[this.#topology.indexOf(bdf)] ?? null;
    const word = isUnknown(slot) || slot === null ? null : `slot:${slot}`;
    return word !== null && this.#isOne(word) ? word : `'${formatBdf(bdf)}'`;
  }

  /** Whether a word that means this device means no other. */
  #isOne(word: string): boolean {
    return this.#outcome(`count:\n  - { devices: '${word}', is: 1 }\n`) === "pass";
  }

  #words(devices: readonly Bdf[]): string {
    return wordList([...devices].sort((a, b) => a - b).map((bdf) => this.#word(bdf)));
  }
}

interface Side {
  readonly word: string;
  readonly devices: readonly Bdf[];
}

type Position = readonly [provider: number, client: number];

function pairsOf({ providers, clients }: VerdictTable): readonly Position[] {
  return providers.flatMap((provider, i) =>
    clients.flatMap((client, j): Position[] => (provider === client ? [] : [[i, j]])),
  );
}

const EMPTY: Readonly<Record<Section, readonly string[]>> = {
  count: [],
  require: [],
  separate: [],
  links: [],
  bars: [],
};

/** GT/s of each generation, from the first (PCIe 7.0 sec 1.2). */
const GENERATIONS: readonly number[] = [2.5, 5, 8, 16, 32, 64, 128];
const WIDTHS: readonly number[] = [1, 2, 4, 8, 12, 16, 32];

function mayRedirect({ acs }: PciFunction): boolean {
  return !isUnknown(acs) && acs !== null && (acs.capability & PCI_ACS_RR) !== 0 && !redirects(acs);
}

function redirecting({ acs }: PciFunction): Acs {
  const own = acs as Acs;
  return { ...own, control: own.control | PCI_ACS_RR };
}

/** The size of the largest memory BAR; `NaN` where one is hidden, 0 without any. */
function largestBar(fn: PciFunction): number {
  const sizes = (memoryBars(fn) ?? []).map(({ sizeBytes }) => (isUnknown(sizeBytes) ? Number.NaN : sizeBytes));
  return isUnknown(fn.bars) ? Number.NaN : Math.max(0, ...sizes);
}

/** `64G`, `256M`, or bytes. */
function sizeWord(bytes: number): string {
  for (const [unit, size] of [
    ["T", 2 ** 40],
    ["G", 2 ** 30],
    ["M", 2 ** 20],
    ["K", 2 ** 10],
  ] as const) {
    if (bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}

function wordList(words: readonly string[]): string {
  const [only = ""] = words;
  return words.length === 1 ? only : `[${words.join(", ")}]`;
}

/** A text as YAML takes it for one. */
function quoted(text: string): string {
  return /^[A-Za-z][\w.=-]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}
