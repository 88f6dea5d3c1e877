import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { readCapture } from "../machines/captures.ts";

const root = join(import.meta.dirname, "../..");

describe("an example of the library", () => {
  test.for([
    "which-pairs-work",
    "what-would-help",
    "what-if",
    "what-flows-carry",
    "copy-on-the-model",
    "share-and-revoke",
    "a-design-of-your-own",
  ])("%s runs and prints", async (name) => {
    const file = join(root, `examples/library/${name}.mjs`);
    const output = execFileSync(process.execPath, [file], { cwd: root, encoding: "utf8" });
    await expect(output).toMatchFileSnapshot(`__snapshots__/${name}.txt`);
  });
});

test("docs/model.md quotes what an example prints", () => {
  const page = readFileSync(join(root, "docs/model.md"), "utf8");
  const quoted = /a-design-of-your-own\.mjs\).*?```text\n(.*?)\n```/s.exec(page)?.[1]?.split("\n") ?? [];
  const printed = readFileSync(join(import.meta.dirname, "__snapshots__/a-design-of-your-own.txt"), "utf8").split("\n");
  expect(quoted).toHaveLength(3);
  expect(printed).toEqual(expect.arrayContaining(quoted));
});

describe("the library in a browser", () => {
  test("bundles without an import of Node's, and decides there what it decides here", async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: 'export * from "./dist/index.js";', resolveDir: root },
      bundle: true,
      format: "iife",
      globalName: "peerlane",
      platform: "browser",
      write: false,
      metafile: true,
    });
    const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
    expect(imports.filter((path) => path.startsWith("node:"))).toEqual([]);

    // What every browser has; no process, no Buffer, no require.
    const window = {
      TextDecoder,
      TextEncoder,
      Blob,
      DecompressionStream,
      CompressionStream,
      Response,
      atob,
      btoa,
      URL,
    };
    const context = createContext({ ...window, Uint8Array, ArrayBuffer, Error, RangeError, TypeError });
    runInContext(outputFiles[0]?.text ?? "", context);
    const capture = readCapture("mixed-acs.intel.strict");
    Object.assign(context, { bytes: new Uint8Array(readFileSync(capture.archive)) });
    const decided = await (runInContext(
      `peerlane.readMachine(bytes, "capture").then((machine) => {
        const table = peerlane.verdicts(machine, { all: true });
        return table.providers.flatMap((provider, i) =>
          table.clients.map((client, j) => [provider, client, table.mapType(i, j)]));
      })`,
      context,
    ) as Promise<readonly (readonly [number, number, string])[]>);
    const answers = new Map(decided.map(([provider, client, mapType]) => [`${provider} ${client}`, mapType]));
    for (const { provider, client, mapType } of capture.pairs) {
      expect(answers.get(`${provider} ${client}`)).toBe(mapType);
    }
  });
});

test("the model bundles without an import of Node's", async () => {
  const { metafile } = await build({
    stdin: { contents: 'export * from "./dist/model.js";', resolveDir: root },
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports.map(({ path }) => path));
  expect(imports.filter((path) => path.startsWith("node:"))).toEqual([]);
});
