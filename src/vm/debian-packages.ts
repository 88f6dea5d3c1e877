import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { runCommand } from "./command.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";

/** The suites that hold a kernel with P2PDMA and a static busybox. */
const STABLE = "trixie";
const BACKPORTS = "trixie-backports";

const remedy = "this needs a Debian (or derived) system with apt; elsewhere give --kernel-image and --busybox";

/** Reports what is going on, for a progress line. */
export type Progress = (message: string) => void;

/**
 * A private view of Debian's package archive: its own sources, lists and downloads in a folder of the cache, so that
 * nothing on the system changes. The mirror is the one that the system itself uses.
 */
export class DebianPackages {
  readonly #work: TemporaryFolder;
  readonly #folder: string;
  readonly #options: readonly string[];
  readonly #signal: AbortSignal | undefined;

  constructor(work: TemporaryFolder, signal?: AbortSignal) {
    const folder = work.path;
    this.#work = work;
    this.#folder = folder;
    this.#signal = signal;
    this.#options = [
      ["Dir::Etc::SourceList", join(folder, "sources.list")],
      ["Dir::Etc::SourceParts", "/dev/null"],
      ["Dir::State::Lists", join(folder, "lists")],
      ["Dir::Cache", join(folder, "cache")],
      ["APT::Sandbox::User", "root"],
      // Without it an update that reached no mirror counts as done.
      ["APT::Update::Error-Mode", "any"],
    ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  }

  #run(program: string, args: readonly string[], cwd?: string): Promise<string> {
    return runCommand(program, args, {
      folder: this.#work,
      remedy,
      failureRemedy:
        "this fetches from the mirror in apt's sources: check the network, or give --kernel-image and --busybox",
      ...(cwd === undefined ? {} : { cwd }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
  }

  /** Fetches the lists of packages. */
  async update(): Promise<void> {
    for (const name of ["lists/partial", "cache/archives/partial"])
      mkdirSync(join(this.#folder, name), { recursive: true });
    const { mirror, keyring } = systemMirror();
    const options = keyring === null ? "" : `[signed-by=${keyring}] `;
    const lines = [STABLE, BACKPORTS].map((suite) => `deb ${options}${mirror} ${suite} main\n`);
    writeFileSync(join(this.#folder, "sources.list"), lines.join(""));
    await this.#run("apt-get", [...this.#options, "-qq", "update"]);
  }

  /** The package that the newest cloud kernel's image is in, such as `linux-binary-7.2.12+deb13-cloud-amd64`. */
  async kernelPackage(): Promise<string> {
    const text = await this.#run("apt-cache", [...this.#options, "-t", BACKPORTS, "show", "linux-image-cloud-amd64"]);
    const versions = [...text.matchAll(/^Depends:.*\blinux-image-(\S+-cloud-amd64)\b/gm)].map(
      (match) => match[1] ?? "",
    );
    const [newest] = versions.sort(compareVersions).reverse();
    if (newest === undefined)
      throw new PeerlaneError("environment", "Debian's archive names no cloud kernel", { remedy });
    return `linux-binary-${newest}`;
  }

  /** Downloads packages and unpacks them into one folder, which it returns. */
  async unpack(names: readonly string[]): Promise<string> {
    const downloads = join(this.#folder, "downloads");
    const target = join(this.#folder, "unpacked");
    for (const path of [downloads, target]) {
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true });
    }
    await this.#run("apt-get", [...this.#options, "-qq", "download", ...names], downloads);
    for (const file of readdirSync(downloads)) await this.#run("dpkg-deb", ["-x", join(downloads, file), target]);
    rmSync(downloads, { recursive: true });
    return target;
  }
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

interface Mirror {
  readonly mirror: string;
  readonly keyring: string | null;
}

const debianKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** The mirror of Debian's main archive in the system's own apt sources. */
function systemMirror(): Mirror {
  const folder = "/etc/apt/sources.list.d";
  const files = ["/etc/apt/sources.list", ...listFolder(folder).map((name) => join(folder, name))];
  for (const file of files) {
    const mirror = mirrorIn(readText(file));
    if (mirror !== undefined) return { mirror, keyring: readText(debianKeyring) === "" ? null : debianKeyring };
  }
  throw new PeerlaneError("environment", "no mirror of Debian in the apt sources of this system", { remedy });
}

/** The first address in an apt sources file (one-line or deb822) that ends in `/debian`, the archive's own path. */
export function mirrorIn(text: string): string | undefined {
  const withoutComments = text.replaceAll(/^\s*#.*$/gm, "");
  return /\bhttps?:\/\/\S+?\/debian(?=\/?(?:\s|$))/.exec(withoutComments)?.[0];
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
