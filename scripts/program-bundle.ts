/** What the bundle of the command line needs beyond what the bundler does by itself. */

interface Chunk {
  readonly type: string;
  code?: string;
}

interface ProgramPlugin {
  readonly name: string;
  resolveId(source: string, importer: string | undefined): string | undefined;
  load(id: string): string | undefined;
  generateBundle(options: unknown, bundle: Readonly<Record<string, Chunk>>): void;
}

const NO_MODULE = "\0no-module";

/** What `matrix` of a host loads: one file of it, where there would be eighty. */
const EVERY_RUN = ["cli/main", "cli/verbs/matrix", "host/live", "advice/what-if/what-if", "routes/peer-routes"];

/** Whether a module, with all that it imports, is in the file that every run loads. */
export function isOfEveryRun(moduleId: string): boolean {
  return EVERY_RUN.some((name) => moduleId.endsWith(`/src/${name}.ts`));
}

/**
 * Leaves out what commander would start programs with, which costs milliseconds to load and which no verb of ours asks
 * for, and writes files in ASCII, which V8 keeps in half of the space, where that says the same.
 */
export function programBundle(): ProgramPlugin {
  return {
    name: "program-bundle",
    resolveId: (source, importer) =>
      source === "node:child_process" && importer?.includes("/node_modules/commander/") === true
        ? NO_MODULE
        : undefined,
    load: (id) => (id === NO_MODULE ? "export {};" : undefined),
    generateBundle: (_options, bundle) => {
      for (const chunk of Object.values(bundle)) if (chunk.code !== undefined) chunk.code = inAscii(chunk.code);
    },
  };
}

/** Code with all other characters as escapes, which mean the same wherever they can stand but in `String.raw`. */
function inAscii(code: string): string {
  if (/String\.raw`[^`]*[^\0-\x7f]/.test(code)) return code;
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
