import type { Duplex } from "node:stream";
import { CONTROL } from "./guest/run-script.ts";
import { withConsole } from "./run-qemu.ts";

/** Follows what a guest says of its command on the control port. */
export class GuestControl {
  readonly #onStarted: (control: Duplex) => void;
  #text = "";
  #isStarted = false;

  constructor(onStarted: (control: Duplex) => void) {
    this.#onStarted = onStarted;
  }

  /** Reads the port from now on. */
  follow(port: Duplex): void {
    port.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      if (this.#isStarted || !this.#text.includes(`${CONTROL.started}\n`)) return;
      this.#isStarted = true;
      this.#onStarted(port);
    });
  }

  /**
   * The exit code that the guest reported before it ended. Throws `operation-failed`, with the end of its console, where
   * it reported none.
   */
  exitCode(console: string): number {
    const [, failure] = new RegExp(`^${CONTROL.failed} (.*)$`, "m").exec(this.#text) ?? [];
    if (failure !== undefined) throw withConsole(`the guest did not start: ${failure}`, console);
    const [, code] = new RegExp(`^${CONTROL.exit} (\\d+)$`, "m").exec(this.#text) ?? [];
    if (code !== undefined) return Number(code);
    throw withConsole(`the guest ended before ${this.#isStarted ? "its command did" : "it was up"}`, console);
  }
}
