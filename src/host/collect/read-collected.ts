import { type FileTree, MAX_PATH, resolveLink } from "../file-tree.ts";

/** How a text of `peerlane collect` begins and ends; behind the end stands what `cksum` or `wc` says of all before it. */
export const HEAD_MARK = "# peerlane collect 1";
export const END_MARK = "# end of peerlane collect,";

/**
 * The files that a text of `peerlane collect` holds. `undefined` where the text is not as the script printed it, from the
 * first line to the check sum: then something may be missing anywhere in it.
 */
export function readCollected(text: string, name: string): FileTree | undefined {
  const lines = text.replaceAll("\r\n", "\n");
  const start = lines.startsWith(HEAD_MARK) ? 0 : lines.indexOf(`\n${HEAD_MARK}`) + 1;
  const end = lines.indexOf(`\n${END_MARK} `, start) + 1;
  if (end === 0 || (start === 0 && !lines.startsWith(HEAD_MARK))) return undefined;
  const body = lines.slice(start, end);
  const last = lines.slice(end + END_MARK.length).split("\n", 1)[0] ?? "";
  const [, tool, first, length] = /^ (cksum|wc) +(\d{1,10}) +(\d{1,10})$/.exec(last) ?? [];
  const bytes = new TextEncoder().encode(body);
  const sum = tool === "cksum" ? cksum(bytes) : bytes.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
  if (bytes.length !== Number(length) || sum !== Number(first)) return undefined;
  return new CollectedTree(body, name);
}

/** The polynomial of `cksum` (POSIX.1-2017), most significant bit first. */
const POLYNOMIAL = 0x04c11db7;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ POLYNOMIAL : value << 1;
  return value;
});

/** The check sum that `cksum` prints: over the bytes, then over their number, its lowest byte first. */
function cksum(bytes: Uint8Array): number {
  let sum = 0;
  const add = (byte: number): void => {
    sum = (sum << 8) ^ (table[(sum >>> 24) ^ byte] ?? 0);
  };
  for (const byte of bytes) add(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) add(length % 256);
  return ~sum >>> 0;
}

type Entry =
  | { readonly kind: "file"; text: string }
  | { readonly kind: "bytes"; readonly bytes: number[] }
  | { readonly kind: "folder"; readonly names: Set<string> }
  | { readonly kind: "link"; readonly target: string };

const devicesFolder = "sys/bus/pci/devices";
const encoder = new TextEncoder();

/** `NAME: VALUE`, `NAME -> TARGET` and `NAME/` below the folder that `$ cd` names, and files behind `$ cat`. */
class CollectedTree implements FileTree {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  /** Folders of functions, by address. */
  readonly #places = new Map<string, string>();

  constructor(body: string, name: string) {
    this.name = name;
    let takes: (line: string) => void = () => undefined;
    for (const line of body.split("\n")) {
      const [, verb, rest = ""] = /^\$ (\S+) ?(.*)$/.exec(line) ?? [];
      if (verb === undefined) takes(line);
      else if (verb === "cat") takes = this.#file(pathOf(rest));
      else if (verb === "cd") takes = this.#members(pathOf(rest));
      else if (verb === "lspci" && rest === "-Dnxxxx") takes = this.#configs();
      else takes = () => undefined;
    }
  }

  #file(path: string): (line: string) => void {
    const file: Entry = { kind: "file", text: "" };
    this.#add(path, file);
    return (line) => {
      file.text += `${line}\n`;
    };
  }

  #members(folder: string): (line: string) => void {
    this.#folder(folder);
    const bdf = folder.slice(folder.lastIndexOf("/") + 1);
    if (folder.startsWith(`${devicesFolder}/`)) this.#places.set(bdf, folder);
    else if (folder.startsWith("sys/devices/") && /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(bdf)) {
      this.#places.set(bdf, folder);
      this.#add(`${devicesFolder}/${bdf}`, { kind: "link", target: `../../../${folder.slice("sys/".length)}` });
    }
    return (line) => {
      const [, name = "", mark, value = ""] = /^([\w.:/-]+?)(\/$|: | -> )(.*)$/.exec(line) ?? [];
      if (mark === undefined) return;
      const path = pathOf(`${folder}/${name}`);
      const before = this.#entries.get(path);
      if (mark === "/") this.#folder(path);
      else if (mark === " -> ") this.#add(path, { kind: "link", target: value });
      else if (before?.kind === "file") before.text += `${value}\n`;
      else this.#add(path, { kind: "file", text: `${value}\n` });
    };
  }

  #configs(): (line: string) => void {
    let config: { readonly kind: "bytes"; readonly bytes: number[] } | undefined;
    return (line) => {
      const bdf = /^([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) /.exec(line)?.[1];
      if (bdf !== undefined) {
        const place = this.#places.get(bdf);
        config = { kind: "bytes", bytes: [] };
        if (place !== undefined) this.#add(`${place}/config`, config);
        return;
      }
      const [, offset = "", row = ""] = /^([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})$/.exec(line) ?? [];
      if (config === undefined || Number.parseInt(offset, 16) !== config.bytes.length) return;
      for (const byte of row.trimStart().split(" ")) config.bytes.push(Number.parseInt(byte, 16));
    };
  }

  #folder(path: string): Set<string> {
    const entry = this.#entries.get(path);
    if (entry?.kind === "folder") return entry.names;
    const names = new Set<string>();
    this.#add(path, { kind: "folder", names });
    return names;
  }

  #add(path: string, entry: Entry): void {
    if (path === "" || path.length > MAX_PATH) return;
    this.#entries.set(path, entry);
    for (let child = path; child.includes("/"); ) {
      const slash = child.lastIndexOf("/");
      const parent = this.#entries.get(child.slice(0, slash));
      const names = parent?.kind === "folder" ? parent.names : new Set<string>();
      if (parent?.kind !== "folder") this.#entries.set(child.slice(0, slash), { kind: "folder", names });
      if (names.has(child.slice(slash + 1))) return;
      names.add(child.slice(slash + 1));
      child = child.slice(0, slash);
    }
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const entry = this.#entries.get(path);
    if (entry?.kind === "bytes") return Uint8Array.from(entry.bytes.slice(0, maxBytes));
    return entry?.kind === "file" ? encoder.encode(entry.text).subarray(0, maxBytes) : undefined;
  }

  list(path: string): readonly string[] | undefined {
    const entry = this.#entries.get(path);
    return entry?.kind === "folder" ? [...entry.names] : undefined;
  }

  readLink(path: string): string | undefined {
    const entry = this.#entries.get(path);
    return entry?.kind === "link" ? entry.target : undefined;
  }
}

function pathOf(text: string): string {
  return resolveLink("", text);
}
