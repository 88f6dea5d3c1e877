import { isTranslating, type Kernel, type Machine } from "../host/machine.ts";
import { formatAddress } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import { type AskClass, VFIO_DRIVERS } from "../platforms/asking.ts";
import { conditionWords, holdsOn, mainlineNumber } from "../platforms/asking-conditions.ts";
import {
  type AskedBy,
  type AskedWay,
  addressKind,
  givenWords,
  type OpenProviso,
  provisosOn,
  provisoWords,
} from "../platforms/who-asks.ts";
import { hasP2pdma } from "../rules/kernels/build-option.ts";
import { releaseNumber } from "../rules/kernels/kernel-release.ts";
import type { Gate, JudgedPair } from "./gate.ts";

/** Gates that hang on what the drivers of a pair do with the kernel's answer. */

/** 4.20, as {@link releaseNumber} gives it. */
const FIRST_WITH_P2PDMA = 4020;

/** True for a kernel that is known to be older than P2PDMA. */
export function isBeforeP2pdma({ release }: Kernel): boolean {
  return !isUnknown(release) && (releaseNumber(release) ?? FIRST_WITH_P2PDMA) < FIRST_WITH_P2PDMA;
}

/** The ways of a pair that are its drivers' own, of one class; of a pair of which nothing is known, none. */
function waysOfClass({ ways }: AskedBy, wanted: AskClass): readonly AskedWay[] {
  return ways.filter(({ row }) => row.aside === undefined && row.class === wanted);
}

/** True where the kernel's verdict and address bind: by one of the ways, or as far as anybody knows. */
function obeys({ ways }: AskedBy): boolean {
  const own = ways.filter(({ row }) => row.aside === undefined);
  return own.length === 0 || own.some(({ row }) => row.class === "asks-and-obeys");
}

/** A kernel without P2PDMA stops those who ask for it; who does not ask is not touched, nor who asks in vain. */
export function kernelGate(machine: Machine, gate: Gate, askedBy: AskedBy): readonly Gate[] {
  if (gate.kind !== "kernel-without-p2pdma") return [gate];
  const others = askedBy.ways.filter(({ row }) => row.aside === undefined && row.class !== "asks-and-obeys");
  if (others.length === 0) return [gate];
  const asking = waysOfClass(askedBy, "asks-yes-or-no");
  const isFree = others.some(({ row }) => row.class === "does-not-ask" || row.class === "user-space");
  if (obeys(askedBy)) return [{ ...gate, effect: isFree ? "warns" : gate.effect }];
  const [way] = asking;
  if (way === undefined) return [];
  const proviso = way.row.provisos?.find(({ when }) => when.configOff === "CONFIG_PCI_P2PDMA");
  if (proviso === undefined || !isBuiltWithout(machine)) return [gate];
  const name = isUnknown(machine.kernel.release) ? "this kernel" : machine.kernel.release;
  return [
    {
      ...gate,
      effect: "blocks",
      message: `${prefixOf(way)}${name} is built without CONFIG_PCI_P2PDMA: ${proviso.words}. On no: ${way.row.onNo}`,
      ...doubtOf(way, askedBy),
    },
  ];
}

/** Why a way of sharing memory lets no client at it on a machine, and what would change that. */
interface Refusal {
  readonly words: string;
  readonly remedy?: string;
  /** Where one gets at it all the same, of which no source shows whether it is so. */
  readonly unless?: string;
}

function refusalOf(machine: Machine, { row }: AskedWay): Refusal | undefined {
  if (row.class === "no-peer-dma") {
    return { words: `${row.words} On this machine: ${row.onNo}`, ...unlessOf(row) };
  }
  const proviso = provisosOn(machine, row).find((one) => one.holds === true && isRefusing(one));
  if (proviso === undefined) return undefined;
  const { kernelBefore } = proviso.when;
  return {
    words: `${row.title}: ${provisoWords(proviso)}`,
    ...(kernelBefore === undefined ? {} : { remedy: `boot Linux ${kernelBefore} or newer: on older ones it is so` }),
    ...unlessOf(proviso),
  };
}

function unlessOf({ unless }: Pick<OpenProviso, "unless">): Pick<Refusal, "unless"> {
  return unless === undefined ? {} : { unless };
}

