import type { RouteHop, RouteOutcome } from "../fabric/route.ts";
import type { Device } from "../host/select.ts";
import type { DmaAddr, DmaSpan } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import { forEachPart } from "./dma-spans.ts";
import { functionIn, type System } from "./system.ts";

/** A request that the fabric did not deliver, as only the fabric knows it. */
export interface TransferFailure {
  readonly requester: Bdf;
  readonly kind: "read" | "write";
  /** Where the request started that a TLP of was not delivered. */
  readonly address: DmaAddr;
  readonly lengthBytes: number;
  /** Of these bytes, those that were delivered before a TLP was not. */
  readonly arrivedBytes: number;
  /** The same with that TLP: no more of the request is sent. */
  readonly sentBytes: number;
  /** True for commands, lists and completions, which are no data. */
  readonly isControl: boolean;
  readonly outcome: Exclude<RouteOutcome, "delivered">;
  readonly endedAt: RouteHop["at"];
  readonly reason: string;
}

/** Told of a request before it is issued, when its address is decided: how many bytes it is for. */
export type RequestWatcher = (lengthBytes: number) => void;

/** Failures kept until somebody takes them; more are only counted. */
const MAX_FAILURES = 256;

/**
 * The one way in which a device of the model reaches anything: requests of its own, to addresses that it was given.
 * Writes are posted: the device never learns of their end. A read that fails it learns of, unless the system's
 * `failedReads` say otherwise.
 */
export class BusMaster {
  readonly fn: Bdf;
  readonly #system: System;
  readonly #failures: TransferFailure[] = [];
  #failureCount = 0;
  #isControl = false;
  #watcher: RequestWatcher | null = null;

  /** Throws `unknown-device` where the machine has no such function. */
  constructor(system: System, fn: Device) {
    this.fn = functionIn(system, fn, "BusMaster");
    this.#system = system;
  }

  /** Requests that were not delivered since the device exists. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /** Posted: what becomes of it is in {@link takeFailures} only. */
  write(address: DmaAddr, bytes: Uint8Array): void {
    const outcome = this.#system.fabric.write(this.fn, address, bytes);
    if (outcome !== "delivered") this.#note("write", address, bytes.length, outcome);
  }

  /** Fills `into`; false where the device is told that the read failed. What was not read comes as zeros. */
  read(address: DmaAddr, into: Uint8Array): boolean {
    into.fill(0);
    const outcome = this.#system.fabric.read(this.fn, address, into);
    if (outcome === "delivered") return true;
    this.#note("read", address, into.length, outcome);
    return this.#system.failedReads === "unnoticed";
  }

  /** {@link write} of what is no data: completions, lists. */
  writeControl(address: DmaAddr, bytes: Uint8Array): void {
    this.#asControl(() => this.write(address, bytes));
  }

  /** {@link read} of what is no data: commands, lists. */
  readControl(address: DmaAddr, into: Uint8Array): boolean {
    return this.#asControl(() => this.read(address, into));
  }

  #asControl<T>(issue: () => T): T {
    this.#isControl = true;
    try {
      return this.#system.traffic.asControl(issue);
    } finally {
      this.#isControl = false;
    }
  }

  /** Hears of requests for data of {@link scatter} and {@link gather}; `null`: nobody does. */
  watch(watcher: RequestWatcher | null): void {
    this.#watcher = watcher;
  }

  /** Writes `bytes` to where a list of spans has its part from `offset` on. */
  scatter(spans: readonly DmaSpan[], offset: number, bytes: Uint8Array): void {
    forEachPart(spans, offset, bytes.length, (address, lengthBytes, done) => {
      this.#watcher?.(lengthBytes);
      this.write(address, bytes.subarray(done, done + lengthBytes));
    });
  }

  /** Fills `into` from a list of spans, from `offset` on; false where a read failed, after which no more is read. */
  gather(spans: readonly DmaSpan[], offset: number, into: Uint8Array): boolean {
    let isRead = true;
    forEachPart(spans, offset, into.length, (address, lengthBytes, done) => {
      if (!isRead) return;
      this.#watcher?.(lengthBytes);
      isRead = this.read(address, into.subarray(done, done + lengthBytes));
    });
    return isRead;
  }

  /** The failures since the last call, oldest first. */
  takeFailures(): readonly TransferFailure[] {
    return this.#failures.splice(0);
  }

  #note(
    kind: TransferFailure["kind"],
    address: DmaAddr,
    lengthBytes: number,
    outcome: TransferFailure["outcome"],
  ): void {
    this.#failureCount++;
    if (this.#failures.length >= MAX_FAILURES) return;
    const { arrivedBytes, sentBytes } = this.#system.fabric;
    const isControl = this.#isControl;
    const route = this.#system.fabric.lastRoute();
    const end = isUnknown(route) ? { endedAt: this.fn, reason: route.unknown } : route;
    const { endedAt, reason } = end;
    const bytes = { lengthBytes, arrivedBytes, sentBytes, isControl };
    this.#failures.push({ requester: this.fn, kind, address, ...bytes, outcome, endedAt, reason });
  }
}
