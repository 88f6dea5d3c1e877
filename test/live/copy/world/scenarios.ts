import { noise } from "../fakes.ts";
import { type CopyCommand, runCommand } from "./command.ts";
import { namesOf, placeAt, truthOf } from "./judge.ts";
import { type Machine, MachineBuilder } from "./machine.ts";
import type { Meddling, Scenario } from "./search.ts";
import type { StoredBytes } from "./stored-bytes.ts";

const PAGE = 4096;
/** Three chunks and a tail. */
export const LENGTH: number = 3 * PAGE + 100;

/** One computer with everything that a copy may meet. */
export function machineOfAll(): Machine {
  return new MachineBuilder()
    .folder("/home")
    .folder("/home/ann", { uid: 1000, mode: 0o755 })
    .file("/data/source", noise(LENGTH, 1))
    .file("/data/longer", noise(5 * PAGE, 2))
    .file("/data/shorter", noise(PAGE + 77, 3))
    .file("/data/stranger", Buffer.from("precious\n"))
    .file("/home/ann/note", Buffer.from("of Ann\n"), { uid: 1000 })
    .symlink("/data/link", "/data/source")
    .symlink("/data/longer-link", "longer")
    .symlink("/data/stranger-link", "/data/stranger")
    .symlink("/data/dangling", "/data/void")
    .symlink("/data/own-link", "/data/own-journal")
    .hardLink("/data/hard", "/data/source")
    .file("/data/note", Buffer.from("a text of somebody\n"))
    .file("/data/k.new", Buffer.from("nobody's business\n"))
    .file("/data/k.lock", Buffer.from("nobody's business either\n"))
    .symlink("/data/m.new", "/data/stranger")
    .symlink("/data/m.lock", "/data/stranger")
    .disk("nvme0n1", noise(16 * PAGE, 4))
    .partition("nvme0n1p1", "nvme0n1", 2 * PAGE, 6 * PAGE)
    .partition("nvme0n1p2", "nvme0n1", 8 * PAGE, 8 * PAGE)
    .disk("nvme1n1", noise(8 * PAGE, 5))
    .disk("nvme2n1", noise(12 * PAGE, 12))
    .partition("nvme2n1p1", "nvme2n1", PAGE, 5 * PAGE)
    .partition("nvme2n1p2", "nvme2n1", 6 * PAGE, 5 * PAGE)
    .mount("nvme2n1p1", "/used")
    .file("/data/big.lock", noise(LENGTH, 9))
    .file("/data/big.new", noise(PAGE, 10))
    .file("/data/.peerlane-journal-00000000000000000000000000000000", Buffer.from("a name like ours\n"))
    .file("/data/image", noise(12 * PAGE, 6))
    .loop("loop0", "/data/image")
    .loop("loop1", "/data/image", PAGE)
    .loop("loop2", "/dev/loop1", PAGE)
    .file("/data/alone", noise(8 * PAGE, 11))
    .loop("loop4", "/data/alone")
    .file("/data/mounted", noise(8 * PAGE, 7))
    .loop("loop3", "/data/mounted")
    .mount("loop3", "/mnt")
    .file("/mnt/inner", noise(5 * PAGE, 8))
    .build();
}

/** A copy of `LENGTH` bytes. */
export function copyOf(source: string, target: string, more: Partial<CopyCommand> = {}): CopyCommand {
  return {
    ...{ source, target, journal: null, sourceOffset: 0, targetOffset: 0, length: LENGTH },
    ...{ depth: 2, resume: false, verify: false },
    ...more,
  };
}

const SOURCES = [
  "/data/source",
  "/data/link",
  "/data/image",
  "/dev/nvme0n1",
  "/dev/nvme0n1p1",
  "/dev/loop0",
  "/dev/loop1",
  "/dev/loop2",
  "/dev/loop4",
  "/data/mounted",
];
const TARGETS = [
  "/data/new",
  "/data/longer",
  "/data/shorter",
  "/data/longer-link",
  "/data/source",
  "/data/hard",
  "/data/image",
  "/dev/nvme0n1",
  "/dev/nvme0n1p1",
  "/dev/nvme0n1p2",
  "/dev/nvme1n1",
  "/dev/nvme2n1",
  "/dev/nvme2n1p1",
  "/dev/nvme2n1p2",
  "/dev/loop0",
  "/dev/loop1",
  "/dev/loop2",
  "/dev/loop4",
  "/data/mounted",
  "/dev/loop3",
  "/mnt/inner",
];
/** Offsets of source and target. */
const OFFSETS = [
  [0, 0],
  [0, 4 * PAGE],
  [4 * PAGE, 0],
] as const;

