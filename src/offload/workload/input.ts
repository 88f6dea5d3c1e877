import type { BackendName, SystemOptions } from "../../devices/system-options.ts";
import type { HARDWARE_WORDS, HardwareSettings } from "../../fabric/options.ts";
import type { ScenarioInput } from "../../host/scenario/input.ts";
import type { GpuReadWay } from "../gpu-read.ts";
import type { DriveInput, DriveKeys, SharingInput } from "./sharing-input.ts";
import type { Expected } from "./step-base.ts";

type TlpSizeInput = "128" | "256" | "512" | "1024" | "2048" | "4096";

/** `from:` and `to:` of a copy; a bare word is the device. */
export interface PlaceInput {
  readonly device: string;
  readonly bar?: number | undefined;
  readonly offset?: number | undefined;
}

/** `copy:`. */
export interface CopyInput {
  readonly from: PlaceInput;
  readonly to: PlaceInput;
  readonly size: number;
  readonly count?: number | undefined;
  readonly provider?: string | undefined;
  readonly engine?: string | undefined;
  readonly fallBackToRam?: boolean | undefined;
  readonly blockSize?: DriveKeys["blockSize"];
}

/** One item of `io:`. */
export interface IoInput {
  readonly read?: number | undefined;
  readonly write?: number | undefined;
  readonly count?: number | undefined;
  readonly block?: number | undefined;
}

/** `nvmeof:`. */
export interface TargetInput extends DriveKeys {
  readonly nic?: string | undefined;
  readonly nics?: readonly string[] | undefined;
  readonly drive?: string | undefined;
  readonly drives?: readonly string[] | undefined;
  readonly provider?: string | undefined;
  readonly queues?: number | undefined;
  readonly seed?: number | undefined;
  readonly io: readonly IoInput[];
}

/** `gpuRead:`. */
export interface GpuReadInput extends DriveInput {
  readonly gpu: string;
  readonly size: number;
  readonly count?: number | undefined;
  readonly block?: number | undefined;
  readonly way?: GpuReadWay | undefined;
  readonly fallBackToRam?: boolean | undefined;
}

/** `expect:`; a bare word is the outcome. */
export interface ExpectInput {
  readonly outcome: Expected["outcome"];
  readonly error?: string | undefined;
}

/** One item of `workload:`. */
export interface StepInput extends SharingInput {
  readonly name?: string | undefined;
  readonly expect?: ExpectInput | undefined;
  readonly compare?: "dram" | undefined;
  readonly copy?: CopyInput | undefined;
  readonly nvmeof?: TargetInput | undefined;
  readonly gpuRead?: GpuReadInput | undefined;
}

/** One item of `peerMemory:`. */
export interface PeerMemoryInput {
  readonly device: string;
  readonly bar: number;
  readonly offset?: number | undefined;
  readonly size?: number | undefined;
}

/** Keys that a file may leave out. */
type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Settings of the hardware that are words. */
type HardwareWords = Pick<HardwareSettings, keyof typeof HARDWARE_WORDS>;

/** `model:`. */
export interface ModelInput extends Optional<HardwareWords>, Optional<Pick<SystemOptions, "failedReads" | "rules">> {
  readonly ram?: number | undefined;
  readonly ramBusOffset?: number | undefined;
  readonly linearMapEnd?: number | undefined;
  readonly maxPayload?: TlpSizeInput | undefined;
  readonly maxReadRequest?: TlpSizeInput | undefined;
  readonly backend?: BackendName | Readonly<Record<string, BackendName>> | undefined;
  readonly dmaMaskBits?: Readonly<Record<string, number>> | undefined;
  readonly peerMemory?: readonly PeerMemoryInput[] | undefined;
}

/** A workload as its file has it: scalars are read, defaults not yet filled in. */
export interface WorkloadInput {
  readonly name?: string | undefined;
  readonly machine: string | ScenarioInput;
  readonly model?: ModelInput | undefined;
  readonly workload: readonly StepInput[];
}
