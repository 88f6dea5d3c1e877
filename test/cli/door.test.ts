import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { guestText } from "../../src/cli/print.ts";
import { shownShellWord } from "../../src/pci/shell-word.ts";
import { visible } from "../../src/pci/visible.ts";
import { workbench } from "./shell.ts";

const bench = workbench();

const root = join(import.meta.dirname, "../../src");
const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

/** Files that hold a pattern, comments left out. */
function filesWith(pattern: RegExp): readonly string[] {
  return sources
    .filter(({ text }) => pattern.test(text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")))
    .map(({ file }) => file)
    .sort();
}

describe("One door", () => {
  test("prints: nothing else writes to the standard streams", () => {
    expect(
      filesWith(
        /(?:\b(?:stdout|stderr|process\[\w+\])|Output\(\))\s*\.\s*(?:write|end|cork)\b|\.pipe\(process|\bconsole\s*\.\s*(?:log|info|warn|error|debug|dir|table|trace|group)\b/,
      ),
    ).toEqual(["cli/print.ts"]);
    expect(filesWith(/\bwriteSync\(\s*[12]\b|"inherit"/)).toEqual(["cli/print.ts", "vm/guest/build-probe.ts"]);
    // Asks on standard error, with a question that is made visible.
    expect(filesWith(/\bcreateInterface\b/)).toEqual(["cli/confirm.ts"]);
  });

  test("is given what writers of formats made, and nobody else says that a text is printable", () => {
    expect(filesWith(/\bas Printable\b/)).toEqual([
      "cli/program.ts",
      "cli/verbs/collect.ts",
      "cli/verbs/completion.ts",
      "drawing/dot.ts",
      "drawing/svg.ts",
      "host/rdma-topo/write-dump.ts",
      "host/snapshot/write-snapshot.ts",
      "live/bench/fio-job.ts",
      "pci/visible.ts",
      "policy/write-policy.ts",
      "report/check/junit.ts",
      "report/csv.ts",
      "report/document-markdown.ts",
      "report/lab/letters-page.ts",
      "report/lab/page.ts",
      "report/live/bench/plot.ts",
      "report/machine-report.ts",
      "report/printable.ts",
      "server/page.ts",
    ]);
  });

  test("writes JSON in one way: what is stringified elsewhere is not printed", () => {
    expect(filesWith(/\bJSON\.stringify\(/)).toEqual([
      "advice/difference/match-devices.ts",
      "advice/fix/search.ts",
      "advice/fix/slots.ts",
      "compare/compare.ts",
      "compare/match-devices.ts",
      "fleet/fingerprint.ts",
      "fleet/journal.ts",
      "fleet/read-fleet.ts",
      "fleet/snapshot-lines.ts",
      "host/lspci/record-ends.ts",
      "library/kinds.ts",
      "live/copy/journal-place.ts",
      "live/copy/journal.ts",
      "live/probe/rescue-format.ts",
      "pci/visible.ts",
      "pci/wrong-argument.ts",
      "platforms/who-asks.ts",
      "policy/judge-pair.ts",
      "report/difference-lines.ts",
      "report/matrix-grid.ts",
      "report/nearest.ts",
      "rules/kernel-parameters.ts",
      "rules/kernels/kernel-rules.ts",
      "vm/boot.ts",
    ]);
  });

  test("has the colours: nothing else makes an escape sequence", () => {
    // What reads results takes them off.
    expect(filesWith(/\\u001b|\\x1b|\\u009b|\\x9b/i)).toEqual(["cli/print.ts", "report/style.ts", "results/lines.ts"]);
  });

  test("opens files for writing in one way: beside and renamed, but for what has its own rules", () => {
    expect(filesWith(/\b(?:writeFileSync|writeFile|appendFile\w*|createWriteStream)\b/)).toEqual([
      "vm/debian-packages.ts",
      "vm/fresh-disk.ts",
      "vm/guest/build-probe.ts",
    ]);
  });
});

describe("What a guest's command prints on a terminal", () => {
  test.each([
    ["lines, tabs and colours", "a\tb\r\n\u001b[1;31mred\u001b[0m\n", "a\tb\r\n\u001b[1;31mred\u001b[0m\n"],
    ["no movement of the cursor", "a\u001b[2Jb\u001b[H", "a\\x1b[2Jb\\x1b[H"],
    ["no title of the window", "\u001b]0;x\u0007", "\\x1b]0;x\\x07"],
    ["no one-byte controls", "\u009b2J\b\r!", "\\x9b2J\\x08\\r!"],
    ["no order of its own", "\u202ex", "\\u202ex"],
  ])("has %s", (_, text, shown) => {
    expect(guestText(text)).toBe(shown);
  });
});

/** A carriage return, which the door prints only of itself. */
const CLEAN = /^(?:[^\p{Cc}\p{Cf}]|\n)*$/u;

describe.concurrent("Errors show what was given and obey none of it:", () => {
  const { run, write } = bench;
  write("évil\u001b[2J\u009b\n\u202e.yaml", 'hostBridges:\n  - below:\n      - "nvmee\\u001b[2J\\nFORGED"\n');
  write("evil.xml", '<system version="1"><pci busid="\u009b2J\u202e&#10;FORGED" class="x"/></system>');
  write("evil.json", '{"schema":"peerlane.snapshot/1","\u009b2J\u202e\\nFORGED":1}');
  write("policy.yaml", 'require:\n  - provider: "\u202e\\u009b\\nFORGED"\n    client: nic\n');

  test.for([
    ["a name of a file", "peerlane $'no\\e[2J\\u202e\\nFORGED'"],
    ["a name of a file that is a scenario", "peerlane *vil*.yaml"],
    ["a name of a file to write", "peerlane report $MIXED -o $'none\\e[2J\\u009b\\nFORGED/x'"],
    ["an option", "peerlane matrix $MIXED --wid$'\\e[2J\\u009b\\nFORGED'"],
    ["a value of an option", "peerlane matrix $MIXED --width $'\\e[2J\\u009b\\nFORGED'"],
    ["a device", "peerlane explain $'\\e[2J\\u009b\\nFORGED' nvme0 $MIXED"],
    ["a change", "peerlane matrix $MIXED --set $'\\e[2J\\u009b\\nFORGED'"],
    ["a kernel", "peerlane matrix $MIXED --kernel $'\\e[2J\\u009b\\nFORGED'"],
    ["parameters", "peerlane matrix $MIXED --append $'\\e[2J\\u009b\\nFORGED'"],
    ["a word of XML", "peerlane matrix evil.xml"],
    ["a key of JSON", "peerlane matrix evil.json"],
    ["a device of a policy", "peerlane check policy.yaml $MIXED"],
    ["all of it, with --debug", "peerlane explain $'\\e[2J\\u009b\\nFORGED' nvme0 $MIXED --debug"],
    ["a verb", "peerlane $'matirx\\e\\n'"],
    ["a file for a guest", "peerlane vm $SCENARIO --kernel-image $'x\\e[2J\\nFORGED' --busybox y"],
  ] as const)("%s", async ([, line]) => {
    const { out, err } = await run(line);
    expect(out + err).toMatch(CLEAN);
    expect(out + err).not.toMatch(/^\s*FORGED/m);
    expect(err + out).not.toBe("");
  });
});

test.concurrent.each(["a b", "it's", "\u001b[2J\n\t'\\", "é\u202e\u009b", "$HOME`id`"])(
  "a word of a command that is shown is itself in a shell: %j",
  async (word) => {
    expect(visible(shownShellWord(word))).toBe(shownShellWord(word));
    expect((await bench.run(`printf %s ${shownShellWord(word)}`)).out).toBe(word);
  },
);
