import { PeerlaneError } from "../pci/error.ts";
import { visible } from "../pci/visible.ts";
import { wrongArgument } from "../pci/wrong-argument.ts";
import { type FileTree, MAX_PATH, resolveLink } from "./file-tree.ts";

const BLOCK = 512;
/** A machine's tree holds some thousand small files. */
const MAX_ENTRIES = 500_000;

/** The most folders in a path: a chain of all buses of a segment has fewer. */
const MAX_DEPTH = 300;
/** A list of pax records says little more than two paths. */
const MAX_RECORDS = 64 * 1024;
/** Copying first matters: sysfs and procfs lie about the sizes of their files, which tar believes. */
const REMEDY =
  "make it of a copy, as root: mkdir m && cp -r --parents /sys/bus/pci /sys/devices/pci* /sys/kernel/iommu_groups /sys/class/iommu /proc/cpuinfo /proc/version /proc/cmdline m; tar czf m.tar.gz -C m .";

type Entry =
  | { readonly kind: "file"; readonly bytes: Uint8Array }
  | { readonly kind: "folder"; readonly names: Set<string> }
  | { readonly kind: "link"; readonly target: string };

/** True when the bytes begin like a tar archive (`ustar` at 257). */
export function looksLikeTar(bytes: Uint8Array): boolean {
  return bytes.length >= BLOCK && ascii(bytes, 257, 5) === "ustar";
}

/**
 * The files of a tar archive (ustar, GNU and pax long names) in memory, without unpacking to disk. The tree's root is
 * the folder that holds `sys`, wherever it lies. Throws `bad-input` for a damaged archive or one without `sys`.
 */
export class ArchiveTree implements FileTree {
  readonly name: string;
  readonly #entries = new Map<string, Entry>();
  readonly #root: string;

  constructor(bytes: Uint8Array, name: string) {
    if (!ArrayBuffer.isView(bytes)) {
      const remedy = "readFileSync returns one; new Uint8Array(buffer) makes one of an ArrayBuffer";
      throw wrongArgument({ call: "ArchiveTree", argument: "bytes", given: bytes, expected: "a Uint8Array", remedy });
    }
    if (typeof name !== "string")
      throw wrongArgument({ call: "ArchiveTree", argument: "name", given: name, expected: "a text" });
    this.name = name;
    this.#load(bytes);
    this.#root = this.#findRoot();
  }

  #load(bytes: Uint8Array): void {
    let offset = 0;
    let longName: string | undefined;
    let longTarget: string | undefined;
    let entries = 0;
    while (!this.#isEnd(bytes, offset)) {
      const header = this.#header(bytes, offset);
      const start = offset + BLOCK;
      const end = start + header.size;
      if (end > bytes.length) throw this.#damaged(`entry '${header.path}' at byte ${offset} is cut short`);
      if (++entries > MAX_ENTRIES || this.#entries.size > MAX_ENTRIES)
        throw new PeerlaneError("too-large", `more than ${MAX_ENTRIES} files and folders`, {
          place: { file: this.name },
          remedy: REMEDY,
        });
      const content = bytes.subarray(start, end);
      const mostBytes = header.type === "x" ? MAX_RECORDS : "LK".includes(header.type) ? MAX_PATH + 1 : end;
      if (header.size > mostBytes) throw this.#damaged(`${header.size} bytes of a name at byte ${offset}`);
      offset = start + Math.ceil(header.size / BLOCK) * BLOCK;
      if (header.type === "L") longName = text(content);
      else if (header.type === "K") longTarget = text(content);
      else if (header.type === "x") ({ longName, longTarget } = paxNames(content, longName, longTarget));
      else if (header.type !== "g") {
        this.#add(longName ?? header.path, longTarget ?? header.target, header.type, content);
        longName = undefined;
        longTarget = undefined;
      }
    }
  }

