import type { DmaAddr } from "../../pci/addresses.ts";

/** Bytes of entries of the queues (NVMe 1.4 sec 4.2, 4.6), of an SGL descriptor and of a PRP. */
export const COMMAND_BYTES = 64;
export const COMPLETION_BYTES = 16;
export const SGL_BYTES = 16;
export const PRP_BYTES = 8;

/** Controller registers that the model has, as offsets in BAR 0 (NVMe 1.4 sec 3.1). */
export const REGISTER = {
  capabilities: 0x00,
  version: 0x08,
  configuration: 0x14,
  status: 0x1c,
  adminQueueSizes: 0x24,
  adminSubmission: 0x28,
  adminCompletion: 0x30,
  doorbells: 0x1000,
} as const;

/** Of the configuration register (CC.EN) and of the status register (CSTS.RDY, CSTS.CFS). */
export const ENABLE = 0x1;
export const READY = 0x1;
export const FATAL = 0x2;

/** Opcodes of the admin and the NVM command set. */
export const ADMIN = { createSubmission: 0x01, createCompletion: 0x05 } as const;
export const NVM = { flush: 0x00, write: 0x01, read: 0x02 } as const;

/** Status codes (status code type in bits 8 to 10), by name (NVMe 1.4 sec 4.6.1.2). */
export const NVME_STATUS = {
  success: 0x00,
  "invalid-opcode": 0x01,
  "invalid-field": 0x02,
  "data-transfer-error": 0x04,
  "invalid-namespace": 0x0b,
  "invalid-sgl-segment": 0x0d,
  "sgl-length-invalid": 0x0f,
  "sgl-type-invalid": 0x11,
  "prp-offset-invalid": 0x13,
  "lba-out-of-range": 0x80,
  "completion-queue-invalid": 0x100,
  "invalid-queue": 0x101,
  "invalid-queue-size": 0x102,
} as const;

/** How a command ends, as the driver sees it. `no-completion`: none came, and the driver gives up. */
export type NvmeStatus = keyof typeof NVME_STATUS | "no-completion";

/** The name of a status code; `invalid-field` for one that the model's controllers never give. */
export function statusName(code: number): NvmeStatus {
  const found = Object.entries(NVME_STATUS).find(([, each]) => each === code);
  return (found?.[0] ?? "invalid-field") as NvmeStatus;
}

/** One command, decoded. */
export interface NvmeCommand {
  readonly opcode: number;
  readonly id: number;
  readonly namespace: number;
  /** How the data pointer is written: PRPs, or an SGL descriptor. */
  readonly isSgl: boolean;
  /** Bytes 24 to 39: two PRPs, or a descriptor. */
  readonly pointer: Uint8Array;
  readonly dword10: number;
  readonly dword11: number;
  readonly dword12: number;
}

/** Writes a command as the queue holds it. */
export function encodeCommand(command: NvmeCommand): Uint8Array {
  const bytes = new Uint8Array(COMMAND_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, command.opcode);
  // PSDT: an SGL for the data, metadata as one buffer.
  view.setUint8(1, command.isSgl ? 0x40 : 0);
  view.setUint16(2, command.id, true);
  view.setUint32(4, command.namespace, true);
  bytes.set(command.pointer, 24);
  view.setUint32(40, command.dword10, true);
  view.setUint32(44, command.dword11, true);
  view.setUint32(48, command.dword12, true);
  return bytes;
}

/** Reads a command of {@link COMMAND_BYTES}. */
export function decodeCommand(bytes: Uint8Array): NvmeCommand {
  const view = viewOf(bytes);
  return {
    opcode: view.getUint8(0),
    id: view.getUint16(2, true),
    namespace: view.getUint32(4, true),
    isSgl: (view.getUint8(1) & 0xc0) !== 0,
    pointer: bytes.slice(24, 40),
    dword10: view.getUint32(40, true),
    dword11: view.getUint32(44, true),
    dword12: view.getUint32(48, true),
  };
}

/** One completion. */
export interface NvmeCompletion {
  readonly submissionHead: number;
  readonly submissionQueue: number;
  readonly id: number;
  /** Turns over with each round of the queue: a new entry differs from what was there. */
  readonly phase: 0 | 1;
  readonly status: number;
}

/** Writes a completion as the queue holds it. */
export function encodeCompletion(completion: NvmeCompletion): Uint8Array {
  const bytes = new Uint8Array(COMPLETION_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(8, completion.submissionHead, true);
  view.setUint16(10, completion.submissionQueue, true);
  view.setUint16(12, completion.id, true);
  view.setUint16(14, (completion.status << 1) | completion.phase, true);
  return bytes;
}

/** Reads a completion of {@link COMPLETION_BYTES}. */
export function decodeCompletion(bytes: Uint8Array): NvmeCompletion {
  const view = viewOf(bytes);
  const status = view.getUint16(14, true);
  return {
    submissionHead: view.getUint16(8, true),
    submissionQueue: view.getUint16(10, true),
    id: view.getUint16(12, true),
    phase: (status & 1) === 0 ? 0 : 1,
    status: (status >>> 1) & 0x7ff,
  };
}

/** A view of exactly the bytes of an array. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads 64 bits as a number; above 2^53 it loses bits, and no address that the model maps is there. */
export function readAddress(view: DataView, offset: number): DmaAddr {
  return (view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32) as DmaAddr;
}

/** Writes a number below 2^53 as 64 bits. */
export function writeAddress(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value % 2 ** 32, true);
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
}
