import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("per-pair-walk.c", import.meta.url));

/** Compiles per-pair-walk.c into `folder`; yields the program's path. */
export function compilePerPairWalk(folder: string): string {
  const program = join(folder, "per-pair-walk");
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], { stdio: "inherit" });
  return program;
}

/** A running per-pair-walk, which waits for commands: so both sides take turns without starting anything. */
export class PerPairWalk {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(program: string, treeFile: string) {
    this.#child = spawn(program, [treeFile]);
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async #ask(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error("per-pair-walk ended");
    return answer.value;
  }

  /** Decides all pairs `times` times; nanoseconds per time. */
  async run(times: number): Promise<number> {
    return Number(await this.#ask(`run ${times}`));
  }

  /** Map type and hops of each pair, provider-major, one after the other; `file` is written on the way. */
  async verdicts(file: string): Promise<Uint16Array> {
    await this.#ask(`save ${file}`);
    const bytes = readFileSync(file);
    return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }

  close(): void {
    this.#lines.close();
    this.#child.stdin.end();
  }
}
