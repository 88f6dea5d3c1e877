import { PeerlaneError, type Place } from "../../pci/error.ts";
import type { ValuePath, YamlSource } from "../yaml/yaml-source.ts";
import { buildEndpoint } from "./build-endpoint.ts";
import { BRIDGE_LINKS, DEFAULT_ACS_CAPABILITY, fullLink } from "./defaults.ts";
import type { NodeInput, PortInput } from "./input.ts";
import { type Item, itemsAt, type Placement, placeOnBus, type Slots } from "./placement.ts";
import type { AcsText } from "./scalars.ts";
import type {
  BridgeNode,
  BusKind,
  DownstreamPortNode,
  RootPortNode,
  ScenarioAcs,
  ScenarioFunctionBase,
  ScenarioNode,
  SwitchNode,
} from "./scenario.ts";

/** Most functions of one scenario, VFs included: as many as a PCI segment can address. */
const MAX_FUNCTIONS = 65_536;

/** What is known about the whole file while it is built. */
export interface BuildContext {
  readonly source: YamlSource;
  readonly names: Map<string, Place>;
  functionCount: number;
}

/** The bus that devices are put on. */
export interface BusContext {
  readonly bus: BusKind;
  /** A host bridge function sits at 00.0. */
  readonly hasHostBridge: boolean;
  /** What devices inherit. */
  readonly numaNode: number | null;
  /** What the kernel gives devices below a port, as `null` where nothing above states it. */
  readonly maxPayloadBytes: number | null;
}

type InputOf<K extends NodeInput["kind"]> = Extract<NodeInput, { readonly kind: K }>;

/** Builds what is on one bus, in enumeration order. Throws `bad-input` with the place for what cannot be there. */
export function buildBelow(context: BuildContext, bus: BusContext, items: readonly Item[]): readonly ScenarioNode[] {
  return placeOnBus(items, slotsOf(bus), context.source).map((placement) => buildNode(context, bus, placement));
}

/** Counts functions against the limit; throws `too-large` beyond it. */
export function countFunctions(context: BuildContext, count: number, path: ValuePath): void {
  context.functionCount += count;
  if (context.functionCount > MAX_FUNCTIONS) {
    throw new PeerlaneError("too-large", `more than ${MAX_FUNCTIONS} functions`, {
      place: context.source.placeOf(path),
      remedy: "a PCI segment holds 65,536; describe a part of the machine",
    });
  }
}

const FULL = "no device number is left on this bus";

function slotsOf({ bus, hasHostBridge }: BusContext): Slots {
  switch (bus) {
    case "root": {
      const why = hasHostBridge
        ? "a root bus has devices 01 to 1f, and 00 is its host bridge: write `at: 01.0`, or leave `at:` out for the next one that is free"
        : "a bus has 32 device numbers, 00 to 1f";
      return { first: hasHostBridge ? 1 : 0, last: 31, reserved: hasHostBridge ? 0 : null, full: FULL, why };
    }
    case "link": {
      const why =
        "the device is number 00: put a switch between, or list the functions of one device under " +
        "'functions:'; to place the downstream port of a switch itself, write 'port: { at: … }' with the device below it";
      const full = "a link leads to one device, and this is another";
      return { first: 0, last: 0, reserved: null, full, why };
    }
    case "conventional":
      // The bridge's own hot-plug controller has slot 0 in QEMU's and in most real ones.
      return { first: 1, last: 31, reserved: null, full: FULL, why: "a conventional bus has devices 01 to 1f" };
  }
}

function buildNode(context: BuildContext, bus: BusContext, placement: Placement): ScenarioNode {
  const { input, path } = placement;
  switch (input.kind) {
    case "rootPort":
      if (bus.bus !== "root") throw misplaced(context, path, "a root port sits on a root bus", "use 'switch' here");
      return buildRootPort(context, bus, placement, input);
    case "switch":
      if (bus.bus !== "link") {
        throw misplaced(context, path, "a switch is connected by a PCIe link", "put it below a 'rootPort'");
      }
      return buildSwitch(context, bus, placement, input);
    case "port":
      throw misplaced(context, path, "'port' is a downstream port of a switch", "put it directly below a 'switch'");
    case "bridge":
      return buildBridge(context, bus, placement, input);
    default: {
      countFunctions(context, 1 + (input.attributes.sriov?.vfs ?? 0), path);
      const base = baseOf(context, bus, placement);
      return buildEndpoint(context.source, { ...placement, input }, bus.bus, base);
    }
  }
}

function misplaced(context: BuildContext, path: ValuePath, message: string, remedy: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, { place: context.source.placeOf(path), remedy });
}

/** What every function has but its ids and ACS, which depend on the kind. */
function baseOf(
  context: BuildContext,
  bus: BusContext,
  { input, path, device, function: fn, multifunction }: Placement,
): Omit<ScenarioFunctionBase, "id" | "acs"> {
  const { name = null, numaNode = bus.numaNode, iommuGroup = null } = input.attributes;
  const { maxPayload: maxPayloadBytes = bus.maxPayloadBytes, maxReadRequest: maxReadRequestBytes = null } =
    input.attributes;
  const place = context.source.placeOf(path);
  if (name !== null) claimName(context, name, place);
  return {
    device,
    function: fn,
    multifunction,
    name,
    numaNode,
    iommuGroup,
    maxPayloadBytes,
    maxReadRequestBytes,
    place,
  };
}

