import { describe, expect, test } from "vitest";
import { decodersOfNode } from "../../src/cli/decoders-of-node.ts";
import { unpackInto } from "../../src/host/compression.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { joined, packedBy } from "../host/packed.ts";

const { zstdFrame } = decodersOfNode;

/** What comes out, or the words of the refusal. */
async function outcomeOf(packed: Uint8Array, foreign = {}): Promise<Uint8Array | string> {
  const chunks: Uint8Array[] = [];
  try {
    await unpackInto(packed, (chunk) => chunks.push(chunk.slice()), "a file", foreign);
    return joined(...chunks);
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

test("the Node at hand has zstd from 22.15 on", () => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  expect(zstdFrame !== undefined).toBe(major > 22 || (major === 22 && minor >= 15));
});

describe.skipIf(zstdFrame === undefined)("zstd of Node (Node 20 has none: skipped) says what ours says", () => {
  // Hard to pack, so that frames are large enough to be given to Node at all.
  let state = 1;
  const noise = Uint8Array.from({ length: 300_000 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
  const frame = packedBy("zstd", [], noise);
  const agree = async (packed: Uint8Array): Promise<Uint8Array | string> => {
    const [ours, theirs] = [await outcomeOf(packed), await outcomeOf(packed, decodersOfNode)];
    if (typeof ours === "string" || typeof theirs === "string") expect(theirs).toEqual(ours);
    else expect(Buffer.compare(theirs, ours)).toBe(0);
    return ours;
  };

  test("of a frame, which Node is really asked for", async () => {
    let asked = 0;
    const counted: typeof zstdFrame = async (bytes, take) => {
      asked++;
      await zstdFrame?.(bytes, take);
    };
    expect(Buffer.from(await outcomeOf(frame, { zstdFrame: counted })).equals(noise)).toBe(true);
    expect(asked).toBe(1);
  });

  test("of frames behind each other, with and without a checksum, with small ones and frames to skip between", async () => {
    const skipped = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const small = packedBy("zstd", [], noise.subarray(0, 100));
    const whole = joined(frame, skipped, small, packedBy("zstd", ["--no-check", "-1"], noise), skipped, frame);
    expect(await agree(whole)).toHaveLength(3 * noise.length + 100);
  });

  test("of one that is cut, wherever", async () => {
    for (let at = 0; at < frame.length; at += 9973)
      if (at > 4) expect(await agree(frame.subarray(0, at))).toMatch(/^bad-input: the zstd data is damaged/);
    for (const cut of [1, 2, 3, 4, 5, 9]) expect(await agree(frame.subarray(0, -cut))).toMatch(/^bad-input/);
  });

  test("of one with a bit flipped, anywhere", async () => {
    for (let index = 0; index < 120; index++) {
      const flipped = frame.slice();
      const at = index < 40 ? index : Math.floor((frame.length * (index - 40)) / 80);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (index % 8));
      await agree(flipped);
    }
  });

  test("of a window beyond 128 MiB, and of more than may come out", async () => {
    expect(await agree(packedBy("zstd", ["--ultra", "--long=28"], noise))).toMatch(/^too-large: .*window/);
    const bomb = packedBy("zstd", ["-1"], joined(noise, new Uint8Array(100 * 2 ** 20)));
    expect(await agree(joined(bomb, bomb))).toMatch(/^too-large/);
  });
});
