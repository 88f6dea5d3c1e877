import type { Translator } from "../iommu/translation.ts";
import type { PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { RouteHop } from "./route.ts";

/**
 * What a root complex does with a request from one port whose target lies below a port again; the specification leaves
 * it free (PCIe 6.0 sec 1.3.1). `writes-only` is what POWER hosts are documented to do.
 */
export type RootComplexPolicy = "forward" | "refuse" | "writes-only" | "within-host-bridge";

/** How a fabric behaves where config space does not say. Everything has a default. */
export interface FabricOptions {
  /** Default `forward`. */
  readonly rootComplex?: RootComplexPolicy;
  /** The IOMMUs; without one, every address at the root complex is a bus address. */
  readonly translator?: Translator;
  /**
   * Where DRAM lies, in CPU physical addresses. MODEL: without it, DRAM is wherever no host bridge has a window (the
   * range of message-signalled interrupts with it), because a source does not show how much there is.
   */
  readonly ram?: readonly PhysRange[];
  /** Bus address − CPU physical address of DRAM, for the host bridge of a root bus (`busKeyOf`). Default 0. */
  readonly ramBusOffset?: (rootBus: number) => number;
  /**
   * `always-upstream`: bridges send every request up, as the switch that QEMU emulates does, whose peer traffic reaches
   * the IOMMU and faults there. Default `per-spec`.
   */
  readonly switchForwarding?: "per-spec" | "always-upstream";
  /**
   * What a port does with a request from below whose target is below it again, while ACS Upstream Forwarding is off: the
   * specification calls it undefined (PCIe 6.0 sec 6.12.1.1). Default `refuse`.
   */
  readonly withoutUpstreamForwarding?: "refuse" | "forward";
  /**
   * Whether functions of one device reach each other inside (`direct`, subject to the ACS of the function) or only
   * through the port above (`upstream`); a source does not show which. Default `direct`.
   */
  readonly insideDevices?: "direct" | "upstream";
  /**
   * The Egress Control Vector: true where `port` controls the peer `egress`. MODEL: a source does not show the vector;
   * without this, Egress Control that is on controls every peer, as Linux counts it.
   */
  readonly isEgressControlled?: (port: Bdf, egress: Bdf) => boolean;
  /** Most bytes of a write's TLP (Max_Payload_Size, a power of two from 128 to 4096). Default 256. */
  readonly maxPayloadBytes?: number;
  /** Most bytes of a read's TLP (Max_Read_Request_Size, a power of two from 128 to 4096). Default 512. */
  readonly maxReadBytes?: number;
  /** Called with each hop of each transaction, in order, before the bytes move. Slows everything down. */
  readonly trace?: (hop: RouteHop) => void;
}
