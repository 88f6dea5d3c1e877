/**
 * Makes the tree of a container that has the single file of this machine's processor and nothing but the libraries that it
 * asks for: `node --import tsx scripts/container-tree.ts FOLDER`, from build/peerlane-linux-PROCESSOR.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseLdd } from "../src/vm/node-program.ts";

const root = join(import.meta.dirname, "..");

/** Writes it below a folder: /usr/bin/peerlane, libraries where they are on this machine, /tmp, licences. */
export function makeContainerTree(folder: string, singleFile: string): void {
  const put = (from: string, path: string): void => {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    cpSync(from, join(folder, path), { dereference: true });
  };
  put(singleFile, "usr/bin/peerlane");
  const library = join(root, `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`);
  const needed = [singleFile, ...(existsSync(library) ? [library] : [])];
  const libraries = needed.flatMap((file) => parseLdd(execFileSync("ldd", [file], { encoding: "utf8" })));
  for (const path of new Set(libraries)) put(path, path);
  mkdirSync(join(folder, "tmp"));
  chmodSync(join(folder, "tmp"), 0o1777);
  // A container's engine mounts there.
  for (const name of ["proc", "sys", "dev"]) mkdirSync(join(folder, name));
  const texts = ["LICENSE", "dist/THIRD-PARTY-LICENSES.txt", "scripts/license-texts/bun.txt"];
  mkdirSync(join(folder, "usr/share/doc/peerlane"), { recursive: true });
  writeFileSync(
    join(folder, "usr/share/doc/peerlane/copyright"),
    texts.map((path) => readFileSync(join(root, path), "utf8")).join("\n"),
  );
}

if (process.argv[1] === import.meta.filename) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("name the folder to write to");
  makeContainerTree(folder, join(root, `build/peerlane-linux-${process.arch}`));
  console.log(folder);
}