  /** True for the block of zeros that ends an archive: without it, entries may be missing. */
  #isEnd(bytes: Uint8Array, offset: number): boolean {
    if (offset + BLOCK > bytes.length) throw this.#damaged(`it ends at byte ${bytes.length} without an end mark`);
    return bytes[offset] === 0 && bytes.subarray(offset, offset + BLOCK).every((byte) => byte === 0);
  }

  #header(bytes: Uint8Array, offset: number): { path: string; target: string; type: string; size: number } {
    if (!sumMatches(bytes, offset)) throw this.#damaged(`no tar header at byte ${offset}`);
    const prefix = ascii(bytes, offset + 257, 6) === "ustar\0" ? cString(bytes, offset + 345, 155) : "";
    const path = cString(bytes, offset, 100);
    return {
      path: prefix === "" ? path : `${prefix}/${path}`,
      target: cString(bytes, offset + 157, 100),
      type: String.fromCharCode(bytes[offset + 156] || 0x30),
      size: octal(bytes, offset + 124, 12) ?? this.#noSize(offset),
    };
  }

  #noSize(offset: number): never {
    throw this.#damaged(`the entry at byte ${offset} has no size`);
  }

  #damaged(message: string): PeerlaneError {
    return new PeerlaneError("bad-input", `damaged archive: ${message}`, {
      place: { file: this.name },
      remedy: REMEDY,
    });
  }

  #add(rawPath: string, target: string, type: string, content: Uint8Array): void {
    if (rawPath.length > MAX_PATH) throw this.#damaged(`a path of ${rawPath.length} characters`);
    const path = resolveLink("", rawPath);
    if (path.split("/", MAX_DEPTH + 1).length > MAX_DEPTH)
      throw this.#damaged(`a path of more than ${MAX_DEPTH} folders`);
    if (path === "") return;
    if (type === "5") this.#folder(path);
    else if (type === "2") this.#entries.set(path, { kind: "link", target });
    else if (type === "1") {
      const original = this.#entries.get(resolveLink("", target));
      if (original !== undefined) this.#entries.set(path, original);
    } else if (type === "0" || type === "7") this.#entries.set(path, { kind: "file", bytes: content });
    else return;
    this.#listInParents(path);
  }

  #folder(path: string): Set<string> {
    const entry = this.#entries.get(path);
    if (entry?.kind === "folder") return entry.names;
    const names = new Set<string>();
    this.#entries.set(path, { kind: "folder", names });
    return names;
  }

  /** An archive of logs, as sosreport makes it, has no tree of PCI devices, but the text of lspci. */
  #refuseLogs(): void {
    let text: string | undefined;
    for (const path of this.#entries.keys()) {
      if (/(?:^|\/)sys\/bus\/pci(?:\/|$)/.test(path)) return;
      if (/(?:^|\/)lspci[^/]*$/.test(path) && (text === undefined || /-\w*vv/.test(path))) text = path;
    }
    if (text === undefined) return;
    const path = visible(text.slice(0, 200));
    throw new PeerlaneError(
      "bad-input",
      `the archive holds logs and no sys/bus/pci; ${path} in it is the text of lspci`,
      {
        place: { file: this.name },
        remedy: `give that: tar xOf ARCHIVE ${path} | peerlane matrix -`,
      },
    );
  }

  #listInParents(path: string): void {
    let child = path;
    for (;;) {
      const slash = child.lastIndexOf("/");
      const names = this.#folder(slash < 0 ? "" : child.slice(0, slash));
      const name = child.slice(slash + 1);
      if (names.has(name)) return;
      names.add(name);
      if (slash < 0) return;
      child = child.slice(0, slash);
    }
  }

  #findRoot(): string {
    this.#refuseLogs();
    for (const path of this.#entries.keys()) {
      const match = /^(.*\/)?sys\/(bus|devices)$/.exec(path);
      if (match !== null) return match[1] ?? "";
    }
    throw new PeerlaneError("bad-input", "the archive holds no sys/ folder", {
      place: { file: this.name },
      remedy: REMEDY,
    });
  }

  #lookUp(path: string): Entry | undefined {
    return this.#entries.get(this.#root + path);
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const entry = this.#lookUp(path);
    return entry?.kind === "file" ? entry.bytes.subarray(0, maxBytes) : undefined;
  }

  list(path: string): readonly string[] | undefined {
    const entry = this.#lookUp(path);
    return entry?.kind === "folder" ? [...entry.names] : undefined;
  }

  readLink(path: string): string | undefined {
    const entry = this.#lookUp(path);
    return entry?.kind === "link" ? entry.target : undefined;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: false });

function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function cString(bytes: Uint8Array, offset: number, length: number): string {
  return text(bytes.subarray(offset, offset + length));
}

function ascii(bytes: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + length));
}

function octal(bytes: Uint8Array, offset: number, length: number): number | undefined {
  const digits = /^ *([0-7]+)/.exec(ascii(bytes, offset, length))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** The header's checksum: the sum of its bytes with the checksum field as blanks. */
function sumMatches(bytes: Uint8Array, offset: number): boolean {
  let sum = 8 * 0x20;
  for (let index = 0; index < BLOCK; index++) {
    if (index < 148 || index >= 156) sum += bytes[offset + index] ?? 0;
  }
  return octal(bytes, offset + 148, 8) === sum;
}

/** Takes `path` and `linkpath` from a pax record list (`LENGTH KEY=VALUE\n`). */
function paxNames(
  content: Uint8Array,
  longName: string | undefined,
  longTarget: string | undefined,
): { longName: string | undefined; longTarget: string | undefined } {
  let names = { longName, longTarget };
  for (const record of text(content).split("\n")) {
    const match = /^\d+ (path|linkpath)=(.*)$/.exec(record);
    if (match?.[1] === "path") names = { ...names, longName: match[2] };
    else if (match?.[1] === "linkpath") names = { ...names, longTarget: match[2] };
  }
  return names;
}
