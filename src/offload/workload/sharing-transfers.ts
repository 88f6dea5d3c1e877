import { BusMaster } from "../../devices/bus-master.ts";
import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import type { RdmaStatus } from "../../devices/rdma/memory-region.ts";
import { RemoteHost } from "../../devices/rdma/remote-host.ts";
import { ByteStore } from "../../memory/bytes.ts";
import type { DmaAddr, PhysAddr, PhysRange } from "../../pci/addresses.ts";
import { PAGE_BYTES } from "../../pci/addresses.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";
import { conclude, type StepResult, sameBytes, type TransferReport } from "../outcome.ts";
import { withMapped } from "../steps.ts";
import { reportTraffic } from "../traffic-report.ts";
import { carryOut, type PendingChange, sayWhatIsLeft } from "./changes.ts";
import type { WorkloadDevices } from "./devices.ts";
import { fillWithPattern } from "./pattern.ts";
import { bytesOfRuns, fillRuns, type SharedRegion, type UserMapping } from "./shared-memory.ts";
import type { Interrupted, SharingStep } from "./sharing-steps.ts";
import type { Transfer } from "./simulation.ts";
import type { StepEvents } from "./step-events.ts";

/** Carries out a step that shares memory: what it says goes to `events`, its transfers are run each when it is asked for. */
export function sharingTransfers(
  devices: WorkloadDevices,
  step: SharingStep,
  seed: number,
  events: StepEvents,
): Iterator<Transfer> {
  const { shared } = devices;
  switch (step.kind) {
    case "export": {
      const { fn, bar } = devices.memoryOf(step.device, step.bar);
      const { buffer } = shared.export(fn, bar, step.ranges, step.as);
      events.say(`${formatSize(buffer.sizeBytes)} of BAR ${bar} of ${formatBdf(fn)} are exported as ${step.as}`);
      return [].values();
    }
    case "import": {
      const { nic, of } = shared.import(step.buffer, devices.nic(step.nic), step.mode, step.as);
      const size = formatSize(of.buffer.sizeBytes);
      events.say(`${formatBdf(nic.fn)} has registered ${size} of ${step.buffer} as ${step.as}, ${step.mode}`);
      return [].values();
    }
    case "rdma":
      return messages(devices, step, seed);
    case "reset":
    case "revoke":
    case "restore":
      return changes(devices, step, seed, events);
    case "guest":
      giveToGuest(devices, step, events);
      return [].values();
    case "dma":
      return guestDma(devices, step, seed);
    case "mmap": {
      const { bdf } = devices.endpoint(step.device);
      shared.mmap(bdf, step.sizeBytes, step.as);
      events.say(`a process has mapped ${formatSize(step.sizeBytes)} of ${formatBdf(bdf)} as ${step.as}`);
      return [].values();
    }
    case "direct-io":
      return directIo(devices, step, seed);
  }
}

type StepOf<K extends SharingStep["kind"]> = Extract<SharingStep, { readonly kind: K }>;

function* messages(devices: WorkloadDevices, step: StepOf<"rdma">, seed: number): Generator<Transfer> {
  const region = devices.shared.region(step.region);
  for (let index = 0; index < step.count; index++) {
    const offset = step.offset + index * step.sizeBytes;
    yield message(devices, region, { ...step, offset }, seed + index);
  }
}

function* changes(
  devices: WorkloadDevices,
  step: StepOf<"reset" | "revoke" | "restore">,
  seed: number,
  events: StepEvents,
): Generator<Transfer> {
  const { during } = step;
  const begun: (PendingChange | null)[] = [];
  const begin = (): void => {
    begun.push(carryOut(devices, step, events));
  };
  if (during === null) begin();
  else yield underTraffic(devices, during, seed, begin);
  const [operation] = begun;
  if (operation === undefined) {
    throw new PeerlaneError("operation-failed", `the traffic ended before ${during?.after} bytes were through`);
  }
  if (operation !== null) sayWhatIsLeft(devices, step, operation, events);
}

function underTraffic(devices: WorkloadDevices, during: Interrupted, seed: number, action: () => void): Transfer {
  const interruption = { after: during.after, action };
  if (during.way === "rdma") {
    return message(devices, devices.shared.region(during.region), during, seed, interruption);
  }
  const drive = devices.drive(during.drive);
  return processIo(devices, drive, devices.shared.mapping(during.memory), during, seed, interruption);
}

