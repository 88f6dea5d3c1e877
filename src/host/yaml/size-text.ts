const units: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50 };

/** Bytes of `4096`, `64K`, `1 MiB` or `0x1000`; `undefined` where it is none of them. */
export function parseSize(text: string): number | undefined {
  const match = /^(0x[0-9a-f]{1,13}|[0-9]{1,15}) ?([KMGTP]?)(?:iB|B)?$/i.exec(text);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (units[(match[2] ?? "").toUpperCase()] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
