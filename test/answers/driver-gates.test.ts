import { describe, expect, test } from "vitest";
import { gateRemedies } from "../../src/advice/fix/gate-remedies.ts";
import { type Answer, answer } from "../../src/answers/answer.ts";
import type { IommuMode, Kernel, Machine } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, linux, machineOf, oneSwitch, zen } from "../rules/by-hand.ts";

const hidden = unknown("hidden here");
const GiB = 2 ** 30;

interface Setting {
  readonly provider: string;
  readonly client: string;
  readonly pair?: string;
  readonly iommu?: string;
  readonly kernel?: Partial<Kernel>;
  readonly dmaMaskBits?: number;
}

/** The provider's BAR lies at 3 GiB on the bus and 4 GiB for the CPU. Drivers: `?10de` is hidden, of this vendor's GPU. */
function explained(setting: Setting): Answer {
  const { provider, client, pair = "bus-addr", iommu = "off", kernel = {}, dmaMaskBits } = setting;
  const parts = (driver: string): Partial<PciFunction> =>
    driver.startsWith("?")
      ? { driver: hidden, vendorId: Number.parseInt(driver.slice(1), 16), classCode: 0x030200 }
      : { driver };
  const bar = {
    ...({ index: 0, kind: "memory", is64Bit: true, prefetchable: true, fromEnhancedAllocation: false } as const),
    ...{ busAddress: busAddr(3 * GiB), physAddress: physAddr(4 * GiB), sizeBytes: GiB / 2 },
  };
  const who = { ...parts(client), ...(dmaMaskBits === undefined ? {} : { dmaMaskBits }) };
  const functions = [
    ...oneSwitch(),
    endpoint("03:00.0", { bars: [bar], ...parts(provider) }),
    endpoint("04:00.0", who),
    bridge("00:02.0", "root-port", 5),
    endpoint("05:00.0", who),
  ];
  const machine: Machine = machineOf(functions, {
    ...(pair === "not-supported" ? {} : { cpu: zen }),
    iommu: { kind: "intel", mode: iommu === "?" ? hidden : (iommu as IommuMode), groupTypes: new Map() },
    kernel: { ...linux("7.2"), ...kernel },
  });
  const found = answer(machine, at("03:00.0"), at(pair === "bus-addr" ? "04:00.0" : "05:00.0"));
  expect(found.mapType).toBe(pair);
  return found;
}

const kinds = ({ gates }: Answer, kind: string): readonly Answer["gates"][number][] =>
  gates.filter((gate) => gate.kind === kind);

