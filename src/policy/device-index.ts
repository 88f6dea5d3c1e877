import { distance } from "fastest-levenshtein";
import { functionsNamed } from "../host/device-name.ts";
import type { Machine } from "../host/machine.ts";
import { type Bdf, busOf, devfnOf, formatBdf } from "../pci/bdf.ts";
import { type DeviceKind, KINDS_OF_INTEREST, knownKind } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { hasMemory, isEndpoint, mayBeClient } from "../pci/peer-roles.ts";
import type { Topology } from "../pci/topology.ts";
import type { DeviceTest } from "./policy.ts";
import { slotsOf } from "./slots.ts";

/** The functions that a test finds, by index. */
export interface Match {
  readonly sure: readonly number[];
  /** Those of which the source hides whether they are meant, with the reason. */
  readonly possible: ReadonlyMap<number, string>;
  /** Why there may be one that the source does not list or name, `null` where it cannot. */
  readonly gap: string | null;
}

/** Finds functions by what a policy says of them; each kind of test is indexed once. */
export class DeviceIndex {
  readonly topology: Topology;
  readonly #listingGap: string | null;
  readonly #namesGap: string | null;
  readonly #byKey = new Map<string, Match>();
  #byName: ReadonlyMap<string, readonly number[]> | undefined;
  #byIds: ReadonlyMap<number, readonly number[]> | undefined;
  #byDevfn: ReadonlyMap<number, readonly number[]> | undefined;
  #names: readonly string[] | undefined;
  #slotWords: readonly string[] | undefined;
  #paths: readonly string[] | undefined;
  #slots: readonly Known<number | null>[] | undefined;
  #stems: readonly string[] | undefined;

  constructor(machine: Machine, topology: Topology) {
    this.topology = topology;
    this.#listingGap = listingGap(machine, topology);
    this.#namesGap = namesGap(machine);
  }

  /** What `test` finds; of `all`, as providers only what has a memory BAR. */
  match(test: DeviceTest, isProvider: boolean): Match {
    switch (test.kind) {
      case "all":
        return this.#once(isProvider ? "all providers" : "all", isProvider ? hasMemory : mayBeClient);
      case "class":
        return this.#once(`class ${test.class}`, (fn) => isOfClass(fn, test.class));
      case "p2pmem":
        return this.#once("p2pmem", hasPeerMemory);
      case "nth":
        return this.#nth(test.class, test.index);
      case "name":
        return this.#named(test.name);
      case "pattern":
        return { ...this.#spoken(test.pattern), gap: this.#namesGap ?? this.#listingGap };
      case "address":
        return this.#address(test);
      case "device":
        return this.#spoken(test.text);
      case "ids":
        return this.#ids(test.vendorId, test.deviceId);
      case "slot":
        return this.#once(`slot ${test.number}`, (fn, index) => this.#isInSlot(fn, index, test.number));
      case "path": {
        this.#byDevfn ??= indexBy(this.topology, (fn) => [devfnOf(fn.bdf)]);
        const last = test.below.at(-1) ?? devfnOf(test.start);
        return this.#filter(this.#byDevfn.get(last) ?? [], (_, index) => this.#isAtPath(index, test));
      }
    }
  }

  #found(sure: readonly number[]): Match {
    return { sure, possible: nothing, gap: this.#listingGap };
  }

  #named(name: string): Match {
    this.#byName ??= indexBy(this.topology, (fn) => new Set(fn.names));
    const sure = this.#byName.get(name) ?? this.#spoken(name).sure;
    return { sure, possible: nothing, gap: this.#namesGap ?? this.#listingGap };
  }

  /** What the words of the command line find. */
  #spoken(text: string): Match {
    return this.#found(functionsNamed(this.topology.functions, text).map(({ bdf }) => this.topology.indexOf(bdf)));
  }

