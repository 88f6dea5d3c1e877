import type { Bar } from "../../pci/bar.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { BridgeWindow } from "../../pci/bridge.ts";
import type { Capability } from "../../pci/capability.ts";
import { CONVENTIONAL_BYTES, EXTENDED_BYTES } from "../../pci/config-space.ts";
import type { PortType } from "../../pci/express.ts";
import type { Known, Unknown } from "../../pci/known.ts";
import type { ResizableBar } from "../../pci/resizable-bar.ts";
import type { Sriov } from "../../pci/sriov.ts";
import type { Line } from "./line.ts";
import { LineOrder } from "./line-order.ts";

/** The entry of an Enhanced Allocation capability that the lines are in the middle of. */
export interface AllocationEntry {
  readonly isEnabled: boolean;
  index: number;
  kind: { readonly kind: "memory" | "io"; readonly prefetchable: boolean } | undefined;
  base: number;
  is64Bit: boolean;
}

/** How much a record prints: only its first line, `-v` (`Flags:`), or `-vv` and more (`Control:`). */
export type Verbosity = "plain" | "v" | "vv";

/** A value that no line has given yet. */
export const NOT_SEEN = -1;

/** What the lines of a PCI Express capability gave. */
export interface ExpressLines {
  type: PortType | "reserved" | undefined;
  version: number;
  slotImplemented: boolean | undefined;
  slotNumber: number;
  linkCapable: { readonly speedGTps: number; readonly width: number } | undefined;
  linkStatus: { readonly speedGTps: number; readonly width: number } | undefined;
  /** Of Device Capabilities and Device Control; {@link NOT_SEEN} where no line tells. */
  possiblePayload: number;
  maxPayload: number;
  maxReadRequest: number;
  relaxedOrdering: boolean | undefined;
  extendedTags: boolean | undefined;
  /** The link is active, or the slot has a card. */
  isLinkUp: boolean;
}

/** Reads the lines below one `Capabilities:` line; set by that line. */
export type CapabilityLineReader = (line: Line, record: FunctionRecord) => void;

/**
 * What the lines of one function have given so far, filled by the parsers of single lines; `sealRecord` turns it into
 * knowledge. Numbers are {@link NOT_SEEN} until a line gives them.
 */
export class FunctionRecord {
  readonly bdf: Bdf;
  /** The line that begins the record, from 1. */
  readonly line: number;
  verbosity: Verbosity = "plain";
  /** The bridges that a path of `-PP` names, from the root bus down; empty without one. */
  bridgesAbove: readonly Bdf[] = [];

  label: string | null = null;
  vendorId: number = NOT_SEEN;
  deviceId: number = NOT_SEEN;
  /** Base class and subclass. */
  classKind: number = NOT_SEEN;
  programmingInterface: number = NOT_SEEN;
  revision: number = NOT_SEEN;
  /** False when the first line is the cut end of the text: what it does not show may have followed. */
  isHeadWhole = true;
  subsystem: { readonly vendorId: number; readonly deviceId: number } | Unknown | null | undefined;

  command: number = NOT_SEEN;
  numaNode: number = NOT_SEEN;
  iommuGroup: number = NOT_SEEN;
  /** The group comes from a listing of groups, not from a line of the function's own. */
  isGroupListed = false;
  readonly bars: Bar[] = [];
  /** False where lines of `-v` gave BARs, whose indices are then the lowest possible. */
  areBarsNumbered = true;
  bridge: { readonly primary: number; readonly secondary: number; readonly subordinate: number } | undefined;
  isCardBus = false;
  readonly windows: BridgeWindow[] = [];
  /** A window that reads as no bus address can: what lies behind the bridge is then unknown. */
  windowsUnreadable = false;

  /** A line behind BARs, bus numbers and windows was seen: of those, nothing more follows. */
  isHeadDone = false;
  /** What the status register says of a list of capabilities; `undefined` where no line shows it. */
  hasCapabilityList: boolean | undefined;
  /** A line begins a capability, readable or not. */
  showsCapabilities = false;
  readonly capabilities: Capability[] = [];
  readonly #offsets = new Set<number>();
  /** Why the list of capabilities is not whole, where a line says so. */
  capabilitiesHidden: Unknown | undefined;
  oddity: string | undefined;
  readCapabilityLine: CapabilityLineReader | undefined;
  express: ExpressLines | undefined;
  acsCapability: number = NOT_SEEN;
  acsControl: number = NOT_SEEN;
  hasAcs = false;
  /** Lines of ACS came without its title: whose they are is certain only where no function is left out. */
  isAcsLoose = false;
  hasSriov = false;
  sriovCounts: Pick<Sriov, "totalVfs" | "numVfs"> | undefined;
  sriovMemoryEnable: boolean | undefined;
  sriovRouting: Pick<Sriov, "firstVfOffset" | "vfStride" | "vfDeviceId"> | undefined;
  hasResizableBar = false;
  readonly resizableBars: ResizableBar[] = [];
  resizableBarsUnreadable = false;

  allocation: AllocationEntry | undefined;
  /** BARs of an Enhanced Allocation capability. */
  readonly allocatedBars: Bar[] = [];

  readonly order: LineOrder = new LineOrder();
  /** A line came without the one that always stands before it. */
  hasLostLines = false;
  /** Lines so far, the first one included; those of `lspci` without the rests that a mailer made; what the last begins with. */
  lineCount = 1;
  printedLines = 1;
  lastLineStart = 0;

  /** Unknown where the text was cut within the name. */
  driver: Known<string | null> | undefined;
  /** The driver's lines or hex lines were seen: they come last, so the text before them is whole. */
  isTextDone = false;
  isGone = false;
  /** A line came that can come only once: the lines of another function follow, whose first ones are lost. */
  isGlued = false;

  /** Config space as far as hex lines gave it without a gap. */
  config: Uint8Array | undefined;
  configLength = 0;

  constructor(bdf: Bdf, line: number) {
    this.bdf = bdf;
    this.line = line;
  }

  /** Notes where a capability begins; two at one offset, or a standard one behind extended ones, are of two functions. */
  addCapabilityOffset(offset: number): void {
    const isBehindExtended = offset < CONVENTIONAL_BYTES && this.capabilities.at(-1)?.space === "extended";
    if (this.#offsets.has(offset) || isBehindExtended || this.isTextDone) this.isGlued = true;
    this.#offsets.add(offset);
  }

  /** Puts bytes of a hex line behind those there are; what does not follow on is left out, never placed by guess. */
  addConfigByte(offset: number, value: number): void {
    this.isTextDone = true;
    if (offset !== this.configLength || offset >= EXTENDED_BYTES) return;
    this.config ??= new Uint8Array(256);
    if (offset === this.config.length) {
      const whole = new Uint8Array(EXTENDED_BYTES);
      whole.set(this.config);
      this.config = whole;
    }
    this.config[offset] = value;
    this.configLength++;
  }
}
