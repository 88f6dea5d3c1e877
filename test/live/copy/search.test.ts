import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { BENDS } from "./world/bends.ts";
import { closely, journals, linkedJournal, pairs, usersCopies } from "./world/scenarios.ts";
import { type Findings, problemText, type Scenario, type SearchSettings, search, searchAll } from "./world/search.ts";

const CLEAN: SearchSettings = { depth: 0, allSelectionsOf: 4, withFaults: false, orders: ["first"], bend: null };
const ONCE: SearchSettings = { ...CLEAN, depth: 1, withFaults: true };

/** Work is counted, not time: a busy machine takes its time. */
vi.setConfig({ testTimeout: 600_000 });

beforeAll(() => {
  vi.stubEnv("XDG_STATE_HOME", "/state");
});
afterAll(() => {
  vi.unstubAllEnvs();
});

function expectSound(found: Findings): void {
  expect(found.problems.map(problemText)).toEqual([]);
}

function named(scenarios: readonly Scenario[], name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** Others meddle with one file and one disk, in six ways; `npm run search:copy` has them meddle with more, in ten. */
function lightly(): readonly Scenario[] {
  return closely().map((scenario) => {
    const { target, targetOffset } = scenario.command;
    const isMeddled = ["/data/longer", "/dev/nvme1n1"].includes(target) && targetOffset === 0;
    return { ...scenario, meanwhile: isMeddled ? scenario.meanwhile.slice(0, 6) : [] };
  });
}

describe("In a world of files, disks, partitions, loops and links", () => {
  it("each source is copied to each target where they are apart, and refused where they share bytes or are in use", async () => {
    const all = pairs();
    expectSound(await searchAll(all, CLEAN));
    expect([all.length, all.filter(({ isCopied }) => isCopied).length]).toEqual([537, 317]);
  });

  it("a journal harms nothing, whatever name it is given", async () => {
    expectSound(await searchAll([...(await journals()), await linkedJournal(), ...usersCopies()], CLEAN));
  });
});

describe("A crash or a fault at each call of a copy, and what comes after, do no harm:", () => {
  it.each(lightly().map((scenario) => [scenario.name, scenario] as const))("%s", async (_, scenario) => {
    const found = await search(scenario, ONCE);
    expectSound(found);
    expect(found.states).toBeGreaterThan(40);
    // A range of less than a block has no part to go on from; a source in the target file is another after each write.
    if (scenario.command.length !== 100 && scenario.command.source !== scenario.command.target)
      expect(found.resumed).toBeGreaterThan(0);
  });
});

describe("A fault put in on purpose is found:", () => {
  const alone = closely().map((scenario) => ({ ...scenario, meanwhile: [] }));
  const toDisk = named(alone, "/data/source to /dev/nvme1n1");
  const toNew = named(alone, "/data/source to /data/new");
  it.each([
    ["the target is not synced", toDisk, "it said copied, and the target has other bytes"],
    ["the target is not synced", toNew, "the journal claims"],
    ["the journal is saved before the target is synced", toDisk, "the journal claims"],
    ["the journal is saved before the target is synced", toNew, "the journal claims"],
    ["the folder of the target is not synced", toNew, "there is no target under its name"],
    ["a failed flush is overlooked", toDisk, "it said copied, and the target has other bytes"],
  ] as const)("%s", async (fault, scenario, what) => {
    const { problems } = await search(scenario, {
      ...ONCE,
      withFaults: fault === "a failed flush is overlooked",
      bend: BENDS[fault],
    });
    expect(problems.map(problemText)).toContainEqual(expect.stringContaining(what));
  });

  it("the journal is opened following links", async () => {
    const bend = BENDS["the journal is opened following links"];
    const { problems } = await search(await linkedJournal(), { ...CLEAN, bend });
    expect(problems.map(problemText)).toContainEqual(expect.stringContaining("own-link is gone"));
  });
});
