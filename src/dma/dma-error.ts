import type { Failure, Result } from "../pci/errno.ts";

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
