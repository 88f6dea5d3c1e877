/** The letters of binary units, each 1024 times the one before. */
const UNITS = "KMGTP";

/** A number with a unit (a letter in either case, or none) in bytes; `undefined` where that is no whole number of them. */
export function bytesOf(count: number, unit: string): number | undefined {
  const bytes = count * 1024 ** (unit === "" ? 0 : UNITS.indexOf(unit.toUpperCase()) + 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes of `4096`, `64K`, `1 MiB` or `0x1000`; `undefined` where it is none of them. */
export function parseSize(text: string): number | undefined {
  const match = /^(0x[0-9a-f]{1,13}|[0-9]{1,15}) ?([KMGTP]?)(?:iB|B)?$/i.exec(text);
  return match === null ? undefined : bytesOf(Number(match[1]), match[2] ?? "");
}

const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size in the largest binary unit that it reaches, with one decimal where that is needed: `16 MiB`, `15.9 MiB`. */
export function formatSize(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${binaryUnits[unit]}`;
}
