import type { IommuMode } from "../machine.ts";
import type { CpuPreset } from "./cpu-presets.ts";
import type { AcsText, At, BarText } from "./scalars.ts";
import type { EndpointKind, PciIds, ScenarioIommu, ScenarioLink } from "./scenario.ts";

/** What the keys of a scenario file hold after validation, before defaults: one type per mapping of the format. */
export interface FunctionInput {
  readonly at?: At | undefined;
  readonly id?: PciIds | undefined;
  readonly name?: string | undefined;
  readonly numaNode?: number | undefined;
  readonly iommuGroup?: number | undefined;
  readonly link?: ScenarioLink | undefined;
  readonly maxPayload?: number | undefined;
  readonly maxReadRequest?: number | undefined;
}

/** `rootPort:` and `port:`. */
export interface PortInput extends FunctionInput {
  readonly acs?: AcsText | null | undefined;
}

/** `switch:`; `acs` and `portId` are those of its downstream ports. */
export interface SwitchInput extends PortInput {
  readonly portId?: PciIds | undefined;
}

/** The keys of every endpoint kind; which kind takes which is the schema's. */
export interface EndpointInput extends PortInput {
  readonly class?: number | undefined;
  readonly bars?: Readonly<Record<string, BarText>> | undefined;
  readonly bar?: number | undefined;
  readonly rebar?: "small" | "full" | undefined;
  readonly cmb?: number | undefined;
  readonly driver?: string | undefined;
  readonly sriov?: { readonly total: number; readonly vfs: number } | undefined;
  readonly ats?: boolean | undefined;
  readonly dmaMaskBits?: number | undefined;
}

/** One item of `below:` or `functions:`. */
export type NodeInput =
  | { readonly kind: "rootPort" | "port"; readonly attributes: PortInput; readonly below: readonly NodeInput[] }
  | { readonly kind: "switch"; readonly attributes: SwitchInput; readonly below: readonly NodeInput[] }
  | { readonly kind: "bridge"; readonly attributes: FunctionInput; readonly below: readonly NodeInput[] }
  | { readonly kind: "functions"; readonly at: At | undefined; readonly functions: readonly NodeInput[] }
  | { readonly kind: EndpointKind; readonly attributes: EndpointInput };

/** One item of `hostBridges:`. */
export interface HostBridgeInput {
  readonly segment?: number | undefined;
  readonly bus?: number | undefined;
  readonly busOffset?: number | undefined;
  readonly id?: PciIds | "none" | undefined;
  readonly numaNode?: number | undefined;
  readonly below: readonly NodeInput[];
}

/** `cpu:`: a preset, or the fields of one. */
export type CpuInput =
  | CpuPreset
  | {
      readonly architecture?: string | undefined;
      readonly vendor?: string | undefined;
      readonly family?: number | undefined;
      readonly model?: number | undefined;
      readonly name?: string | undefined;
    };

/** A whole file. */
export interface ScenarioInput {
  readonly scenario?: string | undefined;
  readonly cpu?: CpuInput | undefined;
  readonly kernel?: string | undefined;
  readonly iommu?: { readonly mode: IommuMode; readonly kind?: ScenarioIommu["kind"] | undefined } | undefined;
  readonly cmdline?: string | undefined;
  readonly hostBridges: readonly HostBridgeInput[];
}
