import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Answers, type RoutedAnswer } from "../../answers/answer.ts";
import type { ExhaustedPool, UntriedSizes } from "../../measured/probe.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { PeerRoutes } from "../../routes/peer-routes.ts";
import type { MapType } from "../../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import type { Host } from "../host.ts";
import { mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { KernelLog } from "../messages/kernel-log.ts";
import { type MemoryPool, readPools } from "../pools/memory-pool.ts";
import type { PermittedPool } from "../pools/pool-use.ts";
import { stateFolder } from "../state-folder.ts";
import { type DirectionResult, untestedDirection } from "./direction.ts";
import { messagesOf } from "./evidence.ts";
import { answerOf, inOrder, judge } from "./findings.ts";
import { type Memories, measureReads, measureWrites, type PairSettings } from "./measure-pair.ts";
import { chooseDevices, type ProbedDevice } from "./pairs.ts";
import { takePeerMemory } from "./pool-memory.ts";
import { isSameTarget } from "./rescue-format.ts";
import { listRescues } from "./rescue-store.ts";
import { identityOf } from "./restore.ts";
import type { MeasuredPair, ProbedPair, ProbeResult } from "./result.ts";
import { NONCE_BYTES } from "./stamps.ts";
import { DEFAULT_SIZES, memoryFor } from "./trials.ts";

/** What is to be probed. */
export interface ProbeRequest {
  /** Disks, partitions, controllers or PCI addresses; every disk of a PCI device where there are none. */
  readonly names: readonly string[];
  /** Whose memory to test. */
  readonly pools: readonly PermittedPool[];
  /** Pools that are not tested, to be named in the result. */
  readonly leftAlone: ProbeResult["leftAlone"];
  /** Disks and partitions of which a range may be overwritten for the test. */
  readonly writable: readonly string[];
  /** Where that range starts. */
  readonly writeAt?: number;
  /** Sizes of I/O in bytes. */
  readonly sizes?: readonly number[];
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

/** The IOMMU's interrupt comes after the device's own: the kernel needs a moment to say what happened. */
const MESSAGE_DELAY_MS = 50;

/**
 * Tries I/O of each device through the memory of each provider, and looks whether the data is right. Devices are only
 * read but for a range of those that may be written, which is saved and put back. Throws `environment` where nothing
 * can be tested here, the signal's reason once it is aborted, and `operation-failed` where a range could not be put back.
 */
export async function probe(host: Host, request: ProbeRequest): Promise<ProbeResult> {
  const { pools } = request;
  const devices = chooseDevices(host.tree, { names: request.names, writable: request.writable });
  const folder = stateFolder();
  const leftRescues = listRescues(folder);
  refuseUnrestored(host.tree, devices, leftRescues);
  const table = decideAll(host.machine, {
    providers: pools.map(({ provider }) => provider),
    clients: [...new Set(devices.flatMap(({ clients }) => clients))],
  });
  const log = KernelLog.open();
  try {
    const run = new Run(host, request, { table, log, folder });
    for (const pool of pools) await run.probePool(pool, devices);
    const pairs = inOrder(run.pairs);
    return {
      table,
      sizes: run.sizes,
      nonce: run.nonce.toString("hex"),
      pairs,
      exhausted: run.exhausted,
      untried: run.untried,
      leftAlone: request.leftAlone,
      kernelLog: log.reason,
      leftRescues,
      answer: answerOf(pairs),
    };
  } finally {
    log.close();
  }
}

/** A device with a range that is still to be put back would have the stamps of the earlier run saved as its data. */
function refuseUnrestored(
  tree: Host["tree"],
  devices: readonly ProbedDevice[],
  left: ProbeResult["leftRescues"],
): void {
  for (const { device, isWritable } of devices) {
    const found = left.find(({ rescue }) => isSameTarget(rescue.target, identityOf(tree, device)));
    if (!isWritable || found === undefined) continue;
    throw new PeerlaneError("operation-failed", `an interrupted probe left a range of ${device.name} overwritten`, {
      facts: { "rescue file": found.path },
      remedy: `put it back first: peerlane probe --restore ${found.path}`,
    });
  }
}

interface RunContext {
  readonly table: VerdictTable;
  readonly log: KernelLog;
  readonly folder: string;
}

/** One run: what is found grows with each pool. */
class Run {
  readonly pairs: ProbedPair[] = [];
  readonly exhausted: ExhaustedPool[] = [];
  readonly untried: UntriedSizes[] = [];
  readonly nonce: Buffer = randomBytes(NONCE_BYTES);
  readonly sizes: readonly number[];
  readonly #host: Host;
  readonly #request: ProbeRequest;
  readonly #context: RunContext;
  readonly #routes: PeerRoutes;
  readonly #answers: Answers;
  #round = 0;

  constructor(host: Host, request: ProbeRequest, context: RunContext) {
    this.#host = host;
    this.#request = request;
    this.#context = context;
    this.#routes = new PeerRoutes(context.table);
    this.#answers = new Answers(context.table);
    this.sizes = request.sizes ?? DEFAULT_SIZES;
  }

  /** Tests all devices with one provider, whose memory is taken once and given back whatever happens. */
  async probePool(pool: PermittedPool, devices: readonly ProbedDevice[]): Promise<void> {
    this.#request.signal.throwIfAborted();
    const peer = await takePeerMemory(pool, { sizes: this.sizes, isModest: this.#request.sizes === undefined });
    if (peer === null) {
      this.#addExhausted(pool, devices);
      return;
    }
    const untried = this.sizes.filter((size) => memoryFor(size) > peer.sizeBytes);
    if (untried.length > 0) this.untried.push({ provider: pool.provider, sizes: untried });
    let dram: TransferMemory | undefined;
    try {
      dram = await mapSystemMemory(peer.sizeBytes);
      for (const device of devices) await this.#probePair(pool.provider, device, { peer, dram });
    } finally {
      dram?.release();
      peer.release();
    }
  }

  #addExhausted({ provider }: MemoryPool, devices: readonly ProbedDevice[]): void {
    const now = readPools(this.#host.tree, this.#host.machine).find((pool) => pool.provider === provider);
    this.exhausted.push({ provider, users: now?.users() ?? [] });
    const why = `the pool of ${formatBdf(provider)} has no memory left`;
    for (const device of devices) {
      const into = untestedDirection("into", why, true);
      const out = untestedDirection("out", why, device.isWritable);
      this.#add({ ...this.#pairOf(provider, device), into, out, messages: [], faults: [] });
    }
  }

  async #probePair(provider: Bdf, probed: ProbedDevice, memories: Memories): Promise<void> {
    const { log } = this.#context;
    const { device, clients } = probed;
    log.take();
    const into = await measureReads(probed, memories, this.#settings(provider, probed, "reads"));
    const out = await this.#writes(provider, probed, memories, into);
    if (log.reason === null) await sleep(MESSAGE_DELAY_MS);
    const names = [device.name, device.disk.name, ...clients.flatMap((client) => this.#functionAt(client).names)];
    const said = messagesOf(log.take(), { provider: this.#functionAt(provider), clients, names: [...new Set(names)] });
    this.#add({ ...this.#pairOf(provider, probed), into, out, ...said });
  }

  #writes(provider: Bdf, probed: ProbedDevice, memories: Memories, into: DirectionResult): Promise<DirectionResult> {
    const refuse = (why: string): Promise<DirectionResult> =>
      Promise.resolve(untestedDirection("out", why, probed.isWritable));
    if (!probed.isWritable) return refuse(`writes to ${probed.device.name} are not allowed (--allow-write)`);
    if (into.trials.some(({ state }) => state.kind === "control-failed")) return refuse("reads fail already");
    return measureWrites(probed, memories, this.#settings(provider, probed, "writes"));
  }

  #settings(provider: Bdf, { device }: ProbedDevice, what: string): PairSettings {
    const { signal, progress, writeAt } = this.#request;
    const name = this.#functionAt(provider).names[0] ?? formatBdf(provider);
    return {
      sizes: this.sizes,
      ...(writeAt === undefined ? {} : { writeAt }),
      nonce: this.nonce,
      nextRound: () => ++this.#round,
      signal,
      folder: this.#context.folder,
      tree: this.#host.tree,
      progress: (message) => progress(`${name} and ${device.name}: ${what}, ${message}`),
    };
  }

  #pairOf(
    provider: Bdf,
    { device, clients, isNamed }: ProbedDevice,
  ): Omit<MeasuredPair, "into" | "out" | "messages" | "faults"> {
    const answers = clients.map((client) => this.#answerOf(provider, client));
    const isOwnMemory = clients.includes(provider);
    return { provider, device, isNamed, clients: answers, mapType: commonMapType(answers), isOwnMemory };
  }

  #answerOf(provider: Bdf, client: Bdf): RoutedAnswer {
    const { table } = this.#context;
    const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
    return this.#answers.routed(i, j, this.#routes, true);
  }

  #functionAt(bdf: Bdf): PciFunction {
    const found = this.#host.machine.functions.find((fn) => fn.bdf === bdf);
    if (found === undefined) throw new RangeError(`no function ${formatBdf(bdf)}`);
    return found;
  }

  #add(pair: MeasuredPair): void {
    this.pairs.push(judge(pair, this.#host.machine));
  }
}

/** The map type of all functions of a disk, `unknown` where they differ: which of them serves an I/O does not show. */
function commonMapType(clients: readonly RoutedAnswer[]): MapType {
  const types = new Set(clients.map(({ mapType }) => mapType));
  const [only] = types;
  return types.size === 1 && only !== undefined ? only : "unknown";
}
