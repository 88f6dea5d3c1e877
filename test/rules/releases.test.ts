import { describe, expect, test } from "vitest";
import { verdictHistory } from "../../src/advice/history.ts";
import type { PeerlaneError } from "../../src/pci/error.ts";
import { unknown } from "../../src/pci/known.ts";
import { chooseRules, newestRead } from "../../src/rules/releases.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, hostBridge, linux, machineOf } from "./by-hand.ts";

const ALL = "4.20 5.4 5.8 5.10 5.15 5.17 6.1 6.12 7.2 7.3";

/** The releases at each boundary, and the rules that a kernel of that release may have. */
const BOUNDARIES = rows(`
  // uname -r           | series | rules
  2.6.32-754.el6.x86_64 | 2.6    |
  3.10.0-1160.el7       | 3.10   |
  4.15.0-213-generic    | 4.15   |
  4.19.316              | 4.19   |
  4.20                  | 4.20   | 4.20
  4.21                  | 4.21   | 4.20 5.4
  5.0.21                | 5.0    | 4.20 5.4
  5.3.0-76-generic      | 5.3    | 4.20 5.4
  5.4.0-190-generic     | 5.4    | 5.4
  5.5                   | 5.5    | 5.4 5.8
  5.7.19                | 5.7    | 5.4 5.8
  5.8.0-63-generic      | 5.8    | 5.8
  5.9.16                | 5.9    | 5.8 5.10
  5.10.223              | 5.10   | 5.10
  5.11                  | 5.11   | 5.10     // as 5.15
  5.14.21               | 5.14   | 5.10
  5.15.0-118-generic    | 5.15   | 5.15
  5.16.20               | 5.16   | 5.15     // as 5.17
  5.17                  | 5.17   | 5.17
  5.18                  | 5.18   | 5.17 6.1
  5.19.17               | 5.19   | 5.17 6.1
  6.0.19                | 6.0    | 5.17 6.1
  6.1.0-25-amd64        | 6.1    | 6.1
  6.2                   | 6.2    | 6.1      // as 6.12
  6.8.0-41-generic      | 6.8    | 6.1
  6.11.10               | 6.11   | 6.1
  6.12.107+deb12-amd64  | 6.12   | 6.12
  6.13                  | 6.13   | 6.12 7.2
  6.19.3                | 6.19   | 6.12 7.2
  7.0.0-rc7             | 7.0    | 6.12 7.2
  7.1.9                 | 7.1    | 6.12 7.2
  7.2.13+deb13-amd64    | 7.2    | 7.2
  7.3.4                 | 7.3    | 7.3
  7.4                   | 7.4    | 7.3
  7.19                  | 7.19   | 7.3
  8.0                   | 8.0    | 7.3
  12.100                | 12.100 | 7.3
`);

/** What is no release has no series, and may be any kernel. */
const NO_RELEASES = ["", "linux", "6", "6.", "v6.12", "6.1234", "6-12", "1000.1", ".12", "next-6.12"];

const bare = machineOf([]);

function rulesOf(release: string): string {
  return chooseRules({ ...bare, kernel: linux(release) })
    .candidates.map((rules) => rules.release)
    .join(" ");
}

describe("A kernel's release", () => {
  test.each(BOUNDARIES)("%s is of series %s and has the rules of %s", (release = "", series, rules) => {
    expect(rulesOf(release)).toBe(rules);
    expect(chooseRules({ ...bare, kernel: linux(release) })).toMatchObject({ release: series, chosenBy: "kernel" });
    expect(chooseRules({ ...bare, kernel: linux(` ${release}\n`) }).release).toBe(series);
  });

  test.each(NO_RELEASES.map((text) => [text]))("'%s' is none: any rules", (text) => {
    const choice = chooseRules({ ...bare, kernel: linux(text) });
    expect(choice.candidates.map(({ release }) => release).join(" ")).toBe(ALL);
    expect(choice).toMatchObject({
      release: null,
      chosenBy: "nothing",
      hidden: `the kernel's release '${text}' has no number; give --kernel`,
    });
  });

  test("that is hidden may have any rules, for the source's reason", () => {
    const choice = chooseRules({ ...bare, kernel: { ...linux(""), release: unknown("no uname") } });
    expect(choice).toMatchObject({ release: null, chosenBy: "nothing", hidden: "no uname" });
    expect(choice.candidates).toHaveLength(ALL.split(" ").length);
  });

  test("says why there are several rules, and none where there is one", () => {
    const hidden = (release: string): string => chooseRules({ ...bare, kernel: linux(release) }).hidden;
    expect(hidden("6.13")).toBe(
      "the rules of Linux 6.13 were not checked, and those of 6.12 and 7.2 differ here; give --rules 6.12 or --rules 7.2",
    );
    expect(hidden("4.19")).toBe("Linux 4.19 has no P2PDMA: it came with 4.20");
    expect([hidden("4.20"), hidden("6.2"), hidden("7.2"), hidden("7.4")]).toEqual(["", "", "", ""]);
  });
});

