import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/**
 * Replaces what stands below each `$ …` in a console block by what the shell prints there, with the built program behind
 * `npx peerlane`. An exit code other than 0 is shown as `echo $?` would show it, where the block asks for that.
 */
export function withRealOutput(markdown: string): string {
  return markdown.replaceAll(/(```console\n)([\s\S]*?)```/g, (_, head: string, body: string) => {
    const commands = body.split("\n").filter((line) => line.startsWith("$ "));
    return `${head}${commands.map((line) => `${line}\n${outputOf(line.slice(2))}`).join("")}\`\`\``;
  });
}

function outputOf(command: string): string {
  const program = `'${process.execPath}' '${join(root, "dist/peerlane.cjs")}'`;
  const { stdout } = spawnSync("bash", ["-c", command.replaceAll("npx peerlane", program)], {
    cwd: root,
    encoding: "utf8",
    // The same on every machine that makes the pages.
    env: { ...process.env, NO_COLOR: "1", COLUMNS: "100" },
  });
  return stdout;
}
