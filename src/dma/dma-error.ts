import type { Failure, Result } from "../pci/errno.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Errors of the DMA API, by their kernel names. */
export type DmaErrno = "EREMOTEIO" | "ENOMEM" | "EINVAL" | "EIO" | "EOPNOTSUPP" | "ENODEV";

/** Why a mapping failed; nothing of it is left mapped. */
export type DmaFailure = Failure<DmaErrno>;

/** What a call of the DMA API yields. */
export type DmaResult<T> = Result<T, DmaErrno>;

/** Makes a failure. */
export function dmaFailure(errno: DmaErrno, reason: string): DmaFailure {
  return { ok: false, errno, reason };
}

/** The value of what must not fail; throws `operation-failed` with the errno and the reason where it did. */
export function granted<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new PeerlaneError("operation-failed", `${result.errno}: ${result.reason}`, { facts: { errno: result.errno } });
}
