/** Why a call of the model's kernel failed; nothing of it is left done. */
export interface Failure<Errno extends string> {
  readonly ok: false;
  readonly errno: Errno;
  /** For people: what happened, with addresses in hex. */
  readonly reason: string;
}

/** A value, or why there is none. */
export type Result<T, Errno extends string> = { readonly ok: true; readonly value: T } | Failure<Errno>;
