import { distance } from "fastest-levenshtein";
import type { Machine } from "../host/machine.ts";
import { isMachine, isPciFunction, MACHINE_REMEDY } from "../host/require-machine.ts";
import { type Device, findDevices, resolveDevice } from "../host/select.ts";
import { isBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { Topology } from "../pci/topology.ts";
import { PeerRoutes } from "../routes/peer-routes.ts";
import { VerdictTable } from "../rules/verdict-table.ts";
import type { Kind } from "./arguments.ts";

/** The kinds of arguments that public functions take. */

function kind(expected: string, fits: (value: unknown) => boolean, remedy?: string): Kind {
  const complaint = (value: unknown): string | null => (fits(value) ? null : "");
  return remedy === undefined ? { expected, complaint } : { expected, complaint, remedy };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An object that has these fields; `from` says who makes such. */
export function shaped(expected: string, fields: readonly string[], from: string): Kind {
  return kind(expected, (value) => isObject(value) && fields.every((field) => value[field] !== undefined), from);
}

export const text: Kind = kind("a text", (value) => typeof value === "string");
export const flag: Kind = kind("true or false", (value) => typeof value === "boolean");
export const count: Kind = kind("a number from 0", (value) => typeof value === "number" && value >= 0);
export const bytesAsked: Kind = kind(
  "a whole number of bytes from 1 on",
  (value) => Number.isSafeInteger(value) && (value as number) >= 1,
);
export const operation: Kind = kind("'write' or 'read'", (value) => value === "write" || value === "read");
export const call: Kind = kind("a function", (value) => typeof value === "function");

/** Bytes of any realm: a browser's frames have classes of their own. */
function isBytes(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object Uint8Array]";
}

const BYTES_REMEDY = "new Uint8Array(buffer) makes bytes of an ArrayBuffer; readFileSync returns them";
export const bytes: Kind = kind("a Uint8Array", isBytes, BYTES_REMEDY);
export const bytesOrText: Kind = kind(
  "a Uint8Array or a text",
  (value) => typeof value === "string" || isBytes(value),
  BYTES_REMEDY,
);

/** One function of a machine, whole. */
export const pciFunction: Kind = kind(
  "a PciFunction",
  isPciFunction,
  "it is one of machine.functions; a name or address is looked up with findDevice",
);

export const machine: Kind = kind("a Machine", isMachine, MACHINE_REMEDY);
export const twoMachines: Kind = kind(
  "a list of two Machines",
  (value) => Array.isArray(value) && value.length === 2 && value.every(isMachine),
  "write [before, after]",
);
export const functions: Kind = kind(
  "a list of PciFunctions",
  (value) => Array.isArray(value) && value.every(isPciFunction),
  "machine.functions is one",
);

function isDevice(value: unknown): value is Device {
  return isBdf(value) || (typeof value === "string" && value.trim() !== "");
}

const DEVICE_REMEDY = "name it as 0000:03:00.0, 03:00.0, nvme0, 10de:2330, or by a class where it is the only one: gpu";

/** The machine that a device is looked up in; a function without one takes addresses only. */
function inMachine(value: Device, where: Machine | undefined, resolve: (where: Machine) => unknown): unknown {
  if (where !== undefined) return resolve(where);
  if (typeof value !== "string") return value;
  throw new PeerlaneError("usage", `'${value}' names a device, and there is no machine to look it up in`);
}

/** A function by its address or a name; handed on as its address. */
export const device: Kind = {
  ...kind("an address or a name of a device", isDevice, DEVICE_REMEDY),
  resolve: (value, where) => inMachine(value as Device, where, (found) => resolveDevice(found, value as Device)),
};

/** Several; a class stands for all that are of it. */
export const devices: Kind = {
  ...kind("a list of devices", (value) => Array.isArray(value) && value.every(isDevice), DEVICE_REMEDY),
  resolve: (value, where) => {
    const given = value as readonly Device[];
    if (where === undefined) return given;
    const found = given.flatMap((one) =>
      typeof one === "string" ? findDevices(where, one) : resolveDevice(where, one),
    );
    return given.some((one) => typeof one === "string") ? [...new Set(found)] : found;
  },
};

/** An address alone. */
export const address: Kind = kind(
  "an address (Bdf)",
  isBdf,
  "parseBdf makes one of a text; findDevice finds that of a name",
);

export const table: Kind = kind("a VerdictTable", (value) => value instanceof VerdictTable, "verdicts returns one");
export const routes: Kind = kind("PeerRoutes", (value) => value instanceof PeerRoutes, "new PeerRoutes(table)");
export const topology: Kind = kind(
  "a Topology",
  (value) => value instanceof Topology,
  "topologyOf(machine) makes one, and a VerdictTable has it",
);

const TREE = ["read", "list", "readLink"] as const;
export const fileTree: Kind = kind(
  "a FileTree",
  (value) =>
    isObject(value) && typeof value["name"] === "string" && TREE.every((name) => typeof value[name] === "function"),
  "new ArchiveTree(bytes, name) is one",
);

/** What a source may hide: a value of another kind, or `{ unknown: why }`. */
export function known(of: Kind): Kind {
  return {
    expected: `${of.expected}, or { unknown: why }`,
    complaint: (value) => (isUnknown(value as never) ? null : of.complaint(value)),
  };
}

/** A list, each of whose entries is of a kind. */
export function listOf(expected: string, of: Kind, remedy?: string): Kind {
  const { resolve } = of;
  return {
    ...kind(expected, (value) => Array.isArray(value), remedy),
    complaint: (value) => {
      if (!Array.isArray(value)) return "";
      const position = value.findIndex((one) => of.complaint(one) !== null);
      if (position < 0) return null;
      return of.complaint(value[position]) || `number ${position} of the list is not ${of.expected}`;
    },
    ...(resolve === undefined
      ? {}
      : { resolve: (value: unknown, where) => (value as readonly unknown[]).map((one) => resolve(one, where)) }),
  };
}

/** Options by name; those in `required` have to be given. */
export function options(spec: Readonly<Record<string, Kind>>, required: readonly string[] = []): Kind {
  const names = Object.keys(spec);
  const wrong = (value: Readonly<Record<string, unknown>>): string | null => {
    for (const name of Object.keys(value)) {
      if (!names.includes(name)) return noSuchOption(name, names);
    }
    for (const [name, each] of Object.entries(spec)) {
      const given = value[name];
      if (given === undefined && !required.includes(name)) continue;
      const complaint = each.complaint(given);
      if (complaint !== null) return complaint || `its '${name}' is no good: ${each.expected} is expected`;
    }
    return null;
  };
  return {
    expected: `an object with ${names.join(", ")}`,
    complaint: (value) => (isObject(value) && !("then" in value) ? wrong(value) : ""),
    resolve: (value, where) =>
      Object.fromEntries(
        Object.entries(value as object)
          .filter(([, given]) => given !== undefined)
          .map(([name, given]: [string, unknown]) => [name, spec[name]?.resolve?.(given, where) ?? given]),
      ),
  };
}

function noSuchOption(name: string, names: readonly string[]): string {
  const near = names.find((one) => distance(one, name) <= 2);
  const hint = near === undefined ? `there are ${names.join(", ")}` : `did you mean '${near}'?`;
  return `there is no option ${JSON.stringify(name.slice(0, 40))}; ${hint}`;
}

const CHANGES: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  acs: { device, set: count, clear: count },
  parameters: { text },
  kernel: { release: text },
  cpu: { name: text },
  iommu: { mode: text },
  move: { device, under: device },
};

function changeKind(value: unknown): Kind | undefined {
  const name = isObject(value) ? value["kind"] : undefined;
  const spec = typeof name === "string" && Object.hasOwn(CHANGES, name) ? CHANGES[name] : undefined;
  return spec === undefined ? undefined : options({ kind: text, ...spec }, Object.keys(spec));
}

/** One change of a machine. */
export const change: Kind = {
  expected: `a Change (its kind: ${Object.keys(CHANGES).join(", ")})`,
  complaint: (value) => {
    const each = changeKind(value);
    return each === undefined ? "" : each.complaint(value);
  },
  resolve: (value, where) => changeKind(value)?.resolve?.(value, where),
};
export const changes: Kind = listOf("a list of Changes", change, "askWhatIf makes them of words");

const block: Kind = kind("a Block", (value) => isObject(value) && typeof value["kind"] === "string");
export const blocks: Kind = listOf("a list of Blocks", block, "fixBlocks, matrixBlocks and others return one");
export const screen: Kind = options({ width: count, color: flag }, ["width", "color"]);
