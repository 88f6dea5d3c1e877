import { type ChildProcess, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeRun, type Moment } from "./fake-programs.ts";

let run: FakeRun;
beforeEach(() => {
  run = new FakeRun();
});
afterEach(() => {
  run.clear();
});

const MOMENTS: readonly (readonly [Moment, string])[] = [
  ["apt-get", "while the kernel is fetched"],
  ["qemu --version", "before QEMU and its folder"],
  ["ldd", "while the guest's files are made"],
  ["qemu", "while the guest runs"],
  ["rm", "while its folder is removed"],
];
const SIGNALS = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"] as const;
const CASES = MOMENTS.flatMap(([moment, when], row) =>
  SIGNALS.flatMap((signal, column) => {
    const both = ["the process", "its group"] as const;
    // SIGKILL to both; of the others one to each, in turns.
    const targets = signal === "SIGKILL" ? both : [(row + column) % 2 === 0 ? both[0] : both[1]];
    return targets.map((target) => ({ moment, when, signal, target }));
  }),
);

const hasApt = existsSync("/etc/apt") && existsSync("/usr/bin/apt-get");
const hasParentDeathSignal = spawnSync("sh", ["-c", "setpriv --pdeathsig KILL true"]).status === 0;

describe("nothing is left of a guest", () => {
  test.for(CASES)("where $target gets $signal $when", async ({ moment, signal, target }, { skip }) => {
    if (moment === "apt-get" && !hasApt) skip("no apt on this system: the kernel is not fetched here");
    const child = run.start(moment);
    const ended = endOf(child);
    await run.reached();
    process.kill(target === "its group" ? -pidOf(child) : pidOf(child), signal);
    run.letGoOn();
    const { status, stderr } = await ended;
    await run.nothingLeft();
    if (signal === "SIGKILL") return;
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining("nothing is left of it") });
  });

  test("where it ends by itself", async () => {
    expect((await endOf(run.start("nowhere"))).status).toBe(4);
    expect(run.folders()).toEqual([]);
    await run.nothingLeft();
  });

  test("where its reader goes while it fails", async () => {
    const child = run.start("nowhere");
    child.stdout?.destroy();
    child.stderr?.destroy();
    await endOf(child);
    await run.nothingLeft();
  });

  test("where its terminal goes", async ({ skip }) => {
    if (spawnSync("script", ["--version"]).status !== 0) skip("no script(1) to make a terminal");
    const words = run.words("qemu --shell").map((word) => `'${word}'`);
    const child = run.start("qemu --shell", ["script", "-qec", `exec ${words.join(" ")}`, "/dev/null"]);
    await run.reached();
    child.kill("SIGKILL");
    await run.nothingLeft();
  });
});

describe("who keeps it may be killed too", () => {
  /** The keepers in the order of their start: of the folder, of QEMU. */
  const keepers = () => run.processes().filter(({ command }) => command.includes("peerlane-keeper"));

  test("the one of QEMU: the guest goes, and that is said", async () => {
    const ended = endOf(run.start("qemu"));
    await run.reached();
    process.kill(keepers().find(({ command }) => command.includes("keeper qemu"))?.pid ?? 0, "SIGKILL");
    expect(await ended).toMatchObject({ status: 4, stderr: expect.stringContaining("it ended by SIGKILL") });
    await run.nothingLeft();
  });

  test("the one of the folder: Peerlane removes it itself", async () => {
    const child = run.start("qemu");
    const ended = endOf(child);
    await run.reached();
    process.kill(keepers().find(({ command }) => command.includes(run.temporary))?.pid ?? 0, "SIGKILL");
    child.kill("SIGTERM");
    expect((await ended).status).toBe(4);
    expect(run.folders()).toEqual([]);
    await run.nothingLeft();
  });

  test("Peerlane and its keepers at once: the kernel ends QEMU, the next start sweeps the folder", async ({ skip }) => {
    if (!hasParentDeathSignal) skip("no setpriv with --pdeathsig (util-linux 2.33)");
    const child = run.start("qemu");
    const ended = endOf(child);
    await run.reached();
    // All stand still before the first ends: on a busy machine a keeper would see it go, and clean up.
    const all = [pidOf(child), ...keepers().map((each) => each.pid)];
    for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of all) process.kill(pid, signal);
    await ended;
    await vi.waitFor(() => expect(run.processes()).toEqual([]), { timeout: 500_000 });
    expect(run.folders()).toHaveLength(1);
    await endOf(run.start("nowhere"));
    expect(run.folders()).toEqual([]);
  });

  test("a second guest leaves the folder of a first one alone", async () => {
    const child = run.start("qemu");
    await run.reached();
    const folders = run.folders();
    expect(folders).toHaveLength(1);
    await endOf(run.start("nowhere"));
    expect(run.folders()).toEqual(folders);
    child.kill("SIGKILL");
    await run.nothingLeft();
  });
});

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("it did not start");
  return pid;
}

function endOf(child: ChildProcess): Promise<{ readonly status: number | null; readonly stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once("close", (status) => resolve({ status, stderr }));
  });
}
