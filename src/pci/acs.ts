/** Bits of the ACS capability and control registers (PCIe 6.0 sec 7.7.11), named as in `pci_regs.h`. */
export const PCI_ACS_SV = 0x01; // Source Validation
export const PCI_ACS_TB = 0x02; // Translation Blocking
export const PCI_ACS_RR = 0x04; // P2P Request Redirect
export const PCI_ACS_CR = 0x08; // P2P Completion Redirect
export const PCI_ACS_UF = 0x10; // Upstream Forwarding
export const PCI_ACS_EC = 0x20; // P2P Egress Control
export const PCI_ACS_DT = 0x40; // Direct Translated P2P

/** The control bits that make the kernel count a function as redirecting (`pci_bridge_has_acs_redir`, Linux 7.2). */
export const ACS_REDIRECT_BITS: number = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC;

/** Access Control Services of one function: two 16-bit registers, as read. */
export interface Acs {
  readonly capability: number;
  readonly control: number;
  /**
   * Bits of `control` that are not known, only after a boot that was worked out (they are 0 there): never all of what
   * would make a function redirect; then the whole is unknown. Absent where every bit is known.
   */
  readonly uncertain?: number;
  /** What firmware left in the control register, where the source says so; absent where only the kernel's result is seen. */
  readonly firmwareControl?: number;
  /** The source shows the control register only: `capability` then holds the bits that are on, and there may be more. */
  readonly capabilityHidden?: true;
}

/** The bits in register order with the words that `lspci` prints. */
const names = [
  [PCI_ACS_SV, "SrcValid"],
  [PCI_ACS_TB, "TransBlk"],
  [PCI_ACS_RR, "ReqRedir"],
  [PCI_ACS_CR, "CmpltRedir"],
  [PCI_ACS_UF, "UpstreamFwd"],
  [PCI_ACS_EC, "EgressCtrl"],
  [PCI_ACS_DT, "DirectTrans"],
] as const;

/** `lspci`'s words for the bits of an ACS register, in register order. */
export const ACS_BIT_NAMES: readonly (readonly [bit: number, name: string])[] = names;

/** The bits in register order with the letters that people write. */
export const ACS_LETTERS: readonly string[] = ["SV", "TB", "RR", "CR", "UF", "EC", "DT"];

/** True when the control register makes the kernel send peer traffic through the host bridge. */
export function redirects(acs: Acs): boolean {
  return (acs.control & ACS_REDIRECT_BITS) !== 0;
}
