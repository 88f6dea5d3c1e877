import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("fabric-systemc.cpp", import.meta.url));

/** True where the headers of SystemC are installed (Debian's libsystemc-dev). */
export function hasSystemC(): boolean {
  return existsSync("/usr/include/systemc") || existsSync("/usr/local/include/systemc");
}

/** Compiles fabric-systemc.cpp into `folder`; yields the program's path. */
export function compileSystemC(folder: string): string {
  const program = join(folder, "fabric-systemc");
  const flags = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter"];
  execFileSync("g++", [...flags, "-o", program, SOURCE, "-lsystemc"], { stdio: "inherit" });
  return program;
}

/** What both sides are compared by after the same TLPs. */
export interface FabricState {
  readonly checksum: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** A running fabric-systemc, which waits for commands. */
export class SystemCFabric {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor(program: string, file: string) {
    this.#child = spawn(program, [file], { env: { ...process.env, SYSTEMC_DISABLE_COPYRIGHT_MESSAGE: "1" } });
    this.#child.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#child.stdout });
    this.#answers = this.#lines[Symbol.asyncIterator]();
  }

  async #ask(command: string): Promise<string> {
    this.#child.stdin.write(`${command}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error("fabric-systemc ended");
    return answer.value;
  }

  /** Carries out TLPs, with a register written before each where `isAnew`; nanoseconds each. */
  async run(times: number, isAnew: boolean): Promise<number> {
    return Number(await this.#ask(`${isAnew ? "anew" : "run"} ${times}`));
  }

  async state(): Promise<FabricState> {
    const [checksum = 0, bytesUp = 0, bytesDown = 0] = (await this.#ask("state")).split(" ").map(Number);
    return { checksum, bytesUp, bytesDown };
  }

  close(): void {
    this.#lines.close();
    this.#child.stdin.end();
  }
}
