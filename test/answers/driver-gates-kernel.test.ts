import { describe, expect, test } from "vitest";
import { isBeforeP2pdma, kernelGate } from "../../src/answers/driver-gates.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { Kernel } from "../../src/host/machine.ts";
import { rows } from "../rows.ts";
import { linux, machineOf } from "../rules/by-hand.ts";
import { hidden } from "./gate-cases.ts";
import { asked, gate, ifBound, proviso, way, waysOf } from "./ways.ts";

describe("Kernels before P2PDMA", () => {
  test.each(
    rows(`
      // release | before
      3.10.0     | yes
      4.19.316   | yes
      4.20       | no
      4.20.17    | no
      5.0        | no
      7.2        | no
      mine       | no  // nothing says so
      ?          | no
    `),
  )("%s: %s", (release = "", before) => {
    const kernel = { ...linux("7.2"), release: release === "?" ? hidden : release };
    expect(isBeforeP2pdma(kernel)).toBe(before === "yes");
  });
});

describe("A kernel without P2PDMA", () => {
  const stop = gate("kernel-without-p2pdma", "blocks", "there is none");
  const without: Partial<Kernel> = { config: {} };
  const on = (kernel: Partial<Kernel>): ReturnType<typeof machineOf> =>
    machineOf([], { kernel: { ...linux("7.2"), ...kernel } });

  test.each(
    rows(`
      // ways                              | effect
      none                                 | blocks  // nothing was read of the pair: as the kernel says
      asks-and-obeys                       | blocks
      asks-and-obeys asks-and-obeys        | blocks
      asks-and-obeys asks-yes-or-no        | blocks  // both ask
      asks-and-obeys no-peer-dma           | blocks
      asks-and-obeys does-not-ask          | warns   // one way is left
      does-not-ask asks-and-obeys          | warns
      asks-and-obeys user-space            | warns
      asks-and-obeys no-peer-dma user-space| warns
      asks-and-obeys (does-not-ask)        | blocks  // that one is no PCIe
      (does-not-ask)                       | blocks
      (asks-and-obeys) does-not-ask        | -
      does-not-ask                         | -
      user-space                           | -
      no-peer-dma                          | -       // it has a gate of its own
      asks-yes-or-no                       | blocks
      asks-yes-or-no does-not-ask          | blocks
      (asks-yes-or-no) does-not-ask        | -
    `),
  )("stops a pair of %s: %s", (ways = "", effect) => {
    const found = kernelGate(on(without), stop, asked(waysOf(ways)));
    expect(found).toEqual(effect === "-" ? [] : [{ ...stop, effect }]);
  });

  test("is the only gate that hangs on who asks", () => {
    const other = gate("bus-master-off", "blocks", "off");
    expect(kernelGate(on(without), other, asked(waysOf("user-space")))).toEqual([other]);
    expect(kernelGate(on(without), other, asked(waysOf("asks-and-obeys user-space")))).toEqual([other]);
  });

  const answersNo = proviso({ configOff: "CONFIG_PCI_P2PDMA" }, "host-memory", { words: "the answer is no" });
  const another = proviso({ configOff: "CONFIG_HSA_AMD_P2P" }, "part", { words: "something else" });
  const asking = way("asks-yes-or-no", { provisos: [another, answersNo], onNo: "host memory" });
  const says = (name: string): string =>
    `${name} is built without CONFIG_PCI_P2PDMA: the answer is no. On no: host memory`;

  test.each<[name: string, kernel: Partial<Kernel>, message: string]>([
    ["is built without it", without, says("7.2")],
    ["of no name is built without it", { release: hidden, config: {} }, says("this kernel")],
    ["is built with it", {}, "there is none"],
    ["hides how it is built", { config: hidden }, "there is none"],
    ["is older", { release: "4.19", config: {} }, "there is none"],
  ])("says what becomes of a driver that takes a yes or no, where the kernel %s", (_name, kernel, message) => {
    expect(kernelGate(on(kernel), stop, asked([asking]))).toEqual([{ ...stop, message }]);
  });

  test("also of a gate that only warned", () => {
    const warning: Gate = { ...stop, effect: "warns" };
    expect(kernelGate(on(without), warning, asked([asking]))).toEqual([{ ...stop, message: says("7.2") }]);
  });

  test("and not where nothing was read of that", () => {
    const one = way("asks-yes-or-no", { provisos: [another] });
    expect(kernelGate(on(without), stop, asked([one]))).toEqual([stop]);
  });

  test.each<[name: string, isGiven: boolean, why: string | null, prefix: string, doubt: string | undefined]>([
    ["hidden", true, "the drivers are hidden", "if amdgpu is bound to the provider: ", "the drivers are hidden"],
    ["shown", false, null, "", undefined],
    ["shown, and hang on something", true, null, "if amdgpu is bound to the provider: ", undefined],
    ["hidden, and hang on nothing", false, "the drivers are hidden", "", undefined],
  ])("is in doubt where drivers are %s", (_name, isGiven, why, prefix, doubt) => {
    const ways = [isGiven ? ifBound("amdgpu", asking) : asking];
    expect(kernelGate(on(without), stop, asked(ways, why))).toStrictEqual([
      { ...stop, message: `${prefix}${says("7.2")}`, ...(doubt === undefined ? {} : { doubt }) },
    ]);
  });
});
