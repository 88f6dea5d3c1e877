/** Errors of system calls on memory, by their kernel names. */
export type UserErrno = "EFAULT" | "EINVAL" | "ENODEV" | "ENOMEM" | "EPERM" | "EREMOTEIO";

/** Why a call failed; nothing of it is left done. */
export interface UserFailure {
  readonly ok: false;
  readonly errno: UserErrno;
  /** For people: what happened, with addresses in hex. */
  readonly reason: string;
}

/** A value, or why there is none. */
export type UserResult<T> = { readonly ok: true; readonly value: T } | UserFailure;

/** Makes a failure. */
export function userFailure(errno: UserErrno, reason: string): UserFailure {
  return { ok: false, errno, reason };
}