/** A kernel without P2PDMA has a gate of its own. */
function isRefusing({ leaves, when }: OpenProviso): boolean {
  return (leaves === "host-memory" || leaves === "refusal") && when.configOff !== "CONFIG_PCI_P2PDMA";
}

/** Stops where what the drivers of a pair have in common is that none of their ways lets the client at the memory. */
export function noPeerDmaGates(machine: Machine, { ways, hidden }: AskedBy): readonly Gate[] {
  const own = ways.filter(({ row }) => row.aside === undefined);
  if (hidden !== null || own.length === 0) return [];
  const refusals = own.map((way) => refusalOf(machine, way));
  if (refusals.includes(undefined)) return [];
  const doubt = doubtOfRefusals(ways, refusals);
  return own.map(
    ({ row }, at): Gate => ({
      kind: "no-peer-dma",
      device: null,
      effect: "blocks",
      message: refusals[at]?.words ?? "",
      about: row.id,
      ...(refusals[at]?.remedy === undefined ? {} : { remedy: refusals[at].remedy }),
      ...(doubt === undefined ? {} : { doubt }),
    }),
  );
}

/** Why a pair whose every way is refused may share memory all the same. */
function doubtOfRefusals(ways: readonly AskedWay[], refusals: readonly (Refusal | undefined)[]): string | undefined {
  const outOfTree = ways.find(({ row }) => row.isOutOfTree === true);
  if (outOfTree !== undefined) {
    return `${outOfTree.row.title}: ${outOfTree.row.aside}, which the source does not show`;
  }
  const unless = refusals.find((refusal) => refusal?.unless !== undefined)?.unless;
  return unless === undefined ? undefined : `not so where ${unless}, which the source does not show`;
}

/** A proviso that may refuse a pair, and of which of its ways. */
export interface OpenRefusal extends OpenProviso {
  readonly way: AskedWay;
}

/** What may stop a pair for all that the source shows of kernel and modules: of pairs of which no way is sure to be open. */
export function openRefusals(machine: Machine, { ways, hidden }: AskedBy): readonly OpenRefusal[] {
  const own = ways.filter(({ row }) => row.aside === undefined);
  if (hidden !== null) return [];
  const open: OpenRefusal[] = [];
  for (const way of own) {
    if (refusalOf(machine, way) !== undefined) continue;
    const provisos = provisosOn(machine, way.row).filter((one) => one.holds !== true && isRefusing(one));
    if (provisos.length === 0) return [];
    open.push(...provisos.map((proviso) => ({ ...proviso, way })));
  }
  return open;
}

/**
 * {@link openRefusals} of which a release is a part, as gates in doubt: what else may be so (a module older than years) is
 * assumed not to be.
 */
export function openRefusalGates(machine: Machine, askedBy: AskedBy): readonly Gate[] {
  return openRefusals(machine, askedBy).flatMap(({ when, words, holds, way }): Gate[] => {
    if (!isUnknown(holds) || (when.kernelFrom === undefined && when.kernelBefore === undefined)) return [];
    const message = `${way.row.title}: if ${conditionWords(when)}: ${words}`;
    const remedy = wayToSettle(machine, when);
    const about = way.row.id;
    return [{ kind: "no-peer-dma", device: null, effect: "blocks", message, about, ...remedy, doubt: holds.unknown }];
  });
}

/** How to know whether it is so, where it takes no other drivers to know: each way of sharing memory came with a release of its own. */
function wayToSettle({ kernel: { release } }: Machine, { configOff }: OpenProviso["when"]): Pick<Gate, "remedy"> {
  const look = configOff === undefined ? null : `grep ${configOff} /boot/config-$(uname -r)`;
  if (isUnknown(release)) {
    const also = look === null ? "" : `, and look there: ${look}`;
    return { remedy: `the kernel is not named: give --kernel RELEASE, as uname -r prints it${also}` };
  }
  return look === null ? {} : { remedy: `look on that machine: ${look}` };
}

/** VFIO's switch for devices without an IOMMU. */
const WITHOUT_IOMMU = "vfio.enable_unsafe_noiommu_mode";

/**
 * VFIO gives a program a device of an IOMMU group, and without an IOMMU there is none (`vfio_group_find_or_alloc`, Linux
 * 6.12): nothing opens it, unless its switch is on, with which programs give devices physical addresses.
 */
