import { describe, expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { run, write } = workbench();

write("bad.yaml", "hostBridges:\n  - below:\n      - nvmee\n");

describe.concurrent("an error", () => {
  test.for([
    ["says what is missing and what to name", "no-such-file", /no-such-file\n {2}→ name a dump/],
    ["proposes an option that is near", "matrix $MIXED --iomu off", /'--iomu'\n {2}→ did you mean --iommu\?/],
    ["proposes a verb that is near", "matirx", /no verb 'matirx'.*\n {2}→ did you mean matrix\?/],
    ["proposes a verb that is near, with arguments behind it", "expalin nvme0 nvme1 $MIXED", /did you mean explain\?/],
    [
      "of a device moved to a taken slot says what to do",
      "matrix $MIXED --move 02:00.0=under:00:04.0",
      /one slot.*two --move/s,
    ],
    ["proposes devices that are near", "explain nvme0 nvm1 $MIXED", /'nvm1'.*\n {2}→ did you mean .*nvme1/],
    ["lists the choices", "matrix $MIXED --iommu none", /off, strict, lazy, passthrough/],
    [
      "says how to ask about the IOMMU",
      "matrix $MIXED --append 'quiet iommu=soft'",
      /'iommu=soft'.*\n {2}→ ask with --iommu/,
    ],
    ["knows no rules before P2PDMA", "explain nvme0 nvme1 $MIXED --rules 4.19", /came with 4\.20/],
    ["lists the schemas", "schema policies", /scenario, policy, workload, snapshot/],
    ["of a scenario names line and column", "bad.yaml", /bad\.yaml:3:\d+: .*did you mean 'nvme'/s],
    ["says when a source stands where the second device is due", "explain nvme0 $MIXED", /is a source.*first/s],
    ["says when a source stands where the device to fix is due", "fix nvme0 $MIXED", /is a source.*first/s],
    ["says when find has a source before a device", "find $MIXED nvme0", /is a source.*first/s],
    ["names a source of find that is not there", "find nvme0 no-such.tar.gz", /cannot open no-such\.tar\.gz/],
    ["says that standard input holds one machine", "diff - - < $MIXED", /one machine, not two/],
    ["says which file cannot be read", "matrix - < .", /cannot read standard input/],
    ["says where a file cannot be written", "report $MIXED -o none/report.md", /cannot write none\/report\.md: ENOENT/],
    [
      "of a kernel that is not there says what to name",
      "vm $SCENARIO --kernel-image x --busybox y",
      /no file x\n {2}→ name a bzImage/,
    ],
  ] as const)("%s", async ([, line, message]) => {
    const { out, err } = await run(`peerlane ${line}`);
    expect(err).toMatch(message);
    expect(err).not.toContain("    at ");
    expect(out).toBe("");
  });

  test("shows the stack with --debug", async () => {
    expect((await run("peerlane no-such-file --debug")).err).toContain("    at ");
  });
});

test("a file may be called as a verb almost is", async () => {
  const { status } = await run("cp $MIXED matirx; peerlane matirx");
  expect(status).toBe(0);
});
