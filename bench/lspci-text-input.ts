import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RECORDED = fileURLToPath(new URL("../test/machines/recorded/", import.meta.url));
/** The test dumps of pciutils, where this checkout has them beside it. */
const DUMPS = fileURLToPath(new URL("../../shared/machines/lspci/", import.meta.url));
const MAX_FUNCTIONS = 65_536;

/** A text of `lspci -vvv` and where it comes from. */
export interface TextInput {
  readonly path: string;
  readonly bytes: number;
  readonly functions: number;
  readonly origin: string;
}

/**
 * Writes at least `bytes` of real `lspci -D -vvv` text to a file in `folder`: the printed dumps in turn, each time as
 * domains of their own, so that no function comes twice.
 */
export function makeTextInput(folder: string, bytes: number): TextInput {
  const path = join(folder, "lspci.txt");
  const hasDumps = existsSync(DUMPS);
  const texts = hasDumps ? printDumps() : printRecordings(folder);
  const origin = `${texts.length} ${hasDumps ? "test dumps of pciutils" : "recorded virtual machines"} over and over`;
  writeFileSync(path, "");
  let written = 0;
  let functions = 0;
  for (let copy = 0; written < bytes; copy++) {
    if (copy > 0xffff) throw new Error("the texts are too small for this many bytes");
    const text = renumber(texts[copy % texts.length] ?? "", copy);
    appendFileSync(path, text.text);
    written += Buffer.byteLength(text.text);
    functions += text.functions;
  }
  if (functions > MAX_FUNCTIONS) throw new Error(`${functions} functions are more than a reader takes`);
  return { path, bytes: written, functions, origin };
}

const headerLine = /^(?:[0-9a-f]{4,8}:)?([0-9a-f]{2}:[0-9a-f]{2}\.[0-7] )/gm;

function renumber(text: string, domain: number): { text: string; functions: number } {
  let functions = 0;
  const prefix = domain.toString(16).padStart(4, "0");
  const renumbered = text.replace(headerLine, (_, rest: string) => {
    functions++;
    return `${prefix}:${rest}`;
  });
  return { text: renumbered, functions };
}

/** Each dump as `lspci -F` prints it; dumps of several domains are left out, as they would become one. */
function printDumps(): readonly string[] {
  const texts = readdirSync(DUMPS).map((name) => lspci("-F", join(DUMPS, name)));
  return texts.filter((text) => text.includes("Capabilities: ") && !/^0*[1-9a-f][0-9a-f]*:[0-9a-f]{2}:/m.test(text));
}

function printRecordings(folder: string): readonly string[] {
  const names = readdirSync(RECORDED).filter((name) => name.endsWith(".amd-zen.strict.tar.gz"));
  return names.map((name, index) => {
    const tree = join(folder, `recorded-${index}`);
    mkdirSync(tree);
    execFileSync("tar", ["xzf", join(RECORDED, name), "-C", tree]);
    return lspci("-A", "linux-sysfs", "-O", `sysfs.path=${join(tree, "sys/bus/pci")}`);
  });
}

function lspci(...source: readonly string[]): string {
  return execFileSync("lspci", [...source, "-D", "-vvv"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}
