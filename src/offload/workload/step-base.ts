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

/** What every step has. */
export interface StepBase {
  /** For people; unique in its file. */
  readonly name: string;
  readonly place: Place;
  /** Whether the same is done once more by way of RAM, on a model of its own. */
  readonly isCompared: boolean;
}
