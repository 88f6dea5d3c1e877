import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why loop devices cannot be tried here; `null` where they can. */
export function whyNoLoops(): string | null {
  if (process.geteuid?.() !== 0) return "needs root";
  try {
    accessSync("/dev/loop-control", constants.R_OK | constants.W_OK);
    if (["losetup", "mount", "mkfs.ext4"].every(has)) return null;
  } catch {}
  return "needs loop devices, losetup, mount and mkfs.ext4";
}

/** Whether a program is on the path. */
export function has(program: string): boolean {
  try {
    run("sh", "-c", `command -v ${program}`);
    return true;
  } catch {
    return false;
  }
}

/** Loop devices, files and mounts in a folder of their own, all of which go again. */
export class LoopBench {
  readonly folder: string = mkdtempSync(join(tmpdir(), "peerlane-loops-"));
  readonly #undo: (() => void)[] = [];

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A file of this size, sparse. */
  file(name: string, sizeBytes: number): string {
    writeFileSync(this.path(name), "");
    truncateSync(this.path(name), sizeBytes);
    return this.path(name);
  }

  /** Attaches a loop device and returns its node. */
  attach(path: string, ...words: readonly string[]): string {
    const node = run("losetup", "-f", "--show", ...words, path).trim();
    this.#undo.push(() => run("losetup", "-d", node));
    return node;
  }

  /** Makes a file system on a loop device or file, and mounts it. */
  mount(source: string, name: string, type = "ext4"): string {
    run(`mkfs.${type}`, "-q", type === "ext4" ? "-F" : "-f", source);
    const point = this.path(name);
    mkdirSync(point);
    return this.mountAt(point, source);
  }

  mountAt(point: string, ...words: readonly string[]): string {
    run("mount", ...words, point);
    this.#undo.push(() => run("umount", "-l", point));
    return point;
  }

  later(work: () => void): void {
    this.#undo.push(work);
  }

  /** Unmounts, detaches and removes everything; what fails keeps nothing else from it, and is thrown at the end. */
  close(): void {
    const failures: unknown[] = [];
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, `${this.folder} is left: ${failures.join("; ")}`);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs a program of the system; throws with what it says where it fails. */
export function run(program: string, ...words: readonly string[]): string {
  return execFileSync(program, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
