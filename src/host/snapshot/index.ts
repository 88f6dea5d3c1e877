export { looksLikeSnapshot, readSnapshot, snapshotJsonSchema } from "./read-snapshot.ts";
export { compressSnapshot, writeSnapshot } from "./write-snapshot.ts";
