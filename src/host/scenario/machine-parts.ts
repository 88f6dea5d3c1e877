import type { IommuMode, Machine } from "../machine.ts";
import { issueError } from "../yaml/issues.ts";
import { objectSource } from "../yaml/object-source.ts";
import { buildScenario } from "./build-scenario.ts";
import type { CpuPreset } from "./cpu-presets.ts";
import { scenarioMachine } from "./scenario-machine.ts";
import { scenarioSchema } from "./schema.ts";

/** A size: in bytes, or as `16M`. */
type Size = number | string;

/** What every device of {@link MachineParts} may say of itself: the keys of a scenario file. */
export interface DeviceParts {
  /** Device and function number, as `04.0`. */
  readonly at?: string;
  /** Vendor and device, as `8086:352a`. */
  readonly id?: string;
  readonly name?: string;
  readonly numaNode?: number;
  readonly iommuGroup?: number;
  /** As `x16 16GT/s`. */
  readonly link?: string;
}

/** A root port or a port of a switch; a switch has the ids of its ports beside its own. */
export interface PortParts extends DeviceParts {
  /** `true`: as the kernel turns it on; or control bits, as `SV+ RR+`. */
  readonly acs?: boolean | string;
  readonly portId?: string;
}

/** An endpoint. */
export interface EndpointParts extends PortParts {
  readonly class?: string;
  /** By index, as `{ 0: "16M" }`. */
  readonly bars?: Readonly<Record<number, Size>>;
  readonly bar?: Size;
  readonly rebar?: "small" | "full";
  /** Memory that an NVMe controller offers. */
  readonly cmb?: Size;
  readonly driver?: string;
  readonly sriov?: { readonly total: number; readonly vfs: number };
  readonly ats?: boolean;
  readonly dmaMaskBits?: number;
}

type EndpointKind = "nvme" | "nic" | "gpu" | "accel" | "device";

/** A device and what is below it: one kind as its key. */
export type NodeParts =
  | EndpointKind
  | { readonly [K in EndpointKind]: { readonly [Key in K]: EndpointParts } }[EndpointKind]
  | { readonly rootPort: PortParts; readonly below?: readonly NodeParts[] }
  | { readonly switch: PortParts; readonly below?: readonly NodeParts[] }
  | { readonly port: PortParts; readonly below?: readonly NodeParts[] }
  | { readonly bridge: DeviceParts; readonly below?: readonly NodeParts[] }
  | { readonly functions: readonly NodeParts[]; readonly at?: string };

/** A host bridge and what is below it. */
export interface HostBridgeParts {
  readonly segment?: number;
  readonly bus?: number | string;
  /** Bus address minus CPU physical address of its windows. */
  readonly busOffset?: Size;
  readonly id?: string;
  readonly numaNode?: number;
  readonly below: readonly NodeParts[];
}

/** A machine as a program writes it: what a scenario file says, as an object. */
export interface MachineParts {
  readonly cpu?:
    | CpuPreset
    | {
        readonly architecture?: string;
        readonly vendor?: string;
        readonly family?: number;
        readonly model?: number;
        readonly name?: string;
      };
  readonly kernel?: string;
  readonly iommu?: IommuMode | { readonly mode: IommuMode; readonly kind?: "intel" | "amd" | "arm-smmu" };
  readonly cmdline?: string;
  readonly hostBridges: readonly HostBridgeParts[];
}

/**
 * The machine of such an object, as firmware hands it to the kernel; `name` is what messages call it. Throws `bad-input`
 * as for a scenario file, with the way to the value in place of the line.
 */
export function machineOfParts(parts: MachineParts, name: string): Machine {
  const source = objectSource(parts, name);
  const result = scenarioSchema.safeParse(source.value);
  if (!result.success) throw issueError(result.error.issues, source);
  return scenarioMachine(buildScenario(result.data, source));
}
