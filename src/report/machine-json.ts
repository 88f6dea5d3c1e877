import type { Machine } from "../host/machine.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { newestRead } from "../rules/releases.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

/** A value for JSON: what is unknown is the object `{ "unknown": reason }`, what is absent is `null`. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** An object of {@link Json}. */
export type JsonObject = { readonly [key: string]: Json };

/** A value as it is: what is unknown already has the form that JSON has for it. */
export function known<T extends string | number | boolean | null>(value: Known<T>): Json {
  return value as Json;
}

/** A value in another form, where it is known. */
export function mapKnown<T>(value: Known<T>, change: (value: T) => Json): Json {
  return isUnknown(value) ? { unknown: value.unknown } : change(value as T);
}

/** The machine as every output names it. */
export function machineJson({ machine, rules }: Pick<VerdictTable, "machine" | "rules">): {
  readonly [key: string]: Json;
} {
  return {
    source: machine.source.format,
    name: machine.source.name,
    kernel: {
      release: known(machine.kernel.release),
      rules: rules.release,
      rulesChecked: rules.candidates.length === 1 && newestRead(rules) === null,
      commandLine: known(machine.kernel.commandLine),
    },
    cpu: {
      architecture: known(machine.cpu.architecture),
      vendor: known(machine.cpu.vendor),
      family: known(machine.cpu.family),
      model: known(machine.cpu.model),
      name: known(machine.cpu.name),
    },
    iommu: { kind: known(machine.iommu.kind), mode: known(machine.iommu.mode) },
  };
}

/** The notes of the machine's reader. */
export function notesJson({ notes }: Machine): Json {
  return notes.map((note) => ({ severity: note.severity, message: note.message, remedy: note.remedy ?? null }));
}
