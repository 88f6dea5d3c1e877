import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { PROGRAM } from "../program.ts";

const root = join(import.meta.dirname, "../..");
const scenario = join(root, "examples/one-switch.yaml");

/** Where the programs that stand in for QEMU, ldd, rm and apt-get stop, and wait to be killed. */
export type Moment = "qemu --version" | "ldd" | "qemu" | "qemu --shell" | "rm" | "apt-get" | "nowhere";

/** Each says that it was reached. Its own end is the test's matter; 1,000 s are for a test that is killed itself. */
const STOP = 'stop() { : >"$STATE/reached"; exec sleep 1000; }';
const PROGRAMS: Readonly<Record<string, string>> = {
  "qemu-system-x86_64": `${STOP}
if [ "$1" = --version ]; then
  [ "$STOP_AT" = 'qemu --version' ] && stop
  echo 'QEMU emulator version 7.2.22'
  exit
fi
if [ "$STOP_AT" = 'qemu --shell' ]; then echo '@started' >&5; stop; fi
[ "$STOP_AT" = qemu ] && stop
exit 0`,
  ldd: `${STOP}
[ "$STOP_AT" = ldd ] && stop
exec /usr/bin/ldd "$@"`,
  "apt-get": `${STOP}
stop`,
  // The keepers' own: it is let go on, for what is tried is that it does its work.
  rm: `if [ "$STOP_AT" = rm ]; then
  : >"$STATE/reached"
  while ! [ -e "$STATE/go-on" ]; do sleep 0.05; done
fi
exec /bin/rm "$@"`,
};

/** Long enough for a machine that is busy with other things. */
const PATIENCE = { timeout: 500_000, interval: 25 };

/** A run of the program among stand-ins, in folders of its own. */
export class FakeRun {
  readonly folder: string = mkdtempSync(join(tmpdir(), "peerlane-processes-"));
  /** TMPDIR of the runs. */
  readonly temporary: string = join(this.folder, "tmp");
  readonly cache: string = join(this.folder, "cache");
  readonly #state = join(this.folder, "state");
  readonly #programs = join(this.folder, "programs");

  constructor() {
    for (const path of [this.temporary, this.#state, this.#programs]) mkdirSync(path);
    for (const [name, text] of Object.entries(PROGRAMS)) {
      const path = join(this.#programs, name);
      writeFileSync(path, `#!/bin/sh\n${text}\n`);
      chmodSync(path, 0o755);
    }
    for (const name of ["kernel", "busybox"]) writeFileSync(join(this.folder, name), "");
  }

  /** The words that start `peerlane vm` so that it reaches a moment. */
  words(moment: Moment): string[] {
    const files = ["--kernel-image", join(this.folder, "kernel"), "--busybox", join(this.folder, "busybox")];
    const given = moment === "apt-get" ? [] : files;
    const after = moment === "qemu --shell" ? ["--shell"] : moment === "ldd" ? ["--", "true"] : [];
    return [...PROGRAM, "vm", scenario, ...given, ...after];
  }

  environment(moment: Moment): NodeJS.ProcessEnv {
    return {
      ...process.env,
      PATH: `${this.#programs}:${process.env["PATH"]}`,
      TMPDIR: this.temporary,
      XDG_CACHE_HOME: this.cache,
      STATE: this.#state,
      STOP_AT: moment,
    };
  }

  /** Starts the program in a process group of its own. */
  start(moment: Moment, words: readonly string[] = this.words(moment)): ChildProcess {
    const [program = "", ...args] = words;
    return spawn(program, args, { detached: true, env: this.environment(moment), stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Waits until the stand-in of the moment runs. */
  async reached(): Promise<void> {
    await vi.waitUntil(() => existsSync(join(this.#state, "reached")), PATIENCE);
  }

  letGoOn(): void {
    writeFileSync(join(this.#state, "go-on"), "");
  }

  /** Processes of the run: all have its environment; one that has only not been waited for has none. */
  processes(): { readonly pid: number; readonly command: string }[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && readProc(name, "environ").includes(`STATE=${this.#state}\0`))
      .map((name) => ({ pid: Number(name), command: readProc(name, "cmdline").replaceAll("\0", " ") }));
  }

  /** What is left of temporary folders. */
  folders(): string[] {
    const cache = join(this.cache, "peerlane/vm");
    return [...readdirSync(this.temporary), ...(existsSync(cache) ? readdirSync(cache) : [])];
  }

  /** Waits until no process and no folder of the run is left; throws with what is. */
  async nothingLeft(): Promise<void> {
    await vi.waitFor(() => {
      const left = [...this.processes().map(({ command }) => command), ...this.folders()];
      if (left.length > 0) throw new Error(`left: ${left.join("\n")}`);
    }, PATIENCE);
  }

  /** Ends what a failed test left, each by its own number. */
  clear(): void {
    for (const { pid } of this.processes()) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
