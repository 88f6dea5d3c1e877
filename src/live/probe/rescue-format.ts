import { crc32 } from "node:zlib";
import { z } from "zod";
import { PeerlaneError } from "../../pci/error.ts";

/** What tells a disk or partition from all others. */
export interface TargetIdentity {
  /** The kernel's name when it was saved; it may be another one after a restart. */
  readonly name: string;
  /** World-wide name or serial number of the disk, `null` where it has none. */
  readonly identity: string | null;
  /** Where it starts on its disk: 0 for the disk itself. */
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** Of a disk without an identity: which attachment it was (`attachmentOf`); `null` where that was not kept. */
  readonly attachment: string | null;
}

/** A range of a disk as it was before a test wrote there. */
export interface Rescue {
  readonly target: TargetIdentity;
  /** Position on the target, in bytes. */
  readonly position: number;
  readonly data: Buffer;
}

/** More is never saved. */
export const MAX_RESCUE_BYTES: number = 64 * 1024 * 1024;
/** The header is a line of JSON, filled with blanks to this size; the data follows. */
const HEADER_BYTES = 4096;

const count = z.int().min(0);
const headerSchema = z.strictObject({
  schema: z.literal("peerlane.rescue/1"),
  name: z.string().max(255),
  identity: z.string().max(1024).nullable(),
  startBytes: count,
  sizeBytes: count,
  // Files of earlier releases do not have it; it is no part of their checksum.
  attachment: z.string().max(255).nullable().default(null),
  position: count,
  length: count.max(MAX_RESCUE_BYTES),
  crc32: count.max(0xffffffff),
});

/** A rescue file: what it is of, where it belongs, and the bytes. */
export function formatRescue({ target, position, data }: Rescue): Buffer {
  const { name, identity, startBytes, sizeBytes, attachment } = target;
  const header: z.infer<typeof headerSchema> = {
    schema: "peerlane.rescue/1",
    ...{ name, identity, startBytes, sizeBytes, attachment, position },
    length: data.length,
    crc32: checksumOf({ target, position, data }),
  };
  const line = Buffer.from(JSON.stringify(header), "utf8");
  const filled = Buffer.alloc(HEADER_BYTES, " ");
  line.copy(filled);
  filled[HEADER_BYTES - 1] = 0x0a;
  return Buffer.concat([filled, data]);
}

/** Of the data and of where it belongs. */
function checksumOf({ target, position, data }: Rescue): number {
  const { name, identity, startBytes, sizeBytes, attachment } = target;
  const place = [name, identity, startBytes, sizeBytes, position];
  return crc32(JSON.stringify(attachment === null ? place : [...place, attachment]), crc32(data));
}

/** Reads a rescue file. Throws `bad-input` for anything that is not one, whole and unchanged. */
export function parseRescue(bytes: Buffer, file: string): Rescue {
  const refuse = (what: string, cause?: unknown): never => {
    throw new PeerlaneError("bad-input", `this is no rescue file of peerlane probe: ${what}`, {
      place: { file },
      remedy: "name a file that peerlane probe --allow-write left, as it is",
      cause,
    });
  };
  if (bytes.length < HEADER_BYTES) return refuse(`it has ${bytes.length} bytes, a header has ${HEADER_BYTES}`);
  const header = headerSchema.safeParse(parseJson(bytes.toString("utf8", 0, HEADER_BYTES)));
  if (!header.success) return refuse("its header is damaged", header.error);
  const { name, identity, startBytes, sizeBytes, attachment, position, length, crc32: expected } = header.data;
  const data = bytes.subarray(HEADER_BYTES);
  if (data.length !== length) return refuse(`it holds ${data.length} bytes of data, its header says ${length}`);
  if (position + length > sizeBytes) return refuse("its range lies outside of its device");
  const rescue = { target: { name, identity, startBytes, sizeBytes, attachment }, position, data };
  return checksumOf(rescue) === expected ? rescue : refuse("its data or its header is damaged (CRC-32)");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** True where a device is the one that a range was saved of, whatever the kernel calls it now. */
export function isSameTarget(saved: TargetIdentity, device: TargetIdentity): boolean {
  if (saved.identity !== device.identity) return false;
  if (saved.identity === null && saved.name !== device.name) return false;
  return saved.startBytes === device.startBytes && saved.sizeBytes === device.sizeBytes;
}

/** True where nothing but its name, place and size says that a device is the one that a range was saved of. */
export function isUncertainTarget(saved: TargetIdentity, device: TargetIdentity): boolean {
  return saved.identity === null && (saved.attachment === null || saved.attachment !== device.attachment);
}
