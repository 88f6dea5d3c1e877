import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Dice } from "./plan.ts";

/** Files of somebody else, beside what a copy makes, with names that it might take for its own. */
export class Strangers {
  readonly #files = new Map<string, string>();

  /** Puts them into a folder, around a name that a file of the copy has there. */
  addAround(dice: Dice, folder: string, name: string): void {
    const random = dice.bytes(16).toString("hex");
    const names = [`${name}.new`, `${name}.lock`, `${name}.tmp`, `${name}~`, `.${name}.swp`, `.${name}.part`];
    for (const each of [...names, `.peerlane-journal-${random}`, ".peerlane-journal-1"]) {
      const path = join(folder, each);
      writeFileSync(path, `somebody's ${each}\n`, { flag: "wx", mode: 0o600 });
      this.#files.set(path, lookOf(path));
    }
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** Those that are not as they were. */
  changed(): readonly string[] {
    return [...this.#files].filter(([path, look]) => lookOf(path) !== look).map(([path]) => path);
  }
}

function lookOf(path: string): string {
  try {
    const { ino, mode, mtimeMs, nlink } = lstatSync(path);
    return JSON.stringify([ino, mode, mtimeMs, nlink, readFileSync(path, "latin1")]);
  } catch {
    return "gone";
  }
}