  #address({ bdf, hasDomain }: Extract<DeviceTest, { kind: "address" }>): Match {
    if (this.topology.has(bdf)) return this.#found([this.topology.indexOf(bdf)]);
    return hasDomain ? this.#found([]) : this.#spoken(formatBdf(bdf).slice("0000:".length));
  }

  /** Where the source hides of some whether they are of the class, all that may have that place among those that are. */
  #nth(kind: DeviceKind, place: number): Match {
    const { sure, possible, gap } = this.#once(`class ${kind}`, (fn) => isOfClass(fn, kind));
    const order = [...sure, ...possible.keys()].sort(
      (a, b) => this.topology.functionAt(a).bdf - this.topology.functionAt(b).bdf,
    );
    let [sureBefore, possibleBefore] = [0, 0];
    const found: Match = { sure: [], possible: new Map(), gap };
    const may = new Map<number, string>();
    for (const at of order) {
      const hidden = possible.get(at);
      if (sureBefore <= place && place <= sureBefore + possibleBefore) {
        if (hidden === undefined && possibleBefore === 0) return { ...found, sure: [at] };
        const [why] = possible.values();
        may.set(at, hidden ?? why ?? "");
      }
      if (hidden === undefined) sureBefore++;
      else possibleBefore++;
    }
    return { ...found, possible: may };
  }

  #ids(vendorId: number, deviceId: number): Match {
    // Half-hidden ids count as hidden ones, under the key -1.
    this.#byIds ??= indexBy(this.topology, (fn) => [
      isUnknown(fn.vendorId) || isUnknown(fn.deviceId) ? -1 : idsKey(fn.vendorId, fn.deviceId),
    ]);
    const hidden = this.#byIds.get(-1) ?? [];
    const { possible } = this.#filter(hidden, (fn) => hasIds(fn, vendorId, deviceId));
    return { ...this.#found(this.#byIds.get(idsKey(vendorId, deviceId)) ?? []), possible };
  }

  #isInSlot(fn: PciFunction, index: number, wanted: number): Known<boolean> {
    this.#slots ??= slotsOf(this.topology);
    const slot = this.#slots[index] ?? null;
    if (!isUnknown(slot) && slot !== wanted) return false;
    const endpoint = isEndpoint(fn);
    if (endpoint === false) return false;
    return isUnknown(slot) ? slot : endpoint;
  }

  #isAtPath(index: number, { start, below }: Extract<DeviceTest, { kind: "path" }>): Known<boolean> {
    let current = index;
    for (const devfn of below.toReversed()) {
      const { bdf } = this.topology.functionAt(current);
      if (devfnOf(bdf) !== devfn || this.topology.isOnRootBus(current)) return false;
      const above = this.topology.parentOf(current);
      if (above === undefined) return unknown(`the source does not show what is above ${formatBdf(bdf)}`);
      current = above;
    }
    return this.topology.functionAt(current).bdf === start && this.#isOnSecondaryBus(index);
  }

  /** False for virtual functions on further buses, which may repeat the device and function numbers of the first. */
  #isOnSecondaryBus(index: number): Known<boolean> {
    const fn = this.topology.functionAt(index);
    if (fn.physicalFunction === null) return true;
    const bridge = this.topology.bridgeAbove(fn.bdf)?.bridge ?? null;
    if (bridge === null) return true;
    if (!isUnknown(bridge)) return bridge.secondary === busOf(fn.bdf);
    return unknown(bridge.unknown);
  }

  /**
   * What a name, a pattern, an address, a slot or a path that means nothing may have been meant to be, as a policy writes it; `looks`
   * is told how many were compared.
   */
  nearNames(test: DeviceTest, looks: (count: number) => void): readonly string[] {
    if (test.kind === "nth") {
      const { length } = this.match({ kind: "class", class: test.class }, false).sure;
      return length === 0 ? [] : [`${test.class}:${length - 1}`];
    }
    const text = wordOf(test);
    if (text === undefined) return [];
    const words = this.#wordsLike(test);
    looks(words.length);
    return words
      .map((name) => ({ name, steps: distance(text, name) }))
      .filter(({ steps }) => steps <= 2)
      .sort((a, b) => a.steps - b.steps)
      .slice(0, 3)
      .map(({ name }) => name);
  }

  #wordsLike({ kind }: DeviceTest): readonly string[] {
    if (kind === "slot") {
      this.#slotWords ??= this.#slotsInUse();
      return this.#slotWords;
    }
    if (kind === "pattern") {
      this.#stems ??= [...new Set(this.topology.functions.flatMap(({ names }) => names.map(patternLike)))];
      return [...this.#stems, ...KINDS_OF_INTEREST.map((each) => `${each}*`)];
    }
    if (kind === "device") return this.topology.functions.map(({ bdf }) => formatBdf(bdf).replace(/^0000:|\.\d$/g, ""));
    if (kind === "path") {
      this.#paths ??= this.topology.functions.flatMap((fn, at) => this.#pathTo(fn, at));
      return this.#paths;
    }
    this.#names ??= [...new Set(this.topology.functions.flatMap((fn) => [...fn.names, formatBdf(fn.bdf)]))];
    return this.#names;
  }

  #slotsInUse(): readonly string[] {
    this.#slots ??= slotsOf(this.topology);
    const numbers = this.#slots.filter((slot, index): slot is number => {
      return !isUnknown(slot) && slot !== null && isEndpoint(this.topology.functionAt(index)) === true;
    });
    return [...new Set(numbers)].map((number) => `slot:${number}`);
  }

  /** The path of a function that is no bridge, from its root bus down. */
  #pathTo(fn: PciFunction, index: number): readonly string[] {
    const above = this.topology.bridgesAbove(index);
    const top = above.at(-1);
    if (top === undefined || !this.topology.isOnRootBus(top) || isEndpoint(fn) !== true) return [];
    const below = [index, ...above.slice(0, -1)].map((at) => devfnOf(this.topology.functionAt(at).bdf));
    return [pathWord(this.topology.functionAt(top).bdf, below.reverse())];
  }

  #once(key: string, test: FunctionTest): Match {
    let match = this.#byKey.get(key);
    if (match === undefined) {
      match = this.#filter(this.topology.functions.keys(), test);
      this.#byKey.set(key, match);
    }
    return match;
  }

  #filter(indices: Iterable<number>, test: FunctionTest): Match {
    const sure: number[] = [];
    const possible = new Map<number, string>();
    for (const index of indices) {
      const answer = test(this.topology.functionAt(index), index);
      if (isUnknown(answer)) possible.set(index, answer.unknown);
      else if (answer) sure.push(index);
    }
    return { sure, possible, gap: this.#listingGap };
  }
}

