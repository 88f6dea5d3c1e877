import type { Known } from "./known.ts";

/** Device/port types of the PCI Express capability (PCIe 6.0 sec 7.5.3.2), with the register's values. */
export const PORT_TYPES = {
  endpoint: 0x0,
  "legacy-endpoint": 0x1,
  "root-port": 0x4,
  "upstream-port": 0x5,
  "downstream-port": 0x6,
  "pcie-to-pci-bridge": 0x7,
  "pci-to-pcie-bridge": 0x8,
  "root-complex-endpoint": 0x9,
  "root-complex-event-collector": 0xa,
} as const;

/** One of {@link PORT_TYPES}. */
export type PortType = keyof typeof PORT_TYPES;

/** Speed in GT/s and width in lanes; 0 lanes when the link is down. */
export interface LinkState {
  readonly speedGTps: number;
  readonly width: number;
}

/** The PCI Express capability of one function. */
export interface PciExpress {
  readonly type: Known<PortType | "reserved">;
  readonly version: Known<number>;
  readonly slotImplemented: Known<boolean>;
  /** Physical slot number where a slot is implemented, else `null`. */
  readonly slotNumber: Known<number | null>;
  /** What the port can do; `null` where the type has no link (root complex endpoints). */
  readonly linkCapable: Known<LinkState | null>;
  /** What was negotiated. */
  readonly linkStatus: Known<LinkState | null>;
  /** Raw registers where the source has the bytes, keyed by their names in the specification. */
  readonly registers: Known<ExpressRegisters>;
  /** What a text without registers states of Device Control and Device Capabilities; `packetControlOf` reads both. */
  readonly stated?: StatedPackets;
}

/** Parts of `PacketControl` that a text states, each where it does. */
export interface StatedPackets {
  readonly maxPayloadBytes?: number;
  readonly possiblePayloadBytes?: number;
  readonly maxReadRequestBytes?: number;
  readonly relaxedOrdering?: boolean;
  readonly extendedTags?: boolean;
}

/** Raw register values (PCIe 6.0 sec 7.5.3); the "2" registers are 0 in a version 1 capability. */
export interface ExpressRegisters {
  readonly deviceCapabilities: number;
  readonly deviceControl: number;
  readonly deviceStatus: number;
  readonly linkCapabilities: number;
  readonly linkControl: number;
  readonly linkStatus: number;
  readonly deviceCapabilities2: number;
  readonly deviceControl2: number;
  readonly linkCapabilities2: number;
  readonly linkControl2: number;
  readonly linkStatus2: number;
}
