import { DmaEngine } from "../devices/dma-engine.ts";
import { functionIn, type System } from "../devices/system.ts";
import { dmaFailure } from "../dma/dma-error.ts";
import type { Device } from "../host/select.ts";
import { formatAddress, type PhysAddr, type PhysRange } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { conclude, isSuccess, type StepFailure, type StepResult, sameBytes, type TransferReport } from "./outcome.ts";
import { runOf, withMapped } from "./steps.ts";
import { reportTraffic } from "./traffic-report.ts";

/** Memory of a device, as a place in one of its BARs. */
export interface DevicePlace {
  readonly fn: Device;
  readonly bar: number;
  /** From the BAR's start; 0 unless told. */
  readonly offset?: number;
}

/** What is to be copied. */
export interface CopyRequest {
  readonly from: DevicePlace;
  readonly to: DevicePlace;
  readonly lengthBytes: number;
  /**
   * Whose copy engine works: that of `from` writes to its peer, that of `to` reads from it, one of a third function does
   * both. `from`'s unless told.
   */
  readonly engine?: Device;
  /** Where mapping fails: by a buffer in RAM that `from` writes and `to` reads. False unless told. */
  readonly fallBackToRam?: boolean;
}

/** A transfer that may go through RAM instead. */
export interface CopyReport extends TransferReport {
  readonly way: "direct" | "through-ram";
  /** Why it did not go directly, where it was meant to. */
  readonly whyNotDirect: StepFailure | null;
}

/** A place with its addresses on both sides. */
interface Placed {
  readonly fn: Bdf;
  readonly bar: number;
  readonly offset: number;
  readonly runs: readonly PhysRange[];
}

/**
 * Copies between the memories of two devices. An engine reaches its own function's memory inside; all else it reaches
 * through the fabric, at the addresses that the DMA API returned to it. Throws `bad-input` for a place that is not in its
 * BAR, `unknown-device` for an engine that is not there.
 */
export function copyBetweenDevices(system: System, request: CopyRequest): CopyReport {
  const { lengthBytes, fallBackToRam = false } = request;
  const from = place(system, request.from, lengthBytes);
  const to = place(system, request.to, lengthBytes);
  const engines = new Map<Bdf, DmaEngine>();
  const engineOf = (fn: Bdf): DmaEngine => {
    const engine = engines.get(fn) ?? new DmaEngine(system, fn);
    engines.set(fn, engine);
    return engine;
  };
  const expected = system.fabric.barBytes(from.fn, from.bar).slice(from.offset, lengthBytes);
  const mark = system.traffic.mark();
  const engine = request.engine === undefined ? from.fn : functionIn(system, request.engine, "copyBetweenDevices");
  let step = copyDirectly(system, from, to, engineOf(engine));
  const whyNotDirect = "status" in step ? null : step;
  const isThroughRam = whyNotDirect !== null && fallBackToRam;
  if (isThroughRam) step = copyThroughRam(system, from, to, lengthBytes, engineOf);
  const arrived = system.fabric.barBytes(to.fn, to.bar).slice(to.offset, lengthBytes);
  const report = conclude(step, {
    lengthBytes,
    failures: [...engines.values()].flatMap(({ bus }) => bus.takeFailures()),
    bytesMatch: sameBytes(expected, arrived),
    traffic: reportTraffic(system, system.traffic.since(mark)),
  });
  return { ...report, way: isThroughRam ? "through-ram" : "direct", whyNotDirect };
}

function copyDirectly(system: System, from: Placed, to: Placed, engine: DmaEngine): StepResult {
  const { fn } = engine.bus;
  if (fn === from.fn) {
    const own = system.fabric.barBytes(from.fn, from.bar);
    return withMapped(system, fn, to.runs, "from-device", (spans) => ({
      status: engine.push(own, from.offset, spans),
    }));
  }
  if (fn === to.fn) {
    const own = system.fabric.barBytes(to.fn, to.bar);
    return withMapped(system, fn, from.runs, "to-device", (spans) => ({ status: engine.pull(spans, own, to.offset) }));
  }
  return withMapped(system, fn, from.runs, "to-device", (source) =>
    withMapped(system, fn, to.runs, "from-device", (target) => ({ status: engine.copy(source, target) })),
  );
}

function copyThroughRam(
  system: System,
  from: Placed,
  to: Placed,
  lengthBytes: number,
  engineOf: (fn: Bdf) => DmaEngine,
): StepResult {
  const buffer = system.ram.alloc(lengthBytes);
  if (buffer === null) return dmaFailure("ENOMEM", `no ${lengthBytes} bytes of RAM in one run are free`);
  try {
    const runs = runOf(buffer, lengthBytes);
    const source = system.fabric.barBytes(from.fn, from.bar);
    const pushed = withMapped(system, from.fn, runs, "from-device", (spans) => ({
      status: engineOf(from.fn).push(source, from.offset, spans),
    }));
    if (!isSuccess(pushed)) return pushed;
    const target = system.fabric.barBytes(to.fn, to.bar);
    return withMapped(system, to.fn, runs, "to-device", (spans) => ({
      status: engineOf(to.fn).pull(spans, target, to.offset),
    }));
  } finally {
    system.ram.free(buffer);
  }
}

function place(system: System, { fn: device, bar, offset = 0 }: DevicePlace, lengthBytes: number): Placed {
  const fn = functionIn(system, device, "copyBetweenDevices");
  const range = system.physical.barRange(fn, bar);
  const isInside = range !== null && offset >= 0 && lengthBytes > 0 && offset + lengthBytes <= range.sizeBytes;
  if (isInside) {
    const phys = (range.start + offset) as PhysAddr;
    return { fn, bar, offset, runs: [{ start: phys, sizeBytes: lengthBytes }] };
  }
  throw new PeerlaneError(
    "bad-input",
    `BAR ${bar} of ${formatBdf(fn)} has no ${lengthBytes} bytes at ${formatAddress(offset)}`,
    {
      facts: { size: range === null ? "no address" : formatAddress(range.sizeBytes) },
      remedy: "'peerlane explain' says which BARs a function has, and how large they are",
    },
  );
}
