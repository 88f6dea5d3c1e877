import { type Line, word } from "./line.ts";

type Fields = Record<string, number | string | boolean>;
type Pattern = readonly [prefix: Uint8Array, pattern: RegExp, fields: (groups: readonly string[]) => Fields];

const isSet = (sign: string | undefined): boolean => sign === "+";
const fromHex = (digits: string | undefined): number => Number.parseInt(digits ?? "", 16);

const ids = /ID=([0-9a-f]{4}) Rev=(\d+) Len=([0-9a-f]+)/;
const vendor = /Vendor=([0-9a-f]{4}) /;

/** True for the extended capabilities whose fields are read for display: VSEC, ATS, PRI, PASID, DVSEC. */
export function hasFeatureFields(id: number): boolean {
  return id === 0x0b || id === 0x0f || id === 0x13 || id === 0x1b || id === 0x23;
}

/** Reads what the title of a vendor-specific capability (VSEC 0x0b, DVSEC 0x23) says of it, for display. */
export function readFeatureTitle(line: Line, at: number, id: number, decoded: Fields): void {
  if (id !== 0x0b && id !== 0x23) return;
  const text = line.text(at);
  const [, own, revision, length] = ids.exec(text) ?? [];
  if (own === undefined) return;
  const common = { revision: Number(revision), length: Number.parseInt(length ?? "", id === 0x0b ? 16 : 10) };
  if (id === 0x0b) {
    Object.assign(decoded, { vsecId: `0x${own}`, ...common });
    return;
  }
  const owner = vendor.exec(text)?.[1];
  // 1e98 is the CXL consortium (CXL 3.1 sec 8.1).
  if (owner !== undefined)
    Object.assign(decoded, { vendor: `0x${owner}`, ...common, dvsecId: `0x${own}`, cxl: owner === "1e98" });
}

/** The lines below ATS, PRI and PASID capabilities, with the fields that `decodeConfig` takes from their bytes. */
const patterns: readonly Pattern[] = [
  [
    word("ATSCap:"),
    /Invalidate Queue Depth: ([0-9a-f]{2})$/,
    // The register's zero stands for 32.
    ([depth]) => ({ invalidateQueueDepth: fromHex(depth) || 32 }),
  ],
  [
    word("ATSCtl:"),
    /Enable([+-]), Smallest Translation Unit: ([0-9a-f]{2})$/,
    ([enable, unit]) => ({ enabled: isSet(enable), smallestTranslationUnit: fromHex(unit) }),
  ],
  [word("PRICtl:"), /Enable([+-])/, ([enable]) => ({ enabled: isSet(enable) })],
  [word("PRISta:"), /Stopped([+-])/, ([stopped]) => ({ stopped: isSet(stopped) })],
  [
    word("PASIDCap:"),
    /Exec([+-]),? Priv([+-]), Max PASID Width: ([0-9a-f]{2})$/,
    ([execute, privileged, width]) => ({
      executePermission: isSet(execute),
      privilegedMode: isSet(privileged),
      maxWidth: fromHex(width),
    }),
  ],
  [word("PASIDCtl:"), /Enable([+-])/, ([enable]) => ({ enabled: isSet(enable) })],
];

/** Reads one line below an ATS, PRI or PASID capability into its fields for display. */
export function readFeatureLine(line: Line, decoded: Fields): void {
  for (const [prefix, pattern, fields] of patterns) {
    if (!line.has(prefix)) continue;
    const match = pattern.exec(line.text());
    if (match !== null) Object.assign(decoded, fields(match.slice(1)));
    return;
  }
}