/** Each source with each target, from the start and further on. */
export function pairs(): readonly Scenario[] {
  const machine = machineOfAll();
  return SOURCES.flatMap((source) =>
    TARGETS.flatMap((target) =>
      OFFSETS.map(([sourceOffset, targetOffset]) =>
        scenarioOf(machine, copyOf(source, target, { sourceOffset, targetOffset })),
      ),
    ),
  ).filter((one) => one !== null);
}

/** `null` where a device ends before the range does. */
function scenarioOf(machine: Machine, command: CopyCommand): Scenario | null {
  const ends = (path: string, offset: number): boolean =>
    path.startsWith("/dev/") && offset + LENGTH > (placeAt(machine, machine.first, path)?.sizeBytes ?? 0);
  const { source, target, sourceOffset, targetOffset } = command;
  if (ends(source, sourceOffset) || ends(target, targetOffset)) return null;
  const truth = truthOf(machine, command);
  if (truth.wanted.length < LENGTH) return null;
  return {
    name: `${source} from ${sourceOffset} to ${target} at ${targetOffset}`,
    ...{ machine, command, uid: 0, isCopied: truth.harm === null, meanwhile: [] },
  };
}

/** Where a journal may be told to lie, and whether it may. */
const JOURNALS: Readonly<Record<string, boolean>> = {
  "/data/j": true,
  // Beside them lie files of others called `.new` and `.lock`, links among them.
  "/data/k": true,
  "/data/m": true,
  "/data/source": false,
  "/data/link": false,
  "/data/hard": false,
  "/data/stranger": false,
  "/data/stranger-link": false,
  "/data/dangling": false,
  "/data/note": false,
  "/home/ann/note": false,
  "/data/other-journal": false,
  "/dev/nvme0n1": false,
  "/dev/loop0": false,
  "/dev/nothing": false,
  "/data": false,
  "/nowhere/j": false,
};

/** Copies whose journal is given each of the names. */
export async function journals(): Promise<readonly Scenario[]> {
  const machine = await withJournal(
    machineOfAll(),
    copyOf("/data/image", "/data/other", { journal: "/data/other-journal" }),
  );
  const commands = [
    ...["/data/new", "/data/longer", "/dev/nvme1n1"].flatMap((target) =>
      Object.entries(JOURNALS).map(
        ([journal, isCopied]) => [copyOf("/data/source", target, { journal }), isCopied] as const,
      ),
    ),
    [copyOf("/data/source", "/data/new", { journal: "/data/new" }), false] as const,
    [copyOf("/data/source", "/data/longer", { journal: "/data/longer" }), false] as const,
    [copyOf("/data/source", "/data/longer", { journal: "/data/longer-link" }), false] as const,
    [copyOf("/data/source", "/data/longer-link", { journal: "/data/longer" }), false] as const,
    [copyOf("/data/source", "/dev/nvme1n1", { journal: "/dev/nvme1n1" }), false] as const,
    // Ends that are called as files beside a journal once were.
    [copyOf("/data/big.lock", "/data/new", { journal: "/data/big" }), true] as const,
    [copyOf("/data/big.lock", "/data/longer", { journal: "/data/big" }), true] as const,
    [copyOf("/data/source", "/data/big.lock", { journal: "/data/big" }), true] as const,
    [copyOf("/data/source", "/data/big.new", { journal: "/data/big" }), true] as const,
    [
      copyOf("/data/source", "/data/.peerlane-journal-00000000000000000000000000000000", { journal: "/data/j" }),
      true,
    ] as const,
  ];
  return commands.map(([command, isCopied]) => ({
    name: `${command.source} to ${command.target} with the journal ${command.journal}`,
    ...{ machine, command, uid: 0, isCopied, meanwhile: [] },
  }));
}

/** A copy whose journal is named by a link to the journal of an earlier try, which is somebody's to keep. */
export async function linkedJournal(): Promise<Scenario> {
  const command = copyOf("/data/source", "/data/longer", { journal: "/data/own-journal" });
  const machine = await withJournal(machineOfAll(), command);
  const linked = { ...command, journal: "/data/own-link" };
  return {
    name: `${command.source} to ${command.target} with a link to its journal`,
    ...{ machine, command: linked, uid: 0, isCopied: false, meanwhile: [] },
  };
}

/** The same machine with the journal of a copy that was interrupted. */
async function withJournal(machine: Machine, command: CopyCommand): Promise<Machine> {
  const settings = { order: "first", uid: 0, bend: null } as const;
  const whole = await runCommand(machine, machine.first, command, null, settings);
  const at = whole.calls.findIndex(({ name, about }) => name === "pwrite" && about === command.target);
  const { after } = await runCommand(machine, machine.first, command, { at, what: { kind: "interrupt" } }, settings);
  if (command.journal === null || !namesOf(after).has(command.journal)) throw new Error("there is no journal");
  return { ...machine, first: after.synced() };
}

