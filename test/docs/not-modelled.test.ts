import { join } from "node:path";
import { expect, test } from "vitest";
import { notModelledPage } from "./model-marks.ts";

test("the page of what is not modelled has every mark of the source (npx vitest run test/docs -u)", async () => {
  const page = join(import.meta.dirname, "../../docs/not-modelled.md");
  await expect(notModelledPage()).toMatchFileSnapshot(page);
});