describe("A translating IOMMU, by what the drivers do", () => {
  /** What the warning says. */
  const says = (found: Answer): string => {
    const texts = kinds(found, "iommu-translates").map(({ message, effect, doubt }) => {
      const how = effect === "warns" ? "" : doubt === undefined ? " blocks" : " may block";
      return `${what(message)}${how}`;
    });
    return texts.length === 0 ? "-" : texts.join(" and ");
  };
  const what = (message: string): string =>
    message.includes("DMA address is a bus address")
      ? "bus"
      : message.includes("with uio")
        ? "uio"
        : message.includes("an IOVA, so that packets go up")
          ? "iova"
          : message.includes("raw bus addresses") && message.includes("maps peers by the DMA API")
            ? "raw or mapped"
            : message.includes("raw bus addresses")
              ? "raw"
              : message.includes("maps peers by the DMA API")
                ? "mapped"
                : message;

  test.each(
    rows(`
      // provider | client    | pair             | IOMMU       | Linux  | warning
      nvme        | nvme      | bus-addr         | strict      | 7.2    | bus
      nvme        | nvme      | thru-host-bridge | strict      | 7.2    | -
      nvme        | nvme      | bus-addr         | passthrough | 7.2    | -
      e1000e      | e1000e    | bus-addr         | strict      | 7.2    | bus   // nothing was read of it: as the kernel says
      amdgpu      | mlx5_core | bus-addr         | lazy        | 7.2    | iova  // never the bus address
      amdgpu      | amdgpu    | bus-addr         | lazy        | 6.1    | iova
      xe          | xe        | bus-addr         | strict      | 7.2    | iova
      habanalabs  | mlx5_core | bus-addr         | strict      | 7.2    | iova
      amdgpu      | mlx5_core | thru-host-bridge | lazy        | 7.2    | -
      amdgpu      | mlx5_core | bus-addr         | passthrough | 7.2    | -
      amdgpu      | nvme      | bus-addr         | lazy        | 7.2    | bus   // peer pages
      nvidia      | nvidia    | bus-addr         | lazy        | 7.2    | raw
      nvidia      | nvidia    | thru-host-bridge | lazy        | 6.12   | raw blocks // on every path
      nvidia      | nvidia    | not-supported    | lazy        | 6.12   | raw blocks
      nvidia      | mlx5_core | thru-host-bridge | strict      | 7.0    | raw blocks
      nvidia      | mlx5_core | thru-host-bridge | strict      | 6.11   | mapped
      nvidia      | nvidia    | thru-host-bridge | lazy        | 6.8    | mapped
      nvidia      | mlx5_core | bus-addr         | strict      | 5.14.0-503.el9 | raw or mapped // back-ports
      nvidia      | mlx5_core | thru-host-bridge | strict      | 5.14.0-503.el9 | raw or mapped may block
      nvidia      | nvme      | thru-host-bridge | strict      | 7.2    | raw   // P2PDMA mode takes IOVAs
      nvidia      | mlx5_core | thru-host-bridge | passthrough | 7.2    | -
      nvidia      | mlx5_core | thru-host-bridge | off         | 7.2    | -
      nvidia      | mlx5_core | thru-host-bridge | ?           | 7.2    | -
      nvidia      | nvme      | bus-addr         | strict      | 7.2    | bus and raw // P2PDMA mode and nvidia-fs
      vfio-pci    | vfio-pci  | bus-addr         | strict      | 7.2    | -     // user space maps
      igb_uio     | igb_uio   | bus-addr         | strict      | 7.2    | uio   // a physical address, which turns at the switch
      igb_uio     | igb_uio   | thru-host-bridge | strict      | 7.2    | uio blocks
      igb_uio     | igb_uio   | thru-host-bridge | passthrough | 7.2    | -
      i915        | mlx5_core | bus-addr         | strict      | 7.2    | -     // never peer DMA
    `),
  )(
    "%s → %s, %s, IOMMU %s, Linux %s: %s",
    (provider = "", client = "", pair = "", iommu = "", release = "", warning) => {
      const found = explained({ provider, client, pair, iommu, kernel: { release } });
      expect(says(found)).toBe(warning);
    },
  );

  test("names its way out by class", () => {
    const remedies = (provider: string): readonly string[] =>
      gateRemedies([explained({ provider, client: "mlx5_core", iommu: "strict" })]).map(({ remedy }) => remedy);
    expect(remedies("amdgpu")[0]).toContain("packets turn at the switch");
    expect(remedies("nvidia")[0]).toContain("as NVIDIA's guides ask for");
  });

  test("is said with if where the driver is hidden, and may not apply", () => {
    const [gate, ...others] = kinds(
      explained({ provider: "?10de", client: "mlx5_core", pair: "thru-host-bridge", iommu: "strict" }),
      "iommu-translates",
    );
    expect(others).toEqual([]);
    expect(gate?.message).toMatch(
      /^if nvidia is bound to the provider: the IOMMU translates \(strict\): the NVIDIA driver/,
    );
    expect(gate?.doubt).toBe("the provider's driver: hidden here");
  });
});

