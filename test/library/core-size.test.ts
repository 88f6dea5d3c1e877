import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Metafile } from "esbuild";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** What a page needs to read a machine and to answer for its pairs. */
const CORE = `
export { readMachine } from "./src/host/read-machine.ts";
export { findDevices, selectDevices } from "./src/host/select.ts";
export { Answers } from "./src/answers/answer.ts";
export { PeerRoutes } from "./src/routes/peer-routes.ts";
export { afterBoot } from "./src/rules/boot-acs.ts";
export { expectedIommuGroups } from "./src/rules/iommu-groups.ts";
export { decideAll } from "./src/rules/verdict-table.ts";
export { islandsOf } from "./src/summary/islands.ts";
`;

/** What is loaded when somebody asks for it: scenarios, XML, rdma_topo's dumps, and the words for a wrong snapshot. */
const ASKED_FOR = /scenario-machine|read-hwloc|read-nccl|rdma-topo\/read-dump|snapshot\/read-snapshot/;

/** 150 kB. */
const MOST_BYTES = 150_000;

/** Files that a file of the bundle loads at once, itself among them. */
function loadedWith(file: string, outputs: Metafile["outputs"], into: Set<string> = new Set()): ReadonlySet<string> {
  if (into.has(file)) return into;
  into.add(file);
  for (const { path, kind } of outputs[file]?.imports ?? [])
    if (kind === "import-statement") loadedWith(path, outputs, into);
  return into;
}

describe("The core in a browser", async () => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: CORE, resolveDir: root, loader: "ts" },
    ...{ bundle: true, minify: true, splitting: true, write: false, metafile: true },
    ...{ format: "esm", platform: "browser", target: "es2023", outdir: join(root, "core") },
    absWorkingDir: root,
  });
  const entries = Object.entries(metafile.outputs).flatMap(([file, { entryPoint }]) =>
    entryPoint === undefined || ASKED_FOR.test(entryPoint) ? [] : [file],
  );
  const loaded = new Set(entries.flatMap((file) => [...loadedWith(file, metafile.outputs)]));

  test("is 150 kB compressed, with its readers of lspci, sysfs, snapshots and compressed files", () => {
    const sizes = outputFiles
      .filter(({ path }) => loaded.has(path.slice(root.length + 1)))
      .map(({ contents }) => gzipSync(contents, { level: 9 }).length);
    expect(sizes).toHaveLength(loaded.size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(MOST_BYTES);
  });

  test("has no validator, no YAML and no XML in it", () => {
    const packages = [...loaded]
      .flatMap((file) => Object.keys(metafile.outputs[file]?.inputs ?? {}))
      .flatMap((input) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? []);
    expect([...new Set(packages)]).toEqual(["fastest-levenshtein"]);
  });
});