export function vfioGates(machine: Machine, provider: PciFunction, client: PciFunction): Gate[] {
  const { iommu } = machine;
  if (iommu.mode !== "off" || provider === client) return [];
  const held = [provider, client].filter(({ driver }) => !isUnknown(driver) && VFIO_DRIVERS.includes(driver ?? ""));
  if (held.length === 0) return [];
  const isOn = holdsOn(machine, {
    parameter: { module: "vfio", name: "enable_unsafe_noiommu_mode", values: ["1", "Y", "y"] },
  });
  return held.map(({ bdf, driver }): Gate => {
    const name = `${formatBdf(bdf)} is ${driver}'s, and no IOMMU is on`;
    const about = "no IOMMU";
    const remedy = "turn the IOMMU on (iommu=pt where the host's own devices are to go untranslated)";
    if (isOn === true) {
      const message = `${name}: with ${WITHOUT_IOMMU} a program gives devices physical addresses, and nobody looks at them`;
      return { kind: "no-peer-dma", device: bdf, effect: "warns", message, about, remedy };
    }
    const message = `${name}: VFIO lets no program at a device without an IOMMU, unless ${WITHOUT_IOMMU} is on`;
    const doubt = isUnknown(isOn) ? { doubt: `the source does not show ${WITHOUT_IOMMU}` } : {};
    return { kind: "no-peer-dma", device: bdf, effect: "blocks", message, about, remedy, ...doubt };
  });
}

function isBuiltWithout(machine: Machine): boolean {
  return !isBeforeP2pdma(machine.kernel) && hasP2pdma(machine) === false;
}

/** `if nvidia is bound to the provider: `, or nothing. */
function prefixOf(way: AskedWay): string {
  const given = givenWords(way);
  return given === "" ? "" : `${given}: `;
}

function doubtOf(way: AskedWay, { hidden }: AskedBy): Pick<Gate, "doubt"> {
  return way.given.length === 0 || hidden === null ? {} : { doubt: hidden };
}

/** A BAR that ends beyond a mask, in words and by its name. */
interface BarBeyond {
  readonly words: string;
  readonly bar: string;
}

/** The client's driver said how many address bits it uses; a BAR beyond them cannot be mapped for it. */
export function dmaMaskGates(
  provider: PciFunction,
  client: PciFunction,
  verdict: JudgedPair,
  machine: Machine,
): Gate[] {
  // Without a driver the mask is the default of 32 bits and says nothing about the device.
  if (isUnknown(client.dmaMaskBits) || isUnknown(client.driver) || client.driver === null) return [];
  if (provider.bdf === client.bdf) return [];
  const limit = 2 ** client.dmaMaskBits;
  const beyond = (address: (bar: Bar) => Bar["busAddress"] | Bar["physAddress"]): readonly BarBeyond[] =>
    (memoryBars(provider) ?? []).flatMap((bar): BarBeyond[] => {
      const start = address(bar);
      if (start === null || isUnknown(start) || isUnknown(bar.sizeBytes) || start + bar.sizeBytes <= limit) return [];
      const end = formatAddress(start + bar.sizeBytes);
      const words =
        `BAR ${bar.index} of ${formatBdf(provider.bdf)} ends at ${end}, beyond the ` +
        `${client.dmaMaskBits} address bits of ${formatBdf(client.bdf)}`;
      return [{ words, bar: `BAR ${bar.index}` }];
    });
  const bits = client.dmaMaskBits;
  const gate = ({ words, bar }: BarBeyond, effect: Gate["effect"], also = "", doubt?: string): Gate => ({
    kind: "beyond-dma-mask",
    device: client.bdf,
    effect,
    message: `${words}${also}`,
    about: `${bar}${also}`,
    ...maskRemedy(provider, client.bdf, bits),
    ...(doubt === undefined ? {} : { doubt }),
  });
  const { mode } = machine.iommu;
  const translates = !isUnknown(mode) && isTranslating(mode);
  const { askedBy, mapType } = verdict;
  if (obeys(askedBy)) {
    if ((mapType === "thru-host-bridge" && translates) || mapType === "not-supported") return [];
    const bars = beyond((bar) => (mapType === "bus-addr" ? bar.busAddress : bar.physAddress));
    return bars.map((bar) => gate(bar, "blocks"));
  }
  const [yesOrNo] = waysOfClass(askedBy, "asks-yes-or-no");
  if (yesOrNo !== undefined && mapType !== "not-supported") {
    const bars = beyond(({ physAddress }) => physAddress);
    if (!translates) return bars.map((bar) => gate(bar, "blocks", "", isUnknown(mode) ? mode.unknown : undefined));
    const number = mainlineNumber(machine.kernel);
    if (yesOrNo.row.id !== "amdgpu-amdgpu" || (!isUnknown(number) && number >= EXEMPTS_MASK)) return [];
    const until = "ROCm's peer access is refused for that by Linux 6.1 although the IOMMU translates, and not by 6.12";
    return bars.map((bar) => gate(bar, "warns", `: ${until}`));
  }
  const [own] = waysOfClass(askedBy, "does-not-ask");
  if (own === undefined || addressKind(own.row.address, machine) !== "bus") return [];
  return beyond(({ busAddress }) => busAddress).map((bar) => gate(bar, "warns", ", and nothing refuses it"));
}

