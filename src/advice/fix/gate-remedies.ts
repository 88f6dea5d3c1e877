import type { Answer } from "../../answers/answer.ts";
import { type Gate, isSureBlock } from "../../answers/gate.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { formatBdf } from "../../pci/bdf.ts";

/** The way out of a gate. The rules cannot prove it: it changes what no rule of the map type looks at. */
export interface GateRemedy {
  readonly gate: Gate;
  readonly remedy: string;
  /** False where there is no way out for this pair: `remedy` then says what to take in its place. */
  readonly isPossible: boolean;
}

/** Where a provider has no memory nothing gives it some. */
const HAS_NONE: readonly Gate["kind"][] = ["bar-missing", "registers-only"];

/** One remedy for each gate of these answers; `around` is the title of a change after which no mask is in the way any more. */
export function gateRemedies(answers: readonly Answer[], around?: string): readonly GateRemedy[] {
  const gates = new Map(
    answers.flatMap(({ gates: list }) => list).map((gate) => [`${gate.kind} ${gate.message}`, gate]),
  );
  return [...gates.values()].map((gate) => {
    const isAround = around !== undefined && gate.kind === "beyond-dma-mask" && gate.effect === "blocks";
    const remedy = gate.remedy ?? remedies[gate.kind](gate.device);
    const other = gate.isFinal === true ? "" : `; or ${remedy}`;
    return {
      gate,
      remedy: isAround ? `translate addresses (${around}), so that it is reached by an IOVA${other}` : remedy,
      isPossible: isAround || (gate.isFinal !== true && !HAS_NONE.includes(gate.kind)),
    };
  });
}

/** True where the client's driver is sure to use too few address bits for the provider's memory. */
export function isBeyondMask({ gates }: Pick<Answer, "gates">): boolean {
  return gates.some((gate) => gate.kind === "beyond-dma-mask" && isSureBlock(gate));
}

/** What may stop it, where that depends on what the source hides. */
export function mayBeBlocked({ gates }: Pick<Answer, "gates">): boolean {
  return gates.some(({ effect }) => effect === "blocks");
}

const nameOf = (device: Bdf | null): string => (device === null ? "the device" : formatBdf(device));

const remedies: Readonly<Record<Gate["kind"], (device: Bdf | null) => string>> = {
  "bar-missing": () => "take another provider: this one has no memory that a peer could reach",
  "registers-only": () => "take a provider with memory, as a GPU or an NVMe controller with a memory buffer (CMB)",
  "bar-unassigned": (device) =>
    `turn on 'Above 4G Decoding' (and enlarge 'MMIO High Size') in firmware setup, or boot with pci=realloc; then look whether ${nameOf(device)} got its address`,
  "memory-decode-off": (device) =>
    `bind a driver to ${nameOf(device)}: it turns memory decode on; for a first look: setpci -s ${nameOf(device)} COMMAND=2:2`,
  "vf-memory-off": (device) =>
    `let the driver of ${nameOf(device)} make the virtual functions anew (sriov_numvfs): it turns their memory on`,
  "bridge-decode-off": (device) =>
    `turn on what is off in ${nameOf(device)}: setpci -s ${nameOf(device)} COMMAND=6:6; and look what turned it off`,
  "bus-master-off": (device) =>
    `reload the driver of ${nameOf(device)} (unbind it and bind it again): it turns bus mastering on as it begins; and look what turned it off`,
  "resizable-bar-small": (device) =>
    `turn on 'Resizable BAR' (and 'Above 4G Decoding') in firmware setup, or, with no driver bound, write the wanted size to /sys/bus/pci/devices/${nameOf(device)}/resource*_resize`,
  "bridge-window-small": (device) =>
    `have the window of ${nameOf(device)} made larger: 'Above 4G Decoding' and a larger 'MMIO High Size' in firmware setup, or pci=realloc=on, with which Linux sizes windows anew (for a hot-plug port pci=hpmmioprefsize=SIZE); or move the device to a slot with a larger window`,
  "beyond-dma-mask": (device) =>
    `lower 'MMIO High Base' in firmware setup until the BAR is within what ${nameOf(device)} can address`,
  "kernel-without-p2pdma": () => "boot a kernel that is built with CONFIG_PCI_P2PDMA=y",
  "no-peer-dma": () => "bind other drivers: with these the memory is not shared with a peer, whatever the path is",
  "iommu-translates": () =>
    "boot with iommu=pt, so that a request that goes up all the same meets no translation; and test with real data either way",
  "virtual-machine": () =>
    "run peerlane on the host, for the same two devices: ACS, IOMMU groups and slots are changed there, and nothing in the guest changes the path; in the guest, trust no more than a test with real data",
  "acs-registers-elsewhere": (device) =>
    `boot with pci=disable_acs_redir=${nameOf(device)}, which clears redirection where this port keeps it; and test with real data`,
  "kernel-parameter-misread": () =>
    "separate the devices of one pci= list by ';' and quote the list in the boot loader's configuration",
};