/** What comes under traffic: when `after` bytes are through, and the device has the address of the next packet or request. */
interface Interruption {
  readonly after: number;
  readonly action: () => void;
}

/**
 * A host reads or writes a region. Each packet is compared with what the owner has when it is through, as a change of the
 * device may come after it.
 */
function message(
  devices: WorkloadDevices,
  { nic, region, of }: SharedRegion,
  {
    direction,
    offset,
    sizeBytes,
  }: { readonly direction: "read" | "write"; readonly offset: number; readonly sizeBytes: number },
  seed: number,
  interruption?: Interruption,
): Transfer {
  const { system, shared } = devices;
  nic.bus.takeFailures();
  const host = new RemoteHost(sizeBytes);
  if (direction === "write") fillWithPattern(host.memory, 0, sizeBytes, seed);
  else fillRuns(shared.partOfBuffer(of, offset, sizeBytes), patternOf(sizeBytes, seed));
  let rightBytes = 0;
  let isDue = interruption !== undefined;
  nic.watch({
    begun: (packet) => {
      if (!isDue || packet.offset - offset < (interruption?.after ?? 0)) return;
      isDue = false;
      interruption?.action();
    },
    moved: (packet) => {
      const own = bytesOfRuns(shared.partOfBuffer(of, packet.offset, packet.bytes.length));
      if (sameBytes(own, packet.bytes)) rightBytes += packet.bytes.length;
    },
  });
  const mark = system.traffic.mark();
  let status: RdmaStatus;
  try {
    const there = { key: region.key, offset };
    status = direction === "write" ? host.writeTo(nic, 0, there, sizeBytes) : host.readFrom(nic, there, 0, sizeBytes);
  } finally {
    nic.watch(null);
  }
  const report = conclude(
    { status },
    {
      lengthBytes: sizeBytes,
      failures: nic.bus.takeFailures(),
      bytesMatch: rightBytes === sizeBytes,
      traffic: reportTraffic(system, system.traffic.since(mark)),
    },
  );
  return { report, memory: { source: "peer", provider: of.owner } };
}

function giveToGuest(devices: WorkloadDevices, step: StepOf<"guest">, events: StepEvents): void {
  const { shared, system } = devices;
  const guest = shared.guest(step.guest);
  for (const device of step.devices) {
    const { bdf } = devices.endpoint(device);
    if (shared.hasRegions(bdf)) {
      throw new PeerlaneError(
        "operation-failed",
        `${formatBdf(bdf)} is in its driver's hands: it has regions of the host`,
      );
    }
    system.units.attach(bdf, guest.domain, guest);
    guest.devices.add(bdf);
    events.say(`${formatBdf(bdf)} is ${step.guest}'s: its addresses are guest-physical`);
  }
  if (step.ramBytes > 0) {
    shared.giveRam(guest, step.ramBytes);
    events.say(`${step.guest} has ${formatSize(step.ramBytes)} of RAM at 0x0`);
  }
  for (const { buffer, at } of step.maps) {
    shared.mapForGuest(guest, buffer, at);
    events.say(`${step.guest} has ${buffer} at 0x${at.toString(16)}`);
  }
}

function* guestDma(devices: WorkloadDevices, step: StepOf<"dma">, seed: number): Generator<Transfer> {
  const { system, shared } = devices;
  const { direction, sizeBytes } = step;
  const guest = shared.guest(step.guest);
  const { bdf } = devices.endpoint(step.device);
  if (!guest.devices.has(bdf)) {
    throw new PeerlaneError("operation-failed", `${formatBdf(bdf)} is no device of ${step.guest}`);
  }
  const bus = new BusMaster(system, bdf);
  for (let index = 0; index < step.count; index++) {
    const at = step.at + index * sizeBytes;
    const behind = shared.partOfGuest(guest, at, sizeBytes);
    const bytes = patternOf(sizeBytes, seed + index);
    if (direction === "read" && behind !== null) fillRuns(behind.runs, bytes);
    const mark = system.traffic.mark();
    const back = new Uint8Array(sizeBytes);
    let status = "success";
    if (direction === "write") bus.write(at as DmaAddr, bytes);
    else if (!bus.read(at as DmaAddr, back)) status = "read-error";
    const arrived = direction === "read" ? back : behind === null ? null : bytesOfRuns(behind.runs);
    const report = conclude(
      { status },
      {
        lengthBytes: sizeBytes,
        failures: bus.takeFailures(),
        bytesMatch: behind !== null && arrived !== null && sameBytes(arrived, bytes),
        traffic: reportTraffic(system, system.traffic.since(mark)),
      },
    );
    yield { report, memory: guestMemory(step.guest, behind) };
  }
}

