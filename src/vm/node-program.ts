import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { runCommand } from "./command.ts";
import { type CpioEntry, PROGRAM_MODE } from "./cpio.ts";

/** The running Node as files of a guest. */
export interface NodeProgram {
  readonly entries: readonly CpioEntry[];
  /** Folders of its shared libraries, for LD_LIBRARY_PATH. */
  readonly libraryFolders: readonly string[];
}

/**
 * The running Node as `/bin/node`, with the shared libraries and the dynamic linker that it has on this machine. The
 * guest is an x86-64 machine with glibc: throws `environment` on anything else, and where `ldd` is missing.
 */
export async function nodeProgram(signal?: AbortSignal): Promise<NodeProgram> {
  refuseOtherMachines();
  const program = realpathSync(process.execPath);
  const text = await runCommand("ldd", [program], {
    ...(signal === undefined ? {} : { signal }),
    remedy: "ldd tells which libraries Node needs; install it: apt-get install libc-bin",
    failureRemedy: "run Peerlane with a Node of nodejs.org or of the distribution",
  });
  const libraries = parseLdd(text);
  return {
    entries: [
      { path: "bin/node", mode: PROGRAM_MODE, hostPath: program },
      ...libraries.map((path) => ({ path, mode: PROGRAM_MODE, hostPath: path })),
    ],
    libraryFolders: [...new Set(libraries.map((path) => dirname(path)))],
  };
}

function refuseOtherMachines(): void {
  const machine = `${process.platform} ${process.arch}`;
  if (machine !== "linux x64")
    throw new PeerlaneError("environment", `the guest runs this Node, which is for ${machine}, not linux x64`, {
      remedy: "run it on an x86-64 Linux; vm without a command works anywhere that QEMU does",
    });
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  if (header?.glibcVersionRuntime === undefined)
    throw new PeerlaneError(
      "environment",
      "the guest runs this Node, which is built for another C library than glibc",
      {
        remedy: "run Peerlane on a distribution with glibc, as Debian (Alpine has musl)",
      },
    );
}

/** The paths that `ldd` names. Throws `environment` where a library was not found. */
export function parseLdd(text: string): string[] {
  const missing = /^\s*(\S+) => not found/m.exec(text)?.[1];
  if (missing !== undefined)
    throw new PeerlaneError("environment", `Node's library ${missing} is not on this machine`, {
      remedy: "run Peerlane with a Node of nodejs.org or of the distribution",
    });
  // `name => path (address)`, or the dynamic linker's `path (address)`; the kernel's own vdso has no path.
  return [...text.matchAll(/^\s*(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map((match) => match[1] ?? "");
}
