import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { shellWord } from "../../../src/pci/shell-word.ts";
import { guestFiles } from "../../../src/vm/guest-files.ts";
import { runInGuest } from "../../../src/vm/run-in-guest.ts";

const root = join(import.meta.dirname, "../../..");
const page = join(root, "docs/live.md");
const MARK = "@@ next command @@";
const blocks = /(```console guest\n\$ )([^\n]*)\n([\s\S]*?)```/g;

/** Numbers, their units and the widths that follow from them differ from run to run, and so do the remarks on them. */
function shapeOf(text: string): string {
  return text
    .replaceAll(/^Throughput of peer memory is [\s\S]*?(?=```)/gm, "")
    .replaceAll(/\d+(\.\d+)?( (µs|ms|s|MiB\/s|GiB\/s)\b)?/g, "#")
    .replaceAll(/\s+/g, " ");
}

test("the commands of docs/live.md work in the machine that it names, and print what it shows", async () => {
  const text = readFileSync(page, "utf8");
  const commands = [...text.matchAll(blocks)].map((match) => match[2] ?? "");
  const chunks: Uint8Array[] = [];
  const { exitCode } = await runInGuest(
    parseScenario(readFileSync(join(root, "examples/one-switch.yaml"), "utf8"), "examples/one-switch.yaml"),
    {
      files: await guestFiles(),
      command: commands
        .map((command) => `echo ${shellWord(MARK)}\n${command} 2>&1 || { echo "exit $?"; exit 1; }`)
        .join("\n"),
      onOutput: (_, chunk) => {
        chunks.push(chunk);
      },
    },
  );
  // A piece may end inside of a character.
  const output = Buffer.concat(chunks).toString();
  expect(output).not.toMatch(/^exit \d+$/m);
  expect(exitCode).toBe(0);
  const printed = output
    .split(`${MARK}\n`)
    .slice(1)
    .map((part) => part.replaceAll(/ +$/gm, ""));
  let index = 0;
  const real = text.replaceAll(blocks, (_, head: string, command: string) => {
    return `${head}${command}\n${printed[index++] ?? ""}\`\`\``;
  });
  if (process.env["PEERLANE_UPDATE_PAGE"] === "1") writeFileSync(page, real);
  expect(shapeOf(readFileSync(page, "utf8"))).toBe(shapeOf(real));
});
