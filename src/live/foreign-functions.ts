import { PeerlaneError } from "../pci/error.ts";
import { isSingleFile } from "../vm/single-file.ts";

/** An address in this process: user space lies below 2^47 or 2^56, so a number holds it. */
export type Pointer = number;

/** The few functions of the C library that Node lacks. Each returns what the C function does; `errno` tells why. */
export interface ForeignFunctions {
  /** mmap(2); -1 for `MAP_FAILED`. */
  readonly mmap: (
    address: Pointer,
    length: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ) => Pointer;
  /** munmap(2). */
  readonly munmap: (address: Pointer, length: number) => number;
  /** memfd_create(2): a file in memory without a name. */
  readonly memfdCreate: (name: string, flags: number) => number;
  /** flock(2). */
  readonly flock: (file: number, operation: number) => number;
  /** perf_event_open(2), which the C library has no function for; `attributes` is a `struct perf_event_attr`. */
  readonly perfEventOpen: (attributes: Uint8Array, pid: number, cpu: number, group: number, flags: number) => number;
  /** The bytes at an address, without a copy. The mapping has to outlive every use of them. */
  readonly view: (address: Pointer, length: number) => ArrayBuffer;
  /** Name of the last failure (`ENOMEM`). */
  readonly errorName: () => string;
}

let loaded: Promise<ForeignFunctions> | undefined;

/** Loads the FFI once. Throws `environment` where this platform has no prebuilt binary of it. */
export function foreignFunctions(): Promise<ForeignFunctions> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<ForeignFunctions> {
  if (process.platform !== "linux") throw new PeerlaneError("environment", "peer memory is a feature of Linux");
  const { default: koffi } = await importLibrary();
  const library = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, code]) => [code, name]));
  return {
    mmap: library.func("intptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)") as unknown as (
      ...args: Parameters<ForeignFunctions["mmap"]>
    ) => Pointer,
    munmap: library.func("int munmap(uintptr_t, size_t)"),
    memfdCreate: library.func("int memfd_create(const char *, unsigned int)"),
    flock: library.func("int flock(int, int)"),
    perfEventOpen: perfEventOpenOf(library),
    view: (address, length) => koffi.view(BigInt(address), length),
    errorName: () => names.get(koffi.errno()) ?? `errno ${koffi.errno()}`,
  };
}

/** Number of the system call by Node's name of the architecture; newer architectures share one (asm-generic/unistd.h). */
const PERF_EVENT_OPEN: Readonly<Partial<Record<string, number>>> = {
  x64: 298,
  ia32: 336,
  arm: 364,
  ppc64: 319,
  s390x: 331,
};
const PERF_EVENT_OPEN_GENERIC = 241;

function perfEventOpenOf(library: ReturnType<typeof import("koffi")["load"]>): ForeignFunctions["perfEventOpen"] {
  const number = PERF_EVENT_OPEN[process.arch] ?? PERF_EVENT_OPEN_GENERIC;
  const call = library.func("long syscall(long, void *, int, int, int, unsigned long)");
  return (...args) => call(number, ...args) as number;
}

async function importLibrary(): Promise<typeof import("koffi")> {
  try {
    return await import("koffi");
  } catch (cause) {
    throw new PeerlaneError("environment", "the FFI library koffi does not load on this system", {
      remedy: isSingleFile()
        ? "install the libraries that it needs: libstdc++6 and libgcc-s1, as Debian calls them"
        : "install Peerlane with its optional package koffi: npm install --include=optional",
      cause,
    });
  }
}
