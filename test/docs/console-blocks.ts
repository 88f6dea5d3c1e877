import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PROGRAM } from "../program.ts";

const root = join(import.meta.dirname, "../..");

/**
 * Replaces what stands below each `$ …` in a console block by what the shell prints there, with the built program behind
 * `npx peerlane`; and what stands below a program of the library's, a `js` block with a `text` block behind it. An exit code other than 0 is shown as `echo $?` would show it, where the block asks for that.
 */
export function withRealOutput(markdown: string): string {
  return withPrograms(markdown).replaceAll(/(```console\n)([\s\S]*?)```/g, (_, head: string, body: string) => {
    const commands = body.split("\n").filter((line) => line.startsWith("$ "));
    return `${head}${commands.map((line) => `${line}\n${outputOf(line.slice(2))}`).join("")}\`\`\``;
  });
}

/** Whether {@link withRealOutput} would run something of a page. */
export function hasOutput(markdown: string): boolean {
  return markdown.includes("```console\n") || LIBRARY_PROGRAM.test(markdown);
}

/** A program of the library's with what it prints below it. */
const LIBRARY_PROGRAM = /```js\n([\s\S]*?)```\n\n```text\n[\s\S]*?```/;

function withPrograms(markdown: string): string {
  return markdown.replaceAll(new RegExp(LIBRARY_PROGRAM, "g"), (_, program: string) => {
    const words = ["--input-type=module", "--eval", program];
    const { stdout, stderr, status } = spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });
    if (status !== 0) throw new Error(`${program}\nended with ${status}\n${stderr}`);
    return `\`\`\`js\n${program}\`\`\`\n\n\`\`\`text\n${stdout}\`\`\``;
  });
}

function outputOf(command: string): string {
  const program = PROGRAM.map((word) => `'${word}'`).join(" ");
  const { stdout } = spawnSync("bash", ["-c", command.replaceAll("npx peerlane", program)], {
    cwd: root,
    encoding: "utf8",
    // The same on every machine that makes the pages.
    env: { ...process.env, NO_COLOR: "1", COLUMNS: "100" },
  });
  return stdout;
}
