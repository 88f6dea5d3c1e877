import { isTranslating, type Machine } from "../host/machine.ts";
import { linkGbps } from "../link/rate.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { DeviceKind } from "../pci/device-kind.ts";
import type { LinkState } from "../pci/express.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { HopLimit } from "../predict/hops.ts";
import type { Loss } from "../predict/losses.ts";
import type { Prediction } from "../predict/predict.ts";
import type { MeasuredEntry } from "../results/results.ts";
import type { AskedFigure, Expectations, Expected } from "./expected.ts";

/** What may have made a figure what it is: likely, and not proved. */
export interface Cause {
  readonly kind:
    | Loss["kind"]
    | "peer-off"
    | "iommu"
    | "shared"
    | "as-less-link"
    | "disk"
    | "network"
    | "nccl"
    | "unexplained"
    | "other-link"
    | "gib-for-gb"
    | "sum-for-one-way"
    | "bits-for-bytes"
    | "cache"
    | "link-was-less"
    | "turned-in-switch"
    | "assumption";
  readonly text: string;
  /** 10^9 bytes per second without it, of one transfer alone; absent where that is not known. */
  readonly withoutGBps?: number | undefined;
}

/** A figure with what it was held against. */
export interface HeldFigure {
  readonly entry: MeasuredEntry;
  readonly asked: AskedFigure;
  readonly expected: Expected;
  /** 10^9 bytes per second. */
  readonly gbps: number;
  readonly topology: Topology;
  /** What the ends are, each kind once. */
  readonly kinds: readonly (DeviceKind | "host")[];
}

const NVIDIA = 0x10de;
const AMD = 0x1002;

/** True between GPUs, which may have links of their own, where the tool went from one to the other. */
export function mayHaveOtherLink({ kinds, entry }: Pick<HeldFigure, "kinds" | "entry">): boolean {
  return kinds.every((kind) => kind === "gpu" || kind === "accel") && entry.peer !== "off";
}

/** How a figure may have come to be more than the links can carry, each reason only where what follows from it fits. */
export function causesOfExcess(figure: HeldFigure): readonly Cause[] {
  const { entry, expected, gbps, asked } = figure;
  const causes: Cause[] = [];
  const fits = (divisor: number): boolean => gbps / divisor >= expected.low && gbps / divisor <= expected.limit * 1.001;
  if (mayHaveOtherLink(figure)) causes.push({ kind: "other-link", text: otherLinkText(figure) });
  causes.push(...stateCauses(figure));
  if (fits(1.024 ** 3)) {
    causes.push({
      kind: "gib-for-gb",
      text: "GiB where GB were meant: 7 % less fits",
    });
  }
  if (entry.direction === "one-way" && asked.measured.length === 1 && fits(2)) {
    causes.push({ kind: "sum-for-one-way", text: "both directions together, read as one: half of it fits" });
  }
  if (fits(8)) causes.push({ kind: "bits-for-bytes", text: "bits where bytes were meant: an eighth of it fits" });
  if (figure.kinds.includes("host") || figure.kinds.includes("nvme")) {
    const isDisk = entry.tool === "fio" || figure.kinds.includes("nvme");
    causes.push({
      kind: "cache",
      text: isDisk
        ? "the page cache of the host: what is measured without direct I/O does not reach the disk"
        : "memory that is not behind PCIe: a cache, or a link of the processor's own (NVLink-C2C)",
    });
  }
  return causes.length === 0 ? [{ kind: "unexplained", text: "no unit and no sum explains it" }] : causes;
}

function otherLinkText(figure: HeldFigure): string {
  return `more than PCIe carries between them: it went over another link, likely ${linkNameOf(figure)}, which no source here shows`;
}

function linkNameOf({ asked, topology }: HeldFigure): string {
  const vendors = new Set(
    asked.measured.flatMap(({ from, to }) => [from, to]).flatMap((bdf) => vendorOf(topology, bdf)),
  );
  const [vendor] = vendors;
  if (vendors.size !== 1) return "a link of their own";
  return vendor === NVIDIA ? "NVLink" : vendor === AMD ? "xGMI" : "a link of their own";
}

function vendorOf(topology: Topology, bdf: Bdf | null): readonly number[] {
  const vendorId = bdf === null ? undefined : topology.functionOf(bdf).vendorId;
  return vendorId === undefined || isUnknown(vendorId) ? [] : [vendorId];
}

/** How a figure may have come to be more than was predicted, and yet no more than links carry. */
export function causesOfMore(figure: HeldFigure): readonly Cause[] {
  const { expected, gbps } = figure;
  const causes: Cause[] = [];
  if (turnsInSwitch(figure)) {
    causes.push({
      kind: "turned-in-switch",
      text: "as much as data that turns in the switch above both: it was not sent up to the root complex, as the source has it (were ACS or the kernel's parameters others when this was measured?)",
    });
  }
  if (mayHaveOtherLink(figure)) {
    causes.push({ kind: "other-link", text: `another link than PCIe may have carried it (${linkNameOf(figure)})` });
  }
  if (gbps <= expected.limit * 1.001) {
    causes.push({
      kind: "assumption",
      text: "something assumed or published of this path is not so here: the links carry that much",
    });
  }
  return causes;
}

/** True of data that the source shows going up to the root complex, where it would fit if it turned below. */
export function turnsInSwitch({ expected: { directLimit }, gbps }: Pick<HeldFigure, "expected" | "gbps">): boolean {
  return directLimit !== null && gbps <= directLimit * 1.001;
}

