import type { FileTree } from "../../host/file-tree.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { isRefusal } from "../block/direct-file.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { IoFailure } from "./sides.ts";

/** Why a copy did not end well, and what the user can do. */
export interface CopyFailure {
  readonly kind: "interrupted" | "io" | "ended-early" | "no-space" | "gone" | "memory-gone" | "source-changed";
  readonly message: string;
  readonly remedy: string;
  /** Name of the kernel's error. */
  readonly errno: string | null;
  /** Bytes from the start of the disk or file; `null` where none is to blame. */
  readonly positionBytes: number | null;
}

/** Who takes part, to see who is gone. */
export interface Parties {
  readonly source: DataFile;
  readonly target: DataFile;
  /** `null` with DRAM. */
  readonly provider: Bdf | null;
}

/** The copy was asked to end. */
export const INTERRUPTED: CopyFailure = {
  kind: "interrupted",
  message: "interrupted",
  remedy: "go on with --resume",
  errno: null,
  positionBytes: null,
};

/**
 * Source and target differ, but the source was written to meanwhile: whether data was lost cannot be told.
 * `sourcePosition` is where they differ, `null` where the first chunk of the source never held still.
 */
export function sourceChanged(source: DataFile, sourcePosition: number | null): CopyFailure {
  const name = nameOf(source);
  const message =
    sourcePosition === null
      ? `the source ${name} is written to all the time: its first chunk could not be compared`
      : `the target differs from byte ${formatAddress(sourcePosition)} of the source on, and ${name} was written to during the copy: whether data was lost cannot be told`;
  return {
    kind: "source-changed",
    message,
    remedy: "end what writes to the source (unmount it), or take a snapshot of it; then copy anew",
    errno: null,
    positionBytes: sourcePosition,
  };
}

/** Requests of a device that is being removed fail before sysfs has forgotten it: so long is waited for that. */
const REMOVAL_MS = 1000;
const POLL_MS = 50;

/** Who is gone after a failure, where the failure may come from that. */
export async function whoIsGoneAfter(
  tree: FileTree,
  parties: Parties,
  { errno }: IoFailure,
  system: Pick<SystemCalls, "monotonicMs" | "sleep"> = realSystem,
): Promise<readonly string[]> {
  if (isRefusal(errno)) return [];
  for (const end = system.monotonicMs() + REMOVAL_MS; system.monotonicMs() < end; ) {
    const gone = whoIsGone(tree, parties);
    if (gone.length > 0) return gone;
    await system.sleep(POLL_MS);
  }
  return [];
}

/** What a failed read or write is to the user: which device, which way, where, and whether somebody is gone. */
export function describeFailure(parties: Parties, failure: IoFailure, gone: readonly string[]): CopyFailure {
  const { errno, position: positionBytes } = failure;
  const common = { errno, positionBytes };
  const what = whatFailed(parties, failure);
  if (gone.length > 0) {
    return {
      ...common,
      kind: "gone",
      message: `${what}: ${errno ?? "it ended early"}; ${gone.join(" and ")} ${gone.length === 1 ? "is" : "are"} gone`,
      remedy:
        "a device was removed or reset during the copy: bring it back (echo 1 > /sys/bus/pci/rescan), then resume",
    };
  }
  if (errno === null) {
    const isRead = failure.operation === "read";
    return {
      ...common,
      kind: "ended-early",
      message: `${what}: it ended early${isRead ? "" : ", without an error"}`,
      remedy: isRead
        ? "the source became shorter during the copy: copy it again"
        : "look into the kernel's log (dmesg)",
    };
  }
  if (errno === "ENOSPC" || errno === "EDQUOT" || errno === "EFBIG") {
    return {
      ...common,
      kind: "no-space",
      message: `${what}: ${errno}, no space is left`,
      remedy: "make room on the target's file system, then resume",
    };
  }
  if (errno === "EFAULT") {
    const { provider } = parties;
    return {
      ...common,
      kind: "memory-gone",
      message: `${what}: EFAULT, the memory${provider === null ? "" : ` of ${formatBdf(provider)}`} is gone`,
      remedy:
        "its provider was removed or reset; resume, through another provider with --via or through DRAM with --fallback",
    };
  }
  return { ...common, kind: "io", message: `${what}: ${errno}`, remedy: remedyFor(errno) };
}

function remedyFor(errno: string): string {
  if (isRefusal(errno))
    return "the kernel does not take this memory for this device: peerlane explain says why; --fallback uses DRAM";
  return "look into the kernel's log (dmesg) for what the device said; resume when it works again";
}

function whatFailed({ source, target }: Parties, { operation, role, position, lengthBytes }: IoFailure): string {
  const name = nameOf(role === "source" ? source : target);
  switch (operation) {
    case "read":
      return `read of ${lengthBytes} bytes at ${formatAddress(position)} of the ${role} ${name}`;
    case "write":
      return `write of ${lengthBytes} bytes at ${formatAddress(position)} of the ${role} ${name}`;
    case "sync":
      return `flush of the ${role} ${name}`;
    case "truncate":
      return `setting the size of the ${role} ${name} to ${position} bytes`;
  }
}

/** PCI functions and disks that are not there any more. */
function whoIsGone(tree: FileTree, { source, target, provider }: Parties): readonly string[] {
  const devices = [source, target].flatMap((file) => (file.kind === "device" ? [file] : (file.device ?? [])));
  const functions = new Set([...(provider === null ? [] : [provider]), ...devices.flatMap((one) => one.functions)]);
  const lost = [...functions].filter((bdf) => tree.list(`sys/bus/pci/devices/${formatBdf(bdf)}`) === undefined);
  const disks = devices.filter(({ name }) => tree.readLink(`sys/class/block/${name}`) === undefined);
  return [
    ...lost.map((bdf) => `${formatBdf(bdf)}${bdf === provider ? " (the provider)" : ""}`),
    ...new Set(disks.map(({ name }) => name)),
  ];
}
