import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import type { Mark } from "./marks.ts";

/** A packed text in a packed text in … is looked into so deep. */
const MAX_DEPTH = 5;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * The ways in which a mark may be written, as bytes in lower case: as it is, without its separators, with others, as raw
 * bytes from either end, in UTF-16, in hex, in base64 at each of its three positions, percent-encoded, and for an EUI-64
 * the MAC address that it was made of.
 */
export function formsOf({ text }: Mark): readonly Buffer[] {
  const forms = new Set<string>();
  const add = (bytes: Buffer): void => {
    if (bytes.length < 3) return;
    forms.add(bytes.toString("latin1"));
  };
  const addText = (form: string): void => {
    const bytes = Buffer.from(form, "utf8");
    add(bytes);
    add(Buffer.from(form, "utf16le"));
    add(Buffer.from(form, "utf16le").swap16());
    add(Buffer.from(bytes).reverse());
    add(Buffer.from([...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")));
    add(Buffer.from([...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")));
    for (const inner of base64Forms(bytes)) add(Buffer.from(inner));
  };
  addText(text);
  addText(encodeURIComponent(text));
  const bare = text.replaceAll(/[-:._]/g, "");
  addText(bare);
  if (/^(?:[0-9a-f]{2}){6,}$/i.test(bare)) {
    const bytes = Buffer.from(bare, "hex");
    for (const one of [bytes, Buffer.from(bytes).reverse()]) {
      add(one);
      for (const inner of base64Forms(one)) add(Buffer.from(inner));
      const hex = one.toString("hex");
      for (const size of [2, 4, 8]) {
        const groups = hex.match(new RegExp(`.{1,${size}}`, "g")) ?? [];
        for (const separator of ["", ":", "-", ".", " ", "_", ", ", ",0x"]) addText(groups.join(separator));
      }
    }
    // A card's EUI-64 is its MAC address with two bytes in the middle.
    if (bytes.length === 8) {
      const mac = Buffer.concat([bytes.subarray(0, 3), bytes.subarray(5)]).toString("hex");
      for (const separator of ["", ":", "-"]) addText((mac.match(/../g) ?? []).join(separator));
    }
  }
  return [...forms].map((form) => Buffer.from(form.toLowerCase(), "latin1"));
}

/** What base64 makes of bytes wherever they stand in longer ones; the characters at the ends hang on their neighbours. */
function base64Forms(bytes: Buffer): readonly string[] {
  if (bytes.length < 6) return [];
  return [0, 1, 2].map((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), bytes, Buffer.alloc((3 - ((shift + bytes.length) % 3)) % 3)]);
    const end = bytes.length + shift;
    return whole.toString("base64").slice(Math.ceil((shift * 4) / 3), Math.floor((end * 4) / 3));
  });
}

/** The output and everything that can be unpacked from it: compressed, base64 inside of text, escaped, archived. */
export function layersOf(output: Buffer): readonly Buffer[] {
  const layers: Buffer[] = [];
  const pending: { readonly bytes: Buffer; readonly depth: number }[] = [{ bytes: output, depth: 0 }];
  const seen = new Set<string>();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const key = next.bytes.toString("latin1");
    if (seen.has(key)) continue;
    seen.add(key);
    layers.push(next.bytes);
    if (next.depth === MAX_DEPTH) continue;
    for (const bytes of inside(next.bytes)) pending.push({ bytes, depth: next.depth + 1 });
  }
  return layers;
}

function inside(bytes: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  const options = { maxOutputLength: MAX_BYTES };
  const unpackers = [gunzipSync, inflateSync, inflateRawSync];
  for (const unpack of unpackers) {
    try {
      const whole = unpack(bytes, options);
      if (whole.length > 0) found.push(Buffer.from(whole));
    } catch {
      // It is not packed so.
    }
  }
  const text = bytes.toString("latin1");
  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{16,}={0,2}/g)) {
    const decoded = Buffer.from(run, "base64");
    if (!decoded.equals(bytes)) found.push(decoded);
  }
  for (const [run] of text.matchAll(/(?:[0-9a-fA-F]{2}){16,}/g)) found.push(Buffer.from(run, "hex"));
  const unescaped = text
    .replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/&#x([0-9a-fA-F]{1,6});/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll(/\\([\\"/`*_{}[\]()#+.!|<>~-])/g, "$1");
  if (unescaped !== text) found.push(Buffer.from(unescaped, "latin1"));
  return found;
}

/** A mark with its forms, worked out once. */
export interface Searched {
  readonly mark: Mark;
  readonly forms: readonly Buffer[];
}

/** The marks that an output holds, in whatever form and however packed. */
export function marksIn(output: Buffer, marks: readonly Searched[]): readonly Mark[] {
  const layers = layersOf(output).map((bytes) => Buffer.from(bytes.toString("latin1").toLowerCase(), "latin1"));
  return marks
    .filter(({ forms }) => forms.some((form) => layers.some((layer) => layer.includes(form))))
    .map(({ mark }) => mark);
}
