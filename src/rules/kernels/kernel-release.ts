/** A kernel's release string taken apart: `uname -r`, or what a user names. */
export interface KernelRelease {
  /** The whole string, without white space around it. */
  readonly text: string;
  /** `major.minor`. */
  readonly series: string;
  /** The series as a number that sorts: 6012 for 6.12. */
  readonly number: number;
  /**
   * The patch level of the stable series, `null` where the string does not say it: `6.14`, and a `.0` that a vendor's
   * build number follows (`6.14.0-37-generic`), as vendors keep it at 0 whatever they have taken over since.
   */
  readonly patch: number | null;
  /** What follows the numbers: `-37-generic`, `+deb13-amd64`; empty where nothing does. */
  readonly suffix: string;
}

/** Takes a release string apart; `undefined` for anything else. */
export function parseKernelRelease(text: string): KernelRelease | undefined {
  const trimmed = text.trim();
  const match = /^(\d{1,3})\.(\d{1,3})(?!\d)(?:\.(\d{1,4})(?!\d))?(.*)$/s.exec(trimmed);
  if (match === null) return undefined;
  const [, major = "", minor = "", patch, suffix = ""] = match;
  const isPinned = patch === "0" && /^-\d/.test(suffix);
  return {
    text: trimmed,
    series: `${Number(major)}.${Number(minor)}`,
    number: Number(major) * 1000 + Number(minor),
    patch: patch === undefined || isPinned ? null : Number(patch),
    suffix,
  };
}

/** Major and minor of a release in one number that sorts (`6.12.9-amd64` is 6012), `undefined` for anything else. */
export function releaseNumber(text: string): number | undefined {
  return parseKernelRelease(text)?.number;
}

/** A release of our own tables, taken apart. */
export function releaseOfOurs(release: string): KernelRelease {
  const parsed = parseKernelRelease(release);
  if (parsed === undefined) throw new RangeError(`'${release}' is no release`);
  return parsed;
}

/** {@link releaseNumber} of a release that is written in our own tables. */
export function numberOfOurs(release: string): number {
  return releaseOfOurs(release).number;
}
