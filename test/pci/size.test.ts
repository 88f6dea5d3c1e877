import { expect, test } from "vitest";
import { bytesOf, formatSize, parseSize } from "../../src/pci/size.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;

test.each([
  [0, "0 B"],
  [1, "1 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [MiB - 1, "1024.0 KiB"],
  [MiB, "1 MiB"],
  [16 * MiB - 65536, "15.9 MiB"],
  [32 * GiB, "32 GiB"],
  [2 ** 47, "128 TiB"],
  [2 ** 50, "1 PiB"],
  [2 ** 60, "1024 PiB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test.each<[text: string, bytes: number | undefined]>([
  ["0", 0],
  ["4096", 4096],
  ["1 B", 1],
  ["64K", 64 * 1024],
  ["64k", 64 * 1024],
  ["1 MiB", MiB],
  ["1MB", MiB],
  ["32 GiB", 32 * GiB],
  ["2T", 2 ** 41],
  ["1P", 2 ** 50],
  ["0x1000", 4096],
  ["0xFf", 255],
  ["0x1000K", 4096 * 1024],
  ["999999999999999", 999_999_999_999_999],
  ["0x1fffffffffffff", undefined],
  ["0xfffffffffffff", 2 ** 52 - 1],
  ["1000000000000000", undefined],
  ["7P", 7 * 2 ** 50],
  ["8P", undefined],
  ["", undefined],
  ["K", undefined],
  ["-1", undefined],
  ["1.5K", undefined],
  ["1  K", undefined],
  [" 1K", undefined],
  ["1K ", undefined],
  ["1E", undefined],
  ["0x", undefined],
])("%s is %s bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each<[count: number, unit: string, bytes: number | undefined]>([
  [3, "", 3],
  [3, "K", 3072],
  [3, "m", 3 * MiB],
  [0.5, "K", 512],
  [0.5, "", undefined],
  [0.3, "K", undefined],
  [7, "P", 7 * 2 ** 50],
  [8, "P", undefined],
])("%d of unit '%s' are %s bytes", (count, unit, bytes) => {
  expect(bytesOf(count, unit)).toBe(bytes);
});
