import { describe, expect, it, test } from "vitest";
import { PeerlaneError } from "../../src/pci/error.ts";
import { joined, packedBy, packers, readChunks, readOrRefuse, tar } from "./packed.ts";

const machine = await readChunks([tar]);
const formats = Object.entries(packers);

function* chunksOf(bytes: Uint8Array, lengthAt: (at: number) => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = lengthAt(at);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

describe.each(formats)("A capture packed with %s", (name, pack) => {
  const packed = pack(tar);

  it("is the machine that it is without, in chunks of any length", async () => {
    expect(await readChunks([packed])).toEqual(machine);
    expect(await readChunks(chunksOf(packed, () => 1))).toEqual(machine);
    expect(await readChunks(chunksOf(packed, () => 7))).toEqual(machine);
    expect(await readChunks(chunksOf(packed, (at) => 1 + ((at * 7919) % 5003)))).toEqual(machine);
  });

  it("may be several streams, one behind the other, also empty ones", async () => {
    const third = Math.floor(tar.length / 3);
    const parts = [tar.subarray(0, third), tar.subarray(third, third), tar.subarray(third, third + 1)];
    const rest = tar.subarray(third + 1);
    expect(await readChunks([joined(...[...parts, rest].map(pack))])).toEqual(machine);
  });

  it("is refused wherever it is cut", async () => {
    const { length } = packed;
    const places = Array.from({ length: 100 }, (_, index) =>
      index < 40 ? index : index < 80 ? Math.floor((length * (index - 39)) / 41) : length - (index - 79),
    );
    for (const place of places) {
      expect(await readOrRefuse(packed.subarray(0, place)), `cut at ${place}`).toBeInstanceOf(PeerlaneError);
    }
  });

  it("is refused behind whole streams that are not all of them", async () => {
    // At the end of an entry, where what is there is an archive on its own but for its end mark.
    const half = [pack(tar.subarray(0, 20 * 512)), pack(tar.subarray(20 * 512))] as const;
    expect(await readChunks([joined(...half)])).toEqual(machine);
    expect(await readOrRefuse(half[0])).toBeInstanceOf(PeerlaneError);
    expect(await readOrRefuse(joined(half[0], half[1].subarray(0, 9)))).toBeInstanceOf(PeerlaneError);
  });

  it("with any bit flipped is refused or the same machine", async () => {
    for (let index = 0; index < 300; index++) {
      const flipped = packed.slice();
      // The first bytes hold the headers; the others are taken evenly.
      const at = index < 60 ? index : Math.floor((packed.length * (index - 60)) / 240);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (index % 8));
      const result = await readOrRefuse(flipped);
      if (!(result instanceof PeerlaneError)) expect(result, `bit ${index % 8} of byte ${at}`).toEqual(machine);
    }
  });

  it("that unpacks to nothing is refused", async () => {
    const result = await readOrRefuse(pack(new Uint8Array(0)));
    expect(result).toMatchObject({ code: "bad-input", message: "the input unpacks to nothing" });
  });

  it("inside of another one is refused", async () => {
    expect(await readOrRefuse(pack(packed)), name).toBeInstanceOf(PeerlaneError);
  });
});

test("input without a byte is refused, with what to pipe into it", async () => {
  expect(await readOrRefuse(new Uint8Array(0))).toMatchObject({ code: "bad-input", message: "the input is empty" });
});