/** Copies of a user without rights over others' files. */
export function usersCopies(): readonly Scenario[] {
  const machine = machineOfAll();
  const commands = [
    [copyOf("/data/source", "/home/ann/new", { journal: "/home/ann/j" }), true],
    [copyOf("/data/source", "/home/ann/new", { journal: "/data/j" }), false],
    [copyOf("/data/source", "/home/ann/new", { journal: "/home/ann/note" }), false],
    [copyOf("/data/source", "/data/longer", { journal: "/home/ann/j" }), false],
    [copyOf("/data/source", "/data/new", { journal: "/home/ann/j" }), false],
    [copyOf("/dev/nvme0n1", "/home/ann/new", { journal: "/home/ann/j" }), false],
  ] as const;
  return commands.map(([command, isCopied]) => ({
    name: `a user's copy of ${command.source} to ${command.target} with the journal ${command.journal}`,
    ...{ machine, command, uid: 1000, isCopied, meanwhile: [] },
  }));
}

/** The copies that are looked at most closely: each kind of end, each way a file can be, a range, a tail, aliases apart. */
export function closely(): readonly Scenario[] {
  const machine = machineOfAll();
  const commands: readonly (readonly [CopyCommand, "" | "others meddle"])[] = [
    [copyOf("/data/source", "/data/new"), "others meddle"],
    [copyOf("/data/source", "/data/longer"), "others meddle"],
    [copyOf("/data/source", "/data/shorter", { journal: "/data/j" }), "others meddle"],
    [copyOf("/data/source", "/data/new", { journal: "/data/j", depth: 1, verify: true }), ""],
    [copyOf("/data/source", "/data/longer", { targetOffset: PAGE }), ""],
    [copyOf("/data/source", "/data/new", { length: 100 }), ""],
    [copyOf("/data/longer", "/data/longer", { targetOffset: 4 * PAGE }), ""],
    [copyOf("/data/source", "/dev/nvme1n1"), "others meddle"],
    [copyOf("/dev/nvme0n1p1", "/dev/nvme0n1p2", { targetOffset: PAGE, length: 3 * PAGE }), ""],
    [copyOf("/dev/nvme0n1", "/data/new"), ""],
    [copyOf("/dev/loop0", "/dev/nvme0n1p1"), ""],
    [copyOf("/data/source", "/dev/loop4"), ""],
  ];
  return commands.map(([command, others]) => ({
    name: `${command.source} to ${command.target}${command.journal === null ? "" : " with a journal of that name"}`,
    ...{ machine, command, uid: 0, isCopied: true },
    meanwhile: others === "" ? [] : meddlings(machine, command),
  }));
}

/** What others may do between a crash and the resuming. */
function meddlings(machine: Machine, command: CopyCommand): readonly Meddling[] {
  const onTarget = (name: string, change: (bytes: StoredBytes, length: number) => StoredBytes): Meddling => ({
    name,
    change: (state) => {
      const place = placeAt(machine, state, command.target);
      if (place === null) return null;
      const bytes = change(state.stored(place.bytesId), place.sizeBytes);
      return state.withBytes(place.bytesId, bytes.synced());
    },
  });
  const write = (position: number, text: string) => ({ kind: "write", position, bytes: Buffer.from(text) }) as const;
  const isFile = !command.target.startsWith("/dev/");
  return [
    ...(isFile
      ? [
          onTarget("something is appended to the target", (bytes, length) => bytes.with(write(length, "appended"))),
          onTarget("the target is cut", (bytes) => bytes.with({ kind: "size", sizeBytes: 10 })),
        ]
      : []),
    onTarget("the start of the target is overwritten", (bytes) => bytes.with(write(0, "overwritten"))),
    onTarget("the second page of the target is overwritten", (bytes) => bytes.with(write(PAGE + 9, "overwritten"))),
    ...["0", "4096", "8192", "12288", "12388", "999999"].map((claim) =>
      editedJournal(`the journal is edited to claim ${claim}`, claim),
    ),
  ];
}

/** Somebody writes another number into the journal, as an editor would. */
function editedJournal(name: string, claim: string): Meddling {
  return {
    name,
    change: (state) => {
      for (const [path, ino] of namesOf(state)) {
        if (path !== "/data/j" && !path.startsWith("/state/peerlane/copy-")) continue;
        const bytes = state.stored(`file:${ino}`);
        const text = bytes.seen.toString("latin1").replaceAll(/("completedBytes": ?)\d+/g, `$1${claim}`);
        const edited = bytes
          .with({ kind: "size", sizeBytes: 0 })
          .with({ kind: "write", position: 0, bytes: Buffer.from(text, "latin1") });
        return state.withBytes(`file:${ino}`, edited.synced());
      }
      return null;
    },
  };
}
