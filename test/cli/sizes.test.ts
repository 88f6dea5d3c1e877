import { expect, test } from "vitest";
import { parseSize } from "../../src/cli/sizes.ts";

test.for<[string, number]>([
  ["4096", 4096],
  ["0", 0],
  ["128k", 131_072],
  ["128K", 131_072],
  ["64M", 67_108_864],
  ["64MiB", 67_108_864],
  ["64mb", 67_108_864],
  ["1G", 2 ** 30],
  ["1.5g", 1.5 * 2 ** 30],
  ["512B", 512],
  ["2T", 2 ** 41],
])("%s is %d bytes", ([text, bytes]) => {
  expect(parseSize(text)).toBe(bytes);
});

test.for(["", "k", "-1", "1x", "1kk", "0.3", "1e3", "0x10", "9999999999P", "1 k k", "NaN"])(
  "'%s' is refused",
  (text) => {
    expect(() => parseSize(text)).toThrow(/a size is/);
  },
);
