/** What `peerlane schema` prints; kept apart from the schemas so that the program starts without them. */
export const SCHEMA_NAMES = [
  "matrix",
  "tree",
  "explain",
  "history",
  "fix",
  "find",
  "diff",
  "check",
  "vm",
  "simulate",
  "lab",
  "lab-replay",
  "p2pmem",
  "probe",
  "bench",
  "copy",
  "scenario",
  "policy",
  "workload",
  "snapshot",
] as const;

/** One of {@link SCHEMA_NAMES}. */
export type SchemaName = (typeof SCHEMA_NAMES)[number];
