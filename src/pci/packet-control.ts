import type { PciExpress } from "./express.ts";
import { isUnknown, type Known, unknown } from "./known.ts";

/** What Device Control sets of the packets that a function sends (PCIe 6.0 sec 7.5.3.4). */
export interface PacketControl {
  /** Data bytes of a TLP at most: 128 to 4,096, a power of two. */
  readonly maxPayloadBytes: Known<number>;
  /** The same that the function could (Device Capabilities, sec 7.5.3.3). */
  readonly possiblePayloadBytes: Known<number>;
  /** Bytes that one read asks for at most. */
  readonly maxReadRequestBytes: Known<number>;
  readonly relaxedOrdering: Known<boolean>;
  /** Tags of 8 bits, so 256 requests in flight and not 32. */
  readonly extendedTags: Known<boolean>;
}

const reserved = unknown("the register holds a reserved encoding");

/** What a function's packets are, from its registers or from what a text states of them. */
export function packetControlOf({ registers, stated }: PciExpress): PacketControl {
  if (!isUnknown(registers)) {
    const { deviceControl: control, deviceCapabilities: capabilities } = registers;
    return {
      maxPayloadBytes: bytes(control >>> 5),
      possiblePayloadBytes: bytes(capabilities),
      maxReadRequestBytes: bytes(control >>> 12),
      relaxedOrdering: (control & 0x10) !== 0,
      extendedTags: (control & 0x100) !== 0,
    };
  }
  return {
    maxPayloadBytes: stated?.maxPayloadBytes ?? registers,
    possiblePayloadBytes: stated?.possiblePayloadBytes ?? registers,
    maxReadRequestBytes: stated?.maxReadRequestBytes ?? registers,
    relaxedOrdering: stated?.relaxedOrdering ?? registers,
    extendedTags: stated?.extendedTags ?? registers,
  };
}

/** What three bits of Device Control can say: bytes of a payload, or of one read. */
export const PACKET_SIZES: readonly number[] = [128, 256, 512, 1024, 2048, 4096];

/** True for one of {@link PACKET_SIZES}. */
export function isPacketSize(size: number): boolean {
  return PACKET_SIZES.includes(size);
}

/** By three bits, of which two encodings are reserved. */
function bytes(field: number): Known<number> {
  return PACKET_SIZES[field & 7] ?? reserved;
}
