import type { Machine } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import { type Device, resolveDevice } from "../host/select.ts";
import { formatAddress, type PhysRange } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Provider } from "./provider.ts";

/** A memory BAR that has an address. Expansion ROMs (index 6) are among them. */
export interface AssignedBar extends PhysRange {
  readonly owner: Bdf;
  readonly bar: number;
  /** Where the bus has it; hidden by sources that show no registers. */
  readonly busStart: Known<number>;
}

/** The index that the expansion ROM has among BARs: no peer memory. */
const ROM_INDEX = 6;

/** Every memory BAR with an address, in order of function and index; throws `unsupported` where the source hides one. */
export function assignedBars(machine: Machine): readonly AssignedBar[] {
  return machine.functions.flatMap((fn) =>
    known(fn.bars, machine, fn)
      .filter(({ kind }) => kind === "memory")
      .flatMap((bar) => assignedBar(machine, fn, bar) ?? []),
  );
}

function assignedBar(machine: Machine, fn: PciFunction, bar: Bar): AssignedBar | undefined {
  const start = known(bar.physAddress, machine, fn);
  if (start === null || bar.busAddress === null) return undefined;
  const sizeBytes = known(bar.sizeBytes, machine, fn);
  if (sizeBytes <= 0) return undefined;
  if (!Number.isSafeInteger(start + sizeBytes)) {
    throw new PeerlaneError("bad-input", `BAR ${bar.index} of ${formatBdf(fn.bdf)} ends beyond every address`, {
      place: { file: machine.source.name },
      facts: { start: formatAddress(start), size: formatAddress(sizeBytes) },
    });
  }
  return { owner: fn.bdf, bar: bar.index, start, sizeBytes, busStart: bar.busAddress };
}

function known<T>(value: Known<T>, machine: Machine, fn: PciFunction): T {
  if (!isUnknown(value)) return value;
  throw new PeerlaneError("unsupported", `the addresses of ${formatBdf(fn.bdf)} are hidden: ${value.unknown}`, {
    place: { file: machine.source.name },
    facts: { function: formatBdf(fn.bdf) },
    remedy: "a model needs every BAR's address: take sysfs, 'peerlane capture' or a scenario as the source",
  });
}

/** Providers of machines that were asked before, so that one BAR has one object whoever asks. */
const providersByMachine = new WeakMap<Machine, readonly Provider[]>();

/**
 * One provider for each assigned memory BAR (expansion ROMs left out), as `pcim_p2pdma_init` of Linux 6.19 and newer
 * makes them. The same objects each time for one machine. Throws `unsupported` where the source hides an address.
 */
export function providersOf(machine: Machine): readonly Provider[] {
  requireMachine("providersOf", machine);
  let providers = providersByMachine.get(machine);
  if (providers === undefined) {
    const functions = new Map(machine.functions.map((fn) => [fn.bdf, fn]));
    providers = assignedBars(machine)
      .filter(({ bar }) => bar !== ROM_INDEX)
      .map(({ owner, bar, start, sizeBytes, busStart }): Provider => {
        const fn = functions.get(owner) as PciFunction;
        return { owner, bar, busOffset: known(busStart, machine, fn) - start, range: { start, sizeBytes } };
      });
    providersByMachine.set(machine, providers);
  }
  return providers;
}

/** The provider and the CPU physical range of one BAR; throws `unknown-device` where the function has no such BAR. */
export function providerOf(machine: Machine, device: Device, bar: number): { provider: Provider; range: PhysRange } {
  requireMachine("providerOf", machine);
  const owner = typeof device === "number" ? device : resolveDevice(machine, device);
  const provider = providersOf(machine).find((each) => each.owner === owner && each.bar === bar);
  if (provider === undefined) {
    throw new PeerlaneError("unknown-device", `${formatBdf(owner)} has no BAR ${bar} with a memory address`, {
      place: { file: machine.source.name },
      remedy: "'peerlane explain' says which BARs a function has",
    });
  }
  return { provider, range: provider.range };
}

/** `BAR 0 of 0000:03:00.0 at 0xfe000000`, for messages. */
export function describeBar({ owner, bar, start }: AssignedBar): string {
  return `BAR ${bar} of ${formatBdf(owner)} at ${formatAddress(start)}`;
}
