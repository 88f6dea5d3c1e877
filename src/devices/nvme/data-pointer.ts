import { type DmaAddr, type DmaSpan, PAGE_BYTES } from "../../pci/addresses.ts";
import { spanBytes } from "../dma-spans.ts";
import { PRP_BYTES, readAddress, SGL_BYTES, viewOf, writeAddress } from "./protocol.ts";

/** SGL descriptor types (NVMe 1.4 sec 4.4). */
const DATA_BLOCK = 0x0;
const LAST_SEGMENT = 0x3;

/** A data pointer as a driver writes it: 16 bytes of the command, and a list that the controller fetches. */
export interface DataPointer {
  readonly isSgl: boolean;
  readonly pointer: Uint8Array;
  /** What goes to the list's address, `null` where there is none. */
  readonly list: Uint8Array | null;
}

/**
 * Describes mapped memory for a controller: as PRPs where every page but the ends is whole, else as an SGL. The list, if
 * any, will be at `listAddress`, page aligned; `listBytes` is the room there. `null` where that is too little.
 */
export function dataPointerOf(spans: readonly DmaSpan[], listAddress: DmaAddr, listBytes: number): DataPointer | null {
  return prpsOf(spans, listAddress) ?? sglOf(spans, listAddress, listBytes);
}

/** As PRPs, with one page of a list at most; `null` where memory cannot be described so. */
function prpsOf(spans: readonly DmaSpan[], listAddress: DmaAddr): DataPointer | null {
  const pages = pagesOf(spans);
  if (pages === null || pages.length - 1 > PAGE_BYTES / PRP_BYTES) return null;
  const pointer = new Uint8Array(2 * PRP_BYTES);
  const view = viewOf(pointer);
  const [first = 0, second = 0] = pages;
  writeAddress(view, 0, first);
  if (pages.length <= 2) {
    writeAddress(view, PRP_BYTES, second);
    return { isSgl: false, pointer, list: null };
  }
  writeAddress(view, PRP_BYTES, listAddress);
  const list = new Uint8Array((pages.length - 1) * PRP_BYTES);
  pages.slice(1).forEach((page, index) => {
    writeAddress(viewOf(list), index * PRP_BYTES, page);
  });
  return { isSgl: false, pointer, list };
}

/** The page of each PRP, `null` where memory starts or ends inside of a page on the way. */
function pagesOf(spans: readonly DmaSpan[]): readonly number[] | null {
  const pages: number[] = [];
  for (const [index, { address, lengthBytes }] of spans.entries()) {
    const end = address + lengthBytes;
    // A controller takes the lowest two bits of an address for zero.
    if (address % 4 !== 0 || (index > 0 && address % PAGE_BYTES !== 0)) return null;
    if (index < spans.length - 1 && end % PAGE_BYTES !== 0) return null;
    for (let at: number = address; at < end; at += PAGE_BYTES - (at % PAGE_BYTES)) pages.push(at);
  }
  return pages;
}

function sglOf(spans: readonly DmaSpan[], listAddress: DmaAddr, listBytes: number): DataPointer | null {
  const pointer = new Uint8Array(SGL_BYTES);
  const [only] = spans;
  if (spans.length === 1 && only !== undefined) {
    writeDescriptor(pointer, 0, only, DATA_BLOCK);
    return { isSgl: true, pointer, list: null };
  }
  const list = new Uint8Array(spans.length * SGL_BYTES);
  if (list.length > listBytes) return null;
  for (const [index, span] of spans.entries()) writeDescriptor(list, index * SGL_BYTES, span, DATA_BLOCK);
  writeDescriptor(pointer, 0, { address: listAddress, lengthBytes: list.length }, LAST_SEGMENT);
  return { isSgl: true, pointer, list };
}

function writeDescriptor(bytes: Uint8Array, offset: number, span: DmaSpan, type: number): void {
  const view = viewOf(bytes);
  writeAddress(view, offset, span.address);
  view.setUint32(offset + 8, span.lengthBytes, true);
  view.setUint8(offset + 15, type << 4);
}

