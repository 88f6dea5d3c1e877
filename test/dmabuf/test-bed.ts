import { directOps } from "../../src/dma/direct.ts";
import type { DmaDevice, PeerMapType } from "../../src/dma/dma-device.ts";
import type { DmaOps } from "../../src/dma/dma-ops.ts";
import { iommuOps } from "../../src/dma/iommu.ts";
import type { DmaEntry } from "../../src/dma/scatterlist.ts";
import type { DmaBuf } from "../../src/dmabuf/dma-buf.ts";
import { VfioDevice } from "../../src/dmabuf/vfio-device.ts";
import type { VfioHardware } from "../../src/dmabuf/vfio-operation.ts";
import type { VfioRules } from "../../src/dmabuf/vfio-rules.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { IommuDomain } from "../../src/iommu/domain.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import type { Provider } from "../../src/memory/provider.ts";
import { type Iova, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { type Bdf, makeBdf } from "../../src/pci/bdf.ts";

export const gpu: Bdf = makeBdf(0, 3, 0, 0);
export const nic: Bdf = makeBdf(0, 4, 0, 0);
export const assigned: Bdf = makeBdf(0, 5, 0, 0);

export const barBytes = 0x10000;
export const bar: PhysRange = { start: physAddr(0x38_0000_0000), sizeBytes: barBytes };
/** Not 0, so that an address in the wrong space lands in the wrong place. */
export const provider: Provider = { owner: gpu, bar: 0, busOffset: -0x8_0000_0000, range: bar };

const machine = readScenario("scenario: x\ncpu: intel\nkernel: 7.2\niommu: off\nhostBridges: [{ below: [] }]\n", "x");

export interface BedOptions {
  readonly mode?: IommuMode;
  readonly mapType?: PeerMapType;
  readonly rules?: VfioRules;
}

/** Where an address that a device issued ends up. */
export type Landing = { readonly offset: number } | { readonly lost: string };

/** A GPU whose BAR is exported, a NIC that imports, a device of a guest, and the IOMMU between them. */
export class Bed {
  readonly units: IommuUnits;
  readonly dma: DmaOps;
  readonly device: DmaDevice = { bdf: nic, maskBits: 64, ramBusOffset: 0 };
  readonly guestDomain: IommuDomain;
  readonly vfio: VfioDevice;
  /** What happened to the hardware, in order. */
  readonly log: string[] = [];
  /** Changes of the hardware at a time at which somebody still used its memory. */
  readonly violations: string[] = [];
  /** Counts resets, disables and removals: what was written before the last one is not there any more. */
  generation = 0;
  /** Firmware and other drivers leave it on. */
  #isDecoding = true;

  constructor({ mode = "strict", mapType = "thru-host-bridge", rules }: BedOptions = {}) {
    const groups = new Map([gpu, nic, assigned].map((bdf, index) => [bdf, index]));
    this.units = new IommuUnits(machine, { mode, groups, reserved: [] });
    const context = {
      pages: { kindAt: () => null, providerAt: () => null, isOneMemory: () => false },
      decide: () => mapType,
    };
    this.dma = mode === "off" ? directOps(context) : iommuOps({ ...context, domains: this.units });
    this.guestDomain = this.units.newDomain("strict");
    if (mode !== "off") this.units.attach(assigned, this.guestDomain);
    const options = { bdf: gpu, bars: [{ provider, range: bar }], hardware: this.#hardware() };
    this.vfio = new VfioDevice(rules === undefined ? options : { ...options, rules });
  }

  #hardware(): VfioHardware {
    const change = (what: string): void => {
      this.log.push(what);
      this.generation++;
      for (const { name, mappedBy, reservation } of this.vfio.buffers) {
        for (const user of mappedBy) this.violations.push(`${what} while ${user} has ${name} mapped`);
        for (const user of reservation.pending) this.violations.push(`${what} while ${user} has DMA under way`);
      }
      if (this.guestDomain.lookUp(GUEST_ADDRESS) !== null) this.violations.push(`${what} while a guest maps the BAR`);
    };
    return {
      reset: () => change("reset"),
      setMemoryDecode: (isOn) => {
        this.#isDecoding = isOn;
        if (isOn) this.log.push("memory decode on");
        else change("memory decode off");
      },
      disable: () => {
        this.#isDecoding = false;
        change("disable");
      },
      remove: () => change("remove"),
    };
  }

  /** Opens the device and exports pages of its BAR. */
  openAndExport(...pages: readonly (readonly [first: number, count: number])[]): DmaBuf {
    this.vfio.open();
    const ranges = pages.map(([first, count]) => ({ start: first * 4096, sizeBytes: count * 4096 }));
    const exported = this.vfio.exportRanges(0, ranges);
    if (!exported.ok) throw new Error(exported.reason);
    return exported.value;
  }

  /** Follows the first byte of a span as the fabric would: a bus address to the BAR, an IOVA through the IOMMU. */
  land(span: DmaEntry): Landing {
    if (span.isBus) return this.#inBar(span.address - provider.busOffset);
    if (!this.units.translates(nic)) return this.#inBar(span.address);
    const translated = this.units.translate(nic, span.address as number as Iova, true);
    return translated.ok ? this.#inBar(translated.phys) : { lost: translated.reason };
  }

  /** The same for a device of the guest and a guest-physical address. */
  landFromGuest(address: Iova): Landing {
    const translated = this.units.translate(assigned, address, true);
    return translated.ok ? this.#inBar(translated.phys) : { lost: translated.reason };
  }

  #inBar(phys: number): Landing {
    if (!this.#isDecoding) return { lost: "memory decode is off" };
    const offset = phys - bar.start;
    return offset >= 0 && offset < barBytes ? { offset } : { lost: "outside of the BAR" };
  }

  /** IOVA ranges and mapped bytes that the NIC still holds. */
  get leaks(): { readonly iovas: number; readonly mapped: number; readonly guest: number } {
    const domain = this.units.dmaDomainOf(nic);
    domain?.flush();
    return {
      iovas: domain?.iovas.allocationCount ?? 0,
      mapped: domain?.mappedBytes ?? 0,
      guest: this.guestDomain.mappedBytes,
    };
  }
}

/** Where tests put the BAR in the guest. */
export const GUEST_ADDRESS = 0xc000_0000 as Iova;

export const noLeaks: Bed["leaks"] = { iovas: 0, mapped: 0, guest: 0 };
