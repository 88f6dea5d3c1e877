/**
 * How devices read from each other, or write to each other, as the patterns of the peer benchmark p2pmark (github.com/lukealonso/p2pmark,
 * README): each pair alone; all at once, each with the peer that is so many further on; each with all others, the rest
 * quiet; all with all.
 */
export const PATTERNS = ["sequential", "stagger", "single-reader", "all-at-once"] as const;
export type Pattern = (typeof PATTERNS)[number];