/** Below 4 GiB firmware has memory, its own registers and interrupts beside the BARs: no BAR of more than this fits. */
const LARGEST_BELOW_4_GIB = 2 ** 30;

/** What BARs may take of some address bits: half of them is taken for memory, and below 2 GiB there is nothing else. */
function roomWithin(bits: number): number {
  if (bits < 32) return 0;
  return bits === 32 ? LARGEST_BELOW_4_GIB : 2 ** (bits - 1);
}

/** The way of getting a provider's BARs within some address bits, where there may be one; else what to take in its place. */
function maskRemedy(provider: PciFunction, client: Bdf, bits: number): Pick<Gate, "remedy" | "isFinal"> {
  const room = roomWithin(bits);
  const bars = memoryBars(provider) ?? [];
  const fits = (sizes: readonly number[]): boolean => sizes.reduce((sum, size) => sum + size, 0) <= room;
  const sizes = bars.map(({ sizeBytes }) => (isUnknown(sizeBytes) ? 0 : sizeBytes));
  const lower =
    bits === 32
      ? "turn 'Above 4G Decoding' off in firmware setup, so that BARs get addresses below 4 GiB"
      : `lower 'MMIO High Base' in firmware setup until the BAR is within what ${formatBdf(client)} can address`;
  if (fits(sizes)) return { remedy: lower };
  const resizable = isUnknown(provider.resizableBars) ? [] : provider.resizableBars;
  const smallest = bars.map(({ index }, position) => {
    const supported = resizable.find(({ barIndex }) => barIndex === index)?.supportedBytes ?? [];
    return (isUnknown(supported) ? undefined : supported[0]) ?? sizes[position] ?? 0;
  });
  const part = fits(smallest)
    ? `with Resizable BAR turned off in firmware setup ${formatSize(Math.max(...smallest))} of it would: then ${lower}`
    : "take a client whose driver uses more bits, or a provider with a smaller BAR";
  const largest = formatSize(Math.max(...sizes));
  return { isFinal: true, remedy: `none: a BAR of ${largest} does not fit within ${bits} address bits; ${part}` };
}

/** 6.12, the oldest release read in which amdgpu lets a translating IOMMU make up for a mask. */
const EXEMPTS_MASK = 6012;

/** What a gate says of a transfer that is told to have worked and has not. */
export const DATA_IS_LOST = "the data is lost without an error";

/**
 * A translating IOMMU meets each way of sharing memory otherwise: bus addresses go past it or are lost in it, those of the
 * DMA API go through it, up at the root complex, and NVIDIA's driver depends on the kernel's age: raw addresses that go up
 * are rejected there.
 */
