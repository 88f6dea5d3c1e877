import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { run, write } = workbench();

const [GUEST, HOST] = ["guest", "host"].map((name) => join(import.meta.dirname, `../../examples/guest/${name}.txt`));

const policy = (provider: string, client: string): string =>
  `policy: test\nrequire:\n  - { provider: "${provider}", client: "${client}", path: direct }\n`;
write("works.yaml", policy("nvme2", "nvme3"));
write("fails.yaml", policy("nvme0", "nvme1"));
write("hidden.yaml", policy("03:00.0", "04:00.0"));
write("broken.yaml", "require: 7\n");

const workload = (machine: string, step: string): string => `machine: ${machine}\nworkload:\n  - ${step}\n`;
const copy = "copy: { from: nvme1, to: nvme0, size: 4K }";
write(
  "gpus.yaml",
  "kernel: 7.2\ncpu: amd-zen\niommu: off\nhostBridges:\n  - below:\n      - rootPort: {}\n        below:\n          - switch: { acs: false }\n            below: [gpu: { name: gpu0, bar: 16M }, gpu: { name: gpu1, bar: 16M }]\n",
);
write("arrives.yaml", workload("one-switch.yaml", copy));
// Recorded in QEMU, whose switch loses such data.
write("lost.yaml", workload("lost.tar.gz", copy));
write("unseen.yaml", workload("hidden.txt", "copy: { from: '03:00.0', to: '04:00.0', size: 4K }"));
const inside = "{rootPort: {acs: false}, below: [functions: [gpu: {name: x, bar: 1M}, gpu: {name: y, bar: 1M}]]}";
write("inside.yaml", `cpu: amd-zen\nkernel: 7.2\niommu: off\nhostBridges:\n  - below: [${inside}]\n`);
write("assumed.yaml", workload("inside.yaml", "copy: { from: x, to: y, size: 4K }"));
write("misspelt.yaml", workload("one-switch.yaml", "cpoy: {}"));
write("no-device.yaml", workload("one-switch.yaml", "copy: { from: nvme1, to: nvme9, size: 4K }"));
write("no-machine.yaml", workload("no-such.txt", copy));

const fio = (rate: string): string => `job: (groupid=0, jobs=1): err= 0: pid=1
  read: IOPS=6789, BW=${rate} (7119MB/s)(66.3GiB/10001msec)

Disk stats (read/write):
  nvme0n1: ios=67890/0, sectors=1/0, merge=0/0, ticks=1/0, in_queue=1, util=99.00%
`;
const drive = "{rootPort: {at: 1.0, link: gen4 x4, acs: false}, below: [nvme: {name: nvme0, link: gen4 x4}]}";
write("drive.yaml", `kernel: 7.2\ncpu: amd-zen\niommu: off\nhostBridges:\n  - below: [${drive}]\n`);
write("normal.txt", fio("6789MiB/s"));
write("low.txt", fio("678MiB/s"));
write("sda.txt", fio("678MiB/s").replace("nvme0n1", "sda"));

describe.concurrent("exit code 0, with an answer and no complaint,", () => {
  test.for([
    ["a matrix with verdicts", "matrix $MIXED"],
    ["the default verb", "$MIXED"],
    ["a tree", "tree $MIXED"],
    ["a tree of a source that hides much", "tree $HIDDEN 2>/dev/null"],
    ["an explained pair that is supported", "explain nvme2 nvme3 $MIXED"],
    ["a pair with itself", "explain nvme2 nvme2 $MIXED"],
    ["the history of a pair that is supported", "explain nvme2 nvme3 $MIXED --history"],
    ["a fix for a pair that needs none", "fix nvme2 nvme3 $MIXED"],
    ["a fix that helps", "fix nvme0 nvme1 $MIXED"],
    ["two devices that other slots help", "fix nvme0 nvme1 $BRIDGES"],
    ["fixes for classes", "fix --all nvme:nvme $MIXED"],
    ["nearest devices that work", "find nvme3 $MIXED"],
    ["figures that are as expected", "compare normal.txt drive.yaml 2>/dev/null"],
    ["figures on standard input", "compare - drive.yaml < normal.txt 2>/dev/null"],
    ["a provider found", "find --p2pmem nvme3 $MIXED"],
    ["a policy that holds", "check works.yaml $MIXED"],
    ["no difference", "diff $MIXED $MIXED"],
    ["a difference that makes no answer worse", "diff $MIXED $CLEARED"],
    ["a capture", "capture $MIXED | cat"],
    ["a capture for rdma_topo", "capture --format rdma-topo $MIXED"],
    ["a report", "report $MIXED"],
    ["a workload that arrives", "simulate arrives.yaml 2>/dev/null"],
    ["one that is lost, and would not be in passthrough", "simulate lost.yaml --iommu passthrough"],
    ["a traced one", "simulate arrives.yaml --trace --trace-file trace.json 2>/dev/null"],
    ["one in time", "simulate arrives.yaml --time --for 2us --trace-file run.pftrace 2>/dev/null"],
    ["a pattern", "simulate gpus.yaml --pattern all-at-once --for 2us 2>/dev/null"],
    ["a guest with its host", `explain gpu nic ${GUEST} --host ${HOST} --pair 01:00.0=21:00.0 2>/dev/null`],
    ["a schema", "schema matrix"],
    ["a completion script", "completion fish"],
    ["help", "--help"],
    ["the version", "--version"],
  ] as const)("for %s", async ([, line]) => {
    const { status, out, err } = await run(`set -o pipefail; peerlane ${line}`);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).not.toBe("");
  });
});

