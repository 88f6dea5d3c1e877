import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { completers } from "./completers.ts";
import { lacking, workbench } from "./shell.ts";

const bench = workbench();
const shells = completers(bench);

const OF_TREE = [
  ...[
    "--all",
    "--append",
    "--color",
    "--cpu",
    "--debug",
    "--dot",
    "--full-command-line",
    "--full-names",
    "--help",
    "--iommu",
    "--json",
  ],
  ...["--kernel", "--links", "--markdown", "--move", "--root", "--rules", "--set", "--svg", "--width"],
];

beforeAll(async () => {
  bench.write("dump one.txt", "");
  bench.write("dump-two.txt", "");
  mkdirSync(join(bench.folder, "rootfs"));
  mkdirSync(join(bench.folder, "copied"));
  await bench.run("tar xzf mixed.tar.gz -C copied");
  const scripts = await Promise.all(["bash", "zsh", "fish"].map((shell) => bench.run(`peerlane completion ${shell}`)));
  for (const [index, name] of ["bash", "zsh", "fish"].entries()) {
    bench.write(`completion.${name}`, scripts[index]?.out ?? "");
  }
});

const ROWS = [
  ["verbs", "f", ["find", "fix", "fleet"]],
  ["one verb", "expl", ["explain"]],
  ["a value of two that begin alike", "tree --cpu amd", ["amd-pre-zen", "amd-zen"]],
  ["a value behind an equals sign", "tree --iommu=pa", ["passthrough"]],
  ["values of the default verb", "server.json --iommu pa", ["passthrough"]],
  ["values without a verb", "--cpu in", ["intel"]],
  ["releases", "matrix --kernel 7.", ["7.0", "7.1", "7.2", "7.3"]],
  ["releases of rules", "diff --rules 4", ["4.20"]],
  ["forms of a capture", "capture --format ", ["rdma-topo", "snapshot"]],
  ["when to colour", "check --color a", ["always", "auto"]],
  ["schemas", "schema s", ["scenario", "simulate", "snapshot"]],
  ["a file to simulate", "simulate dump-", ["dump-two.txt"]],
  ["a file for a trace", "simulate w.yaml --trace-file dump-", ["dump-two.txt"]],
  ["shells", "completion ", ["bash", "fish", "zsh"]],
  ["verbs to be helped with", "help ex", ["explain"]],
  ["options of a verb", "tree --", OF_TREE],
  ["options that one verb has", "check --s", ["--sarif", "--set"]],
  ["an option that another verb has not", "diff --js", ["--json"]],
  ["options of the default verb", "server.json --pro", ["--providers"]],
  ["options without a verb", "--cl", ["--clients"]],
  ["an option once more where it may be repeated", "tree --set x --se", ["--set"]],
  ["a file as source", "tree dump-", ["dump-two.txt"]],
  ["a file with a space in its name", "tree dump", ["dump one.txt", "dump-two.txt"]],
  ["a file for the default verb", "dump-", ["dump-two.txt"]],
  ["a file behind options", "explain nvme0 nvme1 --history dump-", ["dump-two.txt"]],
  ["a class of devices", "explain gp", ["gpu"]],
  ["a class of devices, further on", "find mlx5_0 ni", ["nic"]],
  ["a class of devices or a file", "fix nvme0 d", ["dump one.txt", "dump-two.txt"]],
  ["devices of the source on the line", "explain mixed.tar.gz nv", ["nvme", "nvme0", "nvme1", "nvme2", "nvme3"]],
  [
    "devices of the source, for an option",
    "matrix mixed.tar.gz --providers nvme",
    ["nvme", "nvme0", "nvme1", "nvme2", "nvme3"],
  ],
  ["devices of a folder", "find --root copied nv", ["nvme", "nvme0", "nvme1", "nvme2", "nvme3"]],
  ["devices that have an address alone", "fix hidden.txt 0", ["03:00.0", "04:00.0"]],
  ["a file to write", "capture -o dump-", ["dump-two.txt"]],
  ["a folder, for --root", "tree --root ro", ["rootfs"]],
  ["no file for --root", "tree --root dump", []],
] as const;

/** What the other tests ask. */
const FURTHER = ["", "fix hidden.txt 04:", "diff --ku", "report --js", "tree --width "];

const missing = { bash: lacking("script"), zsh: lacking("script", "zsh"), fish: lacking("fish") } as const;

describe.concurrent.for(["bash", "zsh", "fish"] as const)("%s", (name) => {
  describe.skipIf(missing[name] !== "")(`completes${missing[name]}`, () => {
    let offers: ReadonlyMap<string, readonly string[]> = new Map();
    beforeAll(async () => {
      offers = await shells[name]([...ROWS.map(([, line]) => line), ...FURTHER]);
    });
    const complete = (line: string): readonly string[] => offers.get(line) ?? [`${line} was not asked`];

    test.for(ROWS)("%s: peerlane %s", ([, line, expected]) => {
      expect(complete(line).toSorted()).toEqual(expected);
    });

    test("an address behind its colon", () => {
      expect(complete("fix hidden.txt 04:")).toContain("04:00.0");
    });

    test("each verb that help lists", async () => {
      const { out } = await bench.run("peerlane --help");
      const verbs = [...out.matchAll(/^ {2}([a-z0-9]+) {2,}/gm)];
      const offered = complete("");
      for (const [, verb] of verbs) expect(offered).toContain(verb);
      expect(verbs.length).toBeGreaterThanOrEqual(13);
    });

    test("no option that the verb does not have", () => {
      expect(complete("diff --ku")).toEqual([]);
      expect(complete("report --js")).toEqual([]);
    });

    test("nothing where a word of one's own is due", () => {
      expect(complete("tree --width ")).toEqual([]);
    });
  });
});
