import { describe, expect, test } from "vitest";
import { causesOf } from "../../src/fleet/causes.ts";
import { lookAt } from "../../src/fleet/look.ts";
import { BASES, exampleMachine, FAULTS, otherNumbers } from "./planted.ts";

describe.each(Object.keys(BASES))("on %s", (base) => {
  const machine = (BASES[base] as () => ReturnType<typeof exampleMachine>)();
  const own = lookAt(machine).fingerprint;

  test.each(Object.keys(FAULTS))("%s is a class of its own, with its cause and no other", (name) => {
    const { plant, kind, says } = FAULTS[name] as (typeof FAULTS)[string];
    const faulty = plant(machine, 1);
    expect(lookAt(faulty).fingerprint.class).not.toBe(own.class);
    const causes = causesOf(machine, faulty);
    expect(causes.map((cause) => cause.kind)).toEqual([kind]);
    expect(causes[0]?.text).toMatch(says);
  });

  test("other bus numbers are the same class, with another numbering", () => {
    const { fingerprint } = lookAt(otherNumbers(machine));
    expect(fingerprint.class).toBe(own.class);
    expect(fingerprint.numbering).not.toBe(own.numbering);
    expect(causesOf(machine, otherNumbers(machine)).map(({ kind }) => kind)).toEqual(["bus-numbers"]);
  });

  test("the same fault twice is one class, at another device another", () => {
    const width = FAULTS["lost width"] as (typeof FAULTS)[string];
    expect(lookAt(width.plant(machine, 1)).fingerprint.class).toBe(lookAt(width.plant(machine, 1)).fingerprint.class);
    expect(lookAt(width.plant(machine, 0)).fingerprint.class).not.toBe(
      lookAt(width.plant(machine, 1)).fingerprint.class,
    );
  });
});

test("machines that have little in common are told so in one cause", () => {
  const causes = causesOf(exampleMachine("gpu-nic-server"), exampleMachine("one-switch"));
  expect(causes.map(({ kind }) => kind)).toEqual(["another-kind"]);
});