describe.concurrent("exit code 1, with an answer,", () => {
  test.for([
    ["an explained pair that the kernel refuses", "explain nvme0 nvme1 $MIXED"],
    ["the history of a pair that the machine's own kernel refuses", "explain nvme0 nvme1 $MIXED --history"],
    ["a pair that nothing helps but a switch card", "fix nvme0 nvme2 $PORTS"],
    ["nearest devices of which one does not work", "find nvme $MIXED"],
    ["a figure that is low", "compare low.txt drive.yaml 2>/dev/null"],
    ["no provider for all clients", "find --p2pmem nvme $MIXED"],
    ["a policy that fails", "check fails.yaml $MIXED"],
    ["a policy that fails, as JUnit XML", "check fails.yaml $MIXED --junit"],
    ["a policy that fails, as SARIF", "check fails.yaml $MIXED --sarif"],
    ["a pair that got worse", "diff $CLEARED $MIXED"],
    ["a workload whose data is lost", "simulate lost.yaml"],
    ["the same in time", "simulate lost.yaml --time"],
    ["the same, as JSON", "simulate lost.yaml --json"],
  ] as const)("for %s", async ([, line]) => {
    const { status, out, err } = await run(`peerlane ${line}`);
    expect({ status, err }).toEqual({ status: 1, err: "" });
    expect(out).not.toBe("");
  });
});

describe.concurrent("exit code 3, with an answer,", () => {
  test.for([
    ["a matrix without one verdict", "matrix $HIDDEN"],
    ["an explained pair", "explain 03:00.0 04:00.0 $HIDDEN"],
    ["the history of a pair", "explain 03:00.0 04:00.0 $HIDDEN --history"],
    ["a fix", "fix 03:00.0 04:00.0 $HIDDEN"],
    ["fixes for classes", "fix --all nvme:nvme $HIDDEN"],
    ["the nearest", "find 03:00.0 $HIDDEN"],
    ["a provider", "find --p2pmem 03:00.0 $HIDDEN"],
    ["figures of a disk that the machine does not have", "compare sda.txt drive.yaml 2>/dev/null"],
    ["a policy", "check hidden.yaml $HIDDEN"],
    ["a workload", "simulate unseen.yaml"],
    ["a workload that arrives if functions of one device reach each other inside,", "simulate assumed.yaml"],
  ] as const)("for %s of a source that hides what decides", async ([, line]) => {
    const { status, out } = await run(`peerlane ${line}`);
    expect(status).toBe(3);
    expect(out).not.toBe("");
  });
});

