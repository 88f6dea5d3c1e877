/** What changes a VFIO device under its users. `remove` is the request of the bus to give the device up. */
export type VfioChange = "reset" | "memory-decode-on" | "memory-decode-off" | "close" | "remove";

/** A change of a device: begun, perhaps waiting for importers, done. */
export interface VfioOperation {
  readonly change: VfioChange;
  readonly isDone: boolean;
  /** What it waits for, as sentences; empty when it is done. */
  readonly waitsFor: readonly string[];
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
