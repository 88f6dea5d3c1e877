import { constants, type Descriptor, errnoOf, realSystem, type SystemCalls } from "../system-calls.ts";

/** A record of the kernel's log is at most this long (`PRINTKRB_RECORD_MAX`, `CONSOLE_EXT_LOG_MAX`). */
const MAX_RECORD = 8192;

/** A message of the kernel. */
export interface KernelMessage {
  /** Grows by one with each message; a gap is a lost one. */
  readonly sequence: number;
  /** Microseconds since boot. */
  readonly timeUs: number;
  readonly text: string;
}

/**
 * Follows the kernel's log (`/dev/kmsg`, Documentation/ABI/testing/dev-kmsg) from now on. Needs root or CAP_SYSLOG:
 * where it cannot be read, `reason` says why and there are no messages.
 */
export class KernelLog {
  readonly reason: string | null;
  readonly #file: Descriptor | null;
  readonly #system: SystemCalls;
  readonly #record = Buffer.alloc(MAX_RECORD);

  private constructor(system: SystemCalls, file: Descriptor | null, reason: string | null) {
    this.#system = system;
    this.#file = file;
    this.reason = reason;
  }

  /** Starts at the end of the log: older messages are not returned. */
  static open(path = "/dev/kmsg", system: SystemCalls = realSystem): KernelLog {
    try {
      const log = new KernelLog(system, system.open(path, constants.O_RDONLY | constants.O_NONBLOCK), null);
      log.take();
      return log;
    } catch (cause) {
      return new KernelLog(system, null, `${path} cannot be read (${errnoOf(cause)}): root or CAP_SYSLOG can`);
    }
  }

  /** The messages since the last call. */
  take(): readonly KernelMessage[] {
    const messages: KernelMessage[] = [];
    for (;;) {
      const record = this.#next();
      if (record === undefined) return messages;
      const message = parseRecord(record);
      if (message !== undefined) messages.push(message);
    }
  }

  #next(): string | undefined {
    if (this.#file === null) return undefined;
    for (;;) {
      try {
        const length = this.#system.read(this.#file, this.#record);
        return length === 0 ? undefined : this.#record.toString("utf8", 0, length);
      } catch (error) {
        // EPIPE: messages were overwritten before they were read; reading goes on behind the gap.
        if (errnoOf(error) !== "EPIPE") return undefined;
      }
    }
  }

  close(): void {
    if (this.#file !== null) this.#system.close(this.#file);
  }
}

/** `priority,sequence,microseconds,flags[,…];text`, then lines of further fields. */
export function parseRecord(record: string): KernelMessage | undefined {
  const match = /^\d+,(\d+),(\d+),[^;]*;([^\n]*)/.exec(record);
  if (match === null) return undefined;
  const unescaped = (match[3] ?? "").replaceAll(/\\x([0-9a-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return { sequence: Number(match[1]), timeUs: Number(match[2]), text: unescaped };
}
