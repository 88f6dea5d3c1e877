import { describe, expect, test } from "vitest";
import { verdictHistory } from "../../../src/advice/history.ts";
import type { PeerlaneError } from "../../../src/pci/error.ts";
import { unknown } from "../../../src/pci/known.ts";
import { chooseRules, isOwnRow, newestRead, RELEASES, rowsOf } from "../../../src/rules/kernels/choose-rules.ts";
import { releaseOfOurs } from "../../../src/rules/kernels/kernel-release.ts";
import { KERNEL_RULES } from "../../../src/rules/kernels/mainline.ts";
import { decide } from "../../../src/rules/verdict-table.ts";
import { rows } from "../../rows.ts";
import { at, bridge, endpoint, hostBridge, linux, machineOf } from "../by-hand.ts";

const ALL = KERNEL_RULES.map(({ release }) => release).join(" ");

/** Releases, and the rules that a kernel of that release may have. */
const BOUNDARIES = rows(`
  // uname -r           | series | rules
  2.6.32-754.el6.x86_64 | 2.6    |
  3.10.0-1160.el7       | 3.10   |
  4.15.0-213-generic    | 4.15   |
  4.19.316              | 4.19   |
  4.20                  | 4.20   | 4.20
  4.21                  | 4.21   | 4.20     // never was
  5.0.21                | 5.0    | 5.0
  5.3.18                | 5.3    | 5.3
  5.4.0-190-generic     | 5.4    | 5.4
  5.7.19                | 5.7    | 5.7
  5.9.16                | 5.9    | 5.9
  5.10.223              | 5.10   | 5.10
  5.15.0-118-generic    | 5.15   | 5.15
  5.17                  | 5.17   | 5.17
  5.19.17               | 5.19   | 5.19
  6.0.19                | 6.0    | 6.0
  6.1.0-25-amd64        | 6.1    | 6.1
  6.8.12                | 6.8    | 6.8
  6.12                  | 6.12   | 6.12     // 6.12.23 decides all pairs alike
  6.12.22               | 6.12   | 6.12
  6.12.107+deb12-amd64  | 6.12   | 6.12.23
  6.19.3                | 6.19   | 6.19
  7.0.0-rc7             | 7.0    | 7.0
  7.1                   | 7.1    | 7.1 7.1.3
  7.1.0                 | 7.1    | 7.1
  7.1.0-9-generic       | 7.1    | 7.1 7.1.3 7.3   // a vendor's 0 says nothing of the patch level, and 7.3's list may be carried back
  7.1.2                 | 7.1    | 7.1
  7.1.3-rc1             | 7.1    | 7.1.3
  7.1.20                | 7.1    | 7.1.3
  7.2.13+deb13-amd64    | 7.2    | 7.2
  7.3.4                 | 7.3    | 7.3
  7.4                   | 7.4    | 7.3 7.4
  7.19                  | 7.19   | 7.3 7.19
  8.0                   | 8.0    | 7.3 8.0
  12.100                | 12.100 | 7.3 12.100
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

  test("says why there are several rules, and nothing where there is one", () => {
    const hidden = (release: string): string => chooseRules({ ...bare, kernel: linux(release) }).hidden;
    expect(hidden("7.1")).toBe(
      "Linux 7.1 changed with 7.1.3, and the release '7.1' does not say on which side of it the kernel is; give --kernel with the patch level",
    );
    expect(hidden("7.4")).toBe(
      "not on the allow-list of Linux 7.3, the newest read, and that of Linux 7.4 may have more",
    );
    expect(hidden("4.19")).toBe("Linux 4.19 has no P2PDMA: it came with 4.20");
    expect([hidden("4.20"), hidden("6.12"), hidden("7.1.2"), hidden("7.3")]).toEqual(["", "", "", ""]);
  });
});

describe("The rows that a release string leaves possible for ACS at boot", () => {
  const releases = (text: string): string =>
    rowsOf(releaseOfOurs(text))
      .bootRows.map(({ release }) => release)
      .join(" ");

  test.each(
    rows(`
      // uname -r          | rows
      6.12                 | 6.12 6.12.23
      6.12.22              | 6.12
      6.12.23              | 6.12.23
      6.13.10              | 6.13
      6.13.11              | 6.13.11
      6.14.1               | 6.14
      6.14.2               | 6.14.2
      6.14.0-15-generic    | 6.14 6.14.2   // before Ubuntu took over 6.14.4
      6.14.0-17-generic    | 6.14.2
      6.14.0-37-generic    | 6.14.2
      6.14.0-37-lowlatency | 6.14 6.14.2   // nobody said that of it
      6.11.11              | 6.11
      4.19                 |
    `),
  )("%s: %s", (text = "", expected) => {
    expect(releases(text)).toBe(expected);
  });

  test.each(["4.20.1.mshv1-1.azl3", "6.6.9.mshv1-1.azl3", "7.3.4.mshv1-1.azl3"])(
    "are all of a vendor of whom nothing was read, in its newest release too: %s",
    (text) => {
      expect(rowsOf(releaseOfOurs(text)).bootRows).toEqual(KERNEL_RULES);
    },
  );

  test("are of a vendor where its release string says so", () => {
    expect(rowsOf(releaseOfOurs("6.14.0-37-generic")).vendor?.name).toBe("Ubuntu");
    expect(rowsOf(releaseOfOurs("6.14.2")).vendor).toBeNull();
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
    6.13       | -
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

describe("A release after the newest that was read", () => {
  test.each(
    rows(`
      // host bridge | map type
      8086:09a2      | thru-host-bridge   // what the list has, it keeps
      10de:2f98      | thru-host-bridge
      8086:6f00      | unknown            // queued after 7.3
      1d17:1008      | unknown
    `),
  )("leaves %s %s", (id = "", mapType) => {
    const verdict = between(id, "7.4.1");
    expect(verdict.mapType).toBe(mapType);
    expect(verdict.hidden).toEqual(
      mapType === "unknown"
        ? ["not on the allow-list of Linux 7.3, the newest read, and that of Linux 7.4 may have more"]
        : [],
    );
  });
});

describe("The rows of a release after the newest that was read", () => {
  const { rows: found, bootRows } = rowsOf(releaseOfOurs("7.5"));
  test("are those of the newest, and the same with a list that nobody read", () => {
    expect(found.map(({ release, checkedAt, allowListUnread }) => [release, checkedAt, allowListUnread])).toEqual([
      ["7.3", KERNEL_RULES.at(-1)?.checkedAt, false],
      ["7.5", "not read", true],
    ]);
    expect(bootRows.map(({ release }) => release)).toEqual(["7.3"]);
  });

  test("are named by the newest that was read, which others are not", () => {
    const choice = (release: string): ReturnType<typeof chooseRules> =>
      chooseRules({ ...bare, kernel: linux(release) });
    expect(newestRead(choice("7.5"))).toBe("7.3");
    expect(newestRead(choice("7.3"))).toBeNull();
    expect(newestRead(choice("4.19"))).toBeNull();
    const [read, unread] = choice("7.5").candidates;
    expect(newestRead({ ...choice("7.5"), candidates: unread === undefined ? [] : [unread] })).toBeNull();
    expect(newestRead({ ...choice("7.5"), candidates: read === undefined ? [] : [read] })).toBeNull();
  });
});

describe("A row", () => {
  test("is a vendor's own where it is none of kernel.org's, and was read", () => {
    const [el] = rowsOf(releaseOfOurs("5.14.0-427.el9")).rows;
    expect(isOwnRow(el)).toBe(true);
    expect(isOwnRow(KERNEL_RULES[0])).toBe(false);
    expect(isOwnRow(undefined)).toBe(false);
    expect(rowsOf(releaseOfOurs("7.5")).rows.map(isOwnRow)).toEqual([false, false]);
  });

  test("is of one of the releases, each named once", () => {
    expect(RELEASES[0]).toBe("4.20");
    expect(RELEASES.at(-1)).toBe("7.3");
    expect(RELEASES.filter((release) => release === "7.1")).toHaveLength(1);
    expect(RELEASES).toHaveLength(new Set(KERNEL_RULES.map(({ release }) => release.split(".", 2).join("."))).size);
  });
});

describe("A vendor's kernel of which nothing was read", () => {
  test.each([
    // The first series with P2PDMA, the one before it, the newest that was read, and one after it.
    ["4.20.0-1-azure", "4.20", "7.3"],
    ["4.19.0-1-azure", undefined, undefined],
    ["7.3.0-1-azure", "7.3", "7.3"],
    ["7.4.0-1-azure", "7.3", "7.4"],
  ])("%s may have the rules from %s to %s", (text, first, last) => {
    const { rows: found } = rowsOf(releaseOfOurs(text));
    expect([found[0]?.release, found.at(-1)?.release]).toEqual([first, last]);
  });
});

test("A series that changed several times says with which, for a kernel that does not say its patch level", () => {
  expect(rowsOf(releaseOfOurs("7.1")).hidden).toBe(
    "Linux 7.1 changed with 7.1.3, and the release '7.1' does not say on which side of it the kernel is; give --kernel with the patch level",
  );
});

describe("Every release has the rules of its own", () => {
  test.each(
    rows(`
      // host bridge | release | map type         | reason
      8086:2030      | 5.5     | not-supported    | host-bridge-not-allowed
      8086:2030      | 5.6     | thru-host-bridge | host-bridge-allowed
      8086:2031      | 5.6     | not-supported    | host-bridge-not-allowed
      8086:3c00      | 5.3     | not-supported    | host-bridge-not-allowed
      1022:1450      | 5.9     | not-supported    | host-bridge-not-allowed // the CPU counts, and it is Intel here
      8086:09a2      | 5.17    | not-supported    | host-bridge-not-allowed
      8086:09a2      | 5.18    | thru-host-bridge | host-bridge-allowed
      8086:0b25      | 7.1.2   | not-supported    | host-bridge-not-allowed
      8086:0b25      | 7.1.3   | thru-host-bridge | host-bridge-allowed
      8086:3c00      | ?       | thru-host-bridge | host-bridge-allowed     // from before 5.10 on
      8086:29c0      | ?       | not-supported    | host-bridge-not-allowed
      8086:09a2      | 4.19    | not-supported    | kernel-too-old
    `),
  )("%s on %s is %s: %s", (id = "", release = "", mapType, reason) => {
    expect(between(id, release)).toMatchObject({ mapType, reason, hidden: [] });
  });

  test("is open where a series changed within itself and the source does not say the patch level", () => {
    expect(between("8086:0b25", "7.1")).toMatchObject({ mapType: "unknown", reason: "kernel-hidden" });
    expect(between("8086:09a2", "?")).toMatchObject({ mapType: "unknown", hidden: ["no uname"] });
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
    "4.20 to 5.1: no-common-upstream-bridge",
    "5.2 to 5.5: host-bridge-not-allowed",
    "5.6 to 7.3: host-bridge-allowed",
  ]);
  expect(told("01:00.0", "01:00.0")).toEqual(["4.20 to 7.3: same-function"]);
});

test("A history tells releases apart that return another distance for the same way", () => {
  const machine = machineOf([
    hostBridge("00:00.0", "1022:1450"),
    bridge("00:01.0", "root-port", 1),
    bridge("00:02.0", "root-port", 2),
    endpoint("01:00.0"),
    endpoint("02:00.0"),
  ]);
  const entries = verdictHistory(machine, at("01:00.0"), at("02:00.0"));
  expect(entries.map(({ from, to, verdict }) => `${from} to ${to}: ${verdict.distance}`)).toEqual([
    "4.20 to 5.1: -1",
    "5.2 to 5.3: 4100",
    "5.4 to 5.8: 4",
    "5.9 to 7.3: -1",
  ]);
});
