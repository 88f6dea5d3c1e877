import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { outcomeOf } from "../../src/lab/outcome.ts";
import { runOnce } from "../../src/lab/run.ts";
import { parseRunId } from "../../src/lab/run-id.ts";
import type { LabView } from "../../src/report/lab/blocks.ts";
import { wholeLab, withLab, withLetters } from "./lab-page.ts";

const page = join(import.meta.dirname, "../../docs/lab.md");
let view: LabView;

beforeAll(() => {
  view = wholeLab();
});

test("docs/lab.md is what the lab finds (scripts/update-lab-page.ts)", async () => {
  await expect(withLab(readFileSync(page, "utf8"), view)).toMatchFileSnapshot(page);
});

test("docs/letters.md has every sentence with what was found (scripts/update-lab-page.ts)", async () => {
  const letters = join(import.meta.dirname, "../../docs/letters.md");
  await expect(withLetters(readFileSync(letters, "utf8"), view)).toMatchFileSnapshot(letters);
});

describe("in the whole lab", () => {
  test("lists without peers are right by every design on every machine", () => {
    for (const { design, kind, runs } of view.result.cells) {
      for (const { listKind, length, result } of runs) {
        if (listKind === "no-peer") expect(outcomeOf(result), `${design} ${kind} ${length}`).toBe("right");
      }
    }
  });

  test("everything is unmapped again after every run, right or not", () => {
    for (const { design, kind, runs } of view.result.cells) {
      for (const { listKind, length, result } of runs) {
        expect(result.isRestored, `${design} ${kind} ${listKind} ${length}`).toBe(true);
      }
    }
  });

  test("bytes outside of a list are written only where the outcome says wrong address", () => {
    for (const { design, kind, runs } of view.result.cells) {
      for (const { listKind, length, result } of runs) {
        const isSaid = result.write === "wrong-address";
        expect(result.isContained || isSaid, `${design} ${kind} ${listKind} ${length}`).toBe(true);
      }
    }
  });

  test("every counter-example is one segment long, and ends alike when it is replayed on a machine of its own", () => {
    for (const { counterExample } of view.result.cells) {
      if (counterExample === null) continue;
      const plan = parseRunId(counterExample.id);
      expect(plan.segments, counterExample.id).toHaveLength(1);
      const { read, write, refusal, mishap } = counterExample.result;
      expect(runOnce(plan), counterExample.id).toMatchObject({ read, write, refusal, mishap });
    }
  });

  test("every statement is decided", () => {
    for (const { statement, checked } of view.statements) expect(checked, statement.id).not.toBeNull();
  });
});