describe.concurrent("exit code 2, without an answer,", () => {
  const verbs = {
    matrix: "matrix",
    tree: "tree",
    explain: "explain nvme0 nvme1",
    fix: "fix nvme0 nvme1",
    find: "find nvme0",
    check: "check works.yaml",
    diff: "diff $MIXED",
    capture: "capture",
    report: "report",
    compare: "compare normal.txt",
    simulate: "simulate",
  };
  test.for([
    ...Object.entries(verbs).flatMap(([verb, line]) => [
      [`a file that is not there, in ${verb},`, `${line} no-such-file.txt`],
      [`an option that ${verb} does not have`, `${line} $MIXED --no-such-option`],
    ]),
    ["an option that vm does not have", "vm $SCENARIO --no-such-option"],
    ["an option that schema does not have", "schema matrix --no-such-option"],
    ["an option that completion does not have", "completion bash --no-such-option"],
    ["a schema that there is not", "schema matrices"],
    ["a shell that there is not", "completion tcsh"],
    ["a missing argument", "explain nvme0"],
    ["an argument too many", "tree $MIXED $MIXED"],
    ["an unknown device", "explain nvme0 nvme9 $MIXED"],
    ["an unknown device to fix", "fix nvme0 nvme9 $MIXED"],
    ["an unknown device to find for", "find nvme9 $MIXED"],
    ["an unknown provider", "matrix $MIXED --providers nvme9"],
    ["a list of providers that names nothing", "matrix $MIXED --providers ,"],
    ["a name that means several devices", "explain nvme nvme0 $MIXED"],
    ["a word that is no CPU", "matrix $MIXED --cpu pentium"],
    ["a width that is none", "matrix $MIXED --width 10"],
    ["a file and --root", "matrix $MIXED --root /"],
    ["standard input for both sides", "diff - -"],
    ["results and machine on standard input", "compare - -"],
    ["a text without results", "compare works.yaml $MIXED"],
    ["results that are not there", "compare no-such.txt $MIXED"],
    ["two forms at once", "matrix $MIXED --json --markdown"],
    ["two forms of a check at once", "check works.yaml $MIXED --junit --sarif"],
    ["guest and host from standard input", "matrix - --host -"],
    ["a pair without a host", `matrix ${GUEST} --pair 01:00.0=21:00.0`],
    ["a pair that is none", `matrix ${GUEST} --host ${HOST} --pair 01:00.0`],
    ["a scenario as a guest", `matrix $SCENARIO --host ${HOST}`],
    ["an empty name", "matrix ''"],
    ["nothing on standard input", "matrix -"],
    ["a text that is no machine", "matrix works.yaml"],
    ["a folder without sys/", "matrix ."],
    ["a policy that is none", "check broken.yaml $MIXED"],
    ["a policy that is not there", "check no-such.yaml $MIXED"],
    ["a scenario to be captured for rdma_topo", "capture --format rdma-topo $SCENARIO"],
    ["a scenario that is not there", "vm no-such.yaml"],
    ["a machine that is no scenario", "vm $MIXED"],
    ["a workload that is none", "simulate broken.yaml"],
    ["devices without a pattern", "simulate arrives.yaml --devices nvme0,nvme1"],
    ["a pattern through RAM", "simulate $MIXED --pattern stagger --compare p2p,dram"],
    ["a pattern of one device", "simulate $MIXED --pattern stagger --devices nvme0"],
    ["hops of a run in time", "simulate arrives.yaml --time --trace"],
    ["a run in time as JSON for viewers", "simulate arrives.yaml --time --trace-file trace.json"],
    ["a time that is none", "simulate arrives.yaml --time --for 3"],
    ["a time that is too long", "simulate arrives.yaml --time --for 1000ms"],
    ["a workload with a misspelt step", "simulate misspelt.yaml"],
    ["a workload with a device that is not there", "simulate no-device.yaml"],
    ["a workload whose machine is not there", "simulate no-machine.yaml"],
  ] as const)("for %s", async ([, line]) => {
    const { status, out, err } = await run(`peerlane ${line}`);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/^peerlane: /);
    expect(err).not.toContain("    at ");
  });
});

describe.concurrent("exit code 4, without an answer,", () => {
  test.for([
    ["a capture that cannot be written", "capture $MIXED -o no-such-folder/server.json.gz"],
    ["a report that cannot be written", "report $MIXED -o no-such-folder/report.md"],
    ["a trace that cannot be written", "simulate arrives.yaml --trace-file no-such-folder/trace.json"],
    ["a machine that cannot boot", "vm $SCENARIO --kernel-image $SCENARIO --busybox $SCENARIO"],
  ] as const)("for %s", async ([, line]) => {
    // With nothing but node in PATH there is no QEMU.
    const { status, out, err } = await run(
      `mkdir -p .only-node; ln -sf "$(command -v node)" .only-node/node; cli=$(command -v peerlane); PATH=.only-node; "$cli" ${line}`,
    );
    expect({ status, out }).toEqual({ status: 4, out: "" });
    expect(err).toMatch(/^peerlane: /);
    expect(err).not.toContain("    at ");
  });
});

describe("help", () => {
  test("of each verb says what its exit codes mean", { concurrent: true }, async () => {
    const listed = (await run("peerlane --help")).out.match(/^ {2}[a-z0-9]+(?= {2,})/gm) ?? [];
    const verbs = listed.map((verb) => verb.trim());
    expect(verbs.length).toBeGreaterThanOrEqual(12);
    const helps = await Promise.all(verbs.map((verb) => run(`peerlane ${verb} --help`)));
    for (const help of helps) expect(help).toMatchObject({ status: 0, out: expect.stringMatching(/^Exits with 0/m) });
  });
});
