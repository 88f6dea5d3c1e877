/** Shells that `completion` knows; kept apart from their scripts so that the program starts without them. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];
