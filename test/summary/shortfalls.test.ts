import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { isDownTrained, shortfallsOf } from "../../src/summary/shortfalls.ts";
import { bootScenario } from "../policy/machines.ts";

/** What of the named devices of a machine is less than it could be, in words. */
function shortOf(text: string, change: (machine: Machine) => Machine = (machine) => machine): readonly string[] {
  const machine = change(bootScenario(`kernel: 7.2\ncpu: amd-zen\nhostBridges:\n  - below:\n${text}`));
  const topology = topologyOf(machine);
  const devices = machine.functions.filter(({ names }) => names.length > 0).map(({ bdf }) => bdf);
  return shortfallsOf(topology, devices).map(({ device, link, bar }) => {
    const [name = ""] = topology.functionOf(device).names;
    const at = link === null || link.below === device ? "" : " at its switch";
    const links = link === null ? [] : [`x${link.status.width} ${link.is}${isDownTrained(link) ? " down" : ""}${at}`];
    const bars = bar === null ? [] : [`${bar.sizeBytes / 2 ** 20} of ${(bar.possibleBytes ?? 0) / 2 ** 20} MiB`];
    return `${name}: ${[...links, ...bars].join(", ")}`;
  });
}

const port = (below: string): string => `      - rootPort:\n        below: [{ ${below} }]\n`;

describe("A device has less than it could", () => {
  test.each<[what: string, below: string, short: readonly string[]]>([
    ["nothing", "nic: { name: n, link: gen4 x16 }", []],
    ["fewer lanes than both ends can", "nic: { name: n, link: gen4 x4 of gen4 x16 }", ["n: x4 slow down"]],
    ["less speed than both ends can", "nic: { name: n, link: gen1 x16 of gen4 x16 }", ["n: x16 slow down"]],
    ["less speed, as idle GPUs have it", "gpu: { name: g, bar: 16G, link: gen1 x16 of gen4 x16 }", []],
    [
      "fewer lanes, which no idle GPU gives up",
      "gpu: { name: g, bar: 16G, link: gen4 x8 of gen4 x16 }",
      ["g: x8 slow down"],
    ],
    ["a part of its memory", "gpu: { name: g, bar: 16G, rebar: small }", ["g: 256 of 16384 MiB"]],
    ["all that a GPU with a small BAR has, without more", "gpu: { name: g, bar: 256M }", ["g: 256 of 0 MiB"]],
    ["the BAR of a NIC, which is no window into memory", "nic: { name: n, bars: { 0: 256M } }", []],
  ])("%s", (_, below, short) => {
    expect(shortOf(port(below))).toEqual(short);
  });

  test("by the switch of its card, whose inner link is full; not by a switch that others share", () => {
    const card = (more: string): string => `      - rootPort:
        below:
          - switch:
              id: 1002:1478
              portId: 1002:1479
              link: gen4 x8 of gen4 x16
            below: [{ gpu: { name: g, bar: 16G, link: gen4 x16 } }${more}]
`;
    expect(shortOf(card(""))).toEqual(["g: x8 slow down at its switch"]);
    expect(shortOf(card(", { nic: { name: n } }"))).toEqual([]);
  });
});
