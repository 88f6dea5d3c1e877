import type { z } from "zod";
import type { LinkState } from "../../pci/express.ts";
import { isPacketSize } from "../../pci/packet-control.ts";
import { parseSize } from "../../pci/size.ts";
import { scalar } from "../yaml/scalars.ts";
import { ACS_LETTERS } from "./defaults.ts";
import type { ScenarioLink } from "./scenario.ts";

/** Device and function number as written; a part left out is `undefined`. */
export interface At {
  readonly device: number | undefined;
  readonly function: number | undefined;
}

/** ACS as written: the control bits to start with, `null` for the hardware's default. */
export interface AcsText {
  readonly control: number | null;
}

/** A BAR as written, without its index. Sizes in bytes; `largestBytes` where the BAR is resizable. */
export interface BarText {
  readonly kind: "memory" | "io";
  readonly is64Bit: boolean;
  readonly prefetchable: boolean;
  readonly sizeBytes: number;
  readonly largestBytes: number | undefined;
}

/** Address space that a BAR may take: PCI addresses here stay below 2^52. */
const MAX_BAR_BYTES = 2 ** 50;

function parseBarSize(text: string): number | undefined {
  const bytes = parseSize(text);
  return bytes !== undefined && bytes >= 4 && bytes <= MAX_BAR_BYTES && Number.isInteger(Math.log2(bytes))
    ? bytes
    : undefined;
}

/** A BAR's size in bytes: a power of two. */
export const barSize: z.ZodType<number, string> = scalar(
  "a size that is a power of two, such as 64K, 16M or 1G",
  parseBarSize,
  ["string", "number"],
);

/** Data bytes of a TLP, or of one read, at most. */
export const packetSize: z.ZodType<number, string> = scalar(
  "bytes of a packet: 128, 256, 512, 1024, 2048 or 4096",
  (text) => (/^\d{3,4}$/.test(text) && isPacketSize(Number(text)) ? Number(text) : undefined),
  ["string", "number"],
);

function parseAt(text: string): At | undefined {
  const match = /^(?:([01]?[0-9a-f])?(?:\.([0-7]))?)$/i.exec(text);
  if (match === null || text === "") return undefined;
  const [, device, fn] = match;
  return {
    device: device === undefined ? undefined : Number.parseInt(device, 16),
    function: fn === undefined ? undefined : Number(fn),
  };
}

/** Device and function number in hexadecimal as `lspci` prints them. */
export const at: z.ZodType<At, string> = scalar(
  "device and function as lspci prints them, such as 04.0 or 1f",
  parseAt,
  ["string", "number"],
);

/** Vendor and device id. */
export const ids: z.ZodType<{ vendorId: number; deviceId: number }, string> = scalar(
  "vendor and device id, such as 8086:29c0",
  (text) => {
    const match = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(text);
    if (match === null) return undefined;
    return { vendorId: Number.parseInt(match[1] ?? "", 16), deviceId: Number.parseInt(match[2] ?? "", 16) };
  },
);

/** 24-bit class code; four digits leave the programming interface 0. */
export const classCode: z.ZodType<number, string> = scalar(
  "a class code of 4 or 6 hexadecimal digits, such as 0x010802",
  (text) => {
    const match = /^(?:0x)?([0-9a-f]{4}|[0-9a-f]{6})$/i.exec(text);
    if (match === null) return undefined;
    return Number.parseInt((match[1] ?? "").padEnd(6, "0"), 16);
  },
  ["string", "number"],
);

/** A bus number; from 10 on only with `0x`, as people mean 0x40 by 40. */
export const busNumber: z.ZodType<number, string> = scalar(
  "a bus number with 0x, such as 0x40",
  (text) => (/^(0x[0-9a-f]{1,2}|[0-9])$/i.test(text) ? Number(text) : undefined),
  ["string", "number"],
);

