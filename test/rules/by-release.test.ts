import { describe, expect, test } from "vitest";
import {
  allReleases,
  isThroughSupported,
  maintainedPart,
  mergeOutcomes,
  OLDEST_MAINTAINED,
} from "../../src/rules/by-release.ts";
import type { HostBridgeOutcome } from "../../src/rules/host-bridge.ts";
import type { RulesChoice } from "../../src/rules/kernels/choose-rules.ts";
import type { KernelRules } from "../../src/rules/kernels/kernel-rules.ts";
import { mapTypeName, NOT_SUPPORTED, THRU_HOST_BRIDGE, UNKNOWN } from "../../src/rules/map-type.ts";
import { rows } from "../rows.ts";

const RELEASES = ["4.20", "5.4", "5.10", "5.17", "6.1", "7.3"];

/** Letters for what each of {@link RELEASES} decides: `y`es, `n`o, `?` by the CPU, `b` by the host bridge. */
const OUTCOMES: Readonly<Record<string, HostBridgeOutcome>> = {
  y: { mapType: THRU_HOST_BRIDGE, reason: "host-bridge-allowed", hidden: [] },
  n: { mapType: NOT_SUPPORTED, reason: "host-bridge-not-allowed", hidden: [] },
  "?": { mapType: UNKNOWN, reason: "cpu-hidden", hidden: ["no lscpu"], otherwise: NOT_SUPPORTED },
  b: { mapType: UNKNOWN, reason: "host-bridge-hidden", hidden: ["no first device"] },
};

function choice(chosenBy: RulesChoice["chosenBy"], releases = RELEASES): RulesChoice {
  const candidates = releases.map((release) => ({ release, allowListUnread: false }) as KernelRules);
  return {
    release: chosenBy === "nothing" ? null : "6.0",
    asked: null,
    vendor: null,
    chosenBy,
    candidates,
    hidden: "no uname",
  };
}

function merged(letters: string, chosenBy: RulesChoice["chosenBy"] = "nothing") {
  return mergeOutcomes(
    [...letters].map((letter) => OUTCOMES[letter] as HostBridgeOutcome),
    choice(chosenBy, RELEASES.slice(RELEASES.length - letters.length)),
  );
}

describe("What all releases decide where the source names none", () => {
  test.each(
    rows(`
      // by 4.20, 5.4, 5.10, 5.17, 6.1, 7.3 | map type         | from  | to    | hidden
      yyyyyy                                | thru-host-bridge | 4.20  | -     |
      nnnnnn                                | not-supported    | 4.20  | 7.3   |
      nnyyyy                                | thru-host-bridge | 5.10  | -     |
      nyyyyy                                | thru-host-bridge | 5.10  | -     |
      yynnnn                                | not-supported    | 5.10  | 7.3   |
      nnnyyy                                | unknown          | -     | -     | no uname      // 5.10 differs
      nnnnyy                                | unknown          | -     | -     | no uname
      nnynyy                                | unknown          | -     | -     | no uname
      nn????                                | unknown          | -     | -     | no lscpu      // by the CPU, whatever the release is
      nn??yy                                | unknown          | -     | -     | no uname, no lscpu
      bb??yy                                | unknown          | -     | -     | no uname, no lscpu            // nor does it of those that decide
      nn?yyy                                | unknown          | -     | -     | no uname, no lscpu            // 5.10 is reckoned with
      bbyyyy                                | thru-host-bridge | 5.10  | -     |               // what is hidden of older ones does not matter
    `),
  )("%s: %s", (letters = "", mapType, from, to, hidden) => {
    const outcome = merged(letters);
    expect(mapTypeName(outcome.mapType)).toBe(mapType);
    expect(outcome.releases?.from ?? "-").toBe(from);
    expect(outcome.releases?.to ?? "-").toBe(to);
    expect(outcome.hidden.join(", ")).toBe(hidden);
    if (hidden?.startsWith("no uname") === true) expect(outcome.reason).toBe("kernel-hidden");
  });

  test("neighbours that agree stand as one, oldest first, and a refusal ends where reading ended", () => {
    expect(merged("nnnyyy").byRelease).toMatchObject([
      { releases: { from: "4.20", to: "5.10" }, of: "kernel", mapType: "not-supported" },
      { releases: { from: "5.17", to: null }, of: "kernel", mapType: "thru-host-bridge" },
    ]);
    expect(merged("nnnn??").byRelease.at(-1)).toMatchObject({
      releases: { from: "6.1", to: null },
      mapType: "unknown",
      otherwise: "not-supported",
    });
  });
});