describe("Drivers that let no peer at the memory stop the pair", () => {
  test.each(
    rows(`
      // provider | client    | Linux | way
      nvme        | nvme      | 7.2   | -
      nvme        | nvme      | 6.2   | -
      nvme        | nvme      | 6.1   | p2pmem-pages?  // no program can map peer pages; an NVMe target may use them
      nvme        | nvme      | 5.14.0-570.el9 | p2pmem-pages?  // back-ports, of which nobody read
      nvme        | mlx5_core | 6.1   | -       // the NVMe target's
      nvme        | ahci      | 7.2   | host-memory-only
      nvme        | e1000e    | 7.2   | host-memory-only
      nvme        | someone_elses | 7.2 | -     // nothing was read of it
      nvme        | vfio-pci  | 7.2   | vfio-peer-pages?
      xe          | ahci      | 7.2   | host-memory-only
      e1000e      | e1000e    | 7.2   | -       // nothing was read of it
      nvidia      | mlx5_core | 7.2   | -
      nvidia      | ahci      | 7.2   | -       // modules of others may take its memory
      nvidia      | nvme      | 7.2   | -       // its compatibility mode is one way of three
      vfio-pci    | nvme      | 7.2   | vfio-bar-pages
      vfio-pci    | ahci      | 7.2   | vfio-bar-pages
      vfio-pci    | efa       | 7.2   | vfio-dmabuf-pinned
      vfio-pci    | vfio-pci  | 7.2   | -
      i915        | mlx5_core | 7.2   | i915
      i915        | vfio-pci  | 7.2   | -       // what of it a program has was not read
      nouveau     | nvme      | 7.2   | nouveau
      xdma        | nvme      | 7.2   | xdma
      igb_uio     | nvme      | 7.2   | vfio-bar-pages
      amdgpu      | bnxt_en   | 7.2   | -
      mlx5_core   | mlx5_core | 6.12  | uverbs-dmabuf
      mlx5_core   | mlx5_core | 7.2   | -
      amdgpu      | nouveau   | 7.2   | static-importers
      amdgpu      | mlx5_core | 7.2   | -
      ?10de       | mlx5_core | 7.2   | -       // it may be nvidia
    `),
  )("%s → %s, Linux %s: %s", (provider = "", client = "", release = "", way) => {
    const found = kinds(explained({ provider, client, kernel: { release }, iommu: "passthrough" }), "no-peer-dma");
    expect(found.map(({ about, doubt }) => `${about}${doubt === undefined ? "" : "?"}`).join() || "-").toBe(way);
    for (const { effect } of found) expect(effect).toBe("blocks");
  });
});

describe("VFIO needs an IOMMU", () => {
  test.each(
    rows(`
      // provider | client   | IOMMU       | command line                          | gates
      vfio-pci    | vfio-pci | passthrough |                                       | -
      vfio-pci    | vfio-pci | strict      |                                       | -
      vfio-pci    | vfio-pci | ?           |                                       | -
      vfio-pci    | vfio-pci | off         |                                       | 03:00.0 may block, 04:00.0 may block
      nvme        | vfio-pci | off         |                                       | 04:00.0 may block
      vfio-pci    | nvme     | off         |                                       | 03:00.0 may block
      vfio-pci    | vfio-pci | off         | vfio.enable_unsafe_noiommu_mode=0     | 03:00.0 blocks, 04:00.0 blocks
      vfio-pci    | vfio-pci | off         | vfio.enable_unsafe_noiommu_mode=1     | 03:00.0 warns, 04:00.0 warns
      igb_uio     | igb_uio  | off         |                                       | -
      nvidia      | nvidia   | off         |                                       | -
    `),
  )("%s → %s, IOMMU %s, %s: %s", (provider = "", client = "", iommu = "", commandLine = "", expected) => {
    const found = kinds(explained({ provider, client, iommu, kernel: { commandLine } }), "no-peer-dma");
    const texts = found
      .filter(({ about }) => about === "no IOMMU")
      .map(({ device, effect, doubt }) => {
        const how = doubt === undefined ? effect : "may block";
        return `${device === null ? "" : formatBdf(device).slice(5)} ${how}`;
      });
    expect(texts.join(", ") || "-").toBe(expected);
  });
});

