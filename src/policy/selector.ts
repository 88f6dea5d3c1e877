import { z } from "zod";
import { functionsNamed, kindNamed } from "../host/device-name.ts";
import { nearest } from "../host/yaml/did-you-mean.ts";
import { shorten } from "../host/yaml/scalars.ts";
import { makeBdf, parseBdf } from "../pci/bdf.ts";
import { KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DeviceTest, Selection, Selector } from "./policy.ts";

/** What a device may be called, for messages. */
const EXPECTED =
  "a class (gpu, nic, nvme, accel) or one of it (gpu:0), a name such as nvme0 or a pattern (nvme*), an address such as " +
  "03:00.0 or 03:00, ids such as 10de:2330, slot:7, a path such as 0000:00:04.0/00.0, p2pmem, or all";

/** The words that are no device's name. */
const DEVICE_WORDS: readonly string[] = [...KINDS_OF_INTEREST, "p2pmem", "all"];

/** Highest physical slot number (13 bits; PCIe 6.0 sec 7.5.3.9). */
const MAX_SLOT = 0x1fff;
/** A path has at most one step for each bus of a segment. */
const MAX_STEPS = 255;

/** One item of a selection, read from its text. */
export const selector: z.ZodType<Selector, string> = z
  .string({ error: `expected ${EXPECTED}` })
  .meta({ description: `${EXPECTED}; 'not' before it takes devices away` })
  .transform((text, context) => {
    const [, not, name = ""] = /^(not\s+)?(.*)$/s.exec(text.trim()) ?? [];
    const test = parseTest(name);
    if (typeof test !== "string") return { text: name, isExcluded: not !== undefined, test };
    context.addIssue({ code: "custom", message: test });
    return z.NEVER;
  });

/** The selection of some items. */
export function selectionOf(selectors: readonly Selector[]): Selection {
  const text = selectors.map((item) => (item.isExcluded ? `not ${item.text}` : item.text)).join(", ");
  return { text, selectors };
}

/** What a text means, or what is wrong with it. */
function parseTest(text: string): DeviceTest | string {
  const word = text.toLowerCase();
  if (word === "all" || word === "p2pmem") return { kind: word };
  const kind = kindNamed(text);
  if (kind !== undefined) {
    return kind.index === null
      ? { kind: "class", class: kind.kind }
      : { kind: "nth", class: kind.kind, index: kind.index };
  }
  return parseIds(text) ?? parseAddress(text) ?? parseSlot(text) ?? parsePath(text) ?? parseName(text);
}

function parseIds(text: string): DeviceTest | undefined {
  const match = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(text);
  if (match === null) return undefined;
  const [vendorId = 0, deviceId = 0] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
  return { kind: "ids", vendorId, deviceId };
}

/** An address with as many zeros as people write, or all functions of a device. */
function parseAddress(text: string): DeviceTest | undefined {
  const match = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([01]?[0-9a-f])(?:\.([0-7]))?$/i.exec(text);
  if (match === null) return undefined;
  const [, domain, bus = "", slot = "", fn] = match;
  if (fn === undefined) return { kind: "device", text };
  const [domainNumber, busNumber, slotNumber] = [domain ?? "0", bus, slot].map((part) => Number.parseInt(part, 16));
  const bdf = makeBdf(domainNumber ?? 0, busNumber ?? 0, slotNumber ?? 0, Number(fn));
  return { kind: "address", bdf, hasDomain: domain !== undefined };
}

function parseSlot(text: string): DeviceTest | string | undefined {
  if (!text.startsWith("slot:")) return undefined;
  const number = /^slot:\d{1,4}$/.test(text) ? Number(text.slice("slot:".length)) : Number.NaN;
  return number <= MAX_SLOT
    ? { kind: "slot", number }
    : `'${shorten(text)}' is not understood: slots are slot:0 to slot:8191`;
}

function parsePath(text: string): DeviceTest | undefined {
  const [first = "", ...rest] = text.split("/");
  const start = parseBdf(first);
  if (start === undefined || rest.length > MAX_STEPS) return undefined;
  const below: number[] = [];
  for (const step of rest) {
    const match = /^([01]?[0-9a-f])\.([0-7])$/i.exec(step);
    if (match === null) return undefined;
    below.push(Number.parseInt(match[1] ?? "", 16) * 8 + Number(match[2]));
  }
  return { kind: "path", start, below };
}

function parseName(text: string): DeviceTest | string {
  const message = `'${shorten(text)}' is not understood`;
  if (/^[\w.:[\]!^*?-]{1,64}$/.test(text) && /[*?[]/.test(text)) return parsePattern(text);
  if (!/^[^\s:/,\p{Cc}\u2028\u2029]{1,64}$/u.test(text)) return `${message}: expected ${EXPECTED}`;
  // A name that the kernel gives has a number in it; a misspelt class as a name would match nothing, and forbid nothing.
  const near = /\d/.test(text) ? undefined : nearest(text, DEVICE_WORDS);
  return near === undefined ? { kind: "name", name: text } : `${message}; did you mean '${near}'?`;
}

/** A pattern; `nvme[3-1]` is none. */
function parsePattern(text: string): DeviceTest | string {
  try {
    functionsNamed([], text);
    return { kind: "pattern", pattern: text };
  } catch (error) {
    if (error instanceof PeerlaneError) return error.message;
    throw error;
  }
}
