import { describe, expect, test } from "vitest";
import { unpackBzip2 } from "../../src/host/bzip2.ts";
import { joined, packedBy } from "./packed.ts";

async function unpacked(packed: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await unpackBzip2(packed, (chunk) => chunks.push(chunk));
  return joined(...chunks);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const counted = Uint8Array.from({ length: 70_000 }, (_, index) => (index * index) % 251);

describe("What bzip2 packed is unpacked:", () => {
  test.for<[what: string, bytes: Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["one byte", text("a")],
    ["three equal bytes, which are no run", text("aaa")],
    ["four, a run of none more", text("aaaa")],
    ["five", text("aaaaa")],
    ["two runs of one byte, one behind the other", new Uint8Array(259 + 4).fill(7)],
    ["a run whose count is the byte itself", joined(new Uint8Array(8).fill(4), text("b"))],
    ["every byte value", Uint8Array.from({ length: 256 }, (_, index) => index)],
    ["what never repeats for long", counted],
    ["one byte through many blocks' worth of runs", new Uint8Array(6_000_000).fill(0x2e)],
    ["several blocks", Uint8Array.from({ length: 250_000 }, (_, index) => (index * 7919) >> 8)],
  ])("%s", async ([, bytes]) => {
    for (const level of ["-1", "-9"])
      expect(Buffer.compare(await unpacked(packedBy("bzip2", [level], bytes)), bytes), level).toBe(0);
  });

  test("streams of different levels, one behind the other", async () => {
    const whole = joined(packedBy("bzip2", ["-1"], counted), packedBy("bzip2", ["-9"], counted));
    expect(await unpacked(whole)).toEqual(joined(counted, counted));
  });
});

/** Bits as a text of 0 and 1, filled up to whole bytes. */
function bytesOf(bits: string): Uint8Array {
  const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  return Uint8Array.from({ length: whole.length / 8 }, (_, at) => Number.parseInt(whole.slice(at * 8, at * 8 + 8), 2));
}

const number = (value: number, width: number): string => value.toString(2).padStart(width, "0");
const bytes = (...values: readonly number[]): string => values.map((value) => number(value, 8)).join("");

/** Fields of a stream with one block that holds one `a`, by what goes wrong in it. */
interface Fields {
  readonly level?: number;
  readonly magic?: number;
  readonly blockSum?: number;
  readonly isRandomised?: number;
  readonly origin?: number;
  readonly rows?: number;
  readonly codes?: number;
  readonly selectors?: number;
  readonly selector?: string;
  /** Of the symbols RUNA, RUNB and the block's end. */
  readonly lengths?: string;
  readonly content?: string;
  readonly streamSum?: number;
}

/** `a` by RUNA: code 0 is RUNA, 10 RUNB, 11 the end. */
const LENGTHS = `${number(1, 5)}0100${"0"}`;
/** CRC-32 of `a`, highest bit first. */
const SUM = 0x19939b6b;

function stream(fields: Fields): Uint8Array {
  const { level = 0x39, magic = 0x31, blockSum = SUM, isRandomised = 0, origin = 0, rows = 0x0200 } = fields;
  const { codes = 2, selectors = 1, selector = "0", lengths = LENGTHS, content = "011", streamSum = SUM } = fields;
  return bytesOf(
    [
      bytes(0x42, 0x5a, 0x68, level, magic, 0x41, 0x59, 0x26, 0x53, 0x59),
      ...[number(blockSum, 32), number(isRandomised, 1), number(origin, 24)],
      ...[number(rows, 16), rows === 0 ? "" : number(0x4000, 16), number(codes, 3), number(selectors, 15), selector],
      ...[lengths.repeat(2), content, bytes(0x17, 0x72, 0x45, 0x38, 0x50, 0x90), number(streamSum, 32)],
    ].join(""),
  );
}

describe("A stream written by hand", () => {
  test("is what it says", async () => {
    expect(await unpacked(stream({}))).toEqual(text("a"));
  });

  test.for<[what: string, fields: Fields, why: string]>([
    ["level 0", { level: 0x30 }, "no bzip2 stream begins here"],
    ["level 10", { level: 0x3a }, "no bzip2 stream begins here"],
    ["neither a block nor an end", { magic: 0x32 }, "neither a block nor the stream's end"],
    ["a block's checksum of something else", { blockSum: SUM ^ 1 }, "a block's checksum does not match"],
    ["a stream's checksum of something else", { streamSum: SUM ^ 1 }, "a stream's checksum does not match"],
    ["a randomised block", { isRandomised: 1 }, "before 0.9.5"],
    ["a beginning behind the end", { origin: 1 }, "begins behind its end"],
    ["no byte values", { rows: 0 }, "no byte values"],
    ["one code", { codes: 1 }, "a number of codes"],
    ["seven codes", { codes: 7 }, "a number of codes"],
    ["no selectors", { selectors: 0, selector: "" }, "more symbols than selectors"],
    ["a selector behind the last code", { selector: "110" }, "names no code"],
    ["a code of no length", { lengths: `${number(0, 5)}000` }, "a code has a length"],
    ["a code of 21 bits", { lengths: `${number(20, 5)}10` }, "a code has a length"],
    ["three codes of one bit", { lengths: `${number(1, 5)}000` }, "more symbols than fit"],
    ["bits that no code begins with", { lengths: `${number(2, 5)}000`, content: "11" }, "bits that are no code"],
    ["a run longer than its block", { content: `${"0".repeat(20)}11` }, "a run is longer than a block"],
  ])("with %s is refused", async ([, fields, why]) => {
    await expect(unpacked(stream(fields))).rejects.toThrow(why);
  });

  test("is refused wherever it is cut", async () => {
    const whole = stream({});
    for (let length = 0; length < whole.length; length++)
      await expect(unpacked(whole.subarray(0, length)), `${length} bytes`).rejects.toThrow();
  });
});