describe("A kernel without P2PDMA stops those who need it", () => {
  const without = { config: {} };
  test.each(
    rows(`
      // provider | client    | effect
      nvme        | nvme      | blocks
      e1000e      | e1000e    | blocks
      amdgpu      | mlx5_core | blocks  // host memory, silently
      xe          | xe        | blocks
      habanalabs  | mlx5_core | blocks  // EPERM
      nvidia      | nvidia    | -
      nvidia      | mlx5_core | -
      nvidia      | nvme      | warns   // nvidia-fs is not touched
      vfio-pci    | vfio-pci  | -
      i915        | mlx5_core | -
    `),
  )("%s → %s: %s", (provider = "", client = "", effect) => {
    const found = kinds(explained({ provider, client, kernel: without }), "kernel-without-p2pdma");
    expect(found.map((gate) => gate.effect).join() || "-").toBe(effect);
  });

  test("amdgpu's warning says where the data goes", () => {
    const [gate] = kinds(
      explained({ provider: "amdgpu", client: "mlx5_core", kernel: without }),
      "kernel-without-p2pdma",
    );
    expect(gate?.message).toBe(
      "7.2 is built without CONFIG_PCI_P2PDMA: the answer is always no. On no: registration succeeds, and the NIC works on host memory, without a message",
    );
  });
});

describe("A BAR beyond the client's DMA mask stops those who map it", () => {
  test.each(
    rows(`
      // provider | client    | bits | pair             | IOMMU  | Linux | effect
      nvme        | nvme      | 31   | bus-addr         | strict | 7.2   | blocks // a bus address is no IOVA
      nvme        | nvme      | 32   | bus-addr         | off    | 7.2   | -
      amdgpu      | mlx5_core | 31   | bus-addr         | strict | 7.2   | -      // an IOVA stands in
      amdgpu      | mlx5_core | 32   | bus-addr         | off    | 7.2   | blocks // the CPU's address, beyond 4 GiB
      amdgpu      | mlx5_core | 33   | bus-addr         | off    | 7.2   | -
      amdgpu      | amdgpu    | 31   | bus-addr         | strict | 6.12  | -
      amdgpu      | amdgpu    | 31   | bus-addr         | strict | 6.1   | warns
      amdgpu      | mlx5_core | 31   | not-supported    | off    | 7.2   | -
      nvidia      | mlx5_core | 31   | bus-addr         | off    | 7.2   | warns  // nothing refuses it
      nvidia      | mlx5_core | 31   | not-supported    | off    | 7.2   | warns
      nvidia      | mlx5_core | 32   | thru-host-bridge | off    | 7.2   | -      // its bus address ends below
      nvidia      | mlx5_core | 31   | bus-addr         | strict | 6.8   | -
      vfio-pci    | vfio-pci  | 31   | bus-addr         | strict | 7.2   | -
      i915        | mlx5_core | 31   | bus-addr         | off    | 7.2   | -
    `),
  )(
    "%s → %s of %s bits, %s, IOMMU %s, Linux %s: %s",
    (provider = "", client = "", bits, pair = "", iommu = "", release = "", effect) => {
      const found = explained({ provider, client, pair, iommu, kernel: { release }, dmaMaskBits: Number(bits) });
      expect(
        kinds(found, "beyond-dma-mask")
          .map((gate) => gate.effect)
          .join() || "-",
      ).toBe(effect);
    },
  );

  test("where the IOMMU's mode is hidden, a driver that takes IOVAs may not be stopped", () => {
    const found = explained({ provider: "amdgpu", client: "mlx5_core", iommu: "?", dmaMaskBits: 32 });
    expect(kinds(found, "beyond-dma-mask").map(({ doubt }) => doubt)).toEqual(["hidden here"]);
  });
});
