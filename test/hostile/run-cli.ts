import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";

const program = join(import.meta.dirname, "../../dist/peerlane.cjs");

/** Bounds the heap: what needs more than this does not stream. */
const limitedHeap = ["--max-old-space-size=384"];

/** What a run of the program left. */
export interface Outcome {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the program with little memory. */
export function peerlane(args: readonly string[], input?: string | Uint8Array): Outcome {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...limitedHeap, program, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: 600_000,
    ...(input === undefined ? {} : { input }),
  });
  return { status, out: stdout, err: stderr };
}

/**
 * Feeds `start` and then `total` bytes of `block`, again and again, to the program's standard input; a function gives
 * each block by its number.
 */
export function feed(
  block: Buffer | ((index: number) => Buffer),
  total: number,
  start: Buffer = Buffer.alloc(0),
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...limitedHeap, program, "-"], { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let err = "";
    let sent = 0;
    let index = 0;
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    // The reader may refuse early and close the pipe.
    child.stdin.on("error", () => {});
    const send = (): void => {
      while (sent < total && child.stdin.writable) {
        const next = typeof block === "function" ? block(index++) : block;
        sent += next.length;
        if (!child.stdin.write(next)) {
          child.stdin.once("drain", send);
          return;
        }
      }
      child.stdin.end();
    };
    child.on("close", (status) => resolve({ status, out, err }));
    child.stdin.write(start);
    send();
  });
}

/** Bytes to feed: a quarter of a gigabyte, two in the slow run. */
export const feedBytes: number = (process.env["PEERLANE_SLOW"] === "1" ? 2 : 0.25) * 2 ** 30;

/** A number in hex, with zeros in front. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