describe("--rules", () => {
  test.each(BOUNDARIES.filter(([, , rules]) => rules !== ""))(
    "takes %s, whatever the kernel is",
    (release = "", series, rules) => {
      const choice = chooseRules({ ...bare, kernel: linux("4.9") }, release);
      expect(choice).toMatchObject({ release: series, chosenBy: "flag" });
      expect(choice.candidates.map((one) => one.release).join(" ")).toBe(rules);
    },
  );

  test.each(
    rows(`
      // asked | says                                                          | remedy
      4.19     | Linux 4.19 has no P2PDMA and no rules: it came with 4.20      | name a release from 4.20 to 7.3; --kernel asks what an older kernel would do
      2.6      | Linux 2.6 has no P2PDMA and no rules: it came with 4.20       | name a release from 4.20 to 7.3; --kernel asks what an older kernel would do
      newest   | 'newest' is no kernel release                                 | name it as 6.12; rules are known from 4.20 to 7.3
      6        | '6' is no kernel release                                      | name it as 6.12; rules are known from 4.20 to 7.3
    `),
  )("refuses %s", (asked, message, remedy) => {
    let said: unknown;
    try {
      chooseRules(bare, asked);
    } catch (error) {
      said = error;
    }
    expect(said).toMatchObject({ code: "usage", message, remedy } satisfies Partial<PeerlaneError>);
  });
});

test.each(
  rows(`
    // release | decided by the newest that was read
    4.19       | -
    7.2        | -
    7.3        | -
    7.4        | 7.3
    8.0        | 7.3
    6.13       | -   // between two, not after them
  `),
)("A kernel of %s is newer than what was read: %s", (release = "", newest) => {
  expect(newestRead(chooseRules({ ...bare, kernel: linux(release) })) ?? "-").toBe(newest);
  expect(newestRead(chooseRules({ ...bare, kernel: { ...linux(""), release: unknown("-") } }))).toBeNull();
});

/** Two root ports below one host bridge of these ids. */
function between(id: string, release: string): { mapType: string; reason: string; hidden: readonly string[] } {
  const machine = machineOf(
    [
      hostBridge("00:00.0", id),
      bridge("00:01.0", "root-port", 1),
      bridge("00:02.0", "root-port", 2),
      endpoint("01:00.0"),
      endpoint("02:00.0"),
    ],
    { kernel: release === "?" ? { ...linux(""), release: unknown("no uname") } : linux(release) },
  );
  return decide(machine, at("01:00.0"), at("02:00.0"));
}

describe("A release between two that were read", () => {
  test.each(
    rows(`
      // host bridge | release | map type         | reason
      8086:2030      | 5.5     | unknown          | kernel-hidden           // listed since some release up to 5.8
      8086:3c00      | 5.5     | thru-host-bridge | host-bridge-allowed     // before and after
      8086:29c0      | 5.5     | not-supported    | host-bridge-not-allowed
      1022:1450      | 5.9     | unknown          | kernel-hidden           // listed up to some release before 5.10
      8086:3c00      | 5.2     | unknown          | kernel-hidden
      8086:29c0      | 5.2     | not-supported    | host-bridge-not-allowed // the newer one's reason
      8086:09a2      | 6.0     | unknown          | kernel-hidden
      8086:0b25      | 7.1     | unknown          | kernel-hidden
      8086:09a2      | 7.1     | thru-host-bridge | host-bridge-allowed
      8086:3c00      | ?       | unknown          | kernel-hidden
      8086:29c0      | ?       | not-supported    | host-bridge-not-allowed
      8086:09a2      | 4.19    | not-supported    | kernel-too-old
    `),
  )("%s on %s is %s: %s", (id = "", release = "", mapType, reason) => {
    const verdict = between(id, release);
    expect(verdict).toMatchObject({ mapType, reason });
    const why = release === "?" ? "no uname" : expect.stringContaining(`Linux ${release} were not checked`);
    expect(verdict.hidden).toEqual(mapType === "unknown" ? [why] : []);
  });
});

test("A pair's history names the releases that agree, oldest first, up to the newest that was read", () => {
  const machine = machineOf([
    hostBridge("00:00.0", "8086:2030"),
    bridge("00:01.0", "root-port", 1),
    bridge("00:02.0", "root-port", 2),
    endpoint("01:00.0"),
    endpoint("02:00.0"),
  ]);
  const told = (provider: string, client: string): string[] =>
    verdictHistory(machine, at(provider), at(client)).map(
      ({ from, to, verdict }) => `${from} to ${to}: ${verdict.reason}`,
    );
  expect(told("01:00.0", "02:00.0")).toEqual([
    "4.20 to 4.20: no-common-upstream-bridge",
    "5.0 to 5.4: host-bridge-not-allowed",
    "5.5 to 5.7: kernel-hidden",
    "5.8 to 7.3: host-bridge-allowed",
  ]);
  expect(told("01:00.0", "01:00.0")).toEqual(["4.20 to 7.3: same-function"]);
});
