import { describe, expect, test } from "vitest";
import { askWhatIf, type WhatIfRequest } from "../../../src/advice/what-if/what-if.ts";
import { checkPolicy } from "../../../src/policy/check-policy.ts";
import { parsePolicy } from "../../../src/policy/parse-policy.ts";
import { checkJson } from "../../../src/report/check/json.ts";
import { checkMarkdown } from "../../../src/report/check/markdown.ts";
import { checkText } from "../../../src/report/check/text.ts";
import { outputJsonSchema } from "../../../src/report/schemas.ts";
import { FIVE_MACHINES, machineOf } from "../five-machines.ts";

const policy = parsePolicy(
  `policy: what a change turns
require:
  - { name: "GPUs reach NICs below a switch", provider: gpu0, client: mlx5_0, path: direct }
  - { name: "GPUs reach NICs", provider: gpu, client: nic }
forbid:
  - { name: "gpu0 and gpu1 stay apart", provider: gpu0, client: gpu1, path: direct }
`,
  "turned.yaml",
);
const machine = machineOf(FIVE_MACHINES["a server with eight GPUs"]);

function checked(asked: WhatIfRequest) {
  const { before, after } = askWhatIf(machine, asked);
  const [result, asIs] = [checkPolicy(after, policy), checkPolicy(before, policy)];
  return { result, asIs, screen: checkText(result, { width: 200, color: false }, asIs).split("\n") };
}

describe("check with a what-if says which rules the change turns", () => {
  test("each with what it was and is", () => {
    const { result, asIs, screen } = checked({ append: "pci=disable_acs_redir=pci:1000:c030" });
    const sentence =
      "the change turns 2 rules: ✗ fail → ✓ pass: GPUs reach NICs below a switch; ✓ pass → ✗ fail: gpu0 and gpu1 stay apart";
    expect(screen).toContain("✓ GPUs reach NICs below a switch  * ✗ fail → ✓ pass");
    expect(screen.at(-2)).toBe(sentence);
    expect(checkMarkdown(result, asIs)).toContain(sentence);
    expect(checkJson(result, asIs).turned).toEqual([
      { rule: result.results[0]?.rule.id, before: "fail", after: "pass" },
      { rule: result.results[2]?.rule.id, before: "pass", after: "fail" },
    ]);
  });

  test("or that it turns none", () => {
    const { result, asIs, screen } = checked({ append: "quiet" });
    expect(screen.at(-2)).toBe("the change turns no rule");
    expect(checkJson(result, asIs).turned).toEqual([]);
  });

  test("and nothing of it where nothing is asked", () => {
    const result = checkPolicy(machine, policy);
    expect(checkText(result, { width: 200, color: false })).not.toContain("the change");
    expect(checkJson(result)).not.toHaveProperty("turned");
    expect(JSON.stringify(outputJsonSchema("check"))).toContain('"turned"');
  });
});
