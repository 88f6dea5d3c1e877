import { expect, test } from "vitest";
import { type KernelRelease, parseKernelRelease } from "../../../src/rules/kernels/kernel-release.ts";
import { KERNEL_RULES } from "../../../src/rules/kernels/mainline.ts";
import {
  NOTHING_READ,
  rowLike,
  rowsFrom,
  UNREAD,
  unreadVendor,
  type VendorKernel,
  vendorOf,
} from "../../../src/rules/kernels/vendor-kernel.ts";
import { rows } from "../../rows.ts";

/** Vendors of builds that are told apart by their numbers. */
const VENDORS: readonly VendorKernel[] = [
  { ...unreadVendor("old", "", /\.el/), before: "5.14.0-117" },
  { ...unreadVendor("middle", "", /\.el/), from: "5.14.0-117", before: "5.14.0-427.13" },
  { ...unreadVendor("new", "", /\.el/), from: "5.14.0-427.13" },
  unreadVendor("any", "", /generic/),
];

test.each(
  rows(`
    // uname -r                  | vendor
    4.18.0-553.el8               | old
    5.14.0-116.el9               | old
    5.14.0-116.99.el9            | old
    5.14.0-117.el9               | middle
    5.14.0-117.1.el9             | middle
    5.14.0-427.el9               | middle    // a number that is missing counts as 0
    5.14.0-427.12.9.el9          | middle
    5.14.0-427.13.el9            | new
    5.14.0-427.13.1.el9          | new
    5.14.1-1.el9                 | new
    5.15.0-1.el9                 | new
    6.0.el9                      | new
    5.4.0-1-generic              | any
    5.14.0-117                   | -
    5.14.0-117.fc40              | -
  `),
)("%s is of %s", (text = "", vendor) => {
  const release = parseKernelRelease(text) as KernelRelease;
  expect(vendorOf(release, VENDORS)?.name ?? "-").toBe(vendor);
});

test("the rows of kernel.org from a series on", () => {
  expect(rowsFrom("4.20")).toEqual(KERNEL_RULES);
  expect(rowsFrom("7.3").map(({ release }) => release)).toEqual(["7.3"]);
  expect(rowsFrom("7.1").map(({ release }) => release)).toEqual(["7.1", "7.1.3", "7.2", "7.3"]);
  expect(() => rowsFrom("4.19")).toThrow(new RangeError("no row of 4.19"));
});

test("a row of a vendor has what kernel.org has in a release, but for what it changes", () => {
  const [like] = rowsFrom("5.15");
  expect(rowLike("5.14.0-1.el9", "5.15", "its source")).toEqual({
    ...like,
    release: "5.14.0-1.el9",
    checkedAt: "its source",
  });
  expect(rowLike("x", "5.15", "y", { allowList: [], release: "z" }).allowList).toEqual([]);
  expect(rowLike("x", "5.15", "y", { allowList: [], release: "z" }).release).toBe("x");
});

test("a vendor of whom nothing was read says so", () => {
  expect(unreadVendor("somebody", "any", /x/)).toEqual({
    name: "somebody",
    kernels: "any",
    suffix: /x/,
    rules: UNREAD,
    option: NOTHING_READ,
    readIn: "",
  });
});
