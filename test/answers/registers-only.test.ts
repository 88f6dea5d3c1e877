import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, ids, linux, machineOf, oneSwitch, zen } from "../rules/by-hand.ts";
import { bar, GiB, gates, hidden, iommu, MiB, ofKind, wholeGates } from "./gate-cases.ts";

describe("A provider whose BARs hold registers", () => {
  const PROVIDERS: Readonly<Record<string, Partial<PciFunction>>> = {
    "nvme, nvme": { driver: "nvme" },
    "nvme, none": { driver: null },
    "nvme, hidden": { driver: hidden },
    "nvme, vfio-pci": { driver: "vfio-pci" },
    "nvme, snap": { driver: "snap" },
    "nvme, nvme, p2pmem hidden": { driver: "nvme", p2pmem: hidden },
    "nvme, nvme, with a BAR for a buffer": { driver: "nvme", bars: [bar({ prefetchable: false })], p2pmem: hidden },
    "nvme, nvme, no memory BAR": { driver: "nvme", bars: [bar({ kind: "io" })] },
    "nic, mlx5_core": { classCode: 0x020000, driver: "mlx5_core" },
    "nic, none": { classCode: 0x020000, driver: null },
    "nic, mlx5_core, p2pmem hidden": { classCode: 0x020000, driver: "mlx5_core", p2pmem: hidden },
    "gpu, amdgpu": { classCode: 0x030000, vendorId: 0x1002, driver: "amdgpu" },
    "gpu, amdgpu, p2pmem hidden": { classCode: 0x030000, vendorId: 0x1002, driver: "amdgpu", p2pmem: hidden },
    "gpu, amdgpu, with memory": {
      classCode: 0x030000,
      vendorId: 0x1002,
      driver: "amdgpu",
      bars: [bar({ sizeBytes: GiB })],
    },
    "serial, foo": { classCode: 0x070000, driver: "foo" },
    "accelerator, xdma": { classCode: 0x120000, driver: "xdma" },
    "hidden class, foo": { classCode: hidden, driver: "foo" },
  };
  const CLIENTS: Readonly<Record<string, Partial<PciFunction>>> = {
    nvme: { driver: "nvme" },
    mlx5_core: { classCode: 0x020000, driver: "mlx5_core" },
    "vfio-pci": { driver: "vfio-pci" },
    uio: { driver: "uio_pci_generic" },
    hidden: { classCode: 0x020000, driver: hidden },
  };

  test.each(
    rows(`
      // provider                           | client    | about                       | doubt: - where it is sure
      nvme, nvme                            | nvme      | no controller memory buffer | -
      nvme, nvme                            | mlx5_core | no controller memory buffer | -
      nvme, nvme                            | vfio-pci  | no controller memory buffer | -
      nvme, nvme                            | hidden    | no controller memory buffer | -
      nvme, nvme                            | uio       |                             |             // a program maps any BAR
      nvme, nvme, p2pmem hidden             | nvme      | no controller memory buffer | -           // no BAR is large enough
      nvme, nvme, with a BAR for a buffer   | nvme      |                             |
      nvme, nvme, no memory BAR             | nvme      |                             |             // said by bar-missing
      nvme, none                            | nvme      | no controller memory buffer | -
      nvme, none                            | vfio-pci  | no controller memory buffer | no driver is bound to the provider
      nvme, hidden                          | nvme      |                             |             // perhaps vfio-pci
      nvme, vfio-pci                        | mlx5_core |                             |             // a dma-buf of any BAR
      nvme, vfio-pci                        | nvme      | no controller memory buffer | what vfio-pci shares was not read
      nvme, snap                            | nvme      | no controller memory buffer | what snap shares was not read
      nvme, snap                            | uio       |                             |
      nic, mlx5_core                        | mlx5_core |                             |             // RDMA NICs export their registers
      nic, mlx5_core                        | nvme      | registers only              | nothing was read of how nvme would reach memory of mlx5_core
      nic, mlx5_core                        | hidden    | registers only              | the client's driver: hidden here
      nic, none                             | nvme      | registers only              | no driver is bound to the provider
      nic, mlx5_core, p2pmem hidden         | mlx5_core |                             |
      gpu, amdgpu                           | nvme      | registers only              | -
      gpu, amdgpu                           | mlx5_core | registers only              | -
      gpu, amdgpu                           | uio       |                             |
      gpu, amdgpu, p2pmem hidden            | nvme      | registers only              | hidden here
      gpu, amdgpu, with memory              | nvme      |                             |
      serial, foo                           | nvme      | registers only              | drivers of such devices may share what was not read of
      serial, foo                           | uio       |                             |
      accelerator, xdma                     | nvme      |                             |             // accelerators have memory
      hidden class, foo                     | nvme      |                             |
    `),
  )("%s for %s", (provider = "", client = "", about = "", doubt = "") => {
    const functions = [
      ...oneSwitch(),
      endpoint("03:00.0", { bars: [bar({ prefetchable: false, sizeBytes: 65536 })], ...PROVIDERS[provider] }),
      endpoint("04:00.0", CLIENTS[client]),
    ];
    const found = answer(machineOf(functions), at("03:00.0"), at("04:00.0")).gates;
    const said = `0000:03:00.0 has ${about}: its BARs hold registers, and no memory for peers`;
    const isSure = doubt === "-";
    const gate = {
      ...({ kind: "registers-only", device: at("03:00.0"), effect: "blocks", about } as const),
      message: isSure ? said : `${said}, as far as the source shows`,
      ...(isSure ? {} : { doubt }),
    };
    expect(ofKind(found, "registers-only")).toEqual(about === "" ? [] : [gate]);
  });

  test("a GPU whose largest memory BAR is too small for pages is not said to have registers alone", () => {
    const gpu = { classCode: 0x030200, bars: [bar({ prefetchable: true, sizeBytes: 2 ** 20 })], driver: "amdgpu" };
    const [gate] = ofKind(gates({ provider: gpu }), "registers-only");
    expect(gate?.message).toContain(
      "has no memory for peers: its largest memory BAR has 1 MiB, and Linux makes pages in units of 2 MiB",
    );
  });

  test("is no matter to itself", () => {
    const found = gates({ provider: { bars: [bar({ prefetchable: false, sizeBytes: 65536 })] } }, "same function");
    expect(found).toEqual([]);
  });
});

