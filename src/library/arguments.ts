import type { Machine } from "../host/machine.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";

/** What an argument has to be. */
export interface Kind {
  /** With its article: `a Machine`. */
  readonly expected: string;
  /** How to come by one. */
  readonly remedy?: string;
  /** What is wrong with a value; `null` where nothing is, an empty text where it is simply something else. */
  readonly complaint: (value: unknown) => string | null;
  /** The value as the function takes it: names of devices become addresses. Throws where there is no such device. */
  readonly resolve?: (value: unknown, machine: Machine | undefined) => unknown;
}

/** An argument of a public function. */
export interface Parameter {
  readonly name: string;
  readonly kind: Kind;
  readonly isOptional: boolean;
}

/** An argument that has to be given. */
export function needed(name: string, kind: Kind): Parameter {
  return { name, kind, isOptional: false };
}

/** An argument that may be left out. */
export function optional(name: string, kind: Kind): Parameter {
  return { name, kind, isOptional: true };
}

type Call = (...values: never[]) => unknown;

/**
 * The public form of a function: each argument is checked first, and may name devices as people do. Throws
 * `PeerlaneError` (`usage`) that names the argument, what was given and what is expected. `finish` makes something of the
 * result before it is handed out.
 */
export function door<F extends Call>(
  name: string,
  call: Call,
  parameters: readonly Parameter[],
  finish: (result: unknown) => unknown = (result) => result,
): F {
  const open = (...values: readonly unknown[]): unknown =>
    finish(call(...(taken(name, values, parameters) as never[])));
  return Object.defineProperty(open, "name", { value: name }) as unknown as F;
}

/** The arguments of a call as its function takes them. Throws as {@link door} says. */
export function taken(call: string, values: readonly unknown[], parameters: readonly Parameter[]): readonly unknown[] {
  parameters.forEach(({ name, kind, isOptional }, position) => {
    const value = values[position];
    if (value === undefined && isOptional) return;
    const complaint = kind.complaint(value);
    if (complaint === null) return;
    const { expected, remedy } = kind;
    const inside = complaint === "" ? {} : { complaint };
    throw wrongArgument({ call, argument: name, given: value, expected, remedy, ...inside });
  });
  const machine = machineAmong(values);
  return parameters.map(({ kind }, position) => {
    const value = values[position];
    return value === undefined || kind.resolve === undefined ? value : kind.resolve(value, machine);
  });
}

/** The machine that names of devices are looked up in: one of the arguments, or that of a table among them. */
function machineAmong(values: readonly unknown[]): Machine | undefined {
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    const { functions, machine } = value as { readonly functions?: unknown; readonly machine?: Machine };
    if (Array.isArray(functions)) return value as Machine;
    if (machine !== undefined) return machine;
  }
  return undefined;
}
