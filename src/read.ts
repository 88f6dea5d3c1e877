/**
 * Readers and writers of each format by itself, and what is said of a machine in place of what was read. `readMachine` of
 * the entry `peerlane` finds the format by itself.
 *
 * @packageDocumentation
 */
export { ArchiveTree } from "./host/archive.ts";
export type { FileTree } from "./host/file-tree.ts";
export type { LspciReader } from "./host/lspci/read-lspci.ts";
export type { Overrides } from "./host/override.ts";
export type { Scenario } from "./host/scenario/scenario.ts";
export {
  afterBoot,
  createLspciReader,
  decompress,
  parseScenario,
  readLspci,
  readSnapshot,
  readSysfs,
  redact,
  scenarioMachine,
  withOverrides,
  writeSnapshot,
} from "./library/read.ts";
