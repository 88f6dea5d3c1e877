import { isMainThread, parentPort, Worker, type WorkerOptions } from "node:worker_threads";
import { PeerlaneError } from "../pci/error.ts";
import type { ReadingTools } from "./take.ts";
import { type Reply, type Task, Work } from "./work.ts";

/** How a worker is started: its file, and the words that have it call {@link serveWork}. */
export interface WorkerEntry {
  readonly file: string;
  readonly options?: WorkerOptions;
}

/** Something that does one task after another. */
interface Lane {
  run(task: Task): Promise<Reply>;
  end(): Promise<unknown>;
}

/** Workers that are kept until {@link close}: each task goes to whichever is free first. */
export class Pool {
  readonly #idle: Lane[];
  readonly #lanes: readonly Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  /** Without an entry all is done here, one task after another. */
  constructor(count: number, entry: WorkerEntry | undefined, tools: ReadingTools) {
    this.#lanes =
      entry === undefined ? [new OwnLane(tools)] : Array.from({ length: count }, () => new WorkerLane(entry));
    this.#idle = [...this.#lanes];
  }

  /** How many tasks are worth having under way. */
  get width(): number {
    return this.#lanes.length;
  }

  async run(task: Task): Promise<Reply> {
    const lane = this.#idle.pop() ?? (await new Promise<Lane>((resolve) => this.#waiting.push(resolve)));
    try {
      return await lane.run(task);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(lane);
      else next(lane);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }
}

class OwnLane implements Lane {
  readonly #work: Work;

  constructor(tools: ReadingTools) {
    this.#work = new Work(tools);
  }

  run(task: Task): Promise<Reply> {
    return this.#work.do(task);
  }

  async end(): Promise<void> {}
}

class WorkerLane implements Lane {
  readonly #entry: WorkerEntry;
  #worker: Worker | undefined;

  constructor(entry: WorkerEntry) {
    this.#entry = entry;
  }

  run(task: Task): Promise<Reply> {
    this.#worker ??= new Worker(this.#entry.file, this.#entry.options);
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.off("message", onMessage);
        worker.off("error", onError);
        worker.off("exit", onExit);
      };
      const onMessage = (reply: Reply): void => {
        settle();
        resolve(reply);
      };
      const onError = (cause: unknown): void => {
        settle();
        this.#worker = undefined;
        if (!isOutOfMemory(cause)) reject(cause as Error);
        else this.#afterLoss(task).then(resolve, reject);
      };
      const onExit = (code: number): void => {
        settle();
        this.#worker = undefined;
        reject(new PeerlaneError("operation-failed", `a worker ended by itself (exit code ${code})`));
      };
      worker.on("message", onMessage).on("error", onError).on("exit", onExit);
      worker.postMessage(task);
    });
  }

  /** A worker that ran out of memory is begun again, and what it had is done one by one, to know which it was. */
  async #afterLoss(task: Task): Promise<Reply> {
    if (task.kind === "compare") {
      if (task.pairs.length === 1)
        return { kind: "compare", causes: [[{ kind: "other", text: `not compared: ${LOST}` }]] };
      const causes = await inTurn(task.pairs, async (pair) => {
        const reply = await this.run({ kind: "compare", pairs: [pair] });
        return reply.kind === "compare" ? reply.causes : [];
      });
      return { kind: "compare", causes };
    }
    if (task.kind === "snapshot") return { kind: "snapshot", snapshots: task.items.map(() => null) };
    if (task.items.length === 1) return { kind: "read", outcomes: [{ state: "failed", reason: LOST }] };
    const outcomes = await inTurn(task.items, async (item) => {
      const reply = await this.run({ kind: "read", items: [item] });
      return reply.kind === "read" ? reply.outcomes : [];
    });
    return { kind: "read", outcomes };
  }

  async end(): Promise<unknown> {
    return this.#worker?.terminate();
  }
}

function isOutOfMemory(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY";
}

const LOST = "reading it takes more memory than a worker has";

async function inTurn<T, Result>(list: readonly T[], make: (one: T) => Promise<readonly Result[]>): Promise<Result[]> {
  const results: Result[] = [];
  for (const one of list) results.push(...(await make(one)));
  return results;
}

/** What a worker's file does: answers tasks until it is ended. */
export function serveWork(tools: ReadingTools): void {
  if (isMainThread || parentPort === null) {
    throw new PeerlaneError("usage", "this is how peerlane fleet starts its own workers", {
      remedy: "peerlane fleet --help shows what it takes",
    });
  }
  const port = parentPort;
  const work = new Work(tools);
  port.on("message", (task: Task) => {
    void work.do(task).then((reply) => port.postMessage(reply));
  });
}
