import { expect, test } from "vitest";
import {
  numberOfOurs,
  parseKernelRelease,
  releaseNumber,
  releaseOfOurs,
} from "../../../src/rules/kernels/kernel-release.ts";
import { rows } from "../../rows.ts";

/** Release strings taken apart. */
const RELEASES = rows(`
  // text                        | series | number | patch | suffix
  4.20                           | 4.20   | 4020   | -     |
  4.20.17                        | 4.20   | 4020   | 17    |
  6.12.9-amd64                   | 6.12   | 6012   | 9     | -amd64
  7.2.13+deb13-amd64             | 7.2    | 7002   | 13    | +deb13-amd64
  6.14.0                         | 6.14   | 6014   | 0     |
  6.14.0-rc3                     | 6.14   | 6014   | 0     | -rc3           // no build number
  6.14.0-37-generic              | 6.14   | 6014   | -     | -37-generic    // a vendor's 0 says nothing
  6.14.0+-37                     | 6.14   | 6014   | 0     | +-37
  6.14.1-37-generic              | 6.14   | 6014   | 1     | -37-generic
  5.14.0-427.13.1.el9_4.x86_64   | 5.14   | 5014   | -     | -427.13.1.el9_4.x86_64
  5.4.1234                       | 5.4    | 5004   | 1234  |
  123.456                        | 123.456 | 123456 | -    |
  06.01                          | 6.1    | 6001   | -     |
  6.1.x                          | 6.1    | 6001   | -     | .x
`);

test.each(RELEASES)("%s is of %s", (text = "", series, number, patch, suffix) => {
  const parsed = parseKernelRelease(` ${text}\n`);
  expect(parsed).toEqual({
    text,
    series,
    number: Number(number),
    patch: patch === "-" ? null : Number(patch),
    suffix,
  });
  expect(releaseNumber(text)).toBe(Number(number));
  expect(releaseOfOurs(text)).toEqual(parsed);
  expect(numberOfOurs(text)).toBe(Number(number));
});

test.each(["", "6", "6.", "v6.1", "6.1234", "1234.1", "six.one", "6-1", "a 6.1"])("'%s' is no release", (text) => {
  expect(parseKernelRelease(text)).toBeUndefined();
  expect(releaseNumber(text)).toBeUndefined();
  expect(() => releaseOfOurs(text)).toThrow(new RangeError(`'${text}' is no release`));
  expect(() => numberOfOurs(text)).toThrow(RangeError);
});

test("what follows the numbers may be of several lines", () => {
  expect(parseKernelRelease("6.1.2-a\nb")?.suffix).toBe("-a\nb");
});