function guestMemory(guest: string, behind: ReturnType<WorkloadDevices["shared"]["partOfGuest"]>): Transfer["memory"] {
  if (behind === null) return { source: "none", why: `nothing of ${guest} is there` };
  return behind.provider === null
    ? { source: "ram", why: `RAM of ${guest}` }
    : { source: "peer", provider: behind.provider };
}

function* directIo(devices: WorkloadDevices, step: StepOf<"direct-io">, seed: number): Generator<Transfer> {
  const drive = devices.drive(step.drive);
  const mapping = devices.shared.mapping(step.memory);
  for (let index = 0; index < step.count; index++) {
    const block = step.block + (index * step.sizeBytes) / drive.controller.blockBytes;
    const offset = step.offset + index * step.sizeBytes;
    yield processIo(devices, drive, mapping, { ...step, block, offset }, seed + index);
  }
}

type ProcessIo = Pick<StepOf<"direct-io">, "direction" | "block" | "offset" | "sizeBytes">;

function processIo(
  devices: WorkloadDevices,
  drive: NvmeDriver,
  mapping: UserMapping,
  io: ProcessIo,
  seed: number,
  interruption?: Interruption,
): Transfer {
  const { bus } = drive.controller;
  let through = 0;
  let isDue = interruption !== undefined;
  bus.watch((lengthBytes) => {
    if (isDue && through + lengthBytes > (interruption?.after ?? 0)) {
      isDue = false;
      interruption?.action();
    }
    through += lengthBytes;
  });
  try {
    const report = pinnedIo(devices, drive, mapping, io, seed);
    const { mappingFailure } = report;
    if (mappingFailure !== null) return { report, memory: { source: "none", why: mappingFailure.reason } };
    return { report, memory: { source: "peer", provider: mapping.owner } };
  } finally {
    bus.watch(null);
  }
}

/** Pins the pages of the process, lets the drive work on them, and unpins them. */
function pinnedIo(
  { system, shared }: WorkloadDevices,
  drive: NvmeDriver,
  mapping: UserMapping,
  { direction, block, offset, sizeBytes }: ProcessIo,
  seed: number,
): TransferReport {
  const { controller } = drive;
  const { namespace, blockBytes } = controller;
  controller.bus.takeFailures();
  const address = mapping.address + offset;
  const within = address % PAGE_BYTES;
  const mark = system.traffic.mark();
  const pinned = shared.user.getUserPages(address, Math.ceil((within + sizeBytes) / PAGE_BYTES), { peer: true });
  let step: StepResult;
  let bytesMatch = false;
  if (pinned.ok) {
    const runs = part(pinned.value.ranges, within, sizeBytes);
    const own = shared.partOfMemory(runs);
    const bytes = patternOf(sizeBytes, seed);
    if (direction === "read") namespace.write(block * blockBytes, bytes);
    else fillRuns(own, bytes);
    try {
      step = withMapped(system, controller.fn, runs, direction === "read" ? "from-device" : "to-device", (spans) => ({
        status: drive.transfer(direction, block, spans),
      }));
    } finally {
      pinned.value.unpin();
    }
    bytesMatch = sameBytes(
      direction === "read" ? bytesOfRuns(own) : namespace.slice(block * blockBytes, sizeBytes),
      bytes,
    );
  } else step = pinned;
  return conclude(step, {
    lengthBytes: sizeBytes,
    failures: controller.bus.takeFailures(),
    bytesMatch,
    traffic: reportTraffic(system, system.traffic.since(mark)),
  });
}

/** The part of runs from an offset on. */
function part(ranges: readonly PhysRange[], offset: number, lengthBytes: number): readonly PhysRange[] {
  const runs: PhysRange[] = [];
  let before = 0;
  for (const { start, sizeBytes } of ranges) {
    const from = Math.max(offset, before);
    const length = Math.min(offset + lengthBytes, before + sizeBytes) - from;
    if (length > 0) runs.push({ start: (start + from - before) as PhysAddr, sizeBytes: length });
    before += sizeBytes;
  }
  return runs;
}

function patternOf(lengthBytes: number, seed: number): Uint8Array {
  const store = new ByteStore();
  fillWithPattern(store, 0, lengthBytes, seed);
  return store.slice(0, lengthBytes);
}
