/** What all entries of the library but the model's export; no name is in two of them. */
export * from "../../src/decide.ts";
export * from "../../src/index.ts";
export * from "../../src/read.ts";
export * from "../../src/show.ts";
