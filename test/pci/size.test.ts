import { expect, test } from "vitest";
import { formatSize } from "../../src/pci/size.ts";

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
