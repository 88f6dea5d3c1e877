/**
 * Faults that the judge found and that are open: what is wrong is counted under their names, and everything else fails the
 * test. A name goes when its fault does.
 */
export const OPEN: readonly string[] = [];