/** A link that can more than it had when the source was taken. */
function stateCauses({ expected, gbps }: HeldFigure): readonly Cause[] {
  const { link, taken, at } = expected.bottleneck;
  if (link === null || taken === null || at === null) return [];
  const can = link.bothCan ?? link.belowCan;
  if (can === null || linkGbps(can) <= linkGbps(taken) || gbps > expected.limit * (linkGbps(can) / linkGbps(taken)))
    return [];
  return [
    {
      kind: "link-was-less",
      text: `the link of ${formatBdf(at)} was ${stateWords(taken)} when the source was taken, and can ${stateWords(can)}: fits that`,
    },
  ];
}

/** What may have made a figure less than the low end of what was predicted, the likeliest first. */
export function causesOfLow(figure: LowFigure): readonly Cause[] {
  const { entry, expected, asked, machine, gbps, kinds } = figure;
  const causes: Cause[] = [...stagedCauses(figure)];
  if (kinds.includes("nvme")) {
    causes.push({ kind: "disk", text: "the disk itself: its data sheet says what its media and its queues carry" });
  }
  if (entry.tool === "perftest") {
    causes.push({ kind: "network", text: "the port, the network and the other host: the figure is of all of the way" });
  }
  if (entry.tool === "nccl-tests") {
    causes.push({ kind: "nccl", text: "NCCL's own steps, and another ring than the one in the order of the ranks" });
  }
  const less = lessLinkOf(expected.bottleneck, { gbps, expected });
  if (less !== null) causes.push(less);
  const { mode } = machine.iommu;
  const isUp = expected.predictions.some(({ path }) => path.turn === "root-complex");
  if (!isUnknown(mode) && isTranslating(mode) && isUp) {
    causes.push({
      kind: "iommu",
      text: `the IOMMU translates (${mode}) what passes the root complex: its walks may take longer than those of the prediction, which are of other hosts`,
    });
  }
  const flows = asked.measured.length + asked.beside.length;
  if (flows > 1 && asked.combine === "sum") {
    causes.push({
      kind: "shared",
      text: `${flows} transfers at once share links: such figures fall short of predictions (docs/time.md)`,
    });
  }
  if (causes.length === 0) {
    const text =
      expected.losses.length === 0 ? "nothing on the path explains it" : "nothing else on the path explains it";
    causes.push({ kind: "unexplained", text });
  }
  // What holds the path back is in the prediction already, and is told as it may be worse than it looks.
  for (const loss of expected.losses) {
    const text = `in the prediction already: ${loss.why}`;
    causes.push({ kind: loss.kind, text, ...(flows === 1 ? { withoutGBps: loss.gbpsWithout } : {}) });
  }
  return causes;
}

/** A low figure, with what it takes to look for causes. */
type LowFigure = HeldFigure & { readonly machine: Machine; readonly expectations: Expectations };

/** Of what memory of the host could pass on: what is more is not taken for it where the output says that peers were on. */
const STAGED_SHARE = 0.8;

/** Figures that are as what goes through memory of the host is. */
function stagedCauses({ entry, asked, gbps, expectations }: LowFigure): readonly Cause[] {
  if (asked.isStaged || asked.measured.some(({ from, to }) => from === null || to === null)) return [];
  const staged = expectations.of({ ...asked, isStaged: true, movers: ["from"] });
  if (isUnknown(staged)) return [];
  const most = entry.peer === "on" ? STAGED_SHARE * staged.value : staged.high;
  if (gbps < staged.low || gbps > most) return [];
  const said = entry.peer === "on" ? "the output says that peers were on, and yet" : "peers may be off:";
  return [{ kind: "peer-off", text: `${said} it is as much as goes through memory of the host` }];
}

/** What of the rate of a lesser link is as near to it as measurements are. */
const NEAR = 0.85;

/** The bottleneck as a link of fewer lanes or less speed, where the figure is as of one. */
function lessLinkOf(
  { taken }: HopLimit,
  { gbps, expected }: { readonly gbps: number; readonly expected: Expected },
): Cause | null {
  if (taken === null) return null;
  const lesser: readonly LinkState[] = [
    ...[8, 4, 2, 1].filter((width) => width < taken.width).map((width) => ({ ...taken, width })),
    ...[32, 16, 8, 5, 2.5].filter((speed) => speed < taken.speedGTps).map((speedGTps) => ({ ...taken, speedGTps })),
  ];
  const fitting = lesser.filter((state) => {
    const share = linkGbps(state) / linkGbps(taken);
    return gbps >= NEAR * expected.value * share && gbps <= expected.high * share;
  });
  if (fitting.length === 0) return null;
  const words = fitting.map(stateWords).join(" or ");
  return {
    kind: "as-less-link",
    text: `as much as a link ${words} carries (the source shows ${stateWords(taken)}): one on the way may be less under load`,
  };
}

/** `x8 8 GT/s`. */
function stateWords({ width, speedGTps }: LinkState): string {
  return `x${width} ${speedGTps} GT/s`;
}

/** The links on the way of a prediction, by the functions at their lower ends. */
export function linksOn(predictions: readonly Prediction[]): readonly Bdf[] {
  return [
    ...new Set(
      predictions.flatMap(({ hops }) => hops.flatMap(({ kind, at }) => (kind === "link" && at !== null ? [at] : []))),
    ),
  ];
}
