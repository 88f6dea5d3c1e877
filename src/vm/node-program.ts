import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { PeerlaneError } from "../pci/error.ts";
import { runCommand } from "./command.ts";
import { type CpioEntry, PROGRAM_MODE } from "./cpio.ts";
import { isSingleFile } from "./single-file.ts";

/** The running Node, or the single file that is Peerlane with its engine, as files of a guest. */
export interface NodeProgram {
  readonly entries: readonly CpioEntry[];
  /** Folders of its shared libraries, for LD_LIBRARY_PATH. */
  readonly libraryFolders: readonly string[];
}

/**
 * The running Node as `/bin/node`, or the single file as `/bin/peerlane`, with the shared libraries and the dynamic linker
 * that it has on this machine. The guest is an x86-64 machine with glibc: throws `environment` on anything else, and where
 * `ldd` is missing.
 */
export async function nodeProgram(signal?: AbortSignal): Promise<NodeProgram> {
  refuseOtherMachines();
  const program = realpathSync(process.execPath);
  const text = await runCommand("ldd", [program], {
    ...(signal === undefined ? {} : { signal }),
    remedy: "ldd tells which libraries Node needs; install it: apt-get install libc-bin",
    failureRemedy: "run Peerlane with a Node of nodejs.org or of the distribution",
  });
  const libraries = [...parseLdd(text), ...(isSingleFile() ? await foreignLibraries(signal) : [])];
  return {
    entries: [
      { path: isSingleFile() ? "bin/peerlane" : "bin/node", mode: PROGRAM_MODE, hostPath: program },
      ...libraries.map((path) => ({ path, mode: PROGRAM_MODE, hostPath: path })),
    ],
    libraryFolders: [...new Set(libraries.map((path) => dirname(path)))],
  };
}

/** What the single file's FFI needs beside its engine, which `ldd` does not see: it is loaded when it is asked for. */
const FOREIGN_LIBRARIES = ["libstdc++.so.6", "libgcc_s.so.1"];

async function foreignLibraries(signal?: AbortSignal): Promise<string[]> {
  const text = await runCommand("ldconfig", ["-p"], {
    ...(signal === undefined ? {} : { signal }),
    remedy: "ldconfig tells where libraries are; install it: apt-get install libc-bin",
  });
  return FOREIGN_LIBRARIES.flatMap((name) => parseLdconfig(text, name) ?? []);
}

/** Where `ldconfig -p` has a library for x86-64; `undefined` where it has none. */
export function parseLdconfig(text: string, name: string): string | undefined {
  const lines = text.split("\n").map((line) => /^\s*(\S+) \(libc6,x86-64.*\) => (\/.*)$/.exec(line));
  return lines.find((line) => line?.[1] === name)?.[2];
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