function claimName(context: BuildContext, name: string, place: Place): void {
  const other = context.names.get(name);
  if (other !== undefined) {
    throw new PeerlaneError("bad-input", `two devices with the name '${name}'`, {
      place,
      facts: { first: other.line === undefined ? other.file : `line ${other.line}` },
      remedy: "names are how the commands find a device: make each one of its own",
    });
  }
  context.names.set(name, place);
}

function portAcs(acs: AcsText | null | undefined): ScenarioAcs | null {
  if (acs === null) return null;
  const control = acs?.control ?? null;
  return { capability: DEFAULT_ACS_CAPABILITY | (control ?? 0), control };
}

function buildRootPort(
  context: BuildContext,
  bus: BusContext,
  placement: Placement,
  input: InputOf<"rootPort" | "port">,
): RootPortNode {
  countFunctions(context, 1, placement.path);
  const base = baseOf(context, bus, placement);
  const { id = null, acs, link = null } = input.attributes;
  const below: BusContext = {
    bus: "link",
    hasHostBridge: false,
    numaNode: base.numaNode,
    maxPayloadBytes: base.maxPayloadBytes,
  };
  return {
    kind: "root-port",
    ...base,
    id,
    acs: portAcs(acs),
    link,
    below: buildBelow(context, below, itemsAt(input.below, placement.path)),
  };
}

/** Gives each child that is not a `port:` itself a downstream port of its own. */
function buildSwitch(
  context: BuildContext,
  bus: BusContext,
  placement: Placement,
  input: InputOf<"switch">,
): SwitchNode {
  countFunctions(context, 1, placement.path);
  const base = baseOf(context, bus, placement);
  const { id = null, portId, acs, link = fullLink(BRIDGE_LINKS.switch) } = input.attributes;
  const portItems = itemsAt(input.below, placement.path).map((item) => asPort(item));
  const why = "a switch has at most 32 downstream ports, devices 00 to 1f";
  const placements = placeOnBus(portItems, { first: 0, last: 31, reserved: null, full: FULL, why }, context.source);
  const inherited: PortInput = { ...(portId === undefined ? {} : { id: portId }), acs };
  const inside: BusContext = { ...bus, numaNode: base.numaNode, maxPayloadBytes: base.maxPayloadBytes };
  return {
    kind: "switch",
    ...base,
    id,
    acs: null,
    link,
    ports: placements.map((port) => buildDownstreamPort(context, inside, port, inherited, input.below)),
  };
}

function asPort(item: Item): Item {
  const { input } = item;
  return input.kind === "port" ? item : { input: { kind: "port", attributes: {}, below: [input] }, path: item.path };
}

function buildDownstreamPort(
  context: BuildContext,
  bus: BusContext,
  placement: Placement,
  inherited: PortInput,
  written: readonly NodeInput[],
): DownstreamPortNode {
  const { input, path } = placement;
  if (input.kind !== "port") throw new TypeError("a switch has downstream ports below it");
  countFunctions(context, 1, path);
  const base = baseOf(context, bus, placement);
  const attributes = { ...inherited, ...input.attributes };
  // A port that the file leaves out stands at the place of the device below it.
  const items = written.includes(input)
    ? itemsAt(input.below, path)
    : input.below.map((below) => ({ input: below, path }));
  return {
    kind: "downstream-port",
    ...base,
    id: attributes.id ?? null,
    acs: portAcs(attributes.acs),
    link: attributes.link ?? null,
    below: buildBelow(
      context,
      { bus: "link", hasHostBridge: false, numaNode: base.numaNode, maxPayloadBytes: base.maxPayloadBytes },
      items,
    ),
  };
}

function buildBridge(
  context: BuildContext,
  bus: BusContext,
  placement: Placement,
  input: InputOf<"bridge">,
): BridgeNode {
  countFunctions(context, 1, placement.path);
  const base = baseOf(context, bus, placement);
  const isConventional = bus.bus === "conventional";
  const { id = null, link } = input.attributes;
  if (link !== undefined && bus.bus !== "link") {
    throw misplaced(context, [...placement.path, "bridge", "link"], "no link leads to this bridge", "drop 'link'");
  }
  return {
    kind: isConventional ? "pci-bridge" : "pcie-to-pci-bridge",
    ...base,
    id,
    acs: null,
    link: bus.bus === "link" ? (link ?? fullLink(BRIDGE_LINKS.bridge)) : null,
    below: buildBelow(
      context,
      { bus: "conventional", hasHostBridge: false, numaNode: base.numaNode, maxPayloadBytes: base.maxPayloadBytes },
      itemsAt(input.below, placement.path),
    ),
  };
}
