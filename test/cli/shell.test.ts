import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTPUT_SCHEMAS } from "../../src/report/schemas.ts";

const root = join(import.meta.dirname, "../..");
const program = `node ${join(root, "dist/cli.mjs")}`;
const captures = join(root, "test/machines/recorded");
let folder = "";

beforeAll(() => {
  if (!existsSync(join(root, "dist/cli.mjs"))) throw new Error("build first: npm run build");
  folder = mkdtempSync(join(tmpdir(), "peerlane-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a line in a real shell, without a terminal. */
function shell(
  line: string,
  program_ = "bash",
  options: readonly string[] = [],
): { status: number | null; out: string; err: string } {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(program_, [...options, "-c", line], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { status, out: stdout, err: stderr };
}

const intel = join(captures, "mixed-acs.intel.strict.tar.gz");

describe("exit codes", () => {
  test.for([
    [0, "a matrix with verdicts", `matrix ${intel}`],
    [0, "the default verb", intel],
    [0, "an explained pair that is supported", `explain nvme2 nvme3 ${intel}`],
    [1, "an explained pair that is not", `explain nvme0 nvme1 ${intel}`],
    [2, "a file that is not there", "matrix no-such-file"],
    [2, "an unknown option", "matrix --no-such-option"],
    [2, "an unknown device", `explain nvme0 nvme9 ${intel}`],
    [2, "a name that means several devices", `explain nvme nvme0 ${intel}`],
    [2, "a word that is no CPU", `matrix ${intel} --cpu pentium`],
    [2, "two sources", `matrix ${intel} --root /`],
    [0, "help", "--help"],
    [0, "help of a verb", "explain --help"],
    [0, "the version", "--version"],
  ] as const)("%i for %s", ([status, , line]) => {
    expect(shell(`${program} ${line}`)).toMatchObject({ status });
  });

  test("3 where the source hides what is needed", () => {
    const dump =
      "00:00.0 Host bridge [0600]: Intel Corporation Device [8086:29c0]\n03:00.0 Non-Volatile memory controller [0108]: X [1b36:0010]\n04:00.0 Non-Volatile memory controller [0108]: X [1b36:0010]\n";
    writeFileSync(join(folder, "plain.txt"), dump);
    expect(shell(`${program} plain.txt`)).toMatchObject({ status: 3 });
    expect(shell(`${program} explain 03:00.0 04:00.0 plain.txt`)).toMatchObject({ status: 3 });
  });

  test("4 where an operation fails", () => {
    const scenario = join(root, "examples/one-switch.yaml");
    const { status, err } = shell(
      `PATH=${join(process.execPath, "..")} ${program} vm ${scenario} --kernel-image ${scenario} --busybox ${scenario}`,
    );
    expect(status).toBe(4);
    expect(err).toContain("qemu");
  });
});

describe("errors", () => {
  test("say what, where and what to do, without a stack trace", () => {
    const { err } = shell(`${program} no-such-file`);
    expect(err).toContain("no-such-file");
    expect(err).toContain("→");
    expect(err).not.toContain("    at ");
  });

  test("show the stack with --debug", () => {
    expect(shell(`${program} no-such-file --debug`).err).toContain("    at ");
  });

  test("of a scenario name line and column", () => {
    writeFileSync(join(folder, "bad.yaml"), "hostBridges:\n  - below:\n      - nvmee\n");
    expect(shell(`${program} bad.yaml`).err).toMatch(/bad\.yaml:3:\d+: .*did you mean 'nvme'/s);
  });

  test("propose near names", () => {
    expect(shell(`${program} explain nvme0 nvm1 ${intel}`).err).toContain("nvme1");
  });
});

describe("output", () => {
  test("is coloured on demand only", () => {
    expect(shell(`${program} ${intel}`).out).not.toContain("\u001b");
    expect(shell(`${program} ${intel} --color always`).out).toContain("\u001b");
    expect(shell(`FORCE_COLOR=1 ${program} ${intel}`).out).toContain("\u001b");
    expect(shell(`FORCE_COLOR=1 NO_COLOR=1 ${program} ${intel}`).out).not.toContain("\u001b");
  });

  test("as JSON is what the schema says, for each verb", () => {
    const parse = (line: string): unknown => JSON.parse(shell(`${program} ${line} ${intel} --json`).out);
    OUTPUT_SCHEMAS.matrix.parse(parse("matrix"));
    OUTPUT_SCHEMAS.tree.parse(parse("tree"));
    OUTPUT_SCHEMAS.explain.parse(parse("explain nvme0 nvme1"));
  });

  test("into a closed pipe ends quietly", () => {
    const { err } = shell(`${program} tree ${intel} --json | head -n 1`);
    expect(err).toBe("");
  });

  test("of a machine read from standard input equals that of its file", () => {
    const strip = (text: string): string => text.replaceAll(/^.*mixed-acs.*$|^standard input.*$/gm, "");
    expect(strip(shell(`${program} - < ${intel}`).out)).toBe(strip(shell(`${program} ${intel}`).out));
  });
});

describe("completion", () => {
  test("works in bash", () => {
    const line = `source <(${program} completion bash); COMP_WORDS=(peerlane ex); COMP_CWORD=1; _peerlane; echo "\${COMPREPLY[@]}"; COMP_WORDS=(peerlane matrix --cpu ""); COMP_CWORD=3; _peerlane; echo "\${COMPREPLY[@]}"; COMP_WORDS=(peerlane tree --ro); COMP_CWORD=2; _peerlane; echo "\${COMPREPLY[@]}"`;
    const { out, err } = shell(line);
    expect(err).toBe("");
    const [verbs, cpus, options] = out.split("\n");
    expect(verbs).toContain("explain");
    expect(cpus).toContain("amd-zen");
    expect(options).toBe("--root");
  });

  test.skipIf(spawnSync("zsh", ["--version"]).error !== undefined)("is accepted by zsh", () => {
    const { status, err } = shell(
      `autoload -Uz compinit; compinit -u -D; source <(${program} completion zsh); whence -w _peerlane`,
      "zsh",
      ["-f"],
    );
    expect(err).toBe("");
    expect(status).toBe(0);
  });

  test.skipIf(spawnSync("fish", ["--version"]).error !== undefined)("works in fish", () => {
    const { out } = shell(
      `${program} completion fish | source; complete -C 'peerlane ex'; complete -C 'peerlane matrix --iommu pa'`,
      "fish",
      ["--no-config"],
    );
    expect(out).toContain("explain");
    expect(out).toContain("passthrough");
  });
});
