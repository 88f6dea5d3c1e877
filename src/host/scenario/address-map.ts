import { type BusAddr, busAddr } from "../../pci/addresses.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { BridgeWindow } from "../../pci/bridge.ts";
import type { NumberedFunction, NumberedHostBridge } from "./bus-numbers.ts";
import type { ScenarioBar } from "./scenario.ts";

/** Bus addresses of a machine. A BAR or window that found no space is absent. */
export interface AddressMap {
  /** Start of each BAR, by function and BAR index. */
  barAddress(bdf: Bdf, barIndex: number): BusAddr | null;
  /** Start of the VFs' BAR 0, all VFs of the function one after the other. */
  vfBarAddress(bdf: Bdf): BusAddr | null;
  windowsOf(bdf: Bdf): readonly BridgeWindow[];
  /** One list for each host bridge, in their order. */
  readonly spaces: readonly (readonly BridgeWindow[])[];
  /** BARs that found no space. */
  readonly unassigned: number;
}

/** MODEL: every VF has one BAR of this size; a scenario says nothing about the BARs of VFs. */
export const VF_BAR_BYTES: number = 16 * 1024;

type Kind = BridgeWindow["kind"];
const KINDS: readonly Kind[] = ["io", "memory", "prefetchable"];
const VF_BARS = 6;

/** Granularity of a bridge's windows (PCI-to-PCI Bridge 1.2 sec 3.2.5). */
const GRANULARITY: Readonly<Record<Kind, number>> = { io: 0x1000, memory: 0x100000, prefetchable: 0x100000 };

/**
 * MODEL: where a machine's windows lie, in bus addresses: as on a PC the 32-bit one below the I/O APIC, the 64-bit one
 * far above memory. Real firmware differs in the numbers; nothing but the numbers depends on it.
 */
const SPACE: Readonly<Record<Kind, { readonly start: number; readonly end: number }>> = {
  io: { start: 0x1000, end: 0x10000 },
  memory: { start: 0xc000_0000, end: 0xfec0_0000 },
  prefetchable: { start: 2 ** 40, end: 2 ** 52 },
};

/** A run of addresses that something wants: a BAR, or a bridge's window with what lies in it. */
interface Request {
  readonly bdf: Bdf;
  readonly size: number;
  readonly align: number;
  /** BAR index (6 for VFs), `null` for a bridge's window. */
  readonly bar: number | null;
  /** What lies in a window, with offsets from its start. */
  readonly inside: readonly { readonly request: Request; readonly offset: number }[];
}

/**
 * Gives every BAR and bridge window a bus address: sizes bottom up, largest alignment first, addresses top down. BARs
 * that are 32-bit or not prefetchable go to the 32-bit window (PCI-to-PCI Bridge 1.2 sec 3.2.5.8). Where the 32-bit or
 * I/O space runs out, what does not fit stays unassigned, as firmware leaves it.
 */
export function mapAddresses(hostBridges: readonly NumberedHostBridge[]): AddressMap {
  const bars = new Map<number, BusAddr>();
  const windows = new Map<Bdf, BridgeWindow[]>();
  const spaces: BridgeWindow[][] = hostBridges.map(() => []);
  let unassigned = 0;

  const assign = (request: Request, kind: Kind, start: number | null): void => {
    if (request.bar !== null) {
      if (start === null) unassigned++;
      else bars.set(barKey(request.bdf, request.bar), busAddr(start));
      return;
    }
    if (start !== null) {
      const list = windows.get(request.bdf) ?? [];
      list.push({ kind, start: busAddr(start), size: request.size });
      windows.set(request.bdf, list);
    }
    for (const { request: inner, offset } of request.inside)
      assign(inner, kind, start === null ? null : start + offset);
  };

  for (const kind of KINDS) {
    let free: number = SPACE[kind].start;
    hostBridges.forEach(({ below }, index) => {
      const first = alignUp(free, GRANULARITY[kind]);
      let end = first;
      for (const request of sorted(requestsOn(below, kind))) {
        const start = alignUp(end, request.align);
        const fits = start + request.size <= SPACE[kind].end;
        assign(request, kind, fits ? start : null);
        if (fits) end = start + request.size;
      }
      if (end === first) return;
      free = alignUp(end, GRANULARITY[kind]);
      spaces[index]?.push({ kind, start: busAddr(first), size: free - first });
    });
  }
  return {
    barAddress: (bdf, barIndex) => bars.get(barKey(bdf, barIndex)) ?? null,
    vfBarAddress: (bdf) => bars.get(barKey(bdf, VF_BARS)) ?? null,
    windowsOf: (bdf) => windows.get(bdf) ?? [],
    spaces,
    unassigned,
  };
}

function barKey(bdf: Bdf, bar: number): number {
  return bdf * 8 + bar;
}

function alignUp(address: number, align: number): number {
  return Math.ceil(address / align) * align;
}

function sorted(requests: Request[]): readonly Request[] {
  return requests.sort((a, b) => b.align - a.align || b.size - a.size);
}

/** The host bridge window that a BAR lies in. */
export function windowKindOf(bar: ScenarioBar): Kind {
  if (bar.kind === "io") return "io";
  return bar.is64Bit && bar.prefetchable ? "prefetchable" : "memory";
}

function requestsOn(functions: readonly NumberedFunction[], kind: Kind): Request[] {
  return functions.flatMap((fn) => (fn.node.kind === "endpoint" ? barRequests(fn, kind) : windowRequest(fn, kind)));
}

function barRequests({ node, bdf }: NumberedFunction, kind: Kind): Request[] {
  if (node.kind !== "endpoint") return [];
  const requests = node.bars
    .filter((bar) => windowKindOf(bar) === kind)
    .map((bar): Request => ({ bdf, size: bar.sizeBytes, align: bar.sizeBytes, bar: bar.index, inside: [] }));
  if (node.sriov !== null && kind === "prefetchable") {
    const size = VF_BAR_BYTES * node.sriov.totalVfs;
    requests.push({ bdf, size, align: VF_BAR_BYTES, bar: VF_BARS, inside: [] });
  }
  return requests;
}

function windowRequest({ bdf, below }: NumberedFunction, kind: Kind): Request[] {
  const requests = sorted(requestsOn(below, kind));
  if (requests.length === 0) return [];
  let end = 0;
  const inside = requests.map((request) => {
    const offset = alignUp(end, request.align);
    end = offset + request.size;
    return { request, offset };
  });
  const align = requests.reduce((most, request) => Math.max(most, request.align), GRANULARITY[kind]);
  return [{ bdf, size: alignUp(end, GRANULARITY[kind]), align, bar: null, inside }];
}
