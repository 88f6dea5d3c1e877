import type { VfioDevice } from "../../dmabuf/vfio-device.ts";
import type { VfioOperation } from "../../dmabuf/vfio-operation.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { WorkloadDevices } from "./devices.ts";
import type { ChangeStep } from "./sharing-steps.ts";
import type { StepEvents } from "./step-events.ts";

/** A change under way, as far as its step asks. */
export type PendingChange = Pick<VfioOperation, "isDone" | "waitsFor" | "leftOpen">;

/**
 * Begins a change of a device: its reset, its memory taken back or given again, or its removal with the pool that it has
 * (`null`: it is over). What it waits for, and who has DMA under way where it does not wait, is said.
 */
export function carryOut(devices: WorkloadDevices, step: ChangeStep, events: StepEvents): PendingChange | null {
  const { bdf } = devices.endpoint(step.device);
  const vfio = devices.shared.vfio(bdf);
  if (vfio === undefined) return removePool(devices, step, bdf, events);
  if (vfio.state !== "open") {
    throw new PeerlaneError("operation-failed", `${formatBdf(bdf)} is ${vfio.state}: nobody has it open`);
  }
  const operation = operate(vfio, step);
  const users = usersOf(vfio);
  const what = words(step, bdf);
  if (!operation.isDone) events.say(`${what} waits: ${operation.waitsFor.join("; ")}`);
  else if (users.length > 0) events.say(`${what} did not wait: ${users.join("; ")}`);
  return operation;
}

/** Who has DMA under way, as sentences. */
function usersOf({ buffers }: VfioDevice): readonly string[] {
  return buffers.flatMap(({ name, reservation }) =>
    reservation.pending.map((holder) => `${holder} has DMA to ${name} under way`),
  );
}

function operate(vfio: VfioDevice, { kind, by }: ChangeStep): VfioOperation {
  if (kind === "reset") return vfio.reset();
  if (kind === "restore") return vfio.setMemoryDecode(true);
  switch (by) {
    case "memory-decode-off":
      return vfio.setMemoryDecode(false);
    case "close":
      return vfio.close();
    case "remove": {
      const removal = vfio.remove();
      vfio.close();
      return removal;
    }
  }
}

/** Without VFIO: the driver lets go, and its peer memory leaves; user mappings are taken away. */
function removePool({ system }: WorkloadDevices, step: ChangeStep, bdf: Bdf, events: StepEvents): PendingChange | null {
  const pool = system.pools.get(bdf);
  if (pool === undefined) throw new PeerlaneError("operation-failed", `${formatBdf(bdf)} has no peer memory any more`);
  const inUse = pool.pagesInUse;
  const state = pool.remove("revoke");
  events.say(`the peer memory of ${formatBdf(bdf)} leaves, and ${inUse} pages that were in use with it`);
  if (state === "removed") return null;
  const removal: PendingChange = {
    get isDone() {
      return pool.state === "removed";
    },
    get waitsFor() {
      return pool.state === "removed" ? [] : [`${pool.pagesInUse} pages are still in use`];
    },
    leftOpen: [],
  };
  events.say(`${words(step, bdf)} waits: ${removal.waitsFor.join("; ")}`);
  return removal;
}

/** After a change: that it is done, and what it left open. Throws `operation-failed` where it still waits. */
export function sayWhatIsLeft(
  devices: WorkloadDevices,
  step: ChangeStep,
  { isDone, waitsFor, leftOpen }: PendingChange,
  events: StepEvents,
): void {
  const what = words(step, devices.endpoint(step.device).bdf);
  if (!isDone) throw new PeerlaneError("operation-failed", `${what} waits: ${waitsFor.join("; ")}`);
  events.say(`${what} is done`);
  events.leftOpen = leftOpen;
}

function words({ kind, by }: ChangeStep, bdf: Bdf): string {
  const name = formatBdf(bdf);
  if (kind === "reset") return `the reset of ${name}`;
  return kind === "restore" ? `giving the memory of ${name} again` : `taking the memory of ${name} back (${by})`;
}