test("The GPU of an Intel processor has a window on the host's memory, and none of its own", () => {
  const functions = [
    hostBridge("00:00.0", "8086:4621"),
    endpoint("00:02.0", { ...ids("8086:46a6"), classCode: 0x030000, driver: "i915", bars: [bar({ sizeBytes: GiB })] }),
    bridge("00:06.0", "root-port", 1),
    endpoint("01:00.0", { driver: "nvme" }),
  ];
  const found = answer(machineOf(functions, { cpu: zen, iommu: iommu("off") }), at("00:02.0"), at("01:00.0"));
  expect(ofKind(found.gates, "registers-only")).toMatchObject([
    {
      device: at("00:02.0"),
      effect: "blocks",
      about: "no memory of its own",
      message: expect.stringMatching(
        /^0000:00:02\.0 has no memory of its own: its BARs hold registers and a window on the host's, and no memory for peers/,
      ),
    },
  ]);
});

describe("A buffer that a scenario states", () => {
  const message = (size: string): string =>
    `the memory buffer of 0000:03:00.0 has ${size}, and Linux makes pages in units of 2 MiB: its driver registers none`;

  test.each<[name: string, sizeBytes: number | "none" | "hidden", release: string | null, said: string]>([
    ["of less than a unit", MiB, "7.2", "1 MiB"],
    ["of a unit", 2 * MiB, "7.2", ""],
    ["of more", GiB, "7.2", ""],
    ["of less, on the first kernel that asks for units", MiB, "5.3", "1 MiB"],
    ["of less, on the last one that does not", MiB, "5.2", ""],
    ["of less, on a kernel that is hidden", MiB, null, "1 MiB"],
    ["that it does not have", "none", "7.2", ""],
    ["that is hidden", "hidden", "7.2", ""],
  ])("%s", (_name, sizeBytes, release, said) => {
    const p2pmem =
      sizeBytes === "none"
        ? null
        : sizeBytes === "hidden"
          ? hidden
          : { sizeBytes, availableBytes: sizeBytes, published: true };
    const kernel = { ...linux("7.2"), release: release ?? hidden };
    const of = (format: "scenario" | "sysfs"): readonly Gate[] =>
      wholeGates({ provider: { driver: "nvme", p2pmem }, machine: { kernel, source: { format, name: "by hand" } } });
    const gate = { kind: "registers-only", device: at("03:00.0"), effect: "blocks", about: "small buffer" } as const;
    expect(of("scenario").filter(({ about }) => about === "small buffer" || about === undefined)).toEqual(
      said === "" ? [] : [{ ...gate, message: message(said) }],
    );
    // On a running machine the kernel has said.
    expect(of("sysfs").filter(({ about }) => about === "small buffer")).toEqual([]);
  });
});
