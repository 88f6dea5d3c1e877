import { PeerlaneError } from "../../pci/error.ts";
import type { YamlSource } from "../yaml/yaml-source.ts";
import {
  ENDPOINT_ACS_CAPABILITY,
  type EndpointDefaults,
  endpointDefaults,
  fullLink,
  SMALL_BAR_BYTES,
} from "./defaults.ts";
import type { EndpointInput, NodeInput } from "./input.ts";
import type { Placement } from "./placement.ts";
import type { AcsText, BarText } from "./scalars.ts";
import type {
  BusKind,
  EndpointKind,
  EndpointNode,
  ScenarioAcs,
  ScenarioBar,
  ScenarioFunctionBase,
} from "./scenario.ts";

/** BAR of an NVMe controller's memory buffer, as in QEMU. */
const CMB_BAR = 2;

type EndpointNodeInput = Extract<NodeInput, { readonly kind: EndpointKind }>;
type Fail = (key: keyof EndpointInput, message: string, remedy: string) => PeerlaneError;

/** Builds one endpoint with the defaults of its kind. Throws `bad-input` for attributes that contradict each other. */
export function buildEndpoint(
  source: YamlSource,
  placement: Placement & { readonly input: EndpointNodeInput },
  bus: BusKind,
  base: Omit<ScenarioFunctionBase, "id" | "acs">,
): EndpointNode {
  const { input, path } = placement;
  const { kind, attributes } = input;
  const defaults = endpointDefaults(kind, bus);
  const fail: Fail = (key, message, remedy) =>
    new PeerlaneError("bad-input", message, { place: source.placeOf([...path, kind, key]), remedy });
  refuseWhatTheBusLacks(attributes, bus, fail);
  const { sriov } = attributes;
  if (sriov !== undefined && sriov.vfs > sriov.total) {
    throw fail("sriov", `${sriov.vfs} VFs of ${sriov.total}`, "'total' is the most that the device can have");
  }
  return {
    kind: "endpoint",
    endpoint: kind,
    bus,
    ...base,
    id: attributes.id ?? null,
    classCode: attributes.class ?? defaults.classCode,
    bars: barsOf(defaults, attributes, fail),
    cmbBytes: attributes.cmb ?? null,
    driver: attributes.driver === "none" ? null : (attributes.driver ?? defaults.driver),
    sriov: sriov === undefined ? null : { totalVfs: sriov.total, numVfs: sriov.vfs },
    ats: attributes.ats ?? false,
    dmaMaskBits: attributes.dmaMaskBits ?? null,
    acs: endpointAcs(attributes.acs),
    link: bus === "link" ? (attributes.link ?? fullLink(defaults.link)) : null,
  };
}

function refuseWhatTheBusLacks(attributes: EndpointInput, bus: BusKind, fail: Fail): void {
  if (bus === "link") return;
  if (attributes.link !== undefined) throw fail("link", "no link leads to this device", "drop 'link'");
  if (bus === "root") return;
  for (const key of ["acs", "ats", "sriov"] as const) {
    if (attributes[key]) throw fail(key, `a conventional device has no ${key.toUpperCase()}`, `drop '${key}'`);
  }
}

function endpointAcs(acs: AcsText | null | undefined): ScenarioAcs | null {
  if (acs === undefined || acs === null) return null;
  return { capability: ENDPOINT_ACS_CAPABILITY | (acs.control ?? 0), control: acs.control };
}

function barsOf(defaults: EndpointDefaults, attributes: EndpointInput, fail: Fail): readonly ScenarioBar[] {
  const { bars, bar, cmb, rebar } = attributes;
  if (bars !== undefined && bar !== undefined) throw fail("bar", "both 'bar' and 'bars'", "keep one of them");
  if (bars !== undefined && rebar !== undefined) {
    throw fail("rebar", "both 'rebar' and 'bars'", "write the BAR as '256M of 16G'");
  }
  const list =
    bars === undefined
      ? defaults.bars.map((one) => (one.index === defaults.mainBar ? mainBarOf(one, attributes, fail) : one))
      : Object.entries(bars).map(([index, text]) => statedBar(Number(index), text));
  if (cmb !== undefined) {
    list.push({
      index: CMB_BAR,
      kind: "memory",
      is64Bit: true,
      prefetchable: true,
      sizeBytes: cmb,
      resizableBytes: null,
    });
  }
  list.sort((a, b) => a.index - b.index);
  refuseOverlap(list, fail);
  return list;
}

function mainBarOf(defaultBar: ScenarioBar, { bar, rebar }: EndpointInput, fail: Fail): ScenarioBar {
  const sizeBytes = bar ?? defaultBar.sizeBytes;
  if (sizeBytes < 16) throw fail("bar", "a memory BAR has at least 16 bytes", "give it a size such as 16M");
  if (!defaultBar.is64Bit && sizeBytes > 2 ** 31) {
    throw fail("bar", "this BAR is a 32-bit one", "write it out: bars: { 0: 16G }");
  }
  if (rebar === undefined) return { ...defaultBar, sizeBytes };
  if (sizeBytes <= SMALL_BAR_BYTES) {
    throw fail(
      "rebar",
      "'rebar' needs a 'bar' larger than 256M",
      "give the size of the whole memory, such as bar: 16G",
    );
  }
  return {
    ...defaultBar,
    sizeBytes: rebar === "small" ? SMALL_BAR_BYTES : sizeBytes,
    resizableBytes: powersOfTwo(SMALL_BAR_BYTES, sizeBytes),
  };
}

function statedBar(index: number, { largestBytes, ...bar }: BarText): ScenarioBar {
  const resizableBytes = largestBytes === undefined ? null : powersOfTwo(bar.sizeBytes, largestBytes);
  return { index, ...bar, resizableBytes };
}

function powersOfTwo(least: number, most: number): readonly number[] {
  const sizes: number[] = [];
  for (let size = least; size <= most; size *= 2) sizes.push(size);
  return sizes;
}

function refuseOverlap(bars: readonly ScenarioBar[], fail: Fail): void {
  bars.forEach((bar, position) => {
    const next = bars[position + 1];
    const end = bar.index + (bar.is64Bit ? 2 : 1);
    if (end > 6) throw fail("bars", `BAR ${bar.index} is 64-bit and has no register for its upper half`, "use 0 to 4");
    if (next !== undefined && next.index < end) {
      const remedy = `BAR ${bar.index} takes ${end - bar.index} of the six registers: choose another index`;
      throw fail("bars", `BARs ${bar.index} and ${next.index} overlap`, remedy);
    }
  });
}
