import type { Translator } from "../iommu/translation.ts";
import type { PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import { present } from "../pci/present.ts";
import { requireWord } from "../pci/wrong-argument.ts";
import type { RouteHop } from "./route.ts";

/** The words that settings of hardware take, the default first. */
export const HARDWARE_WORDS = {
  rootComplex: ["forward", "refuse", "writes-only", "within-host-bridge"],
  switchForwarding: ["per-spec", "always-upstream"],
  withoutUpstreamForwarding: ["refuse", "forward"],
  insideDevices: ["direct", "upstream"],
} as const;

/**
 * What a root complex does with a request from one port whose target lies below a port again; the specification leaves
 * it free (PCIe 6.0 sec 1.3.1). `writes-only` is what POWER hosts are documented to do.
 */
export type RootComplexPolicy = (typeof HARDWARE_WORDS.rootComplex)[number];

/**
 * How hardware behaves where config space does not say: every such setting of the model, once. Whoever takes one, be it
 * the fabric, the model of a machine, a workload file or a class of the lab, takes it from here.
 */
export interface HardwareSettings {
  /** Default `forward`; the model of a machine asks the platform's documented facts first. */
  readonly rootComplex: RootComplexPolicy;
  /**
   * `always-upstream`: bridges send every request up, as the switch that QEMU emulates does, whose peer traffic reaches
   * the IOMMU and faults there. Default `per-spec`; the model of a machine asks the platform's documented facts first.
   */
  readonly switchForwarding: (typeof HARDWARE_WORDS.switchForwarding)[number];
  /**
   * What a port does with a request from below whose target is below it again, while ACS Upstream Forwarding is off: the
   * specification calls it undefined (PCIe 6.0 sec 6.12.1.1). Default `refuse`.
   */
  readonly withoutUpstreamForwarding: (typeof HARDWARE_WORDS.withoutUpstreamForwarding)[number];
  /**
   * Whether functions of one device reach each other inside (`direct`, subject to the ACS of the function) or only
   * through the port above (`upstream`); a source does not show which. Default `direct`.
   */
  readonly insideDevices: (typeof HARDWARE_WORDS.insideDevices)[number];
  /** Most bytes of a write's TLP (Max_Payload_Size, a power of two from 128 to 4096). Default 256. */
  readonly maxPayloadBytes: number;
  /** Most bytes of a read's TLP (Max_Read_Request_Size, a power of two from 128 to 4096). Default 512. */
  readonly maxReadBytes: number;
}

/** What holds unless it is set. */
export const HARDWARE_DEFAULTS: HardwareSettings = {
  rootComplex: HARDWARE_WORDS.rootComplex[0],
  switchForwarding: HARDWARE_WORDS.switchForwarding[0],
  withoutUpstreamForwarding: HARDWARE_WORDS.withoutUpstreamForwarding[0],
  insideDevices: HARDWARE_WORDS.insideDevices[0],
  maxPayloadBytes: 256,
  maxReadBytes: 512,
};

/** How a fabric behaves where config space does not say, and what it is beside. Everything has a default. */
export interface FabricOptions extends Partial<HardwareSettings> {
  /** The IOMMUs; without one, every address at the root complex is a bus address. */
  readonly translator?: Translator;
  /**
   * Where DRAM lies, in CPU physical addresses. MODEL: without it, DRAM is wherever no host bridge has a window, because
   * a source does not show how much there is.
   */
  readonly ram?: readonly PhysRange[];
  /** Bus address − CPU physical address of DRAM, for the host bridge of a root bus (`busKeyOf`). Default 0. */
  readonly ramBusOffset?: (rootBus: number) => number;
  /**
   * The Egress Control Vector: true where `port` controls the peer `egress`. MODEL: a source does not show the vector;
   * without this, Egress Control that is on controls every peer, as Linux counts it.
   */
  readonly isEgressControlled?: (port: Bdf, egress: Bdf) => boolean;
  /** Called with each hop of each transaction, in order, before the bytes move. Slows everything down. */
  readonly trace?: (hop: RouteHop) => void;
}

/** Options with every setting of the hardware decided. */
export type SettledOptions = FabricOptions & HardwareSettings;

/** Fills in what is not set; throws `usage` for a word that its setting has not. */
export function settled(options: FabricOptions): SettledOptions {
  const all = { ...HARDWARE_DEFAULTS, ...present(options) };
  for (const [setting, words] of Object.entries(HARDWARE_WORDS)) {
    requireWord("createFabric", setting, all[setting as keyof typeof HARDWARE_WORDS], words);
  }
  return all;
}
