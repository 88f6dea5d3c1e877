import type { Machine } from "../host/machine.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import { newestRead } from "../rules/kernels/choose-rules.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { MachineJson, NoteJson } from "./json-types.ts";
import { idsText } from "./reasons.ts";

/** A value in another form, where it is known; what is unknown has the form that JSON has for it, as what is absent has. */
export function mapKnown<T, U>(value: Known<T>, change: (value: T) => U): Known<U> {
  return isUnknown(value) ? { unknown: value.unknown } : change(value as T);
}

/** The machine as every output names it. */
export function machineJson({ machine, rules }: Pick<VerdictTable, "machine" | "rules">): MachineJson {
  const inferred = inferCpu(machine);
  return {
    source: machine.source.format,
    name: machine.source.name,
    kernel: {
      release: machine.kernel.release,
      rules: rules.release,
      rulesChecked: rules.candidates.length === 1 && newestRead(rules) === null,
      commandLine: machine.kernel.commandLine,
    },
    cpu: {
      architecture: machine.cpu.architecture,
      vendor: machine.cpu.vendor,
      family: machine.cpu.family,
      model: machine.cpu.model,
      name: machine.cpu.name,
      ...(inferred === null
        ? {}
        : {
            inferred: {
              make: inferred.make.name,
              device: formatBdf(inferred.device),
              ids: idsText(inferred),
              what: inferred.what,
            },
          }),
    },
    iommu: { kind: machine.iommu.kind, mode: machine.iommu.mode },
    ...(machine.host === undefined
      ? {}
      : {
          onHost: [...machine.host.candidates].map(([guest, host]) => ({
            guest: formatBdf(guest),
            host: host.map(formatBdf),
          })),
        }),
  };
}

/** The notes of the machine's reader. */
export function notesJson({ notes }: Machine): readonly NoteJson[] {
  return notes.map((note) => ({ severity: note.severity, message: note.message, remedy: note.remedy ?? null }));
}
