import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { PeerlaneError } from "../pci/error.ts";
import { packCpio } from "./cpio.ts";
import { DebianPackages, type Progress } from "./debian-packages.ts";
import { INIT_SCRIPT } from "./guest/init-script.ts";
import { PROBE_PROGRAM } from "./guest/probe.ts";

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
  if (existsSync(path)) return path;
  throw new PeerlaneError("not-found", `no file ${path}`, {
    remedy: "name a bzImage or vmlinuz, and a static busybox",
  });
}

async function fetchFiles(folder: string, { progress = () => {}, signal }: GuestFilesOptions): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const packages = new DebianPackages(join(folder, "debian"), signal);
  progress("fetching Debian's list of packages");
  await packages.update();
  const kernel = await packages.kernelPackage();
  progress(`fetching ${kernel} and busybox-static`);
  const unpacked = await packages.unpack([kernel, "busybox-static"]);
  const modules = join(unpacked, "usr/lib/modules");
  const release = readdirSync(modules)[0] ?? "";
  keep(join(modules, release, "vmlinuz"), join(folder, "vmlinuz"));
  keep(
    ["usr/bin/busybox", "bin/busybox"].map((path) => join(unpacked, path)).find(existsSync) ?? "",
    join(folder, "busybox"),
  );
  rmSync(join(folder, "debian"), { recursive: true });
  progress(`kernel ${release} is in ${folder}`);
}

/** Copies and renames, so that an interrupted copy never counts as the file. */
function keep(source: string, target: string): void {
  copyFileSync(source, `${target}.part`);
  renameSync(`${target}.part`, target);
}

/** Writes the guest's initramfs: busybox, the probe and the script that runs it. */
export function writeInitramfs(busybox: string, target: string): void {
  const program = 0o100755;
  const folder = 0o040755;
  const archive = packCpio([
    { path: "bin", mode: folder },
    { path: "dev", mode: folder },
    { path: "bin/busybox", mode: program, content: readFileSync(busybox) },
    { path: "bin/probe", mode: program, content: gunzipSync(Buffer.from(PROBE_PROGRAM, "base64")) },
    { path: "init", mode: program, content: new TextEncoder().encode(INIT_SCRIPT) },
  ]);
  writeFileSync(target, gzipSync(archive, { level: 1 }));
}
