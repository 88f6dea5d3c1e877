import { InvalidArgumentError } from "commander";
import { bytesOf } from "../pci/size.ts";

/**
 * Bytes of `4096`, `128k`, `64M`, `1G`, `1.5GiB`: letters in either case, each step 1024, with or without `B` or `iB`
 * behind. Throws commander's error of a wrong argument for other text and for parts of a byte.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  const bytes = match === null ? undefined : bytesOf(Number(match[1]), match[2] ?? "");
  if (bytes === undefined)
    throw new InvalidArgumentError("a size is a number of bytes, or as 128k, 64M, 1G (steps of 1024)");
  return bytes;
}
