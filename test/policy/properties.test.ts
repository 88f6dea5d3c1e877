import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { mayProvide } from "../../src/pci/peer-roles.ts";
import { virtualMachineOf } from "../../src/platforms/virtual-machine.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { RuleResult } from "../../src/policy/result.ts";
import { OLDEST_MAINTAINED } from "../../src/rules/by-release.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { releaseNumber } from "../../src/rules/kernels/kernel-release.ts";
import { KERNEL_RULES } from "../../src/rules/kernels/mainline.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { randomMachine, withOwnCpu } from "../property/random-machine.ts";

const hidden = unknown("hidden by the test");

const classes = [0x030000, 0x020000, 0x010802, 0x120000, 0x010601];

/** The least of which Linux makes pages: no driver registers less. */
const POOL_BYTES = 0x200000;

/** The memory BAR of a function, assigned or not: no two have one address, as on no machine that works. */
function bar(index: number, isAssigned: boolean, sizeBytes: number): Bar {
  const address = POOL_BYTES + index * POOL_BYTES;
  const [busAddress, physAddress] = isAssigned ? [busAddr(address), physAddr(address)] : [null, null];
  const memory = { kind: "memory", is64Bit: true, prefetchable: true } as const;
  return { index: 0, ...memory, sizeBytes, busAddress, physAddress } as Bar;
}

/** A random machine's functions with what policies look at: classes, names, BARs, slots and consistent groups. */
function furnished(machine: Machine): Machine {
  const functions = machine.functions.map((fn, index): PciFunction => {
    const { express } = fn;
    const slot = { slotImplemented: index % 3 === 0, slotNumber: index % 3 === 0 ? index % 7 : null };
    const isPort = !isUnknown(fn.bridge) && fn.bridge !== null;
    const isBridge = fn.headerType !== 0 || fn.classCode === 0x060000;
    const common = {
      express: isUnknown(express) || express === null ? express : { ...express, ...(isPort ? slot : {}) },
      p2pmem:
        index % 4 === 0 && !isBridge ? { sizeBytes: POOL_BYTES, availableBytes: POOL_BYTES, published: true } : null,
    };
    if (isBridge) return { ...fn, ...common };
    return {
      ...fn,
      ...common,
      classCode: classes[index % classes.length] ?? 0,
      deviceId: index % 3,
      names: [`dev${index}`],
      command: index % 4 === 1 ? 0 : 6,
      bars: index % 6 === 0 ? [] : [bar(index, index % 8 !== 0, index % 4 === 0 ? POOL_BYTES : 0x10000)],
    };
  });
  const kernel = { ...machine.kernel, config: { CONFIG_PCI_P2PDMA: "y" } };
  const whole = { ...machine, kernel, functions };
  const groups = expectedIommuGroups(whole, topologyOf(whole));
  const groupOf = (fn: PciFunction): number | null => (isUnknown(groups) ? null : (groups.get(fn.bdf) ?? null));
  return { ...whole, functions: functions.map((fn) => ({ ...fn, iommuGroup: groupOf(fn) })) };
}

/** Without those that have root ports below other ports, which no hardware has: with both hidden, the tree is wrong. */
const captured = captureNames
  .filter((name) => /\.(amd-zen|intel)\.(strict|off)$/.test(name) && !name.startsWith("chained-ports"))
  .map(readCapturedMachine);

const machines: fc.Arbitrary<Machine> = fc.oneof(randomMachine.map(furnished), fc.constantFrom(...captured));

/** What a policy may call some devices of a machine. */
function devicesOf(machine: Machine): fc.Arbitrary<string> {
  const some = machine.functions.flatMap((fn) => [formatBdf(fn.bdf), ...fn.names]);
  const item = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("gpu", "nic", "nvme", "accel", "p2pmem", "all") },
    fc.constantFrom(
      "1b36:0010",
      "1b36:0001",
      "slot:0",
      "slot:1",
      "slot:3",
      "nvme1",
      "0000:00:01.0/00.0",
      "00:04.0/00.0",
    ),
    fc.constantFrom(...some),
  );
  const items = fc.uniqueArray(
    fc.oneof(
      item,
      item,
      item.map((text) => `not ${text}`),
    ),
    { minLength: 1, maxLength: 3 },
  );
  return items.map((texts) => `[${texts.map((text) => `"${text}"`).join(", ")}]`);
}

const oneOf = (key: string, ...values: readonly string[]): fc.Arbitrary<string> =>
  fc.constantFrom("", ...values.map((value) => `, ${key}: ${value}`));

