import { describe, expect, test } from "vitest";
import { OUTPUT_SCHEMAS, outputJsonSchema } from "../../src/report/schemas.ts";
import { workbench } from "./shell.ts";

const { run, write } = workbench();

write("workload.yaml", "machine: one-switch.yaml\nworkload: [copy: { from: nvme1, to: nvme0, size: 4K }]\n");
write("policy.yaml", "policy: test\nrequire:\n  - { provider: nvme2, client: nvme3 }\n");

write(
  "results.txt",
  "Running host_to_device_memcpy_ce.\nmemcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)\n 0\n 0 1.00\n\nSUM host_to_device_memcpy_ce 1\n",
);

/** Reads standard input as JSON in a process of its own, as a script would. */
const PARSER = `node -e 'console.log(JSON.parse(require("fs").readFileSync(0, "utf8")).schema)'`;

describe.concurrent("--json", () => {
  test.for([
    ["matrix", "matrix $MIXED"],
    ["tree", "tree $MIXED"],
    ["explain", "explain nvme0 nvme1 $MIXED"],
    ["history", "explain nvme0 nvme1 $MIXED --history"],
    ["fix", "fix nvme0 nvme1 $MIXED"],
    ["nearest", "find nvme3 $MIXED"],
    ["nearest", "find $MIXED --iommu off"],
    ["find", "find --p2pmem nvme3 $MIXED"],
    ["compare", "compare results.txt $MIXED"],
    ["check", "check policy.yaml $MIXED"],
    ["diff", "diff $MIXED $CLEARED"],
    ["simulate", "simulate workload.yaml"],
    ["simulate", "simulate workload.yaml --trace"],
    ["timed", "simulate workload.yaml --compare p2p,dram"],
    ["timed", "simulate $MIXED --pattern stagger --devices nvme0,nvme1 --for 5us"],
    ["matrix", "matrix $HIDDEN"],
    ["explain", "explain 03:00.0 04:00.0 $HIDDEN"],
    ["fix", "fix 03:00.0 04:00.0 $HIDDEN"],
    ["matrix", "matrix $MIXED --iommu off --kernel 6.12"],
    ["matrix", "matrix $MIXED --color always --width 40"],
  ] as const)("is is what the schema of %s says in a pipe, of %s", async ([name, line]) => {
    const { out, err } = await run(`peerlane ${line} --json | tee >(${PARSER} >&2)`);
    expect(outputJsonSchema(name)).toMatchObject({ $id: err.trimEnd() });
    OUTPUT_SCHEMAS[name].parse(JSON.parse(out));
  });

  test("is refused by report, which is Markdown", async () => {
    expect(await run("peerlane report $MIXED --json")).toMatchObject({ status: 2, out: "" });
  });
});

describe.concurrent("other forms", () => {
  test("of a check are JSON and XML", async () => {
    const [sarif, junit] = await Promise.all([
      run("peerlane check policy.yaml $MIXED --sarif"),
      run("peerlane check policy.yaml $MIXED --junit"),
    ]);
    expect(JSON.parse(sarif.out)).toMatchObject({ version: "2.1.0" });
    expect(junit.out).toMatch(/^<\?xml .*<\/testsuites>\n$/s);
  });

  test("of a schema are JSON, for each name that help lists", async () => {
    const names = (await run("peerlane schema none")).err.match(/choices are (.*)/)?.[1]?.split(", ") ?? [];
    expect(names).toContain("snapshot");
    const schemas = await Promise.all(names.map((name) => run(`peerlane schema ${name}`)));
    for (const { out } of schemas) expect(JSON.parse(out)).toHaveProperty("$schema");
  });
});
