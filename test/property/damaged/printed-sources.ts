import { deflateSync } from "node:zlib";
import type { Random } from "../pastes/random.ts";
import type { Files } from "./files.ts";
import type { Made, MadeMachine } from "./machine.ts";
import { folderOf, nameOf } from "./printed-tree.ts";

/** An element of XML, to be printed or to be taken apart first. */
export interface Element {
  readonly name: string;
  readonly attributes: Record<string, string>;
  children: Element[];
}

const element = (name: string, attributes: Record<string, string>, ...children: Element[]): Element => ({
  name,
  attributes,
  children,
});

export function xmlOf({ name, attributes, children }: Element): string {
  const start = `<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${value}"`)
    .join("")}`;
  return children.length === 0 ? `${start}/>\n` : `${start}>\n${children.map(xmlOf).join("")}</${name}>\n`;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
const classOf = ({ className }: Made): string => className.slice(-5, -1);
const isBridge = ({ secondary }: Made): boolean => secondary > 0;

/** What hwloc keeps without `--whole-io`: displays, networks, storage, accelerators. */
const IMPORTANT = /^(?:01|02|03|12|0b)/;

/** The topology that lstopo writes: all of it, what it keeps by default, or without bridges. */
export function hwlocOf(machine: MadeMachine, random: Random): Element {
  const { functions, cpu, release } = machine;
  const version = random.pick(["2.0", "3.0"]);
  const filter = random.pick(["whole", "default", "no bridges"]);
  const info = (name: string, value: string): Element => element("info", { name, value });
  const objectOf = (fn: Made): Element[] => {
    const below = functions.filter(({ above }) => above === fn).flatMap(objectOf);
    if (isBridge(fn) ? filter === "default" && below.length === 0 : filter !== "whole" && !IMPORTANT.test(classOf(fn)))
      return [];
    if (isBridge(fn) && filter === "no bridges") return below;
    const type = `${classOf(fn)} [${fn.ids}] [0000:0000] 01${version === "3.0" ? " 00" : ""}`;
    const own = { pci_busid: nameOf(fn), pci_type: type };
    if (!isBridge(fn)) return [element("object", { type: "PCIDev", ...own })];
    const buses = { bridge_type: "1-1", bridge_pci: `0000:[${hex(fn.secondary, 2)}-${hex(fn.subordinate, 2)}]` };
    return [element("object", { type: "Bridge", ...buses, ...own }, ...below)];
  };
  const roots = [...new Set(functions.filter(({ above }) => above === null).map(({ bus }) => bus))].flatMap((bus) => {
    const tops = functions.filter((fn) => fn.above === null && fn.bus === bus);
    const inside = tops.flatMap(objectOf);
    if (filter === "no bridges") return inside;
    const last = Math.max(bus, ...tops.map(({ subordinate }) => subordinate));
    const buses = { bridge_type: "0-1", depth: "0", bridge_pci: `0000:[${hex(bus, 2)}-${hex(last, 2)}]` };
    return inside.length === 0 ? [] : [element("object", { type: "Bridge", ...buses }, ...inside)];
  });
  const system = [info("OSName", "Linux"), info("OSRelease", release), info("Architecture", "x86_64")];
  const processor = element(
    "object",
    { type: "Package", complete_nodeset: "0x00000001" },
    info("CPUVendor", cpu.vendor),
    info("CPUFamilyNumber", `${cpu.family}`),
    info("CPUModelNumber", `${cpu.model}`),
    info("CPUModel", cpu.name),
  );
  const inside = [processor, processor, ...roots];
  const whole = { type: "Machine", os_index: "0", complete_nodeset: "0x00000003" };
  return version === "2.0"
    ? element("topology", { version }, element("object", whole, ...system, ...structuredClone(inside)))
    : element("topology", { version }, element("object", whole, ...structuredClone(inside)), ...system);
}

/** A machine as clouds show it: each endpoint alone on bus 0 of a domain of its own. `bus` is the domain. */
export function flatMachine(machine: MadeMachine): MadeMachine {
  const ends = machine.functions.filter(({ kind, physical }) => kind === "endpoint" && physical === null);
  const flat = ends.map((fn, index) => ({ ...fn, above: null, bus: index + 1, device: 0, fn: 0, virtuals: 0 }));
  return { ...machine, functions: flat };
}

/** Where a function of a {@link flatMachine} is. */
export const flatNameOf = ({ bus }: Made): string => `${hex(bus, 4)}:00:00.0`;

/** The topology that NCCL, or RCCL, writes: GPUs and NICs, below the switches that it knows of. */
export function ncclOf(machine: MadeMachine, isFlat: boolean, random: Random): Element {
  const { cpu, functions } = machine;
  const version = random.pick(["1", "2"]);
  const [kind, name] = version === "2" ? ["gcn", "xgmi"] : ["sm", "nvlink"];
  const pci = (fn: Made, ...inside: Element[]): Element => {
    const [vendor = "", device = ""] = fn.ids.split(":");
    const ids = { class: `0x${classOf(fn)}00`, vendor: `0x${vendor}`, device: `0x${device}` };
    const link = { link_speed: "16.0 GT/s PCIe", link_width: "16" };
    return element("pci", { busid: isFlat ? flatNameOf(fn) : nameOf(fn), ...ids, ...link }, ...inside);
  };
  const objectOf = (fn: Made): Element[] => {
    const below = functions.filter(({ above }) => above === fn).flatMap(objectOf);
    if (isBridge(fn)) return fn.kind === "upstream" && below.length > 0 ? [pci(fn, ...below)] : below;
    const base = classOf(fn).slice(0, 2);
    if (base === "03" || base === "12") {
      const gpu = { dev: "0", [kind ?? ""]: "80", rank: "0", gdr: "1" };
      return [pci(fn, element("gpu", gpu, element(name ?? "", { target: "0000:c4:00.0", count: "12" })))];
    }
    if (base === "02") return [pci(fn, element("nic", {}, element("net", { name: "mlx5_0", dev: "0" })))];
    return isFlat ? [pci(fn)] : [];
  };
  const family = cpu.family < 15 ? cpu.family : 15 + 16 * (cpu.family - 15);
  const given = { arch: "x86_64", vendor: cpu.vendor, familyid: `${family}`, modelid: `${cpu.model}` };
  const cpuOf = (numaid: string, tops: readonly Made[]): Element =>
    element("cpu", { host_hash: "0x5a6b", numaid, affinity: "ff", ...given }, ...tops.flatMap(objectOf));
  const tops = functions.filter(({ above }) => above === null);
  const half = tops.length >> 1;
  return element("system", { version }, cpuOf("0", tops.slice(0, half)), cpuOf("1", tops.slice(half)));
}

/** Classes that rdma_topo leaves out. */
const LEFT_OUT = ["0600", "0601", "0807", "0880", "1101", "1300"];

/** The dump that rdma_topo writes of a printed tree, or one of all functions, as Peerlane writes it. */
export function dumpOf(machine: MadeMachine, files: Files, isByTool: boolean): Record<string, unknown>[] {
  return machine.functions
    .filter((fn) => !isByTool || !LEFT_OUT.includes(classOf(fn)))
    .map((fn) => ({
      realpath: `/${folderOf(fn)}`,
      config: deflateSync(files.read(`${folderOf(fn)}/config`, 4096) ?? "").toString("base64"),
      modalias: "pci:v00008086d000029C0",
      iommu_group: fn.group,
      numa_node: 0,
      subsystems: {},
    }));
}
