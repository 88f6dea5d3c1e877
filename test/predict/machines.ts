import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciExpress } from "../../src/pci/express.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import type { Crossing, DataPath } from "../../src/predict/crossings.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";

const INDENT = "  ";

/** A scenario by what is below its host bridges, with what a test says of its CPU, IOMMU and command line. */
export function scenario(hostBridges: string, more = "cpu: amd-zen\niommu: off"): string {
  const lines = hostBridges
    .trim()
    .split("\n")
    .map((line) => INDENT + line);
  return `scenario: a path\nkernel: 7.2\n${more}\nhostBridges:\n${lines.join("\n")}\n`;
}

/** The table of one pair of it, by names. */
export function pairOf(text: string, provider: string, client: string): VerdictTable {
  const machine = readScenario(text, "path.yaml");
  return decideAll(machine, { providers: [findDevice(machine, provider)], clients: [findDevice(machine, client)] });
}

/** The table of some devices with each other. */
export function tableOf(text: string, names: readonly string[]): VerdictTable {
  const machine = readScenario(text, "path.yaml");
  const devices = names.map((name) => findDevice(machine, name));
  return decideAll(machine, { providers: devices, clients: devices });
}

/** `gpu0 up, gpu1 down`, with `root complex (one-socket)` between. */
export function crossingsText(path: DataPath): string {
  return path.crossings.map(crossingText).join(", ");
}

function crossingText(crossing: Crossing): string {
  if (crossing.kind === "root-complex") return `root complex (${crossing.distance})`;
  const below = formatBdf(crossing.below).slice(5);
  return `${below} ${crossing.towards}${crossing.kind === "hidden-link" ? " hidden" : ""}`;
}

/** Two GPUs and a NIC below one switch of x16 at 32 GT/s. */
export function oneSwitch(acs: string, uplink = "gen5 x16"): string {
  return `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16, maxPayload: 256 }
      below:
        - switch: { acs: ${acs}, link: ${uplink} }
          below:
            - gpu: { name: gpu0, bar: 16G, link: gen5 x16, maxReadRequest: 512 }
            - gpu: { name: gpu1, bar: 16G, link: gen5 x16, maxReadRequest: 512 }
            - nic: { name: nic0, bar: 16M, link: gen5 x8, maxReadRequest: 512 }`;
}

/** Two GPUs, each on a root port of its own: of one host bridge, or of two in NUMA nodes that are named. */
export function rootPorts(nodes: "one-bridge" | readonly [number | null, number | null]): string {
  const port = (at: number, name: string, deep: string): string =>
    `${deep}- rootPort: { at: 0${at}.0, acs: false, link: gen5 x16, maxPayload: 256 }\n${deep}  below:\n${deep}    - gpu: { name: ${name}, bar: 16G, link: gen5 x16, maxReadRequest: 512 }`;
  if (nodes === "one-bridge") return `- below:\n${port(1, "gpu0", "    ")}\n${port(2, "gpu1", "    ")}`;
  return nodes
    .map(
      (node, i) =>
        `- bus: 0x${i * 40}\n${node === null ? "" : `  numaNode: ${node}\n`}  below:\n${port(1, `gpu${i}`, "    ")}`,
    )
    .join("\n");
}

/** The same machine, with other registers of a device's link. */
export function withLink(whole: Machine, name: string, changed: Partial<PciExpress>): Machine {
  const functions = whole.functions.map((fn) =>
    fn.names.includes(name) && !isUnknown(fn.express) && fn.express !== null
      ? { ...fn, express: { ...fn.express, ...changed } }
      : fn,
  );
  return { ...whole, functions };
}

/** The same machine whose source does not show what a device's link negotiated. */
export function withHiddenLink(whole: Machine, name: string): Machine {
  const hidden = unknown("not in this source");
  return withLink(whole, name, { linkStatus: hidden, registers: hidden });
}