export function iommuGates(verdict: JudgedPair, machine: Machine): Gate[] {
  const { mode } = machine.iommu;
  if (isUnknown(mode) || !isTranslating(mode) || verdict.provider === verdict.client) return [];
  const { askedBy, mapType } = verdict;
  const gates: Gate[] = [];
  const push = (
    message: string,
    more: Pick<Gate, "about" | "doubt" | "remedy" | "isUnsupported"> & Partial<Pick<Gate, "effect">>,
  ): void => {
    if (gates.some((gate) => gate.message === message)) return;
    gates.push({ kind: "iommu-translates", device: null, effect: "warns", message, ...more });
  };
  if (mapType === "bus-addr" && obeys(askedBy)) {
    push(
      `the IOMMU translates (${mode}) and the DMA address is a bus address: a switch that sends peer traffic up ` +
        `all the same meets an IOMMU fault, and ${DATA_IS_LOST}; test with real data, or use iommu=pt`,
      { about: "bus address" },
    );
  }
  for (const way of mapType === "bus-addr" ? waysOfClass(askedBy, "asks-yes-or-no") : []) {
    push(
      `${prefixOf(way)}the IOMMU translates (${mode}), and the driver takes only the yes from the kernel: its address is ` +
        "an IOVA, so that packets go up to the root complex although a bridge is shared: right, and slower",
      {
        about: `${way.row.id} ${prefixOf(way)}`,
        ...doubtOf(way, askedBy),
        remedy:
          "boot with iommu=pt: the address is then the CPU's, and packets turn at the switch where ACS does not redirect them",
      },
    );
  }
  for (const way of waysOfClass(askedBy, "user-space")) {
    if (way.row.id !== "uio") continue;
    const stops =
      mapType !== "bus-addr" && askedBy.ways.every(({ row }) => row.aside !== undefined || row.id === "uio");
    push(
      `${prefixOf(way)}the IOMMU translates (${mode}), and with uio a program gives devices physical addresses, which it rejects`,
      {
        ...(stops ? { effect: "blocks" as const } : {}),
        about: `uio ${prefixOf(way)}`,
        ...doubtOf(way, askedBy),
        remedy: "bind vfio-pci in place of uio, or boot with iommu=pt",
      },
    );
  }
  for (const way of waysOfClass(askedBy, "does-not-ask")) {
    if (way.row.address !== "nvidia") continue;
    const { words, isRejected } = nvidiaWords(machine, mapType === "bus-addr");
    // Below a switch that redirects nothing no IOMMU sees the address; and another way may be open.
    const isOnlyWay = askedBy.ways.every(({ row }) => row.aside !== undefined || row.address === "nvidia");
    const stops = mapType !== "bus-addr" && isOnlyWay && isRejected !== false;
    const spared = askedBy.ways.find(({ row }) => row.aside === undefined && row.address !== "nvidia");
    const only =
      spared === undefined ? "" : `; that is '${way.row.title}', and '${spared.row.title}' takes other addresses`;
    const whole = `${words}; boot with iommu=pt, and test with real data${only}`;
    push(`${prefixOf(way)}the IOMMU translates (${mode}): ${whole}`, {
      ...(stops ? { effect: "blocks" as const } : {}),
      about: `${way.row.id} ${prefixOf(way)}${words}`,
      ...(stops && isUnknown(isRejected) ? { doubt: isRejected.unknown } : {}),
      ...(isRejected === false && isOnlyWay ? { isUnsupported: true as const } : {}),
      ...doubtOf(way, askedBy),
      remedy: "boot with iommu=pt, as NVIDIA's guides ask for; and test with real data",
    });
  }
  return gates;
}

/** What the NVIDIA driver does with a translating IOMMU on a kernel, and whether the IOMMU rejects it; its guides want none on any. */
function nvidiaWords(
  { kernel }: Machine,
  isDirect: boolean,
): { readonly words: string; readonly isRejected: Known<boolean> } {
  const raw = isDirect
    ? "the NVIDIA driver hands out raw bus addresses, by its published source; on this path they turn at the switch and do not meet the IOMMU, which rejects them on others (reported for Linux 7.0)"
    : "the NVIDIA driver hands out raw bus addresses on every path, by its published source, which the IOMMU rejects (reported for Linux 7.0)";
  const mapped =
    "the NVIDIA driver maps peers by the DMA API from Linux 5.9 to 6.11, by its published source, and NVIDIA does not support peer copies so";
  const number = mainlineNumber(kernel);
  if (isUnknown(number)) return { words: `on Linux 6.12 and newer ${raw}; ${mapped}`, isRejected: number };
  return number >= RAW_ADDRESSES ? { words: raw, isRejected: true } : { words: mapped, isRejected: false };
}

/** 6.12, from which on no device behind dma-iommu has operations of its own (b5c58b2fdc42). */
const RAW_ADDRESSES = 6012;