/** A name that can be typed on a command line. */
export const deviceName: z.ZodType<string, string> = scalar(
  "a name of letters, digits, '_', '-' or '.', starting with a letter",
  (text) => (/^[a-z][\w.-]{0,62}$/i.test(text) ? text : undefined),
);

/** GT/s of each generation (PCIe 6.0 sec 1.2). */
const generations: readonly number[] = [2.5, 5, 8, 16, 32, 64];

function parseLinkState(text: string): LinkState | undefined {
  const match = /^(?:gen ?([1-6])|(2\.5|5|8|16|32|64) ?GT\/s) x(1|2|4|8|12|16|32)$/i.exec(text);
  if (match === null) return undefined;
  const speedGTps = match[1] === undefined ? Number(match[2]) : (generations[Number(match[1]) - 1] ?? Number.NaN);
  return { speedGTps, width: Number(match[3]) };
}

/** A link: what was negotiated and, after `of`, what the function can do. */
export const link: z.ZodType<ScenarioLink, string> = scalar(
  "a link such as 'gen4 x16', '16GT/s x8' or 'gen3 x8 of gen5 x16'",
  (text) => {
    const [negotiatedText = "", capableText, ...rest] = text.split(/\s+of\s+/);
    const negotiated = parseLinkState(negotiatedText);
    const capable = capableText === undefined ? negotiated : parseLinkState(capableText);
    if (negotiated === undefined || capable === undefined || rest.length > 0) return undefined;
    if (negotiated.speedGTps > capable.speedGTps || negotiated.width > capable.width) return undefined;
    return { negotiated, capable };
  },
);

/** ACS: `null` is none; else the control bits to start with, `null` where the file leaves them to the hardware. */
export const acs: z.ZodType<AcsText | null, string> = scalar(
  "true, false or control bits as lspci would print them, such as 'SV+ RR+ CR+ UF+'",
  (text) => {
    if (text === "true") return { control: null };
    if (text === "false") return null;
    let control = 0;
    for (const word of text.split(/\s+/)) {
      const bit = ACS_LETTERS[word.slice(0, -1).toUpperCase()];
      if (bit === undefined || !/[+-]$/.test(word)) return undefined;
      if (word.endsWith("+")) control |= bit;
    }
    return { control };
  },
  ["string", "boolean"],
);

/** A BAR: size, then words where it differs from a 64-bit prefetchable memory BAR. */
export const bar: z.ZodType<BarText, string> = scalar(
  "a BAR such as 16M, '64K 32-bit', '1M 64-bit non-prefetchable', '256 io' or '256M of 16G'",
  (text) => {
    const match = /^(\S+)(?: of (\S+))?((?: (?:io|32-bit|64-bit|prefetchable|non-prefetchable))*)$/.exec(text);
    if (match === null) return undefined;
    const sizeBytes = parseBarSize(match[1] ?? "");
    const largestBytes = match[2] === undefined ? undefined : parseBarSize(match[2]);
    if (sizeBytes === undefined || (match[2] !== undefined && largestBytes === undefined)) return undefined;
    const words = new Set((match[3] ?? "").split(" ").filter((word) => word !== ""));
    const isIo = words.has("io");
    if (isIo && (words.size > 1 || largestBytes !== undefined || sizeBytes > 256)) return undefined;
    if (words.has("32-bit") && words.has("64-bit")) return undefined;
    if (words.has("prefetchable") && words.has("non-prefetchable")) return undefined;
    const is64Bit = !isIo && !words.has("32-bit");
    const prefetchable = !isIo && (is64Bit ? !words.has("non-prefetchable") : words.has("prefetchable"));
    if (!isIo && (sizeBytes < 16 || (!is64Bit && sizeBytes > 2 ** 31))) return undefined;
    if (largestBytes !== undefined && (largestBytes < sizeBytes || sizeBytes < 2 ** 20)) return undefined;
    return { kind: isIo ? "io" : "memory", is64Bit, prefetchable, sizeBytes, largestBytes };
  },
  ["string", "number"],
);
