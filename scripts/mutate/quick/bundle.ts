import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { build } from "esbuild";

const require = createRequire(resolve("package.json"));

/**
 * A file of tests and all of ours that it imports as one script, with other texts for some files; what it returns
 * evaluates all of that anew. What is installed is loaded once; `vitest` is what `globalThis.__vitest` holds.
 */
export async function bundle(test: string, texts: ReadonlyMap<string, string>): Promise<() => void> {
  const { outputFiles } = await build({
    entryPoints: [test],
    bundle: true,
    write: false,
    outdir: "/",
    format: "cjs",
    platform: "node",
    target: "node20",
    packages: "external",
    logLevel: "silent",
    plugins: [
      {
        name: "changed",
        setup({ onLoad, onResolve }): void {
          onResolve({ filter: /^vitest$/ }, () => ({ path: "vitest", namespace: "ours" }));
          onLoad({ filter: /./, namespace: "ours" }, () => ({ contents: "module.exports = globalThis.__vitest;" }));
          onLoad({ filter: /\.[cm]?ts$/ }, ({ path }) => ({
            contents: withPlace(texts.get(path) ?? readFileSync(path, "utf8"), path),
            loader: "ts",
          }));
        },
      },
    ],
  });
  const script = new vm.Script(`(function (require, module, exports) {${outputFiles[0]?.text}\n})`, {
    filename: test,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return () => {
    const module = { exports: {} };
    script.runInThisContext()(require, module, module.exports);
  };
}

/** A module that was joined with others has no place of its own any more. */
function withPlace(text: string, path: string): string {
  return text
    .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
    .replaceAll("import.meta.dirname", JSON.stringify(resolve(path, "..")));
}
