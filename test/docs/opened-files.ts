/** One kind of thing that is opened: a row of the table in docs/live.md. */
export interface OpenedRow {
  readonly what: string;
  /** Names of what is opened; where the user names it, anything that is not the system's. */
  readonly path: string;
  readonly verbs: readonly string[] | "all";
  readonly access: "read" | "write" | "read, write";
  readonly when: string;
  /** Where in `src/` that is done: starts of paths. */
  readonly files: readonly string[];
}

/** What the user names, as the tests lay it out. */
const NAMED = "^/data(/|$)";
const STATE = "^/state/peerlane";

/** Everything that the verbs open on a host, for reading or writing. */
export const OPENED: readonly OpenedRow[] = [
  {
    what: "`/sys`, `/proc`: what devices, disks, mounts and drivers there are; the kernel's configuration in `/boot` or `/lib/modules`",
    path: "^/(sys(?!/.*/p2pmem/allocate$)|proc|boot/config-[^/]+$|(usr/)?lib/modules/[^/]+/config$)",
    verbs: "all",
    access: "read",
    when: "without a SRC: this host is read; of `p2pmem`, `copy` and `bench` also `/proc/PID/maps`, to name who has mapped a pool",
    files: ["src/host/node-tree.ts"],
  },
  {
    what: "`p2pmem/allocate` of a provider",
    path: "^/sys/bus/pci/devices/[^/]+/p2pmem/allocate$",
    verbs: ["probe", "copy", "bench"],
    access: "read, write",
    when: "once its memory may be used by the table above, which is looked at again at that moment; nothing else of a device is mapped",
    files: ["src/live/memory/transfer-memory.ts"],
  },
  {
    what: "the disk or file to read from",
    path: `${NAMED}|^/dev/nvme`,
    verbs: ["probe", "copy", "bench"],
    access: "read",
    when: "named; `probe` without names: every whole disk of a PCI device",
    files: ["src/live/block/direct-file.ts"],
  },
  {
    what: "the disk or file to write to",
    path: `${NAMED}|^/dev/nvme`,
    verbs: ["probe", "copy", "bench"],
    access: "read, write",
    when: "the target of `copy`, after a question unless it is made anew (a file that is there is opened for a plan as well, to see whether it can be written; of a new one also its folder, to flush its name); `probe --allow-write TARGET` and what its `--restore` puts back; `bench` with a writing job and `--allow-write TARGET`, after a question. A disk is claimed (O_EXCL), and refused where it is in use",
    files: ["src/live/block/direct-file.ts", "src/live/copy/open-ends.ts", "src/live/copy/write-protection.ts"],
  },
  {
    what: "journals of copies, rescue files of probes",
    path: `${STATE}|${NAMED}`,
    verbs: ["probe", "copy"],
    access: "read, write",
    when: "in the user's folder of state (`$XDG_STATE_HOME/peerlane`), or the journal that `--journal` names: while a copy or a write test runs, and to resume or restore",
    files: ["src/live/copy/journal", "src/live/probe/rescue", "src/live/own-"],
  },
  {
    what: "`/dev/kmsg`: what the kernel says meanwhile",
    path: "^/dev/kmsg$",
    verbs: ["probe", "copy"],
    access: "read",
    when: "always; without the right to, the result says so",
    files: ["src/live/messages/kernel-log.ts"],
  },
  {
    what: "counters of the memory controllers (perf_event_open)",
    path: "^perf$",
    verbs: ["bench"],
    access: "read",
    when: "where there are some and this user may",
    files: ["src/live/bench/perf-event.ts"],
  },
  {
    what: "SRC, scenarios, policies, workloads",
    path: NAMED,
    verbs: "all",
    access: "read",
    when: "named",
    files: ["src/cli/read-source.ts", "src/cli/read-input-file.ts"],
  },
  {
    what: "results",
    path: NAMED,
    verbs: ["capture", "report", "simulate", "bench", "vm"],
    access: "write",
    when: "the file that `-o`, `--svg`, `--save` or `--trace` names: written beside it and renamed",
    files: ["src/cli/write-output.ts"],
  },
];

/** Of a row, what its names look like. */
export function patternOf({ path }: OpenedRow): RegExp {
  return new RegExp(path);
}
