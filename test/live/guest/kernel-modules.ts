import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DebianPackages } from "../../../src/vm/debian-packages.ts";
import { cacheFolder, guestFiles } from "../../../src/vm/guest-files.ts";
import { parseLdd } from "../../../src/vm/node-program.ts";
import { inTemporaryFolder } from "../../../src/vm/temporary-folder.ts";

/** Modules of the guest's kernel, by their place in the guest: fetched from Debian once, into the cache beside the kernel. */
export async function kernelModules(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { kernelImage } = await guestFiles();
  const release = releaseOf(kernelImage);
  const folder = join(cacheFolder(), "vm", `modules-${release}`);
  if (names.some((name) => !existsSync(join(folder, `${name}.ko`)))) await fetchModules(folder, release, names);
  return Object.fromEntries(names.map((name) => [`/modules/${name}.ko`, join(folder, `${name}.ko`)]));
}

/** The version text of a bzImage lies 0x200 behind where its header says (Documentation/arch/x86/boot.rst). */
function releaseOf(kernelImage: string): string {
  const image = readFileSync(kernelImage);
  const start = image.readUInt16LE(0x20e) + 0x200;
  return image.toString("latin1", start, start + 100).split(" ")[0] ?? "";
}

async function fetchModules(folder: string, release: string, names: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const place = { parent: dirname(folder), prefix: "debian-", remedy: "set XDG_CACHE_HOME to a folder with room" };
  await inTemporaryFolder(place, async (work) => {
    const packages = new DebianPackages(work);
    await packages.update();
    const unpacked = await packages.unpack([`linux-modules-${release}`]);
    const found = execFileSync("find", [unpacked, "-name", "*.ko.xz"], { encoding: "utf8" }).split("\n");
    for (const name of names) {
      const path = found.find((one) => one.endsWith(`/${name}.ko.xz`));
      if (path === undefined) throw new Error(`the kernel ${release} has no module ${name}`);
      const part = join(folder, `${name}.part`);
      writeFileSync(part, execFileSync("xz", ["-dc", path], { maxBuffer: 2 ** 26 }));
      renameSync(part, join(folder, `${name}.ko`));
    }
  });
}

/** Programs of this host with the libraries that they are linked with, by their place in the guest. */
export function programsWithLibraries(names: readonly string[]): Readonly<Record<string, string>> {
  const paths = names.map((name) => execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim());
  const libraries = paths.flatMap((path) => parseLdd(execFileSync("ldd", [path], { encoding: "utf8" })));
  // Busybox has no programs of these names.
  const programs = names.map((name, index): [string, string] => [`/bin/${name}`, paths[index] ?? ""]);
  return Object.fromEntries([...programs, ...libraries.map((path): [string, string] => [path, path])]);
}
