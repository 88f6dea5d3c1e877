import type * as NodeFs from "node:fs";
import { constants, type PathLike, type Stats } from "node:fs";
import { join } from "node:path";

/** One file that was opened, by the name that the program used. */
export interface Opened {
  readonly path: string;
  readonly access: "read" | "write";
}

interface World {
  root: string;
  readonly opened: Opened[];
  /** Nodes that pass for block devices, by path: `major` and `minor`. */
  readonly nodes: Map<string, readonly [number, number]>;
}

/** Where the folders of the system are, and what was opened; one for each test file. */
export const world: World = { root: "", opened: [], nodes: new Map() };

const SYSTEM_FOLDERS = /^\/(sys|proc|dev|boot|lib|usr\/lib)(\/|$)/;
const descriptors = new Map<number, string>();

function placeOf(path: PathLike): PathLike {
  return typeof path === "string" && SYSTEM_FOLDERS.test(path) ? join(world.root, path) : path;
}

function accessOf(flags: string | number | undefined): Opened["access"] {
  if (typeof flags === "number") return (flags & (constants.O_WRONLY | constants.O_RDWR)) === 0 ? "read" : "write";
  return flags === undefined || flags === "r" ? "read" : "write";
}

function note(path: unknown, flags: string | number | undefined): void {
  if (typeof path === "string") world.opened.push({ path, access: accessOf(flags) });
}

/** What stat(2) says of a file that passes for a block device. */
function asNode(path: string | undefined, stats: Stats): Stats {
  const node = world.nodes.get(path ?? "");
  if (node === undefined) return stats;
  const rdev = node[0] * 256 + node[1];
  return Object.assign(Object.create(stats) as Stats, { rdev, isBlockDevice: () => true, isFile: () => false });
}

/** `node:fs`, with the system's folders elsewhere and everything that is opened written down. */
export function observed(fs: typeof NodeFs): typeof NodeFs {
  const at =
    <Rest extends readonly unknown[], Result>(call: (path: PathLike, ...rest: Rest) => Result) =>
    (path: PathLike, ...rest: Rest): Result =>
      call(placeOf(path), ...rest);
  const fstatSync = (file: number, ...rest: readonly never[]): Stats => {
    const stats = (fs.fstatSync as (file: number, ...rest: readonly never[]) => Stats)(file, ...rest);
    return asNode(descriptors.get(file), stats);
  };
  const statBy =
    (call: (path: PathLike, options?: object) => Stats | undefined) =>
    (path: PathLike, options?: object): Stats | undefined => {
      const stats = call(placeOf(path), options);
      return stats === undefined ? stats : asNode(String(path), stats);
    };
  const changed = {
    openSync: (path: PathLike, flags: string | number, mode?: number) => {
      note(path, flags);
      const file = fs.openSync(placeOf(path), flags, mode);
      descriptors.set(file, String(path));
      return file;
    },
    open: (path: PathLike, flags: string | number, done: (error: Error | null, file: number) => void) => {
      note(path, flags);
      fs.open(placeOf(path), flags, (error, file) => {
        if (error === null) descriptors.set(file, String(path));
        done(error, file);
      });
    },
    readFileSync: (path: PathLike | number, ...rest: readonly never[]) => {
      note(path, "r");
      return (fs.readFileSync as (...words: readonly unknown[]) => unknown)(
        typeof path === "number" ? path : placeOf(path),
        ...rest,
      );
    },
    writeFileSync: (path: PathLike | number, ...rest: readonly never[]) => {
      note(path, "w");
      (fs.writeFileSync as (...words: readonly unknown[]) => void)(
        typeof path === "number" ? path : placeOf(path),
        ...rest,
      );
    },
    accessSync: at(fs.accessSync as (path: PathLike, mode?: number) => void),
    existsSync: at(fs.existsSync),
    readdirSync: at(fs.readdirSync as (path: PathLike) => string[]),
    readlinkSync: at(fs.readlinkSync as (path: PathLike) => string),
    statSync: statBy(fs.statSync),
    lstatSync: statBy(fs.lstatSync),
    fstatSync,
  };
  return { ...fs, ...changed, default: { ...fs, ...changed } } as unknown as typeof NodeFs;
}
