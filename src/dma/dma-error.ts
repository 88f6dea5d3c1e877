/** Errors of the DMA API, by their kernel names. */
export type DmaErrno = "EREMOTEIO" | "ENOMEM" | "EINVAL" | "EIO" | "EOPNOTSUPP" | "ENODEV";

/** Why a mapping failed; nothing of it is left mapped. */
export interface DmaFailure {
  readonly ok: false;
  readonly errno: DmaErrno;
  /** For people: what happened, with addresses in hex. */
  readonly reason: string;
}

/** A value, or why there is none. */
export type DmaResult<T> = { readonly ok: true; readonly value: T } | DmaFailure;

/** Makes a failure. */
export function dmaFailure(errno: DmaErrno, reason: string): DmaFailure {
  return { ok: false, errno, reason };
}
