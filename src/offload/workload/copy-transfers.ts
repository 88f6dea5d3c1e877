import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { copyBetweenDevices } from "../copy.ts";
import {
  type ChosenProvider,
  chooseProvider,
  type PeerMemoryChoice,
  refuseProvider,
  takeIoBuffer,
} from "../io-memory.ts";
import { conclude, isSuccess, sameBytes } from "../outcome.ts";
import { runOf, withMapped } from "../steps.ts";
import { reportTraffic } from "../traffic-report.ts";
import type { CopyEnd, WorkloadDevices } from "./devices.ts";
import { fillWithPattern } from "./pattern.ts";
import { atPlace } from "./placed-error.ts";
import type { Transfer } from "./simulation.ts";
import type { CopyPlace, CopyStep } from "./workload.ts";

/** Brings up what a copy needs; its transfers are run each when it is asked for. `seed` is that of the first one's bytes. */
export function copyTransfers(devices: WorkloadDevices, step: CopyStep, seed: number): Generator<Transfer> {
  const [from, to] = [devices.end(step.from), devices.end(step.to)];
  if (from.kind === "memory" && to.kind === "memory") return betweenMemories(devices, step, { from, to }, seed);
  const { blockBytes } = step;
  const driveAt = ({ device }: CopyPlace): NvmeDriver => devices.drive({ device, blockBytes, commandsIn: "host" });
  return betweenDrives(devices, step, { from: driveAt(step.from), to: driveAt(step.to) }, seed);
}

type MemoryEnd = Extract<CopyEnd, { kind: "memory" }>;

function* betweenMemories(
  devices: WorkloadDevices,
  step: CopyStep,
  { from, to }: { readonly from: MemoryEnd; readonly to: MemoryEnd },
  seed: number,
): Generator<Transfer> {
  const { system } = devices;
  const { sizeBytes: lengthBytes, fallBackToRam } = step;
  const engine = step.engine === null ? from.fn : devices.endpoint(step.engine).bdf;
  const source = system.fabric.barBytes(from.fn, from.bar);
  for (let index = 0; index < step.count; index++) {
    const [start, target] = [step.from.offset + index * lengthBytes, step.to.offset + index * lengthBytes];
    fillWithPattern(source, start, lengthBytes, seed + index);
    const report = atPlace(step.place, () =>
      copyBetweenDevices(system, {
        from: { fn: from.fn, bar: from.bar, offset: start },
        to: { fn: to.fn, bar: to.bar, offset: target },
        ...{ lengthBytes, engine, fallBackToRam },
      }),
    );
    // The engine reaches its own function's memory inside; what is used through the fabric is the other's.
    const provider = engine === to.fn ? from.fn : to.fn;
    yield { report, memory: memoryOf(report, provider) };
  }
}

function memoryOf(
  { way, whyNotDirect }: ReturnType<typeof copyBetweenDevices>,
  provider: MemoryEnd["fn"],
): Transfer["memory"] {
  const why = whyNotDirect?.reason ?? "";
  if (way === "through-ram") return { source: "ram", why };
  return whyNotDirect === null ? { source: "peer", provider } : { source: "none", why };
}

/**
 * From drive to drive through a buffer, as `peerlane copy` does it on a real machine: one drive reads into the buffer, the
 * other writes out of it; the buffer's memory is chosen once, for both.
 *
 * MODEL: one transfer at a time, where a real copy keeps several in flight.
 */
function* betweenDrives(
  devices: WorkloadDevices,
  step: CopyStep,
  { from, to }: Pick<DriveEnds, "from" | "to">,
  seed: number,
): Generator<Transfer> {
  const { blockBytes, count, sizeBytes } = step;
  const clients = [...new Set([from.controller.fn, to.controller.fn])];
  const asked = devices.provider(step.provider);
  if (typeof asked === "object") requireReach(devices, clients, asked);
  const chosen = chooseProvider(devices.system, clients, asked, 0);
  const [source, target] = [blockAt(step.from, step), blockAt(step.to, step)];
  for (let index = 0; index < count; index++) {
    const offset = (index * sizeBytes) / blockBytes;
    fillWithPattern(from.controller.namespace, (source + offset) * blockBytes, sizeBytes, seed + index);
    const ends = { from, to, source: source + offset, target: target + offset };
    yield throughBuffer(devices, chosen, ends, sizeBytes);
  }
}

/** A provider that is named has to be within reach of both drives: `peerlane copy --via` refuses it too. */
function requireReach({ system }: WorkloadDevices, clients: readonly Bdf[], provider: PeerMemoryChoice): void {
  for (const client of clients) {
    const refusal = refuseProvider(system, client, provider);
    if (refusal !== null)
      throw new PeerlaneError("operation-failed", refusal.reason, { facts: { errno: refusal.errno } });
  }
}

interface DriveEnds {
  readonly from: NvmeDriver;
  readonly to: NvmeDriver;
  /** Blocks. */
  readonly source: number;
  readonly target: number;
}

function throughBuffer(
  { system }: WorkloadDevices,
  chosen: ChosenProvider,
  { from, to, source, target }: DriveEnds,
  lengthBytes: number,
): Transfer {
  const drives = [from, to];
  for (const { controller } of drives) controller.bus.takeFailures();
  const buffer = takeIoBuffer(system, chosen, lengthBytes);
  const mark = system.traffic.mark();
  try {
    const runs = runOf(buffer.range, lengthBytes);
    const filled = withMapped(system, from.controller.fn, runs, "from-device", (spans) => ({
      status: from.transfer("read", source, spans),
    }));
    const step = isSuccess(filled)
      ? withMapped(system, to.controller.fn, runs, "to-device", (spans) => ({
          status: to.transfer("write", target, spans),
        }))
      : filled;
    const report = conclude(step, {
      lengthBytes,
      failures: drives.flatMap(({ controller }) => controller.bus.takeFailures()),
      bytesMatch: sameBytes(bytesOf(from, source, lengthBytes), bytesOf(to, target, lengthBytes)),
      traffic: reportTraffic(system, system.traffic.since(mark)),
    });
    return { report, memory: buffer.origin };
  } finally {
    buffer.release();
  }
}

function bytesOf({ controller }: NvmeDriver, block: number, lengthBytes: number): Uint8Array {
  return controller.namespace.slice(block * controller.blockBytes, lengthBytes);
}

function blockAt({ offset, device }: CopyPlace, { blockBytes }: CopyStep): number {
  if (offset % blockBytes === 0) return offset / blockBytes;
  throw new PeerlaneError("bad-input", `byte ${offset} is inside a block of ${blockBytes} bytes`, {
    place: device.place,
    remedy: "start at a whole block",
  });
}