describe("Archives of zstd", () => {
  const levels = [["-1"], ["-19"], ["--ultra", "-22"], ["--fast=5"], ["--no-check"], ["--long=27"]];
  it.each(levels)("of %s %s are read", async (...options) => {
    expect(await readChunks([packedBy("zstd", options, tar)])).toEqual(machine);
  });

  it("may have frames to skip in front, between and behind", async () => {
    const skippable = (type: number, length: number): Uint8Array =>
      joined(Uint8Array.of(0x50 + type, 0x2a, 0x4d, 0x18, length, 0, 0, 0), new Uint8Array(length).fill(0x28));
    const [first, second] = [packers.zstd(tar.subarray(0, 5000)), packers.zstd(tar.subarray(5000))];
    const whole = joined(skippable(0, 0), skippable(15, 200), first, skippable(7, 3), second, skippable(1, 9));
    expect(await readChunks([whole])).toEqual(machine);
    expect(await readChunks(chunksOf(whole, () => 1))).toEqual(machine);
    expect(await readOrRefuse(whole.subarray(0, -1))).toBeInstanceOf(PeerlaneError);
  });

  it("that need a window beyond 128 MiB are refused, with the options to pack them with", async () => {
    const result = await readOrRefuse(packedBy("zstd", ["--long=28"], tar));
    expect(result).toMatchObject({ code: "too-large", remedy: expect.stringContaining("--long=27") });
    expect(await readOrRefuse(packedBy("zstd", ["--ultra", "--long=31"], tar))).toMatchObject({ code: "too-large" });
    // Exponents that do not fit into 32 bits.
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0);
    expect(await readOrRefuse(frame)).toMatchObject({ code: "too-large" });
  });

  it("without a checksum and with a bit flipped are refused or some machine: nothing in them tells", async () => {
    const packed = packedBy("zstd", ["--no-check"], tar);
    for (let index = 0; index < 300; index++) {
      const flipped = packed.slice();
      const at = Math.floor((packed.length * index) / 300);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (index % 8));
      await readOrRefuse(flipped);
    }
  });

  it("with a frame that needs a dictionary are refused", async () => {
    expect(await readOrRefuse(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 1, 0x50, 7, 1, 0, 0))).toMatchObject({
      code: "bad-input",
    });
  });
});

describe("Archives of bzip2", () => {
  it.each(["-1", "-5", "-9"])("of level %s are read", async (level) => {
    expect(await readChunks([packedBy("bzip2", [level], tar)])).toEqual(machine);
  });

  it("with something behind them are refused", async () => {
    expect(await readOrRefuse(joined(packers.bzip2(tar), Uint8Array.of(7)))).toBeInstanceOf(PeerlaneError);
  });
});

/** Bits as a text of 0 and 1, filled up to whole bytes. */
function bytesOf(bits: string): Uint8Array {
  const whole = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  return Uint8Array.from({ length: whole.length / 8 }, (_, at) => Number.parseInt(whole.slice(at * 8, at * 8 + 8), 2));
}

describe("A few bytes that would keep a decoder busy for minutes", () => {
  it("are refused: sequences of zstd that take no bits and copy more than a block holds", async () => {
    const block = [0x00, 255, 0xff, 0xff, 0x54, 35, 0, 52, 0x01];
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0x50, 1 | (2 << 1) | (block.length << 3), 0, 0, ...block);
    expect(await readOrRefuse(frame)).toMatchObject({ code: "bad-input" });
  });

  it("are refused or read: a zstd window of 128 MiB with many blocks of one byte", async () => {
    const blocks = Array.from({ length: 100_000 }, (_, index) => [(index === 99_999 ? 1 : 0) | 2 | 8, 0, 0x41]);
    const bytes = Uint8Array.from(
      [0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3, ...blocks.flatMap(([a, b, c]) => [a, b, 0, c])].map((byte) => byte ?? 0),
    );
    expect(await readOrRefuse(bytes)).toBeInstanceOf(PeerlaneError);
  });

  it("are refused: a run of bzip2 whose length does not fit into 32 bits", async () => {
    const number = (value: number, width: number): string => value.toString(2).padStart(width, "0");
    const code = `${number(1, 5)}01000`;
    for (const digits of [31, 32, 33, 64]) {
      const bits = [
        ...[0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0, 0, 0, 0].map((byte) => number(byte, 8)),
        ...["0", number(0, 24), number(0x8000, 16), number(0x8000, 16), number(2, 3), number(2, 15), "00"],
        ...[code, code, "0".repeat(digits), "11"],
      ];
      expect(await readOrRefuse(bytesOf(bits.join("")))).toMatchObject({ code: "bad-input" });
    }
  });
});
