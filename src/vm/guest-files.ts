import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { DebianPackages, type Progress } from "./debian-packages.ts";
import { inTemporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";

/** What a guest boots from. */
export interface GuestFiles {
  readonly kernelImage: string;
  readonly busybox: string;
}

/** How the guest's files are had. */
export interface GuestFilesOptions {
  readonly kernelImage?: string;
  readonly busybox?: string;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Asks the archive again even where the cache holds a kernel. */
  readonly refresh?: boolean;
}

/** The folder in which downloads are kept (XDG Base Directory Specification 0.8). */
export function cacheFolder(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base?.startsWith("/") === true ? base : join(homedir(), ".cache"), "peerlane");
}

/** The kernel and the busybox for a guest: the given ones, else those in the cache, else Debian's, fetched once. */
export async function guestFiles(options: GuestFilesOptions = {}): Promise<GuestFiles> {
  const { kernelImage, busybox } = options;
  if (kernelImage !== undefined && busybox !== undefined)
    return { kernelImage: given(kernelImage), busybox: given(busybox) };
  const folder = join(cacheFolder(), "vm");
  const cached = { kernelImage: join(folder, "vmlinuz"), busybox: join(folder, "busybox") };
  if (options.refresh === true || !existsSync(cached.kernelImage) || !existsSync(cached.busybox))
    await fetchFiles(folder, options);
  return {
    kernelImage: kernelImage === undefined ? cached.kernelImage : given(kernelImage),
    busybox: busybox === undefined ? cached.busybox : given(busybox),
  };
}

function given(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;
  throw new PeerlaneError("not-found", `no file ${path}`, {
    remedy: "name a bzImage or vmlinuz, and a static busybox",
  });
}

async function fetchFiles(folder: string, { progress = () => {}, signal }: GuestFilesOptions): Promise<void> {
  const remedy = "set XDG_CACHE_HOME to a folder that can be written, with half a GB or more free";
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new PeerlaneError("environment", `cannot write to the cache ${folder}`, { remedy, cause });
  }
  // A folder of its own, so that two first runs at once do not meet in apt's locks.
  await inTemporaryFolder({ parent: folder, prefix: "debian-", remedy }, (work) =>
    fetchInto(work, folder, progress, signal),
  );
}

async function fetchInto(
  work: TemporaryFolder,
  folder: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const packages = new DebianPackages(work, signal);
  progress("fetching Debian's list of packages");
  await packages.update();
  const kernel = await packages.kernelPackage();
  progress(`fetching ${kernel} and busybox-static`);
  const unpacked = await packages.unpack([kernel, "busybox-static"]);
  const modules = join(unpacked, "usr/lib/modules");
  const release = readdirSync(modules)[0] ?? "";
  const busybox = ["usr/bin/busybox", "bin/busybox"].map((path) => join(unpacked, path)).find(existsSync) ?? "";
  // Renamed at last, so that what was fetched in part never counts as the file.
  renameSync(join(modules, release, "vmlinuz"), join(folder, "vmlinuz"));
  renameSync(busybox, join(folder, "busybox"));
  progress(`kernel ${release} is in ${folder}`);
}