/** A test as its word in a policy, with the whole of an address; `undefined` where it means no certain device. */
function wordOf(test: DeviceTest): string | undefined {
  switch (test.kind) {
    case "name":
      return test.name;
    case "address":
      return formatBdf(test.bdf);
    case "pattern":
      return patternLike(test.pattern);
    case "device":
      return test.text;
    case "slot":
      return `slot:${test.number}`;
    case "path":
      return pathWord(test.start, test.below);
    default:
      return undefined;
  }
}

/** A name or pattern as the pattern of all that begin alike: `nvme*` of `nvme0` and `nvme[0-3]`. */
function patternLike(name: string): string {
  return `${/^[^\d*?[]*/.exec(name)?.[0] ?? ""}*`;
}

function pathWord(start: Bdf, below: readonly number[]): string {
  const steps = below.map((devfn) => `${(devfn >>> 3).toString(16).padStart(2, "0")}.${devfn & 7}`);
  return [formatBdf(start), ...steps].join("/");
}

type FunctionTest = (fn: PciFunction, index: number) => Known<boolean>;

const nothing: ReadonlyMap<number, string> = new Map();

function indexBy<K>(topology: Topology, keysOf: (fn: PciFunction) => Iterable<K>): Map<K, number[]> {
  const lists = new Map<K, number[]>();
  topology.functions.forEach((fn, index) => {
    for (const key of keysOf(fn)) {
      const list = lists.get(key);
      if (list === undefined) lists.set(key, [index]);
      else list.push(index);
    }
  });
  return lists;
}

function idsKey(vendorId: number, deviceId: number): number {
  return vendorId * 0x10000 + deviceId;
}

function hasIds(fn: PciFunction, vendorId: number, deviceId: number): Known<boolean> {
  if (!isUnknown(fn.vendorId) && fn.vendorId !== vendorId) return false;
  if (!isUnknown(fn.deviceId) && fn.deviceId !== deviceId) return false;
  if (isUnknown(fn.vendorId)) return unknown(fn.vendorId.unknown);
  return isUnknown(fn.deviceId) ? unknown(fn.deviceId.unknown) : true;
}

/** Whether a driver has registered peer memory of a function; none does of bridges. */
function hasPeerMemory(fn: PciFunction): Known<boolean> {
  if (!isUnknown(fn.p2pmem)) return fn.p2pmem !== null;
  return mayBeClient(fn) === false ? false : unknown(fn.p2pmem.unknown);
}

function isOfClass(fn: PciFunction, wanted: DeviceKind): Known<boolean> {
  const kind = knownKind(fn);
  if (!isUnknown(kind) && kind !== wanted) return false;
  const endpoint = isEndpoint(fn);
  if (endpoint === false) return false;
  if (isUnknown(kind)) return kind;
  // A name that tells the kind is no bridge's.
  return isUnknown(fn.classCode) || endpoint;
}

/** Why a machine may have devices that its source does not list; `null` where the source lists all. */
function listingGap(machine: Machine, { hiddenTops }: Topology): string | null {
  const { source, functions, functionsMayBeMissing } = machine;
  if (functionsMayBeMissing !== undefined) return functionsMayBeMissing;
  if (functions.length === 0 && source.format !== "scenario") return "the source shows no PCI function";
  if (source.format === "rdma-topo") return "a dump of rdma_topo lists only some of a machine's devices";
  if (source.format !== "lspci") return null;
  const hasHostBridge = functions.some((fn) => !isUnknown(fn.classCode) && fn.classCode >>> 8 === 0x0600);
  return hasHostBridge && hiddenTops.length === 0
    ? null
    : "the text is not all that lspci prints of a machine: paste the whole of it";
}

/** Why a function may have a name that its source does not give; `null` where the source gives them all. */
function namesGap({ source, functions }: Machine): string | null {
  const { format } = source;
  if (format === "sysfs" || format === "archive" || format === "scenario") return null;
  if ((format === "snapshot" || format === "collected") && functions.some(({ names }) => names.length > 0)) return null;
  return "the source does not give every device its name: name it by address, class or ids";
}
