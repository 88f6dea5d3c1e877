import type { DmaAddr, DmaSpan } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";

/** Bytes of all spans. */
export function spanBytes(spans: readonly DmaSpan[]): number {
  return spans.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

/**
 * Visits the parts of spans that hold `[offset, offset + lengthBytes)`, in order, with the bytes visited before. Throws
 * `bad-input` where the spans are shorter.
 */
export function forEachPart(
  spans: readonly DmaSpan[],
  offset: number,
  lengthBytes: number,
  visit: (address: DmaAddr, lengthBytes: number, done: number) => void,
): void {
  if (offset < 0 || offset + lengthBytes > spanBytes(spans)) {
    throw new PeerlaneError("bad-input", `${spanBytes(spans)} mapped bytes have no ${lengthBytes} bytes at ${offset}`);
  }
  let start = 0;
  let done = 0;
  for (const span of spans) {
    const end = start + span.lengthBytes;
    const from = Math.max(start, offset);
    const length = Math.min(end, offset + lengthBytes) - from;
    if (length > 0) {
      visit((span.address + (from - start)) as DmaAddr, length, done);
      done += length;
    }
    start = end;
  }
}

/** The part of spans that holds `[offset, offset + lengthBytes)`, as spans. */
export function partOf(spans: readonly DmaSpan[], offset: number, lengthBytes: number): readonly DmaSpan[] {
  const part: DmaSpan[] = [];
  forEachPart(spans, offset, lengthBytes, (address, length) => {
    part.push({ address, lengthBytes: length });
  });
  return part;
}
