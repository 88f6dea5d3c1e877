import type { Asked, Failure, Given, Method, Reply, Request } from "./protocol.ts";
import { startWorker } from "./start-worker.ts";

/** What a request failed with, in the words of the command line. */
export class EngineError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "EngineError";
    this.failure = failure;
  }
}

/** A request may take so long: what takes longer is ended, with the worker. In milliseconds. */
export const LONGEST = 20_000;

interface Waiting {
  readonly done: (given: unknown) => void;
  readonly fail: (error: EngineError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** A machine as its source gave it, kept so that a new worker can read it again. */
interface Source {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The worker that has it open, by its number; 0 for none. */
  openIn: number;
}

/**
 * The worker behind one interface. One worker does it all; one that does not answer in time is ended, what waits for it
 * fails, and the next request starts another, which reads its machine again.
 */
export class Engine {
  #worker: Worker | undefined;
  /** Counts workers. */
  #generation = 0;
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  readonly #sources = new Map<number, Source>();

  /** Reads a machine; `machine` is its number from then on. Throws {@link EngineError}. */
  async open(machine: number, name: string, bytes: Uint8Array): Promise<Given<"open">> {
    const source = { name, bytes, openIn: 0 };
    const given = await this.#open(machine, source);
    this.#sources.set(machine, source);
    return given;
  }

  /** Forgets a machine. */
  async close(machine: number): Promise<void> {
    const source = this.#sources.get(machine);
    this.#sources.delete(machine);
    if (source !== undefined && source.openIn === this.#generation) await this.#send("close", { machine });
  }

  /** Asks the worker. Throws {@link EngineError}. */
  async ask<M extends Exclude<Method, "open" | "close">>(method: M, asked: Asked<M>): Promise<Given<M>> {
    const source = this.#sources.get(asked.machine);
    if (source !== undefined && (source.openIn !== this.#generation || this.#worker === undefined))
      await this.#open(asked.machine, source);
    return this.#send(method, asked);
  }

  /** Ends the worker: what waits fails with this message. */
  end(message: string, remedy: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { fail, timer } of waiting) {
      clearTimeout(timer);
      fail(new EngineError({ code: "ended", message, remedy }));
    }
  }

  async #open(machine: number, source: Source): Promise<Given<"open">> {
    const given = await this.#send("open", { machine, name: source.name, bytes: source.bytes });
    source.openIn = this.#generation;
    return given;
  }

  #send<M extends Method>(method: M, asked: Asked<M>): Promise<Given<M>> {
    this.#worker ??= this.#start();
    const id = this.#nextId++;
    const request: Request<M> = { id, method, asked };
    this.#worker.postMessage(request);
    return new Promise<Given<M>>((done, fail) => {
      const timer = setTimeout(() => this.#late(), LONGEST);
      // The worker answers a method with what that method gives.
      this.#waiting.set(id, { done: done as (given: unknown) => void, fail, timer });
    });
  }

  #late(): void {
    this.end(
      `no answer within ${LONGEST / 1000} seconds: the worker that read it was ended`,
      "the command line has no such bound: peerlane matrix FILE",
    );
  }

  #start(): Worker {
    this.#generation++;
    const worker = startWorker();
    worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(
        `the worker stopped: ${event.message === "" ? "out of memory, or a fault" : event.message}`,
        "try again",
      );
    };
    return worker;
  }

  #take(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if ("failure" in reply) waiting.fail(new EngineError(reply.failure));
    else waiting.done(reply.given);
  }
}
