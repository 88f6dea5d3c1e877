/** What a source could not see, with the reason, in words a user can act on. */
export interface Unknown {
  readonly unknown: string;
}

/** A value, or the reason why the source does not show it. Absence of a feature is `null`, never {@link Unknown}. */
export type Known<T> = T | Unknown;

/** Makes an {@link Unknown}; keep the result and share it where one reason serves many fields. */
export function unknown(reason: string): Unknown {
  return { unknown: reason };
}

/** True when the source did not show the value. */
export function isUnknown<T>(value: Known<T>): value is Unknown {
  return typeof value === "object" && value !== null && "unknown" in value;
}
