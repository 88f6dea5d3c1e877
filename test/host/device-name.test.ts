import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { findDevice, findDevices } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { read } from "./lspci/support.ts";

const DUMP = `0000:00:01.0 PCI bridge [0604]: Intel Corporation Device [8086:352a]
0000:03:00.0 Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd Device [144d:a824]
0000:04:00.0 Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd Device [144d:a824]
0000:05:00.0 Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd Device [144d:a824]
0000:3f:00.0 3D controller [0302]: NVIDIA Corporation Device [10de:2330]
0000:40:00.0 VGA compatible controller [0300]: NVIDIA Corporation Device [10de:2684]
0000:40:00.1 Audio device [0403]: NVIDIA Corporation Device [10de:22ba]
0000:41:00.0 Infiniband controller [0207]: Mellanox Technologies Device [15b3:1021]
0000:41:00.1 Infiniband controller [0207]: Mellanox Technologies Device [15b3:1021]
0001:41:00.1 Ethernet controller [0200]: Mellanox Technologies Device [15b3:1021]
10000:e1:00.0 Non-Volatile memory controller [0108]: Intel Corporation Device [8086:0a54]
`;

/** What the class folders call them: nvme0 is not the first in enumeration order, one has two names, some have none. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "0000:00:01.0": ["rp-nvme"],
  "0000:03:00.0": ["nvme1"],
  "0000:04:00.0": ["nvme0"],
  "0000:3f:00.0": ["card0"],
  "0000:41:00.0": ["mlx5_0", "ib0"],
  "0000:41:00.1": ["mlx5_1", "ib1"],
  "0001:41:00.1": ["Data"],
  "10000:e1:00.0": ["nvme10"],
};

const dump = read(DUMP);
const machine: Machine = {
  ...dump,
  source: { ...dump.source, name: "server.txt" },
  functions: dump.functions.map((fn) => ({ ...fn, names: NAMES[formatBdf(fn.bdf)] ?? [] })),
};

const NVME = ["0000:03:00.0", "0000:04:00.0", "0000:05:00.0", "10000:e1:00.0"];
const NIC = ["0000:41:00.0", "0000:41:00.1", "0001:41:00.1"];

describe("A name means", () => {
  test.for<readonly [name: string, functions: readonly string[]]>([
    // addresses
    ["0000:3f:00.0", ["0000:3f:00.0"]],
    ["0000:3F:00.0", ["0000:3f:00.0"]],
    ["00000000:3F:00.0", ["0000:3f:00.0"]],
    ["3f:00.0", ["0000:3f:00.0"]],
    ["3F:0.0", ["0000:3f:00.0"]],
    ["3:0.0", ["0000:03:00.0"]],
    ["0:3:0.0", ["0000:03:00.0"]],
    ["1:41:0.1", ["0001:41:00.1"]],
    ["41:00.1", ["0000:41:00.1"]],
    ["e1:00.0", ["10000:e1:00.0"]],
    ["10000:e1:00.0", ["10000:e1:00.0"]],
    // slots
    ["03:00", ["0000:03:00.0"]],
    ["3:0", ["0000:03:00.0"]],
    ["40:00", ["0000:40:00.0", "0000:40:00.1"]],
    ["0000:40:00", ["0000:40:00.0", "0000:40:00.1"]],
    ["e1:00", ["10000:e1:00.0"]],
    // names, in any case
    ["nvme0", ["0000:04:00.0"]],
    ["NVME0", ["0000:04:00.0"]],
    ["Mlx5_0", ["0000:41:00.0"]],
    ["ib1", ["0000:41:00.1"]],
    ["data", ["0001:41:00.1"]],
    // ids
    ["144d:a824", NVME.slice(0, 3)],
    ["10DE:2330", ["0000:3f:00.0"]],
    // classes, and one of a class in enumeration order
    ["gpu", ["0000:3f:00.0", "0000:40:00.0"]],
    ["GPU", ["0000:3f:00.0", "0000:40:00.0"]],
    ["NVMe", NVME],
    ["gpu:0", ["0000:3f:00.0"]],
    ["GPU:1", ["0000:40:00.0"]],
    ["nvme:0", ["0000:03:00.0"]],
    ["nvme:3", ["10000:e1:00.0"]],
    ["nic:2", ["0001:41:00.1"]],
    // patterns; a bridge only where no device is called so
    ["nvme*", ["0000:03:00.0", "0000:04:00.0", "10000:e1:00.0"]],
    ["NVME?", ["0000:03:00.0", "0000:04:00.0"]],
    ["nvme[0-3]", ["0000:03:00.0", "0000:04:00.0"]],
    ["nvme[!0]", ["0000:03:00.0"]],
    ["mlx5_*", ["0000:41:00.0", "0000:41:00.1"]],
    ["*nvme*", ["0000:03:00.0", "0000:04:00.0", "10000:e1:00.0"]],
    ["rp*", ["0000:00:01.0"]],
    ["40:00.*", ["0000:40:00.0", "0000:40:00.1"]],
    ["0000:4?:00.1", ["0000:40:00.1", "0000:41:00.1"]],
    // a class and a star is all of it where nothing is called so
    ["gpu*", ["0000:3f:00.0", "0000:40:00.0"]],
    ["nic*", NIC],
  ])("%s", ([name, functions]) => {
    expect(findDevices(machine, name).map(formatBdf)).toEqual(functions);
  });
});

describe("Where one device is due,", () => {
  test.for([
    ["a slot is its function 0", "40:00", "0000:40:00.0"],
    ["a pattern may mean one", "*_1", "0000:41:00.1"],
    ["one of a class is one", "gpu:1", "0000:40:00.0"],
  ] as const)("%s: %s", ([, name, address]) => {
    expect(formatBdf(findDevice(machine, name))).toBe(address);
  });

  test.for([
    ["nvme?", "'nvme?' means 2 devices of server.txt", "name one of them: 0000:03:00.0 (nvme1), 0000:04:00.0 (nvme0)"],
    ["gpu", "'gpu' means 2 devices of server.txt", "name one of them: 0000:3f:00.0 (card0), 0000:40:00.0"],
  ] as const)("%s is an error that lists them", ([name, headline, remedy]) => {
    expect(() => findDevice(machine, name)).toThrow(expect.objectContaining({ code: "usage", headline, remedy }));
  });
});

const HAS = "server.txt; it has 4 nvme, 3 nic, 2 gpu";
const NAMING = "name it as 0000:03:00.0, 03:00.0, nvme0, 10de:2330, or a class: gpu, nic, nvme, accel";

describe("A name that nothing has says what there is, and what was probably meant:", () => {
  test.for<readonly [name: string, headline: string, remedy: string]>([
    ["nvm1", `no device 'nvm1' in ${HAS}`, "did you mean nvme1 or nvme0 or nvme10?"],
    ["MLX5_2", `no device 'MLX5_2' in ${HAS}`, "did you mean mlx5_0 or mlx5_1?"],
    ["gpu0", `no device 'gpu0' in ${HAS}`, "did you mean gpu:0, which is 0000:3f:00.0?"],
    ["gpu9", `no device 'gpu9' in ${HAS}`, "gpu:0 is the first, gpu:1 the last"],
    ["gpu:2", `no device 'gpu:2' in ${HAS}`, "gpu:0 is the first, gpu:1 the last"],
    ["accel", "server.txt has no accel; it has 4 nvme, 3 nic, 2 gpu", NAMING],
    ["accel:0", `no device 'accel:0' in ${HAS}`, NAMING],
    ["3f:00.1", `no device '3f:00.1' in ${HAS}`, "did you mean 0000:3f:00.0?"],
    ["0002:03:00.0", `no device '0002:03:00.0' in ${HAS}`, "did you mean 0000:03:00.0?"],
    ["qqq*", `no device 'qqq*' in ${HAS}`, NAMING],
    ["", `no device '' in ${HAS}`, NAMING],
  ])("%s", ([name, headline, remedy]) => {
    expect(() => findDevices(machine, name)).toThrow(
      expect.objectContaining({ code: "unknown-device", headline, remedy }),
    );
  });

  test("a pattern that is none", () => {
    expect(() => findDevices(machine, "nvme[3-0]")).toThrow("'nvme[3-0]' is no pattern of names");
  });

  test("a machine without any device of a class of interest", () => {
    const bare = { ...machine, functions: machine.functions.filter((fn) => formatBdf(fn.bdf).endsWith("01.0")) };
    expect(() => findDevices(bare, "gpu")).toThrow("server.txt has no gpu; it has no devices");
  });
});
