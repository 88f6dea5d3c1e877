/**
 * The vendor as CPUID leaf 0 names it, `GenuineIntel`: twelve characters, of which blanks at the ends may be gone;
 * `undefined` for what is no such name.
 */
export function cpuVendorOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[A-Za-z][\w .!]{7,11}$/.test(text) ? text : undefined;
}
