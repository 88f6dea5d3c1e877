import { describe, expect, it } from "vitest";
import { isUnknown } from "../../src/pci/known.ts";
import { isInRange, parseReleaseRange } from "../../src/policy/release-range.ts";

function lies(release: string, text: string): boolean | "unknown" {
  const range = parseReleaseRange(text);
  if (range === undefined) throw new Error(`'${text}' is no range`);
  const answer = isInRange(release, range);
  return isUnknown(answer) ? "unknown" : answer;
}

it.each<[release: string, range: string, answer: boolean | "unknown"]>([
  ["6.12.43+deb13-amd64", ">=6.12", true],
  ["6.12.43+deb13-amd64", "6.12", true],
  ["6.12.43", ">6.12", false],
  ["6.13.0", ">6.12", true],
  ["6.9.1", ">=6.12", false],
  ["6.12.9", ">=6.12.23", false],
  ["6.12.23", ">=6.12.23", true],
  ["6.12", ">=6.12.23", "unknown"],
  ["6.13", ">=6.12.23", true],
  ["6.12", "<=6.12", true],
  ["6.12.9", "<6.12", false],
  ["6.11.9", "<6.12", true],
  ["7.2.12", ">=6.12 <7.3", true],
  ["7.3.0", ">=6.12, <7.3", false],
  ["7.3.0", ">=6.12,<7.3", false],
  ["6.12", ">=6.12.23 <6.13", "unknown"],
  ["6.14", ">=6.12.23 <6.13", false],
  ["5.14.0-427.el9", "=5.14", true],
  ["next-20260101", ">=6.12", "unknown"],
  // A release candidate comes before its release, and behind all of the series before.
  ["6.12-rc1", ">=6.12", false],
  ["6.12-rc1", "6.12", false],
  ["6.12-rc1", "<6.12", true],
  ["6.12-rc1", "<=6.12", true],
  ["6.12.0-rc7+", ">6.11", true],
  ["6.12.0-rc7+", "6.11", false],
  ["7.0.0-rc3+", ">=6.12 <7.0", true],
  ["7.0.0-rc3+", ">=7.0", false],
  ["7.0.0", ">=7.0", true],
  ["7.0.0-rc3+", ">=7.0-rc3", true],
  ["7.0.0-rc3+", ">=7.0-rc4", false],
  ["7.0.0-rc3+", "<7.0-rc4", true],
  ["7.0.0-rc3+", "7.0-rc3", true],
  ["7.0.0-rc3+", ">7.0-rc3", false],
  ["7.0.1", ">=7.0-rc3", true],
  ["7.0", ">=7.0.0-rc3", true],
  ["7.0", "<7.0-rc3", false],
  ["7.0", "7.0-rc3", false],
  ["6.12.5-rc1+", "6.12", true],
  ["6.12.5-rc1+", ">=6.12.5", false],
  ["6.12.5-rc1+", ">=6.12.4", true],
  // As distributions write them.
  ["6.12~rc6-amd64", ">=6.12", false],
  ["6.12-rc6-amd64", "<6.12", true],
  ["6.12.0-0.rc5.20241031git.44.fc42.x86_64", ">=6.12", false],
  ["6.12.0-061200rc3-generic", ">=6.12", false],
  ["6.12.0-061200-generic", ">=6.12", true],
  ["6.12.0-rc1-1-default", "6.12", false],
  ["6.12.9-arc1", ">=6.12.9", true],
  // A vendor's build number is no patch level.
  ["6.8.0-45-generic", "6.8", true],
  ["6.8.0-45-generic", ">=6.8", true],
  ["6.8.0-45-generic", ">=6.8.0", true],
  ["6.8.0-45-generic", "<6.8.0", false],
  ["6.8.0-45-generic", ">=6.8.5", "unknown"],
  ["6.8.0-45-generic", ">=6.8.5 <6.8", false],
  ["5.14.0-427.el9", ">=5.14.3", "unknown"],
])("Linux %s in '%s': %s", (release, range, answer) => {
  expect(lies(release, range)).toBe(answer);
});

describe("These are no ranges", () => {
  it.each(["", "6", ">=", "6.12.1.2", "~6.12", "6.12 6.13", ">=6.12 or <7", "v6.12", "6.12-rc", "6.12rc1", "6-rc1"])(
    "%j",
    (text) => {
      expect(parseReleaseRange(text)).toBeUndefined();
    },
  );
});
