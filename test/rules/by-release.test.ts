import { describe, expect, test } from "vitest";
import { mergeOutcomes } from "../../src/rules/by-release.ts";
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
      bbyyyy                                | thru-host-bridge | 5.10  | -     |               // what is hidden of older ones does not matter
    `),
  )("%s: %s", (letters = "", mapType, from, to, hidden) => {
    const outcome = merged(letters);
    expect(mapTypeName(outcome.mapType)).toBe(mapType);
    expect(outcome.releases?.from ?? "-").toBe(from);
    expect(outcome.releases?.to ?? "-").toBe(to);
    expect(outcome.hidden.join(", ")).toBe(hidden);
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
