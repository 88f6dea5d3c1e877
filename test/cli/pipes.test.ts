import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lacking, workbench } from "./shell.ts";

const { run, folder, write } = workbench();

write("policy.yaml", "policy: test\nrequire:\n  - { provider: nvme2, client: nvme3 }\n");

/** Output without the name of the source, on a screen so wide that the name moves nothing else. */
const nameless = (text: string): string => text.replaceAll(/mixed\.tar\.gz|standard input/g, "SOURCE");
const env = { COLUMNS: "400" };

describe.concurrent("a machine from standard input", () => {
  test.for([
    ["matrix"],
    ["tree"],
    ["explain nvme0 nvme1"],
    ["explain nvme0 nvme1", "--history"],
    ["fix nvme0 nvme1"],
    ["fix --all nvme:nvme"],
    ["find nvme2 nvme3"],
    ["check policy.yaml"],
    ["diff $CLEARED"],
    ["report"],
    ["capture --plain"],
  ] as const)("is to %s what its file is", async ([verb, options = ""]) => {
    const [piped, named] = await Promise.all([
      run(`cat $MIXED | peerlane ${verb} - ${options}`, { env }),
      run(`peerlane ${verb} $MIXED ${options}`, { env }),
    ]);
    expect(nameless(piped.out)).toBe(nameless(named.out));
    expect(piped.out).not.toBe("");
    expect(piped.status).toBe(named.status);
  });

  test("may come late and in pieces", async () => {
    const { status, out } = await run("(head -c 500 $MIXED; sleep 0.3; tail -c +501 $MIXED) | peerlane -");
    expect(status).toBe(0);
    expect(out).toContain("nvme3");
  });

  test("may be either side of diff", async () => {
    expect(await run("peerlane diff - $MIXED < $MIXED")).toMatchObject({ status: 0 });
    expect(await run("peerlane diff $CLEARED - < $MIXED")).toMatchObject({ status: 1 });
  });

  test("may be a pipe that the shell names", async () => {
    expect(await run("peerlane find --p2pmem nvme3 <(cat $MIXED)")).toMatchObject({ status: 0, err: "" });
  });
});

describe.concurrent("a reader that stops early", () => {
  test.for([
    [0, "tree $MIXED --json"],
    [0, "report $MIXED"],
    [0, "schema matrix"],
    [0, "completion bash"],
    [0, "capture --plain $MIXED"],
    [0, "--help"],
    [1, "explain nvme0 nvme1 $MIXED --json"],
    [3, "matrix $HIDDEN 2>/dev/null"],
  ] as const)("leaves exit code %i of %s, and nothing is said", async ([status, line]) => {
    for (const reader of ["head -n 1", "true"]) {
      expect(await run(`set -o pipefail; peerlane ${line} | ${reader}`)).toMatchObject({ status, err: "" });
    }
  });

  test("of the errors leaves the exit code, too", async () => {
    expect(await run("set -o pipefail; peerlane no-such-file 2>&1 | true")).toMatchObject({ status: 2, err: "" });
    expect(await run("peerlane no-such-file 2>&-")).toMatchObject({ status: 2 });
  });
});

describe("a pipe that takes no more for now", () => {
  const noPython = lacking("python3");
  /** Runs a command with a pipe of one page as standard output, in which a write that does not fit comes back. */
  const UNBLOCKED = `python3 -c 'import fcntl, os, sys
fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 4096)
os.set_blocking(1, False)
os.execvp(sys.argv[1], sys.argv[1:])'`;

  test.skipIf(noPython !== "")(`is waited for: nothing is lost of what it cannot hold${noPython}`, async () => {
    const [piped, whole] = await Promise.all([
      run(`${UNBLOCKED} peerlane capture --plain $MIXED | (sleep 0.5; cat)`),
      run("peerlane capture --plain $MIXED"),
    ]);
    expect(whole.out.length).toBeGreaterThan(4096);
    expect(piped).toEqual(whole);
  });
});

describe.skipIf(!existsSync("/dev/full"))("a full disk", { concurrent: true }, () => {
  test.for(["matrix $MIXED", "schema matrix", "capture $MIXED", "report $MIXED", "completion zsh"])(
    "fails %s with exit code 4 and the reason",
    async (line) => {
      const { status, err } = await run(`peerlane ${line} > /dev/full`);
      expect(status).toBe(4);
      expect(err).toMatch(/^peerlane: cannot write standard output: ENOSPC/);
      expect(err).not.toContain("    at ");
    },
  );

  test("below the errors leaves the exit code", async () => {
    expect(await run("peerlane no-such-file 2>/dev/full")).toMatchObject({ status: 2 });
  });
});

describe.concurrent("a capture", () => {
  test("through a file decides as the machine itself", async () => {
    await run("peerlane capture $MIXED > server.json.gz");
    const [captured, itself] = await Promise.all([
      run("peerlane matrix server.json.gz --json"),
      run("peerlane matrix $MIXED --json"),
    ]);
    const pairs = (json: string): unknown => (JSON.parse(json) as { pairs: unknown }).pairs;
    expect(pairs(captured.out)).toEqual(pairs(itself.out));
    expect(pairs(captured.out)).toHaveLength(6);
    const again = "diff <(peerlane capture --plain $MIXED) <(peerlane capture --plain server.json.gz)";
    expect(await run(again)).toMatchObject({ status: 0, out: "" });
  });

  test.for(["", "--plain", "--format rdma-topo"])(
    "with '%s' is the same in a pipe and in --output",
    async (options) => {
      const name = `out${options.replaceAll(/\W/g, "")}`;
      await run(`peerlane capture $MIXED ${options} > ${name}.a; peerlane capture $MIXED ${options} -o ${name}.b`);
      expect(readFileSync(join(folder, `${name}.a`)).equals(readFileSync(join(folder, `${name}.b`)))).toBe(true);
      expect(await run(`peerlane matrix ${name}.b`)).toMatchObject({ status: 0 });
    },
  );

  test("is compressed unless --plain", async () => {
    const { out } = await run("peerlane capture $MIXED | gzip -t && peerlane capture --plain $MIXED | head -c 1");
    expect(out).toBe("{");
  });

  test("replaces what --output names, as its help says", async () => {
    const { status } = await run("echo old > taken; peerlane capture $MIXED -o taken && peerlane matrix taken");
    expect(status).toBe(0);
    expect((await run("peerlane capture --help")).out).toMatch(/replaces what is\s+there/);
  });
});