/** One rule of `require`, `forbid` or `separate` without its name. */
function ruleOf(machine: Machine): fc.Arbitrary<{ readonly section: string; readonly text: string }> {
  const devices = devicesOf(machine);
  const path = oneOf("path", "direct", "supported");
  const optional = oneOf("optional", "true", "false");
  const each = oneOf("each", "provider", "client");
  const words = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
    fc.tuple(...parts).map((all) => all.join(""));
  const required = words(each, path, oneOf("maxHops", "2", "4"), oneOf("gates", "ignore", "none"), optional);
  // Neighbours in enumeration order are those that most often have a direct path.
  const neighbours = fc.tuple(fc.nat(machine.functions.length - 1), fc.constantFrom(-2, -1, 1, 2)).map(([at, step]) => {
    const names = [at, at + step].map((index) => machine.functions[index] ?? machine.functions[at]);
    return names.map((fn) => `"${fn === undefined ? "none" : formatBdf(fn.bdf)}"`) as [string, string];
  });
  const pair = fc
    .oneof(neighbours, fc.tuple(devices, devices))
    .map(([provider, client]) => `provider: ${provider}, client: ${client}`);
  const from = fc.option(devices).map((some) => (some === null ? "" : `, from: ${some}`));
  return fc.oneof(
    { weight: 3, arbitrary: words(pair, required).map((text) => ({ section: "require", text })) },
    words(pair, path, optional).map((text) => ({ section: "forbid", text })),
    words(
      devices.map((some) => `devices: ${some}`),
      from,
      optional,
    ).map((text) => ({ section: "separate", text })),
  );
}

/** A policy of some rules. */
function policyOf(machine: Machine): fc.Arbitrary<string> {
  return fc.array(ruleOf(machine), { minLength: 1, maxLength: 12 }).map((rules) => {
    const texts = ["require", "forbid", "separate"].map((wanted) => {
      const items = rules.flatMap(({ section, text }, index) =>
        section === wanted ? [`- { name: r${index}, ${text} }\n`] : [],
      );
      return items.length === 0 ? "" : `${wanted}:\n${items.join("")}`;
    });
    return `${texts.join("")}machine: { kernel: ">=6.12", iommu: off }\n`;
  });
}

const hideable = [
  "acs",
  "express",
  "vendorId",
  "deviceId",
  "subsystem",
  "bridge",
  "attachment",
  "physicalFunction",
  "headerType",
  "classCode",
  "multifunction",
  "sriov",
  "bars",
  "command",
  "resizableBars",
  "p2pmem",
  "iommuGroup",
] as const satisfies readonly (keyof PciFunction)[];

const machineParts = ["vendor", "family", "release", "mode", "kind", "bridges"] as const;

/** Hides fields of functions and parts of the machine. */
function hide(
  machine: Machine,
  fields: readonly (typeof hideable)[number][],
  isGone: () => boolean,
  parts: ReadonlySet<string>,
): Machine {
  const functions = machine.functions.map((fn) => {
    const gone = fields.filter(isGone);
    return { ...fn, ...Object.fromEntries(gone.map((field) => [field, hidden])) };
  });
  const gone = (name: (typeof machineParts)[number]): object => (parts.has(name) ? { [name]: hidden } : {});
  return {
    ...machine,
    functions,
    hostBridges: parts.has("bridges") ? hidden : machine.hostBridges,
    cpu: { ...machine.cpu, ...gone("vendor"), ...gone("family") },
    kernel: { ...machine.kernel, ...gone("release") },
    iommu: { ...machine.iommu, ...gone("mode"), ...gone("kind") },
  };
}

/** A small deterministic generator, so that a failing case is the same when it is run again. */
function makeRandom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ (state << 7);
    return (state >>> 0) / 2 ** 32;
  };
}

function resultsOf(machine: Machine, policy: string): readonly RuleResult[] {
  return checkPolicy(machine, parsePolicy(policy, "p.yaml")).results;
}

function only(machine: Machine, policy: string): RuleResult {
  const [result] = resultsOf(machine, policy);
  if (result === undefined) throw new Error("no rule");
  return result;
}

const cases = machines.chain((machine) => policyOf(machine).map((policy) => ({ machine, policy })));

