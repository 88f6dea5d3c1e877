import type { FileTree } from "../../src/host/file-tree.ts";

/** A tree of the given files: text is a file, `→ target` a link; folders follow from the paths. */
export function treeOf(files: Readonly<Record<string, string>>): FileTree {
  const paths = Object.keys(files);
  const linkOf = (path: string): string | undefined => {
    const text = files[path];
    return text?.startsWith("→ ") === true ? text.slice(2) : undefined;
  };
  return {
    name: "a tree of a test",
    read: (path, maxBytes) => {
      const text = files[path];
      return text === undefined || linkOf(path) !== undefined
        ? undefined
        : new TextEncoder().encode(text).subarray(0, maxBytes);
    },
    list: (path) => {
      const below = paths.filter((name) => name.startsWith(`${path}/`)).map((name) => name.slice(path.length + 1));
      return below.length === 0 ? undefined : [...new Set(below.map((name) => name.split("/")[0] ?? ""))];
    },
    readLink: linkOf,
  };
}

const NVME = "devices/pci0000:00/0000:00:04.0/0000:01:00.0/0000:02:00.0/0000:03:00.0/nvme/nvme0/nvme0n1";
const VIRTUAL = "devices/virtual/block";

/** What sysfs says of one disk. */
export function diskFiles(
  folder: string,
  number: string,
  sectors: number,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  const entries = Object.entries({ dev: number, size: String(sectors), ...more });
  return {
    [`sys/class/block/${name}`]: `→ ../../${folder}`,
    [`sys/dev/block/${number}`]: `→ ../../${folder}`,
    ...Object.fromEntries(entries.map(([file, text]) => [`sys/${folder}/${file}`, text])),
  };
}

/** An NVMe disk with two partitions, the second of which a device-mapper target uses; a multipath disk; a RAM disk. */
export const STORAGE: Readonly<Record<string, string>> = {
  ...diskFiles(NVME, "259:0", 131072, { "queue/logical_block_size": "4096", wwid: "eui.0001\n" }),
  ...diskFiles(`${NVME}/nvme0n1p1`, "259:1", 2048, { partition: "1", start: "2048" }),
  ...diskFiles(`${NVME}/nvme0n1p2`, "259:2", 4096, { partition: "2", start: "4096", "holders/dm-0": "" }),
  [`sys/class/block/nvme0n1/nvme0n1p2/holders/dm-0`]: "",
  ...diskFiles(`${VIRTUAL}/dm-0`, "253:0", 4096, { "slaves/nvme0n1p2": "", "dm/uuid": "LVM-1" }),
  ...diskFiles("devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1", "259:8", 64, {}),
  "sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1": "→ ../../../pci0000:00/0000:00:05.0/0000:05:00.0/nvme/nvme1",
  "sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme2": "→ ../../../pci0000:40/0000:40:00.0/0000:41:00.0/nvme/nvme2",
  ...diskFiles(`${VIRTUAL}/ram0`, "1:0", 128, {}),
  ...diskFiles(`${VIRTUAL}/loop7`, "7:7", 0, {}),
};
