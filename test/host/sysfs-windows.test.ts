import { expect, test } from "vitest";
import type { FileTree } from "../../src/host/file-tree.ts";
import { readSysfs } from "../../src/host/sysfs.ts";

const BUS = 0x1000_0000;

/** One function on bus 0 whose BAR is at `BUS` on the bus and at `phys` for the CPU, and a window that begins at 0xa0000. */
function treeWith(phys: bigint): FileTree {
  const config = Buffer.alloc(64);
  config.writeUInt32LE(0x29c0_8086, 0);
  config.writeUInt16LE(2, 4);
  config.writeUInt32LE(0x02_0000_00, 8);
  config.writeUInt32LE(BUS, 16);
  const line = (start: bigint, end: bigint): string =>
    `${[start, end, 0x40200n].map((value) => `0x${value.toString(16).padStart(16, "0")}`).join(" ")}\n`;
  const device = "sys/devices/pci0000:00/0000:00:01.0";
  const files: Readonly<Record<string, Uint8Array>> = {
    [`${device}/config`]: config,
    [`${device}/resource`]: Buffer.from(
      line(phys, phys + 0xfffn) + "0x0000000000000000 0x0000000000000000 0x0000000000000000\n".repeat(12),
    ),
    "proc/iomem": Buffer.from("000a0000-000bffff : PCI Bus 0000:00\n"),
  };
  return {
    name: "tree",
    read: (path, most) => files[path]?.subarray(0, most),
    list: (path) =>
      path === "sys/bus/pci/devices" ? ["0000:00:01.0"] : path === device ? ["config", "resource"] : undefined,
    readLink: (path) => (path === "sys/bus/pci/devices/0000:00:01.0" ? `../../../../${device}` : undefined),
  };
}

test.each([
  ["the same on both sides", 0x1000_0000n, 0xa0000],
  ["higher on the bus", 0x0fff_0000n, 0xb0000],
  ["so much lower on the bus that the window would begin below zero", 0x2_0000_0000n, null],
])("The bus side of a window, by a BAR that is %s", (_, phys, busStart) => {
  const { hostBridges } = readSysfs(treeWith(phys));
  expect(hostBridges).toMatchObject([
    {
      windows: [
        {
          physStart: 0xa0000,
          busStart: busStart ?? { unknown: "the addresses of a BAR below this host bridge do not fit its windows" },
        },
      ],
    },
  ]);
});
