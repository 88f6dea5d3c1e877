import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommanderError } from "commander";
import type { Planted } from "./planted.ts";

/** What one run of the program said. */
export interface Output {
  readonly verb: string;
  /** `json`, `markdown`, …; `screen` is what a terminal shows. */
  readonly form: string;
  readonly stream: "output" | "errors";
  readonly bytes: Buffer;
}

const POLICY = `name: peers
rules:
  - name: a path
    require: { provider: nvme, client: nic, path: any }
  - name: named by people
    require: { provider: alicex-uplink, client: nvme0, path: direct }
  - name: the kernel
    machine: { kernel: ">=99.0" }
`;

/** The verbs that take a source, with the forms of each. */
function runsOf(
  { path, pair: [a, b] }: Planted,
  folder: string,
): readonly (readonly [verb: string, form: string, ...args: string[]])[] {
  const forms = (verb: string, ...args: string[]) => [
    [verb, "json", ...args, "--json"] as const,
    [verb, "markdown", ...args, "--markdown"] as const,
    [verb, "screen", ...args] as const,
  ];
  const policy = join(folder, "policy.yaml");
  const workload = join(folder, "workload.yaml");
  writeFileSync(policy, POLICY);
  writeFileSync(
    workload,
    `machine: ${JSON.stringify(path)}\nworkload:\n  - name: copy\n    copy: { from: "${a}", to: "${b}", size: 4K }\n`,
  );
  return [
    ...forms("matrix", "matrix", path, "--all"),
    ["matrix", "csv", "matrix", path, "--all", "--csv"],
    ...(["svg", "dot"] as const).flatMap((form) => [
      ["matrix", form, "matrix", path, "--all", `--${form}`] as const,
      ["tree", form, "tree", path, `--${form}`] as const,
    ]),
    ...forms("tree", "tree", path),
    ...forms("tree, what if", "tree", path, "--kernel", "6.1"),
    ...forms("explain", "explain", a, b, path),
    ...forms("explain --history", "explain", a, b, path, "--history"),
    ...forms("fix", "fix", a, b, path),
    ...forms("find", "find", a, path, "--providers", b),
    ...forms("check", "check", policy, path),
    ["check", "junit", "check", policy, path, "--junit"],
    ["check", "sarif", "check", policy, path, "--sarif"],
    ...forms("diff", "diff", path, join(import.meta.dirname, "../machines/recorded/one-switch.intel.off.tar.gz")),
    ...forms("simulate", "simulate", workload, "--trace", "--trace-file", join(folder, "trace.json")),
    ["simulate", "trace file", "cat", join(folder, "trace.json")],
    ["report", "markdown", "report", path],
    ["capture", "snapshot", "capture", path, "-o", join(folder, "capture")],
    ["capture", "snapshot", "cat", join(folder, "capture")],
    ["capture", "plain snapshot", "capture", path, "--plain"],
    ["capture", "dump of rdma_topo", "capture", path, "--format", "rdma-topo"],
    // What goes wrong is said too.
    ["explain", "json", "explain", "quentin", b, path, "--json"],
    ["tree", "json", "tree", path, "--move", "01:00.0=under:99:00.0", "--json"],
  ];
}

/** Everything that the program says of a source, in this process. `more` goes to the verbs that take options on names. */
export async function outputsOf(planted: Planted, more: readonly string[] = []): Promise<readonly Output[]> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-said-"));
  const outputs: Output[] = [];
  try {
    for (const [verb, form, ...args] of runsOf(planted, folder)) {
      if (args[0] === "cat") {
        const bytes = readOr(args[1] ?? "");
        if (bytes !== undefined) outputs.push({ verb, form, stream: "output", bytes });
        continue;
      }
      const takesMore = args[0] !== "capture" && args[0] !== "report";
      const { out, err } = await run([...args, ...(takesMore ? more : [])]);
      outputs.push({ verb, form, stream: "output", bytes: out }, { verb, form, stream: "errors", bytes: err });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return outputs;
}

function readOr(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Runs the command line as `main.ts` does, with what it writes kept. */
async function run(args: readonly string[]): Promise<{ readonly out: Buffer; readonly err: Buffer }> {
  const [{ makeProgram }, { reportError }] = await Promise.all([
    import("../../src/cli/program.ts"),
    import("../../src/cli/errors.ts"),
  ]);
  const written: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  const real = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const stream of ["stdout", "stderr"] as const) {
    process[stream].write = (chunk: string | Uint8Array) => {
      written[stream].push(Buffer.from(chunk as Uint8Array));
      return true;
    };
  }
  try {
    const program = await makeProgram("0.0.0", () => {}, args);
    for (const command of [program, ...program.commands]) command.exitOverride();
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) reportError(error, false);
  } finally {
    process.stdout.write = real.stdout;
    process.stderr.write = real.stderr;
  }
  return { out: Buffer.concat(written.stdout), err: Buffer.concat(written.stderr) };
}
