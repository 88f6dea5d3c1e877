import type { ByteRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { BusClaims, FabricBars } from "./claims.ts";
import type { FabricCounters } from "./counters.ts";
import type { HostBridges } from "./host-bridges.ts";
import type { Journey } from "./journey.ts";
import type { SettledOptions } from "./options.ts";
import type { PortRules } from "./ports.ts";
import type { FabricRegisters } from "./registers.ts";

/** What the routers of requests and completions share. */
export interface RoutingContext {
  readonly registers: FabricRegisters;
  readonly bars: FabricBars;
  readonly hostBridges: HostBridges;
  readonly rules: PortRules;
  readonly journey: Journey;
  readonly counters: FabricCounters;
  readonly options: SettledOptions;
  /** Where writes are interrupts, `null` on machines where no fixed range of addresses is. */
  readonly interrupts: ByteRange | null;
  /** Built anew when a command register changes. */
  claims: BusClaims;
}

/** Bits of {@link Tlp.flags}. */
export const TLP_READ = 0x1;
/** The address type is "translated". */
export const TLP_TRANSLATED = 0x2;
export const TLP_RELAXED_ORDERING = 0x4;

/** A memory request on its way; one object that every transaction fills anew. */
export interface Tlp {
  /** Index of the function that issues it. */
  requester: number;
  /** The requester id in its header. */
  requesterId: Bdf;
  address: number;
  lengthBytes: number;
  flags: number;
  /** Bytes to count on each link: 0 for a read request, and for a route that is only asked for. */
  payloadBytes: number;
}
