import { expect, test } from "vitest";
import type { PciExpress } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { physicalOf, withPhysicals } from "../../src/pci/virtual-functions.ts";
import { bar } from "../answers/gate-cases.ts";
import { at, endpoint, express } from "../rules/by-hand.ts";

const hidden = unknown("hidden here");
const noBars = unknown("the BARs of a virtual function are in the SR-IOV registers of 0000:01:00.0");
const noLink = unknown("the link of a virtual function is that of 0000:01:00.0, which the source does not show");

/** The PCI Express capability of an endpoint whose link has this width. */
function link(width: number | "hidden" | "none"): PciExpress {
  const linkStatus = width === "none" ? null : width === "hidden" ? hidden : { speed: 4, width };
  return { ...(express("endpoint") as PciExpress), linkStatus } as PciExpress;
}

const [up, down] = [link(8), link(0)];

test.each<[name: string, physical: PciFunction["express"], own: PciFunction["express"], shown: PciFunction["express"]]>(
  [
    ["its link is its physical function's", up, down, up],
    ["a link of its own stays", up, link(4), link(4)],
    ["one whose width is 1 is up", up, link(1), link(1)],
    ["a hidden link stays", up, link("hidden"), link("hidden")],
    ["no link at all stays", up, link("none"), link("none")],
    ["a hidden capability stays", up, hidden, hidden],
    ["a conventional one stays", up, null, null],
    ["the physical function's link is down as well", down, down, { ...down, linkStatus: noLink }],
    ["the physical function hides its link", link("hidden"), down, link("hidden")],
    ["the physical function has no link register", link("none"), down, link("none")],
    ["the physical function hides its capability", hidden, down, { ...down, linkStatus: noLink }],
    ["the physical function has no capability", null, down, { ...down, linkStatus: noLink }],
  ],
)("A virtual function: %s", (_name, physical, own, shown) => {
  const functions = [
    endpoint("01:00.0", { express: physical }),
    endpoint("01:00.1", { express: own, physicalFunction: at("01:00.0"), bars: [bar()] }),
  ];
  expect(withPhysicals(functions)).toEqual([functions[0], { ...functions[1], express: shown }]);
});

test("whose physical function the source lacks has no link that it shows", () => {
  const [fn] = withPhysicals([endpoint("01:00.1", { express: down, physicalFunction: at("01:00.0"), bars: [bar()] })]);
  expect(fn?.express).toEqual({ ...down, linkStatus: noLink });
});

test.each<[name: string, own: PciFunction["bars"], shown: PciFunction["bars"]]>([
  ["none are those of SR-IOV", [], noBars],
  ["those that the kernel names stay", [bar()], [bar()]],
  ["hidden ones stay", hidden, hidden],
])("Its BARs: %s", (_name, own, shown) => {
  const physical = endpoint("01:00.0", { bars: [] });
  const [first, virtual] = withPhysicals([
    physical,
    endpoint("01:00.1", { bars: own, physicalFunction: at("01:00.0") }),
  ]);
  expect(virtual?.bars).toEqual(shown);
  expect(first).toBe(physical);
});

test.each<[physicalFunction: PciFunction["physicalFunction"], physical: string | undefined]>([
  [at("01:00.0"), "01:00.0"],
  [null, undefined],
  [hidden, undefined],
])("only what is known to be virtual is", (physicalFunction, physical) => {
  const fn = endpoint("01:00.1", { physicalFunction, bars: [] });
  expect(physicalOf(fn)).toBe(physical === undefined ? undefined : at(physical));
  if (physical === undefined) expect(withPhysicals([fn])[0]).toBe(fn);
});
