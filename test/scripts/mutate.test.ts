import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** How each change of a file ends, made one after the other by the mutation run with these tests. */
function endsOf(file: string, changes: readonly (readonly [was: string, became: string])[], tests: string): string[] {
  const text = readFileSync(file, "utf8");
  const replacements = changes.map(([was, became]) => {
    const start = text.indexOf(was);
    if (start < 0) throw new Error(`${file} does not hold ${was}`);
    return { file, line: 1, kind: "by hand", start, was, became };
  });
  const script = `
    const { tryReplacements } = await import("./scripts/mutate/replacements.ts");
    const tried = await tryReplacements(${JSON.stringify(replacements)});
    process.stdout.write("ends: " + tried.map(({ end }) => end).join(" ") + "\\n");
    process.exit(0);`;
  const printed = execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: { ...process.env, MUTATE_TESTS: tests },
  });
  return /^ends: (.*)$/m.exec(printed)?.[1]?.split(" ") ?? [];
}

test("A change that another file of tests noticed than the mirror's leaves no trace in the next one", () => {
  const ends = endsOf(
    "src/rules/kernels/vendors.ts",
    [
      ["CachyOS/linux-cachyos", "CachyOS/linux"],
      ["/xen/i", "/xe(?:n)/i"],
      ["/unraid/i", "/unread/i"],
      ["/xen/i", "/xe(?:n)/i"],
    ],
    "test/rules/kernels/vendors.test.ts test/docs/rules.test.ts",
  );
  expect(ends).toEqual(["killed", "survived", "killed", "survived"]);
});
