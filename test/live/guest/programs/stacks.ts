/** Device-mapper, LVM, RAID, zram and exports of a real kernel: what they are in use for, and which of them are the same bytes. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { liveTree } from "../../../../src/host/live.ts";
import { findDataFile } from "../../../../src/live/block/data-file.ts";
import { usesOf } from "../../../../src/live/block/uses.ts";
import { refuseHarm } from "../../../../src/live/copy/refusals.ts";
import { check, must } from "./guest-check.ts";

const MIB = 2 ** 20;
const tree = liveTree();

function sh(script: string): string {
  const { status, stdout, stderr } = spawnSync("sh", ["-ec", script], { encoding: "utf8" });
  must(status === 0, `${script}: ${status}`, { stdout, stderr });
  return stdout;
}

function uses(path: string): string {
  return usesOf(tree, findDataFile(tree, path)).join("; ");
}

function copyOf(source: string, target: string): string {
  const [from, to] = [findDataFile(tree, source), findDataFile(tree, target)];
  const ranges = { sourceStart: 0, targetStart: 0, lengthBytes: 4 * MIB, bulkBytes: 4 * MIB };
  try {
    return refuseHarm(tree, { source: from, target: to, isNew: false }, ranges).join("; ");
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

/** Checks words of uses and copies, and reports all that was seen. */
function see(rows: readonly (readonly [seen: string, says: RegExp | ""])[]): Record<string, string> {
  for (const [seen, says] of rows) must(says === "" ? seen === "" : says.test(seen), `${says} in '${seen}'`);
  return Object.fromEntries(rows.map(([seen], index) => [String(index), seen]));
}

for (const name of process.argv.slice(2)) sh(`insmod /modules/${name}.ko`);
for (const folder of ["/run/lock/lvm", "/etc/lvm", "/run/mdadm", "/mnt", "/mnt2"])
  mkdirSync(folder, { recursive: true });
// No udev runs here: the tools make their nodes themselves.
writeFileSync(
  "/etc/lvm/lvm.conf",
  'activation { udev_sync=0 udev_rules=0 verify_udev_operations=1 monitoring=0 }\ndevices { use_devicesfile=0 obtain_device_list_from_udev=0 }\nbackup { backup=0 archive=0 }\nglobal { thin_check_executable="" }\n',
);

const names = new Map<string, string>();
/** The kernel's name of a volume (`dm-3`). */
function mapped(name: string): string {
  const known = names.get(name) ?? `dm-${sh(`dmsetup info -c --noheadings -o minor ${name}`).trim()}`;
  names.set(name, known);
  return known;
}

await check("LVM", async () => {
  sh(`pvcreate -q -y /dev/nvme1n1 && vgcreate -q vg /dev/nvme1n1
      lvcreate -q -y -Wn -Zn -n one -L 32M vg && lvcreate -q -y -Wn -Zn -n two -L 32M vg
      mke2fs -q /dev/mapper/vg-one && mount /dev/mapper/vg-one /mnt`);
  const [one, two] = [mapped("vg-one"), mapped("vg-two")];
  return see([
    [uses("nvme1n1"), new RegExp(`${one} mounted at /mnt.*held by ${one}.*held by ${two}`)],
    [uses(one), /^mounted at \/mnt$/],
    [uses(two), ""],
    [copyOf(one, two), /^the source dm-\d+ is in use \(mounted at \/mnt\)/],
    [copyOf(two, "nvme1n1"), /overlap/],
    [copyOf("nvme0n1", two), ""],
    [copyOf("nvme0n1", "nvme1n1"), /refused: the target nvme1n1 is in use/],
  ]);
});

await check("snapshots", async () => {
  sh("lvcreate -q -y -Wn -Zn -n origin -L 16M vg && lvcreate -q -y -s -n snap -L 8M vg/origin");
  const [origin, real, snap, cow] = ["vg-origin", "vg-origin-real", "vg-snap", "vg-snap-cow"].map(mapped);
  return see([
    [copyOf(`${snap}`, `${origin}`), /overlap/],
    [uses(`${real}`), new RegExp(`held by ${origin}.*held by ${snap}|held by ${snap}.*held by ${origin}`)],
    [uses(`${cow}`), new RegExp(`held by ${snap}`)],
    [copyOf("nvme0n1", mapped("vg-two")), ""],
  ]);
});

