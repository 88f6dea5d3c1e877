/** Major and minor of a release in one number that sorts (`6.12.9-amd64` is 6012), `undefined` for anything else. */
export function releaseNumber(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})(?!\d)/.exec(text.trim());
  return match === null ? undefined : Number(match[1]) * 1000 + Number(match[2]);
}

/** {@link releaseNumber} of a release that is written in our own tables. */
export function numberOfOurs(release: string): number {
  const number = releaseNumber(release);
  if (number === undefined) throw new RangeError(`'${release}' is no release`);
  return number;
}
