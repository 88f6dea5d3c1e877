import type { NvmeOptions } from "../../devices/nvme/controller.ts";
import type { NvmeDriverOptions } from "../../devices/nvme/driver.ts";
import type { Place } from "../../pci/error.ts";

/** A device as a file names it: an address or a name that people use. */
export interface DeviceName {
  readonly text: string;
  readonly place: Place;
}

/** How an NVMe controller of a step is set up. */
export interface DriveSetup
  extends Required<Pick<NvmeOptions, "blockBytes">>,
    Required<Pick<NvmeDriverOptions, "commandsIn">> {
  readonly device: DeviceName;
}

/** How a step may be meant to end other than well. `refused`: the kernel said no by the name of an error, and nothing moved. */
export const EXPECTED_OUTCOMES = ["refused", "device-error", "silent-loss", "wrong-bytes"] as const;

/** How a step is to end, each of its transfers so. */
export interface Expected {
  readonly outcome: (typeof EXPECTED_OUTCOMES)[number];
  /** The name of the error: the errno of a refusal, a device's status, how a lost request ended. `null`: any. */
  readonly error: string | null;
}

/** What every step has. */
export interface StepBase {
  /** For people; unique in its file. */
  readonly name: string;
  readonly place: Place;
  /** Whether the same is done once more by way of RAM, on a model of its own. */
  readonly isCompared: boolean;
  /** `null`: every byte is to be right at its owner. */
  readonly expected: Expected | null;
}