/** Why a controller refuses a data pointer, by status name. */
export type PointerFault =
  | "data-transfer-error"
  | "prp-offset-invalid"
  | "invalid-sgl-segment"
  | "sgl-length-invalid"
  | "sgl-type-invalid";

/** Reads a list from memory; false where the read failed. */
export type Fetch = (address: DmaAddr, into: Uint8Array) => boolean;

/** The memory that two PRPs describe, with lists that chain (NVMe 1.4 sec 4.3), or what is wrong with them. */
export function readPrps(pointer: Uint8Array, lengthBytes: number, fetch: Fetch): readonly DmaSpan[] | PointerFault {
  const view = viewOf(pointer);
  const first = readAddress(view, 0);
  const spans: DmaSpan[] = [{ address: first, lengthBytes: Math.min(lengthBytes, toPageEnd(first)) }];
  let left = lengthBytes - spanBytes(spans);
  const second = readAddress(view, PRP_BYTES);
  if (left > 0 && left <= PAGE_BYTES) {
    if (second % PAGE_BYTES !== 0) return "prp-offset-invalid";
    spans.push({ address: second, lengthBytes: left });
    left = 0;
  }
  for (let list = second; left > 0; ) {
    const room = Math.floor(toPageEnd(list) / PRP_BYTES);
    const needed = Math.ceil(left / PAGE_BYTES);
    const bytes = new Uint8Array(Math.min(room, needed) * PRP_BYTES);
    if (list % PRP_BYTES !== 0) return "prp-offset-invalid";
    if (!fetch(list, bytes)) return "data-transfer-error";
    const entries = needed > room ? room - 1 : needed;
    for (let index = 0; index < entries; index++) {
      const address = readAddress(viewOf(bytes), index * PRP_BYTES);
      if (address % PAGE_BYTES !== 0) return "prp-offset-invalid";
      const length = Math.min(left, PAGE_BYTES);
      spans.push({ address, lengthBytes: length });
      left -= length;
    }
    const chained = readAddress(viewOf(bytes), bytes.length - PRP_BYTES);
    // A chained list starts a page (NVMe 1.4 sec 4.3): so each has entries, and no chain is endless.
    if (left > 0 && chained % PAGE_BYTES !== 0) return "prp-offset-invalid";
    list = chained;
  }
  return spans;
}

/**
 * The memory that an SGL descriptor describes, or what is wrong with it.
 *
 * MODEL: a data block, or one last segment of data blocks; no chain of segments, no bit buckets, no keys.
 */
export function readSgl(pointer: Uint8Array, lengthBytes: number, fetch: Fetch): readonly DmaSpan[] | PointerFault {
  const [first, type] = readDescriptor(pointer, 0);
  if (type === DATA_BLOCK) return first.lengthBytes < lengthBytes ? "sgl-length-invalid" : [{ ...first, lengthBytes }];
  if (type !== LAST_SEGMENT) return "sgl-type-invalid";
  const isWhole = first.lengthBytes > 0 && first.lengthBytes % SGL_BYTES === 0;
  // Each block holds at least one byte: a longer list than the transfer is wrong, and may be huge.
  if (!isWhole || first.lengthBytes / SGL_BYTES > lengthBytes) return "invalid-sgl-segment";
  const list = new Uint8Array(first.lengthBytes);
  if (!fetch(first.address, list)) return "data-transfer-error";
  const spans: DmaSpan[] = [];
  let left = lengthBytes;
  for (let offset = 0; offset < list.length && left > 0; offset += SGL_BYTES) {
    const [block, blockType] = readDescriptor(list, offset);
    if (blockType !== DATA_BLOCK) return "sgl-type-invalid";
    const length = Math.min(left, block.lengthBytes);
    if (length > 0) spans.push({ address: block.address, lengthBytes: length });
    left -= length;
  }
  return left > 0 ? "sgl-length-invalid" : spans;
}

function readDescriptor(bytes: Uint8Array, offset: number): readonly [DmaSpan, number] {
  const view = viewOf(bytes);
  const span = { address: readAddress(view, offset), lengthBytes: view.getUint32(offset + 8, true) };
  return [span, view.getUint8(offset + 15) >>> 4];
}

function toPageEnd(address: number): number {
  return PAGE_BYTES - (address % PAGE_BYTES);
}
