import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Replaces what stands below each `$ npx peerlane …` in a console block by what the built program prints. */
export function withRealOutput(markdown: string): string {
  return markdown.replaceAll(
    /(```console\n\$ npx peerlane ([^\n]*)\n)[\s\S]*?```/g,
    (_, head: string, line: string) => {
      const { stdout } = spawnSync(process.execPath, [join(root, "dist/cli.mjs"), ...line.split(" ")], {
        cwd: root,
        encoding: "utf8",
      });
      return `${head}${stdout}\`\`\``;
    },
  );
}
