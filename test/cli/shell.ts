import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { needProgram, PROGRAM_FILE } from "../program.ts";

const root = join(import.meta.dirname, "../..");
const recorded = join(root, "test/machines/recorded");

/** What a line in a shell came to. */
interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** How a line is run. */
interface Conditions {
  readonly shell?: string;
  readonly arguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** A folder of its own in which `peerlane` is a command, with variables that name machines. */
export interface Workbench {
  readonly folder: string;
  /** Writes a file into the folder. */
  readonly write: (name: string, content: string) => void;
  /** Runs a line in bash, or in another shell, without a terminal. */
  readonly run: (line: string, conditions?: Conditions) => Promise<Outcome>;
  /** Runs a line on a terminal of its own; what it shows is `out`, with its colours and with `\n` for line ends. */
  readonly onTerminal: (line: string, conditions?: Conditions) => Promise<Outcome>;
}

/** Files of the repository that stand on the workbench. */
const LINKS = {
  ".bin/peerlane": PROGRAM_FILE,
  "mixed.tar.gz": join(recorded, "mixed-acs.intel.strict.tar.gz"),
  "cleared.tar.gz": join(recorded, "mixed-acs.intel.strict.by-address.tar.gz"),
  "lost.tar.gz": join(recorded, "one-switch.intel.strict.tar.gz"),
  "bridges.tar.gz": join(recorded, "two-host-bridges.intel.off.tar.gz"),
  "ports.tar.gz": join(recorded, "intel-root-ports.intel.off.tar.gz"),
  "one-switch.yaml": join(root, "examples/one-switch.yaml"),
} as const;

/** What lines name them by, as variables. */
const MACHINES = {
  /** nvme0 and nvme1 below a port that redirects, nvme2 and nvme3 below one that does not. */
  MIXED: "mixed.tar.gz",
  /** The same, booted with ACS redirect disabled at nvme0's port. */
  CLEARED: "cleared.tar.gz",
  /** nvme0 and nvme1 below two host bridges that are on no list. */
  BRIDGES: "bridges.tar.gz",
  /** nvme0 and nvme2 below two root ports of a host bridge that is on no list; no switch. */
  PORTS: "ports.tar.gz",
  SCENARIO: "one-switch.yaml",
  /** lspci without -vvv: two NVMe controllers, and all that decides hidden. */
  HIDDEN: "hidden.txt",
} as const;

const HIDDEN_DUMP = `00:00.0 Host bridge [0600]: Intel Corporation Device [8086:29c0]
03:00.0 Non-Volatile memory controller [0108]: X [1b36:0010]
04:00.0 Non-Volatile memory controller [0108]: X [1b36:0010]
`;

/** Makes a workbench for one test file, and takes it away after its tests. */
export function workbench(): Workbench {
  needProgram();
  const folder = mkdtempSync(join(tmpdir(), "peerlane-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, ".bin"));
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(folder, name));
  writeFileSync(join(folder, MACHINES.HIDDEN), HIDDEN_DUMP);
  const { NO_COLOR: _, FORCE_COLOR: __, COLUMNS: ___, ...own } = process.env;
  const common = { ...own, ...MACHINES, TERM: "xterm", PATH: `${join(folder, ".bin")}:${process.env["PATH"]}` };
  const run = (line: string, conditions: Conditions = {}): Promise<Outcome> =>
    execute(conditions.shell ?? "bash", [...(conditions.arguments ?? []), "-c", line], {
      cwd: folder,
      env: { ...common, ...conditions.env },
      input: conditions.input,
    });
  return {
    folder,
    write: (name, content) => writeFileSync(join(folder, name), content),
    run,
    onTerminal: async (line, conditions) => {
      const { status, out, err } = await run(`script -qec '${line.replaceAll("'", "'\\''")}' /dev/null`, conditions);
      return { status, out: out.replaceAll("\r\n", "\n"), err };
    },
  };
}

function execute(
  program: string,
  words: readonly string[],
  { input, ...options }: { cwd: string; env: NodeJS.ProcessEnv; input: string | undefined },
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, options);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", reject);
    child.on("close", (status) =>
      resolve({ status, out: Buffer.concat(out).toString("utf8"), err: Buffer.concat(err).toString("utf8") }),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

/** What is said of tests that need a program that is not there; nothing where it is. */
export function lacking(...programs: readonly string[]): string {
  const missing = programs.filter((program) => spawnSync(program, ["--version"]).error !== undefined);
  return missing.length === 0 ? "" : ` (skipped: no ${missing.join(", ")} here)`;
}
