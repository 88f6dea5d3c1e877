import { PCI_ACS_CR, PCI_ACS_DT, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_TB, PCI_ACS_UF } from "../pci/acs.ts";
import { PCI_COMMAND_MASTER } from "../pci/config-space.ts";
import { noEntry } from "../pci/entry-at.ts";
import type { SettledOptions } from "./options.ts";
import type { FabricRegisters } from "./registers.ts";
import { WHY } from "./words.ts";

/** Functions of a device, as its address counts them. */
const FUNCTIONS = 8;

/** In answers of {@link PortRules}: nothing stops the TLP. */
export const PASSES = -1;

/**
 * What the registers of one function decide about a TLP from below it or of its own (PCIe 6.0 sec 6.12.1): answers are
 * numbers of `WHY`. A decision that depends on a hidden bit is `WHY.hidden`.
 */
export class PortRules {
  readonly #registers: FabricRegisters;
  readonly #isEgressControlled: SettledOptions["isEgressControlled"];
  readonly #loops: boolean;
  readonly #insideDevices: boolean;

  constructor(registers: FabricRegisters, options: SettledOptions) {
    this.#registers = registers;
    this.#isEgressControlled = options.isEgressControlled;
    this.#loops = options.withoutUpstreamForwarding === "forward";
    this.#insideDevices = options.insideDevices !== "upstream";
  }

  /** Whether a bridge takes a request from below: bus mastering, then Source Validation and Translation Blocking. */
  enter(port: number, requesterBus: number, isTranslated: boolean): number {
    const { command, commandHidden, isPort, acs, acsHidden, secondary, subordinate } = this.#registers;
    if (commandHidden[port] === 1) return WHY.hidden;
    if (((command[port] ?? noEntry(port)) & PCI_COMMAND_MASTER) === 0) return WHY.portMasterOff;
    if (isPort[port] === 0) return PASSES;
    const control = acs[port] ?? noEntry(port);
    const hidden = acsHidden[port] ?? noEntry(port);
    if ((control | hidden) === 0) return PASSES;
    const isBelow =
      requesterBus >= (secondary[port] ?? noEntry(port)) && requesterBus <= (subordinate[port] ?? noEntry(port));
    if (!isBelow) {
      if ((control & PCI_ACS_SV) !== 0) return WHY.sourceInvalid;
      if ((hidden & PCI_ACS_SV) !== 0) return WHY.hidden;
    }
    if (isTranslated) {
      if ((control & PCI_ACS_TB) !== 0) return WHY.translationBlocked;
      if ((hidden & PCI_ACS_TB) !== 0) return WHY.hidden;
    }
    return PASSES;
  }

  /**
   * What a port or function does with a request that a peer beside it claims: Direct Translated P2P comes before the
   * other two; where Egress Control is on, its vector decides, and Request Redirect only what it does to the controlled.
   */
  peer(at: number, peer: number, isTranslated: boolean): number {
    const { acs, acsHidden } = this.#registers;
    if (this.#isOutside(at)) return WHY.outsideTheDevice;
    const control = acs[at] ?? noEntry(at);
    const hidden = acsHidden[at] ?? noEntry(at);
    if ((control | hidden) === 0) return WHY.peerClaims;
    if (isTranslated) {
      if ((control & PCI_ACS_DT) !== 0) return WHY.directTranslated;
      if ((hidden & PCI_ACS_DT) !== 0) return WHY.hidden;
    }
    if ((hidden & (PCI_ACS_RR | PCI_ACS_EC)) !== 0) return WHY.hidden;
    const redirects = (control & PCI_ACS_RR) !== 0;
    if ((control & PCI_ACS_EC) === 0) return redirects ? WHY.requestRedirect : WHY.peerClaims;
    if (!this.#controls(at, peer)) return WHY.peerClaims;
    return redirects ? WHY.egressRedirect : WHY.egressBlocked;
  }

  /**
   * What a root port does with a request that the root complex takes to a peer of it: `WHY.egressBlocked`,
   * `WHY.hidden` or {@link PASSES}. Every request passes the IOMMU there, so Request Redirect changes nothing, except
   * that with it Egress Control blocks nothing.
   */
  rootPeer(port: number, peer: number, isTranslated: boolean): number {
    const control = this.#registers.acs[port] ?? noEntry(port);
    const mayBlock = ((control | (this.#registers.acsHidden[port] ?? noEntry(port))) & PCI_ACS_EC) !== 0;
    if (!mayBlock || (control & PCI_ACS_RR) !== 0) return PASSES;
    const why = this.peer(port, peer, isTranslated);
    return why === WHY.egressBlocked || why === WHY.hidden ? why : PASSES;
  }

  /** Whether two functions on a root bus are endpoints of one device that reach each other inside of it. */
  isInside(at: number, peer: number): boolean {
    const { isBridge, topology } = this.#registers;
    const areEndpoints = isBridge[at] === 0 && isBridge[peer] === 0;
    if (!this.#insideDevices || !areEndpoints) return false;
    const deviceOf = (index: number): number => Math.floor(topology.functionAt(index).bdf / FUNCTIONS);
    return deviceOf(at) === deviceOf(peer);
  }

  /** What a bridge does with a request from below that its own window claims. */
  loop(bridge: number, isRedirected: boolean): number {
    const { isPort, acs, acsHidden } = this.#registers;
    // Above a redirecting port, bridges that are no ports pass on what they would not take from below otherwise.
    if (isPort[bridge] === 0) return isRedirected ? WHY.redirectedBelow : WHY.windowEmpty;
    if (((acs[bridge] ?? noEntry(bridge)) & PCI_ACS_UF) !== 0) return WHY.upstreamForwarded;
    if (((acsHidden[bridge] ?? noEntry(bridge)) & PCI_ACS_UF) !== 0) return WHY.hidden;
    return this.#loops ? WHY.loopForwarded : WHY.loopRefused;
  }

  /** What a port or function does with a completion for the far side of a peer beside it. */
  completion(at: number, isRelaxed: boolean): number {
    const { acs, acsHidden } = this.#registers;
    if (this.#isOutside(at)) return WHY.completionUp;
    if (isRelaxed) return WHY.completionAcross;
    if (((acs[at] ?? noEntry(at)) & PCI_ACS_CR) !== 0) return WHY.completionRedirect;
    return ((acsHidden[at] ?? noEntry(at)) & PCI_ACS_CR) !== 0 ? WHY.hidden : WHY.completionAcross;
  }

  /** What a bridge does with a completion from below for a bus that is below it. */
  completionLoop(bridge: number, isRedirected: boolean): number {
    const why = this.loop(bridge, isRedirected);
    if (why === WHY.loopRefused || why === WHY.windowEmpty) return WHY.completionLoops;
    return why === WHY.hidden ? why : WHY.completionForwarded;
  }

  /** True where a function sees those of its own device only through the port above. */
  #isOutside(at: number): boolean {
    const { bus, isShared } = this.#registers;
    return !this.#insideDevices && isShared[bus[at] ?? noEntry(at)] === 0;
  }

  #controls(port: number, egress: number): boolean {
    if (this.#isEgressControlled === undefined) return true;
    const { topology } = this.#registers;
    return this.#isEgressControlled(topology.functionAt(port).bdf, topology.functionAt(egress).bdf);
  }
}
