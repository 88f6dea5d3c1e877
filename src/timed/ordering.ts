/** What a TLP is to credits and to the ordering rules. */
export const TLP_CLASSES = ["posted", "non-posted", "completion"] as const;
export type TlpClass = (typeof TLP_CLASSES)[number];

/** Positions in {@link TLP_CLASSES}. */
export const POSTED = 0;
export const NON_POSTED = 1;
export const COMPLETION = 2;
export const CLASS_COUNT: number = TLP_CLASSES.length;

/**
 * Whether a TLP of the row may pass an earlier one of the column (PCIe 6.0 table 2-41, of one traffic class). Where the
 * specification leaves the choice (Y/N), what the model does: each class is a queue, so none passes one of its own.
 */
export const MAY_PASS: Readonly<Record<TlpClass, Readonly<Record<TlpClass, boolean>>>> = {
  posted: { posted: false, "non-posted": true, completion: true },
  "non-posted": { posted: false, "non-posted": false, completion: true },
  completion: { posted: false, "non-posted": true, completion: false },
};

/** The same where requests and completions carry the Relaxed Ordering bit: completions pass posted writes. */
export const MAY_PASS_RELAXED: typeof MAY_PASS = {
  ...MAY_PASS,
  completion: { ...MAY_PASS.completion, posted: true },
};

/** By class: the other classes that a TLP of it waits for, as bits. */
export function blockersOf(mayPass: typeof MAY_PASS): Int32Array {
  return Int32Array.from(TLP_CLASSES, (row) => bits((column) => row !== column && !mayPass[row][column]));
}

/** By class: the other classes that wait for a TLP of it, as bits. */
export function waitersOf(mayPass: typeof MAY_PASS): Int32Array {
  return Int32Array.from(TLP_CLASSES, (column) => bits((row) => row !== column && !mayPass[row][column]));
}

function bits(is: (kind: TlpClass) => boolean): number {
  return TLP_CLASSES.reduce((sum, kind, at) => (is(kind) ? sum | (1 << at) : sum), 0);
}