describe("What several rules decide of a kernel that is named", () => {
  test("is claimed for it, where they agree", () => {
    const outcome = merged("yy", "kernel");
    expect(outcome).toMatchObject({ mapType: THRU_HOST_BRIDGE, byRelease: [{ releases: null }] });
    expect(outcome.releases).toBeUndefined();
  });

  test("is unknown where they differ, with what each says", () => {
    expect(merged("ny", "kernel")).toMatchObject({
      mapType: UNKNOWN,
      reason: "kernel-hidden",
      hidden: ["no uname"],
      byRelease: [
        { releases: { from: "6.1", to: "6.1" }, of: "rules", mapType: "not-supported" },
        { releases: { from: "7.3", to: "7.3" }, of: "rules", mapType: "thru-host-bridge" },
      ],
    });
  });

  test("none at all is a kernel without P2PDMA", () => {
    expect(merged("", "kernel")).toMatchObject({ mapType: NOT_SUPPORTED, reason: "kernel-too-old" });
  });
});

describe("Releases", () => {
  test("are all with P2PDMA where the source names no kernel, and none are claimed where it names one", () => {
    expect(allReleases(choice("nothing"))).toEqual({ from: "4.20", to: null });
    expect(allReleases(choice("kernel"))).toBeUndefined();
    expect(allReleases(choice("nothing", []))).toBeUndefined();
  });

  test("that are reckoned with start at the oldest series that kernel.org maintains", () => {
    expect(OLDEST_MAINTAINED).toBe("5.10");
  });

  test.each(
    rows(`
      // from | to   | part
      4.20    | -    | 5.10 -
      4.20    | 5.9  | none
      4.20    | 5.10 | 5.10 5.10
      4.20    | 6.1  | 5.10 6.1
      5.9     | -    | 5.10 -
      5.10    | 5.10 | 5.10 5.10
      5.10    | -    | 5.10 -
      5.11    | 6.1  | 5.11 6.1
      6.1     | -    | 6.1 -
    `),
  )("from %s to %s: %s", (from = "", to = "", part) => {
    const found = maintainedPart({ from, to: to === "-" ? null : to });
    expect(found === undefined ? "none" : `${found.from} ${found.to ?? "-"}`).toBe(part);
  });

  test.each<[name: string, releases: string[], ends: (string | null)[]]>([
    ["end where the next series begins", ["6.1", "6.12"], ["6.1", null]],
    ["end before the patch level that changed their series", ["6.12", "6.12.23"], ["6.12.22", null]],
    ["end there between two patch levels, too", ["7.1.1", "7.1.3"], ["7.1.2", null]],
    ["of another series with the same patch level do not", ["6.12.5", "6.13.23"], ["6.12.5", null]],
  ])("%s", (_, releases, ends) => {
    const outcomes = releases.map((__, index) => OUTCOMES[index % 2 === 0 ? "n" : "y"] as HostBridgeOutcome);
    const { byRelease } = mergeOutcomes(outcomes, choice("nothing", releases));
    expect(byRelease.map((one) => one.releases?.to ?? null)).toEqual(ends);
  });

  test("whose lists were not read have no outcome of their own", () => {
    const { candidates, ...rest } = choice("kernel", ["7.3", "7.4"]);
    const unread = candidates.map((rules, index) => ({ ...rules, allowListUnread: index === 1 }));
    const outcomes = ["n", "?"].map((letter) => OUTCOMES[letter] as HostBridgeOutcome);
    expect(mergeOutcomes(outcomes, { ...rest, candidates: unread as typeof candidates })).toEqual({
      mapType: UNKNOWN,
      reason: "kernel-hidden",
      hidden: ["no uname", "no lscpu"],
      byRelease: [],
    });
  });
});

test("a kernel without P2PDMA has no outcome of any release", () => {
  expect(mergeOutcomes([], choice("kernel", []))).toEqual({
    mapType: NOT_SUPPORTED,
    reason: "kernel-too-old",
    hidden: [],
    byRelease: [],
  });
});

test("a way works, does not, or is not known", () => {
  expect(["y", "n", "?"].map((letter) => isThroughSupported(OUTCOMES[letter] as HostBridgeOutcome))).toEqual([
    true,
    false,
    null,
  ]);
});

describe("Neighbours are told apart", () => {
  const others: Readonly<Record<string, HostBridgeOutcome>> = {
    ...OUTCOMES,
    // The same word for other reasons.
    Y: { mapType: THRU_HOST_BRIDGE, reason: "cpu-allowed", hidden: [] },
    "!": { mapType: UNKNOWN, reason: "cpu-hidden", hidden: [] },
  };
  test.each([
    ["yY", 1],
    ["??", 1],
    ["?b", 2],
    ["!b", 2], // the reason differs
    ["?!", 2], // what else holds differs
    ["yn", 2],
  ])("%s are %i", (letters, count) => {
    const outcomes = [...letters].map((letter) => others[letter] as HostBridgeOutcome);
    const { byRelease } = mergeOutcomes(outcomes, choice("nothing", ["6.1", "7.3"]));
    expect(byRelease).toHaveLength(count);
    expect(byRelease.at(-1)?.reason).toBe(outcomes.at(-1)?.reason);
  });
});
