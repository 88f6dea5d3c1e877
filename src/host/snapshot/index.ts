export { looksLikeSnapshot, readSnapshot, snapshotJsonSchema } from "./read-snapshot.ts";
export { redact } from "./redact.ts";
export { compressSnapshot, writeSnapshot } from "./write-snapshot.ts";
