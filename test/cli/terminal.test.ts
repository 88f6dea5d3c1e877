import { describe, expect, test } from "vitest";
import { lacking, workbench } from "./shell.ts";

const { run, onTerminal, write } = workbench();

write("long.yaml", "machine: one-switch.yaml\nworkload: [copy: { from: nvme1, to: nvme0, size: 4K, count: 2000 }]\n");
write("policy.yaml", "policy: test\nrequire:\n  - { provider: nvme2, client: nvme3 }\n");

const noScript = lacking("script");
const ESCAPE = "\u001b[";

/** Columns of the widest line. */
const widthOf = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

describe.concurrent("without a terminal", () => {
  test.for([
    "matrix $MIXED",
    "tree $MIXED",
    "explain nvme0 nvme1 $MIXED",
    "explain nvme0 nvme1 $MIXED --history",
    "fix nvme0 nvme1 $MIXED",
    "find nvme3 $MIXED",
    "check policy.yaml $MIXED",
    "diff $MIXED $CLEARED",
    "report $MIXED",
    "--help",
    "matrix no-such-file",
  ])("nothing is coloured in %s", async (line) => {
    const { out, err } = await run(`peerlane ${line}`);
    expect(out + err).not.toContain("\u001b");
    expect(out + err).not.toBe("");
  });

  test.for([
    [true, "--color always", {}],
    [true, "", { FORCE_COLOR: "1" }],
    [false, "", { FORCE_COLOR: "0" }],
    [false, "", { FORCE_COLOR: "1", NO_COLOR: "1" }],
    [true, "--color always", { NO_COLOR: "1" }],
    [false, "--color never", { FORCE_COLOR: "1" }],
    [false, "--json", { FORCE_COLOR: "1" }],
    [false, "--markdown", { FORCE_COLOR: "1" }],
  ] as const)("colour is %s with '%s' and %o", async ([expected, options, env]) => {
    const { out, err } = await run(`peerlane matrix $MIXED ${options}`, { env });
    expect(out.includes(ESCAPE)).toBe(expected);
    expect(err).toBe("");
  });

  test.for([
    [100, "", {}],
    [60, "", { COLUMNS: "60" }],
    [70, "--width 70", { COLUMNS: "60" }],
    [40, "", { COLUMNS: "5" }],
    [100, "", { COLUMNS: "" }],
    [100, "", { COLUMNS: "wide" }],
    [100, "", { COLUMNS: "-5" }],
    [500, "", { COLUMNS: "99999" }],
    [100, "", { COLUMNS: "0" }],
  ] as const)("%i columns are drawn with '%s' and %o", async ([columns, options, env]) => {
    const { out } = await run(`peerlane explain nvme0 nvme1 $MIXED ${options}`, { env });
    expect(widthOf(out)).toBeLessThanOrEqual(columns);
    const { out: asked } = await run(`peerlane explain nvme0 nvme1 $MIXED --width ${columns}`);
    expect(out).toBe(asked);
  });

  test("a tree has all of its columns, unless a width is asked for", async () => {
    const [whole, narrow] = await Promise.all([run("peerlane tree $MIXED"), run("peerlane tree $MIXED --width 60")]);
    expect(whole.out).not.toContain("no room for");
    expect(whole.out).toContain("ACS bits");
    expect(narrow.out).toContain("no room for");
  });
});

describe.skipIf(noScript !== "")(`on a terminal${noScript}`, { concurrent: true }, () => {
  test.for([
    [true, "", {}],
    [false, "", { NO_COLOR: "1" }],
    [true, "", { NO_COLOR: "" }],
    [false, "", { FORCE_COLOR: "0" }],
    [false, "", { TERM: "dumb" }],
    [false, "--color never", {}],
    [false, "--json", {}],
  ] as const)("colour is %s with '%s' and %o", async ([expected, options, env]) => {
    const { status, out } = await onTerminal(`peerlane matrix $MIXED ${options}`, { env });
    expect(status).toBe(0);
    expect(out.includes(ESCAPE)).toBe(expected);
  });

  test("errors are coloured, and the exit code is theirs", async () => {
    const { status, out } = await onTerminal("peerlane no-such-file");
    expect(status).toBe(2);
    expect(out).toContain(`${ESCAPE}31mpeerlane:`);
  });

  test("the screen is as wide as the terminal", async () => {
    const { out } = await onTerminal("stty cols 64; peerlane tree $MIXED --color never");
    const { out: asked } = await run("peerlane tree $MIXED --width 64");
    expect(out).toBe(asked);
  });

  test("COLUMNS goes before the terminal's width", async () => {
    const { out } = await onTerminal("stty cols 64; COLUMNS=80 peerlane tree $MIXED --color never");
    const { out: asked } = await run("peerlane tree $MIXED --width 80");
    expect(out).toBe(asked);
  });

  test("a terminal that does not say its width has 100 columns", async () => {
    const { out } = await onTerminal("stty cols 0; peerlane tree $MIXED --color never");
    const { out: asked } = await run("peerlane tree $MIXED --width 100");
    expect(out).toBe(asked);
  });

  test("a long simulation says how far it is, and leaves nothing of that on the screen; a pipe sees none of it", async () => {
    const [shown, piped] = await Promise.all([
      onTerminal("peerlane simulate long.yaml --color never"),
      run("peerlane simulate long.yaml"),
    ]);
    expect(shown.status).toBe(0);
    const drawings = shown.out.split(`\r${ESCAPE}2K`);
    expect(drawings.length).toBeGreaterThan(2);
    expect(drawings[1]).toMatch(/^simulating long.yaml: transfer \d+ of 2000$/);
    expect(piped.status).toBe(0);
    expect(piped.err).toMatch(/^note: no ids are given [^\n]*\n[^\n]*\n$/);
    expect(piped.out).not.toContain("simulating");
  });

  test("a compressed capture is refused, and a text is not", async () => {
    const [binary, plain, dump, named] = await Promise.all([
      onTerminal("peerlane capture $MIXED"),
      onTerminal("peerlane capture $MIXED --plain"),
      onTerminal("peerlane capture $MIXED --format rdma-topo"),
      onTerminal("peerlane capture $MIXED -o captured.json.gz"),
    ]);
    expect(binary).toMatchObject({ status: 2, out: expect.stringContaining("-o server.json.gz, or --plain") });
    expect(plain).toMatchObject({ status: 0, out: expect.stringMatching(/^\{/) });
    expect(dump).toMatchObject({ status: 0 });
    expect(named).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^note: left out: .* kernel parameters/) as string,
    });
  });
});