await check("thin volumes", async () => {
  sh(`lvcreate -q -y -Zn --type thin-pool -n pool -L 32M vg
      lvcreate -q -y -Wn -V 16M --thinpool pool -n thin1 vg && lvcreate -q -y -Wn -V 16M --thinpool pool -n thin2 vg
      mke2fs -q /dev/mapper/vg-thin1 && mount /dev/mapper/vg-thin1 /mnt2`);
  const [thin1, thin2, data] = ["vg-thin1", "vg-thin2", "vg-pool_tdata"].map(mapped);
  return see([
    [uses(`${thin2}`), ""],
    [copyOf(`${thin1}`, `${thin2}`), /^the source dm-\d+ is in use/],
    [uses(`${data}`), new RegExp(`${thin1} mounted at /mnt2`)],
    [uses("nvme1n1"), new RegExp(`${thin1} mounted at /mnt2`)],
  ]);
});

await check("maps made by hand", async () => {
  sh(`echo '0 65536 linear /dev/nvme2n1 0' | dmsetup create low --noudevsync
      echo '0 65536 linear /dev/nvme2n1 65536' | dmsetup create high --noudevsync`);
  const [low, high] = [mapped("low"), mapped("high")];
  const seen = see([
    [uses("nvme2n1"), new RegExp(`held by ${low}.*held by ${high}`)],
    [copyOf(low, "nvme2n1"), /overlap/],
    // Their tables would tell, which sysfs does not show.
    [copyOf(low, high), /overlap/],
  ]);
  sh("dmsetup remove low --noudevsync; dmsetup remove high --noudevsync");
  return seen;
});

await check("RAID", async () => {
  sh(
    `mdadm --create /dev/md0 --quiet --run --assume-clean --metadata=1.2 --level=1 --raid-devices=2 /dev/nvme2n1 /dev/nvme3n1 2>/tmp/mdadm`,
  );
  return see([
    [uses("nvme2n1"), /^held by md0$/],
    [uses("md0"), ""],
    [copyOf("nvme3n1", "md0"), /overlap/],
    [copyOf("nvme0n1", "md0"), ""],
    [copyOf("nvme0n1", "nvme3n1"), /refused: the target nvme3n1 is in use: held by md0/],
  ]);
});

await check("partitions of an array, and a loop on one", async () => {
  // Two partitions of 32 MiB, as a table of DOS has them.
  const table = Buffer.alloc(512);
  [2048, 67584].forEach((start, index) => {
    table[446 + index * 16 + 4] = 0x83;
    table.writeUInt32LE(start, 446 + index * 16 + 8);
    table.writeUInt32LE(65536, 446 + index * 16 + 12);
  });
  table.writeUInt16LE(0xaa55, 510);
  writeFileSync("/dev/md0", table, { flag: "r+" });
  sh(
    `blockdev --rereadpt /dev/md0; losetup /dev/loop0 /dev/md0p1; mke2fs -q /dev/loop0; mkdir /mnt3; mount /dev/loop0 /mnt3`,
  );
  return see([
    [uses("md0p1"), /loop0 mounted at \/mnt3; attached as loop0/],
    [uses("md0p2"), ""],
    [uses("nvme3n1"), /loop0 mounted at \/mnt3; md0p1 attached as loop0; held by md0/],
    [copyOf("md0p2", "md0p1"), /refused: the target md0p1 is in use/],
    [copyOf("md0p1", "loop0"), /overlap/],
  ]);
});

await check("what is given to other hosts", async () => {
  sh(`mount -t configfs none /sys/kernel/config; cd /sys/kernel/config/nvmet/subsystems; mkdir nqn.test; cd nqn.test
      mkdir namespaces/1; echo -n /dev/md0p2 > namespaces/1/device_path`);
  return see([
    [uses("md0p2"), /an NVMe namespace for others \(nvmet\)/],
    [uses("nvme2n1"), /md0p2 an NVMe namespace for others/],
  ]);
});

await check("zram", async () => {
  sh("echo 16M > /sys/block/zram0/disksize; mkswap /dev/zram0; swapon /dev/zram0");
  return see([[uses("zram0"), /^swap$/]]);
});
