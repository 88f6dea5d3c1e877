import { PeerRoutes } from "./fabric/index.ts";
import type { Machine } from "./host/machine.ts";
import { readMachine as readSource } from "./host/read-machine.ts";
import { type Advice, advise } from "./p2pdma/advice/index.ts";
import { afterBoot } from "./p2pdma/boot-acs.ts";
import { findDevice, selectDevices } from "./p2pdma/select.ts";
import type { Verdict } from "./p2pdma/verdict.ts";
import { type DecideOptions, decideAll, type VerdictTable } from "./p2pdma/verdict-table.ts";
import type { Bdf } from "./pci/bdf.ts";
import { explainText } from "./report/explain-text.ts";

/** What the rules are asked with, everywhere. */
export interface RulesOptions {
  /** A kernel release (`6.12`) whose rules decide instead of those of the machine's own kernel. */
  readonly rules?: string;
}

/** A function of a machine: its address, or a name that people use (`03:00.0`, `nvme0`, `10de:2330`). */
export type Device = Bdf | string;

/** One pair, explained. */
export interface Explanation {
  /** What the client may do with the provider's memory. */
  readonly verdict: Verdict;
  /** The same the other way round. */
  readonly reverse: Verdict;
  /** Both ways as a screen of 100 columns, without colour. */
  readonly text: string;
}

/**
 * Reads a machine in any format that the command line reads, found by content: text of `lspci`, an archive of sysfs, a
 * snapshot, a scenario, XML of hwloc or NCCL, a dump of rdma_topo, each also compressed. A scenario is booted on paper.
 * Throws `PeerlaneError` (`bad-input`, `too-large`) with the place in the input. Runs in browsers as well.
 */
export async function readMachine(input: Uint8Array | string, name = "input"): Promise<Machine> {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const { machine, isBooted } = await readSource([bytes], { name });
  return isBooted ? machine : afterBoot(machine);
}

/**
 * The verdict of every provider with every client: without `providers` and `clients`, of all GPUs, NICs, NVMe
 * controllers, accelerators and whatever has peer memory; with `all`, of every function.
 */
export function verdicts(machine: Machine, options: DecideOptions & { readonly all?: boolean } = {}): VerdictTable {
  const { all = false, ...chosen } = options;
  return decideAll(machine, { ...selectDevices(machine, { all }), ...chosen });
}

/** Explains one pair both ways. Throws `PeerlaneError` (`unknown-device`) for a name that the machine does not have. */
export function explain(machine: Machine, provider: Device, client: Device, options: RulesOptions = {}): Explanation {
  const a = bdfOf(machine, provider);
  const b = bdfOf(machine, client);
  const both = a === b ? [a] : [a, b];
  const table = decideAll(machine, { ...options, providers: both, clients: both });
  const last = both.length - 1;
  return {
    verdict: table.at(0, last),
    reverse: table.at(last, 0),
    text: explainText(table, a, b, SCREEN, new PeerRoutes(table)),
  };
}

const SCREEN = { width: 100, color: false } as const;

/** The smallest changes that make a pair work, each shown by the rules on the changed machine. Throws as {@link explain}. */
export function fixes(machine: Machine, provider: Device, client: Device, options: RulesOptions = {}): Advice {
  return advise(machine, [{ provider: bdfOf(machine, provider), client: bdfOf(machine, client) }], options);
}

function bdfOf(machine: Machine, device: Device): Bdf {
  return typeof device === "string" ? findDevice(machine, device) : device;
}
