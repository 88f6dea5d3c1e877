/**
 * Builds Peerlane as one executable file for Linux, with its engine and its FFI inside, from what `npm run build` made:
 * `node --import tsx scripts/single-file.ts [x64] [arm64]`, into build/. Bun's compiler and engine are fetched from npm once.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FoundPackage, type PinnedPackage, pinnedPackage } from "./npm-tarball.ts";

const root = join(import.meta.dirname, "..");
const BUN = "1.4.5";

/** Processors that there is a file for, by Node's names of them. */
export const PROCESSORS: readonly Processor[] = ["x64", "arm64"];

/** One of them. */
export type Processor = "x64" | "arm64";

/** The engine that goes into the file, which is the compiler too. Of x86-64 it needs SSE4.2 and no AVX. */
const ENGINES: Readonly<Record<Processor, PinnedPackage>> = {
  x64: {
    name: "@oven/bun-linux-x64-baseline",
    version: BUN,
    integrity: "sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==",
  },
  arm64: {
    name: "@oven/bun-linux-aarch64",
    version: BUN,
    integrity: "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
  },
};

/** A built file, or why there is none. */
export type BuiltFile = { readonly file: string; readonly why?: never } | { readonly file: null; readonly why: string };

/** Builds the file of a processor as `FOLDER/peerlane-linux-PROCESSOR`. Throws where the build fails. */
export function buildSingleFile(processor: Processor, folder: string): BuiltFile {
  if (process.platform !== "linux" || !Object.hasOwn(ENGINES, process.arch))
    return { file: null, why: `the compiler runs on Linux on ${PROCESSORS.join(" or ")}, and not on this machine` };
  const needed = [ENGINES[process.arch as Processor], ENGINES[processor], foreignLibrary(processor)].map(pinnedPackage);
  const [compiler, engine, library] = needed.map(({ folder: each }) => each);
  if (typeof compiler !== "string" || typeof engine !== "string" || typeof library !== "string")
    return {
      file: null,
      why: needed.find((each): each is FoundPackage & { why: string } => each.why !== undefined)?.why ?? "",
    };
  const file = join(folder, `peerlane-linux-${processor}`);
  const stage = mkdtempSync(join(tmpdir(), "peerlane-single-file-"));
  try {
    stageProgram(stage, processor, library);
    mkdirSync(folder, { recursive: true });
    execFileSync(join(compiler, "bin/bun"), compilerWords(processor, join(engine, "bin/bun"), file), {
      cwd: stage,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, BUN_OPTIONS: "" },
    });
    chmodSync(file, 0o755);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return { file };
}

/** The package with the FFI's binary for a processor, as package-lock.json has it. */
function foreignLibrary(processor: Processor): PinnedPackage {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
  };
  const name = `@koromix/koffi-linux-${processor}`;
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`package-lock.json has no ${name}`);
  return { name, version: entry.version, integrity: entry.integrity };
}

/** The program as the compiler is to see it: with the FFI's binary of one processor as a file that it takes along. */
function stageProgram(stage: string, processor: Processor, library: string): void {
  const dist = join(root, "dist");
  if (!existsSync(join(dist, "cli.cjs"))) throw new Error("build first: npm run build");
  const native = join(root, "node_modules/koffi");
  if (!existsSync(native)) throw new Error("the optional package koffi is not installed");
  mkdirSync(join(stage, "dist"));
  for (const name of readdirSync(dist)) if (name.endsWith(".cjs")) cpSync(join(dist, name), join(stage, "dist", name));
  cpSync(join(root, "src/cli/single-file.cts"), join(stage, "src/cli/single-file.cts"));
  cpSync(join(root, "package.json"), join(stage, "package.json"));
  // Its CommonJS alone: its ES module keeps the folder where it was compiled.
  for (const name of ["index.cjs", "src/koffi/index.cjs", "src/koffi/src/static.cjs"])
    cpSync(join(native, name), join(stage, "node_modules/koffi", name));
  writeFileSync(join(stage, "node_modules/koffi/package.json"), '{ "main": "./index.cjs" }\n');
  const folder = join(stage, `node_modules/@koromix/koffi-linux-${processor}`);
  cpSync(join(library, `linux_${processor}/koffi.node`), join(folder, "koffi.binary"));
  cpSync(join(import.meta.dirname, "single-file/foreign-library.cjs"), join(folder, "index.js"));
}

function compilerWords(processor: Processor, engine: string, file: string): readonly string[] {
  return [
    "build",
    "src/cli/single-file.cts",
    "--compile",
    "--bytecode",
    "--minify",
    `--target=bun-linux-${processor}`,
    `--compile-executable-path=${engine}`,
    `--outfile=${file}`,
    // A file of that name in the folder where somebody stands is nothing to do with us.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // Most runs end before code that was made faster would pay.
    "--compile-jit-policy=100",
    "--loader=.binary:file",
    // Where the program was built says nothing on the machine where it runs.
    "--define=__dirname='/'",
    "--define=__filename='/peerlane'",
  ];
}

if (process.argv[1] === import.meta.filename) {
  const asked = process.argv.slice(2);
  const strange = asked.find((word) => !Object.hasOwn(ENGINES, word));
  if (strange !== undefined) throw new Error(`there is no file for '${strange}', only for ${PROCESSORS.join(" and ")}`);
  for (const processor of PROCESSORS.filter((each) => asked.length === 0 || asked.includes(each))) {
    const built = buildSingleFile(processor, join(root, "build"));
    console.log(built.file ?? `not built for ${processor}: ${built.why}`);
    if (built.file === null) process.exitCode = 1;
  }
}
