/** What changes a VFIO device under its users. `remove` is the request of the bus to give the device up. */
export type VfioChange = "reset" | "memory-decode-on" | "memory-decode-off" | "close" | "remove";

/** A change of a device: begun, perhaps waiting for importers, done. */
export interface VfioOperation {
  readonly change: VfioChange;
  /**
   * It has happened: every importer is out, as its driver says. That the hardware is out is another thing: a device that
   * goes on with old addresses may get further than this, as {@link leftOpen} says.
   */
  readonly isDone: boolean;
  /** What it waits for, as sentences; empty when it is done. */
  readonly waitsFor: readonly string[];
  /**
   * What a device that does not stop can still reach now, as sentences: a BAR through the IOTLB of a lazy domain until the
   * flush, or whatever lies at a bus address. Empty once nothing is, as always in strict domains.
   */
  readonly leftOpen: readonly string[];
}

/** The device itself, told at the moment at which a change reaches it. */
export interface VfioHardware {
  /** A function-level reset; what the device holds is lost, config space is restored after it. */
  reset(): void;
  /** Bit 1 of the command register. */
  setMemoryDecode(isOn: boolean): void;
  /** The function is reset and disabled, as nobody has it open any more. */
  disable(): void;
  /** The device is given up: from now on its BARs may be another's. */
  remove(): void;
}
