import type { Failure, Result } from "../pci/errno.ts";

/** Errors of system calls on memory, by their kernel names. */
export type UserErrno = "EFAULT" | "EINVAL" | "ENODEV" | "ENOMEM" | "EPERM" | "EREMOTEIO";

/** Why a system call failed. */
export type UserFailure = Failure<UserErrno>;

/** What a system call yields. */
export type UserResult<T> = Result<T, UserErrno>;

/** Makes a failure. */
export function userFailure(errno: UserErrno, reason: string): UserFailure {
  return { ok: false, errno, reason };
}
