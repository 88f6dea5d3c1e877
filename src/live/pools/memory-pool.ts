import { accessSync, constants } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { baseName, type FileTree, readText } from "../../host/file-tree.ts";
import type { Machine } from "../../host/machine.ts";
import type { PoolUserView, PoolView } from "../../measured/pools.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";

/** A provider's p2pmem, as it is now. */
export interface MemoryPool extends Omit<PoolView, "users" | "use"> {
  /** Class of the provider: what the driver's name leaves open. */
  readonly classCode: Known<number>;
  /** Reads anew who has the device, and whether it is published. */
  readonly lookAgain: () => Pick<PoolView, "owner" | "published">;
  /**
   * Processes that have mapped some of it; kernel users (a driver's queues) are not among them. Looked for at the first
   * call, as that reads the memory maps of all processes.
   */
  readonly users: () => readonly PoolUserView[];
}

/** Memory maps of one process; larger ones are cut, and then say less. */
const MAX_MAPS = 16 * 1024 * 1024;

/** The pools of this host. `tree` is its root; free space and users are read anew at each call. */
export function readPools(tree: FileTree, machine: Machine): readonly MemoryPool[] {
  let users: Map<string, readonly PoolUserView[]> | undefined;
  const usersOf = (provider: string): readonly PoolUserView[] => {
    users ??= usersByProvider(tree);
    return users.get(provider) ?? [];
  };
  return machine.functions.flatMap(({ bdf, driver, classCode, p2pmem }) => {
    if (isUnknown(p2pmem) || p2pmem === null) return [];
    const device = `sys/bus/pci/devices/${formatBdf(bdf)}`;
    const folder = `${device}/p2pmem`;
    const available = Number(readText(tree, `${folder}/available`) ?? "");
    return [
      {
        provider: bdf,
        owner: driver,
        classCode,
        sizeBytes: p2pmem.sizeBytes,
        availableBytes: Number.isSafeInteger(available) ? available : p2pmem.availableBytes,
        published: p2pmem.published,
        mapping: mappingOf(tree, folder),
        users: () => usersOf(formatBdf(bdf)),
        lookAgain: () => ({ owner: ownerOf(tree, device), published: publishedOf(tree, folder) }),
      },
    ];
  });
}

function ownerOf(tree: FileTree, device: string): Known<string | null> {
  if (tree.list(device)?.includes("driver") !== true) return null;
  const target = tree.readLink(`${device}/driver`);
  return target === undefined ? unknown("the link to its driver cannot be read") : baseName(target);
}

function publishedOf(tree: FileTree, folder: string): Known<boolean> {
  const text = readText(tree, `${folder}/published`);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) !== 0 : unknown("no published file");
}

function mappingOf(tree: FileTree, folder: string): MemoryPool["mapping"] {
  if (tree.list(folder)?.includes("allocate") !== true) return "not-offered";
  try {
    accessSync(`/${folder}/allocate`, constants.R_OK | constants.W_OK);
    return "possible";
  } catch {
    return "no-permission";
  }
}

/** Who has mapped `p2pmem/allocate` of which function, as `/proc/PID/maps` shows it (of processes that may be looked at). */
function usersByProvider(tree: FileTree): Map<string, readonly PoolUserView[]> {
  const users = new Map<string, readonly PoolUserView[]>();
  for (const pid of tree.list("proc") ?? []) {
    if (!/^\d+$/.test(pid)) continue;
    for (const [provider, sizeBytes] of mappedBytes(readText(tree, `proc/${pid}/maps`, MAX_MAPS) ?? "")) {
      const command = readText(tree, `proc/${pid}/comm`) ?? "";
      users.set(provider, [...(users.get(provider) ?? []), { pid: Number(pid), command, sizeBytes }]);
    }
  }
  return users;
}

function mappedBytes(maps: string): Map<string, number> {
  const bytes = new Map<string, number>();
  for (const line of maps.split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) .* (\/.*)\/p2pmem\/allocate$/.exec(line);
    if (match === null) continue;
    const provider = baseName(match[3] ?? "");
    const length = Number.parseInt(match[2] ?? "0", 16) - Number.parseInt(match[1] ?? "0", 16);
    bytes.set(provider, (bytes.get(provider) ?? 0) + length);
  }
  return bytes;
}

/** Yields the pools of a host now and at each interval (seconds) until `signal` is aborted. Devices are not read anew. */
export async function* watchPools(
  { tree, machine }: { readonly tree: FileTree; readonly machine: Machine },
  intervalSeconds: number,
  signal: AbortSignal,
): AsyncGenerator<readonly MemoryPool[]> {
  while (!signal.aborted) {
    yield readPools(tree, machine);
    await sleep(intervalSeconds * 1000, undefined, { signal }).catch(() => {});
  }
}
