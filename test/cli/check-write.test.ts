import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { run, write, folder } = workbench();
const file = (name: string): string => readFileSync(join(folder, name), "utf8");

test("a policy is made of a machine, which passes it, and another does not", async () => {
  const { status, out, err } = await run("peerlane check --write made.yaml $MIXED");
  expect({ status, out }).toEqual({ status: 0, out: "" });
  expect(err).toMatch(/^note: made\.yaml: \d+ rules\n {2}→ peerlane check made\.yaml SOURCE holds another/);
  expect(file("made.yaml")).toContain("policy: 'what the good machine has'");
  expect(await run("peerlane check made.yaml $MIXED")).toMatchObject({ status: 0 });
  expect(await run("peerlane check made.yaml $MIXED --iommu off")).toMatchObject({ status: 1 });
});

test("it may be of a machine as it would be, on standard output, where it names nobody", async () => {
  const { status, out, err } = await run(
    "cp $MIXED web01.example.com.tar.gz; peerlane check --write - web01.example.com.tar.gz --iommu off",
  );
  expect({ status, err }).toEqual({ status: 0, err: "" });
  expect(out).toContain("# what if: IOMMU off");
  expect(out).not.toContain("web01");
  write("off.yaml", out);
  expect(await run("peerlane check off.yaml $MIXED --iommu off")).toMatchObject({ status: 0 });
});

test("what is there is not written anew", async () => {
  write("mine.yaml", "policy: mine\n");
  const { status, err } = await run("peerlane check --write mine.yaml $MIXED");
  expect(status).toBe(2);
  expect(err).toContain("mine.yaml is there already");
  expect(file("mine.yaml")).toBe("policy: mine\n");
});
