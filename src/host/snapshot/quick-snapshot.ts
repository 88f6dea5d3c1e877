import type { Bdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { type Known, type Unknown, unknown } from "../../pci/known.ts";
import { HYPERVISOR_SIGNS, HYPERVISORS } from "../hypervisor.ts";
import type { Cpu, HostBridge, HostBridgeWindow, Iommu, Kernel, KernelModule, Machine, Note } from "../machine.ts";
import { SNAPSHOT_SCHEMA, SOURCE_FORMATS } from "./forms.ts";
import { quickFunction } from "./quick-function.ts";
import {
  anyObject,
  bus,
  busAddress,
  count,
  int,
  type Json,
  KnownReader,
  list,
  Misfit,
  nullable,
  object,
  oneOf,
  physAddress,
  present,
  refuse,
  size,
  string,
} from "./quick-parts.ts";

/**
 * Longest text, in characters, that is parsed unseen: it can hold no list that is too long for anybody, and of real
 * snapshots only those of hundreds of functions are longer.
 */
const MAX_CHARACTERS = 256 * 1024;

/** True when the text begins as a snapshot does, of whatever version. */
export function looksLikeSnapshot(head: string): boolean {
  return head.trimStart().startsWith("{") && /"schema"\s*:\s*"peerlane\.snapshot\//.test(head);
}

/**
 * A snapshot as the codecs read it, without them: `undefined` where anything about the text is not as it should be, or is
 * so rare that it is left to them.
 */
export function quickSnapshot(text: string, file: string): Machine | undefined {
  // An object of JSON can have a key of that name, which is none of those that are looked at here.
  if (text.length > MAX_CHARACTERS || text.includes("__proto__") || text.includes("\uFFFD")) return undefined;
  try {
    const whole = machine(JSON.parse(text), file);
    return findTwice(whole.functions) === undefined ? inOrder(whole) : undefined;
  } catch (error) {
    if (error instanceof Misfit || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The machine with its functions in the order of addresses, and without ids that no device has. */
export function inOrder(machine: Machine): Machine {
  return { ...machine, functions: machine.functions.map(withoutNoIds).sort((a, b) => a.bdf - b.bdf) };
}

const noId = unknown("the snapshot has an id here that no device has");
const isNoVendor = (id: Known<number>): boolean => id === 0 || id === 0xffff;

/** No vendor is 0 or ffff: such ids were lost on the way, or were never read. */
function withoutNoIds(fn: PciFunction): PciFunction {
  return isNoVendor(fn.vendorId) ? { ...fn, vendorId: noId, deviceId: noId } : fn;
}

/** The second function of an address, where there are two. */
export function findTwice(
  functions: readonly PciFunction[],
): { readonly index: number; readonly bdf: Bdf } | undefined {
  const seen = new Set<Bdf>();
  for (const [index, { bdf }] of functions.entries()) {
    if (seen.has(bdf)) return { index, bdf };
    seen.add(bdf);
  }
  return undefined;
}

const FORMATS = new Set(SOURCE_FORMATS);

function machine(value: unknown, file: string): Machine {
  const json = anyObject(value);
  const { guestOf, functionsMayBeMissing } = json;
  object(json, 9 + present(json, "guestOf", "functionsMayBeMissing"));
  if (json["schema"] !== SNAPSHOT_SCHEMA) refuse();
  const known = new KnownReader(list(json["reasons"], reason));
  const source = anyObject(json["source"]);
  object(source, 1 + present(source, "label"));
  const name = source["label"] === undefined ? file : string(source["label"]);
  return {
    kernel: kernel(json["kernel"], known),
    cpu: cpu(json["cpu"], known),
    iommu: iommu(json["iommu"], known),
    ...(guestOf === undefined ? {} : { guestOf: guest(guestOf) }),
    ...(functionsMayBeMissing === undefined ? {} : { functionsMayBeMissing: string(functionsMayBeMissing) }),
    notes: list(json["notes"], note),
    source: { format: "snapshot", name, madeOf: oneOf(source["madeOf"], FORMATS) },
    hostBridges: known.of(json["hostBridges"], (bridges) => list(bridges, (member) => hostBridge(member, known))),
    functions: list(json["functions"], (fn) => quickFunction(fn, known)),
  };
}

const reason = (text: unknown): Unknown => unknown(string(text));

function kernel(value: unknown, known: KnownReader): Kernel {
  const json = anyObject(value);
  const { modules } = json;
  object(json, 3 + present(json, "modules"));
  return {
    release: known.of(json["release"], string),
    commandLine: known.of(json["commandLine"], string),
    config: known.of(json["config"], texts),
    ...(modules === undefined ? {} : { modules: record(modules, kernelModule) }),
  };
}

function kernelModule(value: unknown): KernelModule {
  const json = object(value, 2);
  return { version: nullable(json["version"], string), parameters: texts(json["parameters"]) };
}

function record<T>(value: unknown, read: (value: unknown) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(anyObject(value)).map(([key, entry]) => [key, read(entry)]));
}

/** The object itself: it was made of the text, and nobody else has it. */
function texts(value: unknown): Readonly<Record<string, string>> {
  const json = anyObject(value);
  for (const key in json) string(json[key]);
  return json as Json & Readonly<Record<string, string>>;
}

function cpu(value: unknown, known: KnownReader): Cpu {
  const json = object(value, 5);
  const nullableString = (text: unknown): string | null => nullable(text, string);
  const nullableCount = (number: unknown): number | null => nullable(number, count);
  return {
    architecture: known.of(json["architecture"], string),
    vendor: known.of(json["vendor"], nullableString),
    family: known.of(json["family"], nullableCount),
    model: known.of(json["model"], nullableCount),
    name: known.of(json["name"], nullableString),
  };
}

const KINDS = new Set(["none", "intel", "amd", "arm-smmu", "virtio", "other"] as const);
const MODES = new Set(["off", "passthrough", "strict", "lazy"] as const);

function iommu(value: unknown, known: KnownReader): Iommu {
  const json = object(value, 3);
  return {
    kind: known.of(json["kind"], (kind) => oneOf(kind, KINDS)),
    mode: known.of(json["mode"], (mode) => oneOf(mode, MODES)),
    groupTypes: known.of(json["groupTypes"], groupTypes),
  };
}

function groupTypes(value: unknown): ReadonlyMap<number, string> {
  const types = new Map<number, string>();
  for (const [group, type] of Object.entries(anyObject(value))) {
    if (!/^(?:0|[1-9]\d{0,14})$/.test(group)) refuse();
    types.set(Number(group), string(type));
  }
  return types;
}

const GUEST_KINDS = new Set(HYPERVISORS);
const GUEST_SIGNS = new Set(HYPERVISOR_SIGNS);

function guest(value: unknown): NonNullable<Machine["guestOf"]> {
  const json = object(value, 2);
  return { hypervisor: oneOf(json["hypervisor"], GUEST_KINDS), shownBy: oneOf(json["shownBy"], GUEST_SIGNS) };
}

const SEVERITIES = new Set(["info", "warning"] as const);

function note(value: unknown): Note {
  const json = anyObject(value);
  const { remedy } = json;
  object(json, 2 + present(json, "remedy"));
  return {
    severity: oneOf(json["severity"], SEVERITIES),
    message: string(json["message"]),
    ...(remedy === undefined ? {} : { remedy: string(remedy) }),
  };
}

const WINDOW_KINDS = new Set(["io", "memory"] as const);

function hostBridge(value: unknown, known: KnownReader): HostBridge {
  const json = object(value, 3);
  const window = (member: unknown): HostBridgeWindow => {
    const fields = object(member, 4);
    return {
      kind: oneOf(fields["kind"], WINDOW_KINDS),
      physStart: physAddress(fields["physStart"]),
      busStart: known.of(fields["busStart"], busAddress),
      sizeBytes: size(fields["sizeBytes"]),
    };
  };
  return {
    rootBus: bus(json["rootBus"]),
    windows: known.of(json["windows"], (windows) => list(windows, window)),
    numaNode: known.of(json["numaNode"], (node) => nullable(node, int)),
  };
}
