import { expect, test } from "vitest";
import { NOT_DIRECT, type Reason } from "../../src/rules/verdict.ts";
import { rows } from "../rows.ts";

test.each(
  rows(`
    // why a verdict is unknown | may the path be direct
    acs-hidden                  | yes
    topology-hidden             | yes
    host-bridge-hidden          | no
    cpu-hidden                  | no
    kernel-hidden               | no
  `),
)("%s: a direct path is open: %s", (reason, mayBe) => {
  expect(NOT_DIRECT.has(reason as Reason)).toBe(mayBe === "no");
});
