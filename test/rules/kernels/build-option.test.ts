import { expect, test } from "vitest";
import { unknown } from "../../../src/pci/known.ts";
import { hasP2pdma, readOption, withoutP2pdma } from "../../../src/rules/kernels/build-option.ts";
import { type KernelRelease, parseKernelRelease } from "../../../src/rules/kernels/kernel-release.ts";
import { rows } from "../../rows.ts";
import { machineOf } from "../by-hand.ts";

/** Azure Linux builds it for x86 and not for arm from 6.6.104.2-4 on; RHEL 9 for both; RHEL 8 for neither. */
test.each(
  rows(`
    // uname -r                    | uname -m | state
    6.6.104.2-4.azl3               | x86_64   | on
    6.6.104.2-4.azl3               | x86-64   | on
    6.6.104.2-4.azl3               | amd64    | on
    6.6.104.2-4.azl3               | i386     | on
    6.6.104.2-4.azl3               | i686     | on
    6.6.104.2-4.azl3               | x86      | on
    6.6.104.2-4.azl3               | aarch64  | off
    6.6.104.2-4.azl3               | arm64    | off
    6.6.104.2-4.azl3               | armv7l   | off
    6.6.104.2-4.azl3               | i286     | ?
    6.6.104.2-4.azl3               | ax86     | ?
    6.6.104.2-4.azl3               | riscv64  | ?
    6.6.104.2-4.azl3               |          | ?
    6.6.104.2-4.azl3.aarch64       | x86_64   | off    // the release string counts more
    6.6.104.2-4.azl3.x86_64        | aarch64  | on
    5.14.0-427.el9                 |          | on     // alike for both
    5.14.0-427.el9                 | riscv64  | on
    4.18.0-553.el8_10              | x86_64   | off
    4.18.0-553.el8_10              |          | ?      // of arm nothing was read
    6.12.1                         | x86_64   | ?      // nobody's
  `),
)("%s on '%s': %s", (text = "", architecture = "", state) => {
  const release = parseKernelRelease(text) as KernelRelease;
  expect(readOption(release, architecture === "" ? undefined : architecture)?.state ?? "?").toBe(state);
});

test("an option that was read says whose, and where", () => {
  const option = readOption(parseKernelRelease("5.14.0-427.el9") as KernelRelease, "x86_64");
  expect(option).toMatchObject({ state: "on", vendor: "RHEL 9 and its clones" });
  expect(option?.readIn).not.toBe("");
});

test.each<[release: string | null, config: Record<string, string> | null, has: boolean | null, words: RegExp | null]>([
  ["6.12.1", { CONFIG_PCI_P2PDMA: "y" }, true, null],
  ["6.12.1", { CONFIG_PCI_P2PDMA: "n" }, false, /^6\.12\.1 is built without CONFIG_PCI_P2PDMA$/],
  [null, { CONFIG_PCI_P2PDMA: "n" }, false, /^this kernel is built without CONFIG_PCI_P2PDMA$/],
  // Its own configuration counts more than what was read of its vendor's.
  ["4.18.0-553.el8_10.x86_64", { CONFIG_PCI_P2PDMA: "y" }, true, null],
  [
    "4.18.0-553.el8_10.x86_64",
    null,
    false,
    /^4\.18\.0-553\.el8_10\.x86_64 \(RHEL 8 and its clones\) is built without CONFIG_PCI_P2PDMA, by what was read of .+$/,
  ],
  ["5.14.0-427.el9.x86_64", null, true, null],
  ["6.12.1", null, null, null],
  ["mine", null, null, null],
  [null, null, null, null],
])("%s, configured %o", (release, config, has, words) => {
  const bare = machineOf([]);
  const kernel = {
    ...bare.kernel,
    release: release ?? unknown("not shown"),
    config: config ?? unknown("no configuration"),
  };
  const machine = { ...bare, kernel };
  expect(hasP2pdma(machine)).toEqual(has ?? unknown("no configuration"));
  if (words === null) expect(withoutP2pdma(machine)).toBeUndefined();
  else expect(withoutP2pdma(machine)).toMatch(words);
});