function isReckonedWith(release: Machine["kernel"]["release"]): boolean {
  const number = isUnknown(release) ? undefined : releaseNumber(release);
  const [oldest, newest] = [releaseNumber(OLDEST_MAINTAINED), releaseNumber(KERNEL_RULES.at(-1)?.release ?? "")];
  return number !== undefined && (oldest ?? 0) <= number && number <= (newest ?? 0);
}

describe("Hiding parts of a machine", () => {
  test("makes rules unknown, and never turns pass into fail or fail into pass", () => {
    const seen = { pass: 0, fail: 0, unknown: 0 };
    fc.assert(
      fc.property(
        cases,
        fc.oneof(fc.constant([...hideable]), fc.subarray([...hideable], { minLength: 1, maxLength: 3 })),
        fc.constantFrom(1, 5, 20, 60, 100),
        fc.nat(),
        fc.oneof(fc.constant([]), fc.subarray([...machineParts])),
        ({ machine, policy }, fields, percent, seed, parts) => {
          const random = makeRandom(seed);
          const part = withOwnCpu(
            machine,
            hide(machine, fields, () => random() * 100 < percent, new Set(parts)),
          );
          // That the kernel is one that is maintained is taken for granted where it is hidden, and told.
          fc.pre(!isUnknown(part.kernel.release) || isReckonedWith(machine.kernel.release));
          // A guest is known by its devices' ids: where all are hidden, the path is taken for that of hardware.
          fc.pre((virtualMachineOf(part) === null) === (virtualMachineOf(machine) === null));
          // Of an NVMe controller whose peer memory is hidden the size of its BARs is taken for an answer, and told.
          fc.pre(
            part.functions.every(
              (fn, at) => mayProvide(fn) !== true || mayProvide(machine.functions[at] ?? fn) === true,
            ),
          );
          const truth = resultsOf(machine, policy);
          resultsOf(part, policy).forEach(({ outcome, findings, rule }, index) => {
            seen[outcome]++;
            if (outcome === "unknown") expect(findings.length).toBeGreaterThan(0);
            else expect([rule, outcome]).toEqual([rule, truth[index]?.outcome]);
          });
        },
      ),
      { numRuns: 1500 },
    );
    // The property would hold of a check that never knows anything.
    expect(Math.min(seen.pass, seen.fail, seen.unknown)).toBeGreaterThan(100);
  });
});

describe("Of the same pairs", () => {
  test("require and forbid never both pass, and one of them does where all is known and pairs agree", () => {
    fc.assert(
      fc.property(
        machines.chain((machine) =>
          fc.record({
            machine: fc.constant(machine),
            provider: devicesOf(machine),
            client: devicesOf(machine),
            path: fc.constantFrom("direct", "supported"),
            each: fc.constantFrom("pair", "provider", "client"),
          }),
        ),
        ({ machine, provider, client, path, each }) => {
          const devices = `provider: ${provider}, client: ${client}, path: ${path}`;
          const required = only(machine, `require: [{ ${devices}, each: ${each}, gates: ignore }]`);
          const forbidden = only(machine, `forbid: [{ ${devices} }]`);
          expect([required.outcome, forbidden.outcome]).not.toEqual(["pass", "pass"]);
          const isMissing = required.findings.some(({ kind }) => kind === "missing") || forbidden.unmatched.length > 0;
          if (each !== "pair" || required.outcome === "unknown" || isMissing) return;
          // Without a missing device, pairs that required counts as failures are those that forbidden counts as passes.
          const pairs = required.counts.pass + required.counts.fail;
          // What the kernel does not call direct may be so all the same, by where requests go.
          const { fail, unknown: open } = forbidden.counts;
          const isByRoute = path === "direct" && (fail > required.counts.pass || open > 0);
          if (pairs > 1 && !isByRoute)
            expect(forbidden.counts).toEqual({
              ...required.counts,
              pass: required.counts.fail,
              fail: required.counts.pass,
            });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("a rule without a gate in its way passes with them ignored, and what the strict levels pass the loose ones do", () => {
    fc.assert(
      fc.property(
        machines.chain((machine) => fc.tuple(fc.constant(machine), devicesOf(machine), devicesOf(machine))),
        ([machine, provider, client]) => {
          const passes = (gates: string, path: string): boolean =>
            only(machine, `require: [{ provider: ${provider}, client: ${client}, path: ${path}, gates: ${gates} }]`)
              .outcome === "pass";
          if (passes("none", "direct")) expect(passes("blocking", "direct")).toBe(true);
          if (passes("blocking", "direct"))
            expect(passes("ignore", "direct") && passes("blocking", "supported")).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
