import { describe, expect, test } from "vitest";
import { type Machine, topologyOf } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { buildTopology } from "../../src/pci/build-topology.ts";
import type { LinkState } from "../../src/pci/express.ts";
import { type Known, unknown } from "../../src/pci/known.ts";
import { linkSentence, linkText } from "../../src/report/link-text.ts";
import { plainText } from "../../src/report/rich.ts";
import { treeSummary } from "../../src/report/tree-summary.ts";
import { linksOf } from "../../src/summary/links.ts";
import { at, bridge, endpoint, express } from "../rules/by-hand.ts";

/** A root port of this link with what is below it. */
function below(port: string, device: string): Machine {
  const text = `scenario: a link\nhostBridges:\n  - below:\n      - rootPort: { at: "01.0", link: ${port} }\n        below: [${device}]\n`;
  return readScenario(text, "link.yaml");
}

describe("A link held against what both of its ends can do", () => {
  test.for([
    // port can | device | is | cell
    ["gen5 x16", "gpu: { link: gen5 x16 }", "full", "x16 32GT/s"],
    ["gen5 x16", "nvme: { link: gen4 x4 }", "full", "x4 16GT/s"],
    ["gen5 x16", "gpu: { link: gen3 x4 of gen5 x16 }", "slow", "x4 8GT/s of x16 32GT/s, slow"],
    ["gen5 x16", "gpu: { link: gen5 x8 of gen5 x16 }", "slow", "x8 32GT/s of x16 32GT/s, slow"],
    ["gen4 x16", "gpu: { link: gen3 x4 of gen5 x16 }", "slow", "x4 8GT/s of x16 16GT/s, slow"],
    ["gen5 x16", "gpu: { link: gen1 x16 of gen5 x16 }", "idle-gpu", "x16 2.5GT/s of 32GT/s, idle?"],
    ["gen5 x16", "gpu: { link: gen1 x8 of gen5 x16 }", "slow", "x8 2.5GT/s of x16 32GT/s, slow"],
    ["gen5 x16", "nvme: { link: gen3 x4 of gen4 x4 }", "slow", "x4 8GT/s of x4 16GT/s, slow"],
    ["gen5 x16", "nic: { link: gen1 x16 of gen5 x16 }", "slow", "x16 2.5GT/s of x16 32GT/s, slow"],
    ["gen3 x4", "gpu: { link: gen3 x4 of gen4 x16 }", "held-by-port", "x4 8GT/s of x16 16GT/s, port"],
    ["gen4 x8", "gpu: { link: gen1 x8 of gen5 x16 }", "idle-gpu", "x8 2.5GT/s of 16GT/s, idle?"],
  ] as const)("port %s, %s: %s", ([port, device, is, cell]) => {
    const topology = topologyOf(below(port, device));
    expect(linksOf(topology).map((link) => link.is)).toEqual([is]);
    const index = topology.functions.findIndex(
      (fn) => fn.express !== null && topology.parentOf(topology.indexOf(fn.bdf)) !== undefined,
    );
    expect(linkText(topology, index).text).toBe(cell);
  });

  const state = (width: number, speedGTps: number): LinkState => ({ width, speedGTps });
  const hidden = unknown("not shown");
  const x16 = state(16, 32);
  const x4 = state(4, 8);
  test.for<
    readonly [string, Known<LinkState>, Known<LinkState>, Known<LinkState>, Known<LinkState>, readonly string[]]
  >([
    ["the port's ability hidden", x4, hidden, x4, x16, ["below-own"]],
    ["an emulated port that states another link", state(32, 16), state(32, 16), x16, x16, ["full"]],
    ["an emulated port, and a device at less than it can", state(32, 16), state(32, 16), x4, x16, ["below-own"]],
    ["the device's ability hidden", x4, x16, x4, hidden, ["open"]],
    ["the device's state hidden", x4, x16, hidden, x16, []],
    ["a speed that no encoding names", state(16, 0), x16, state(16, 0), x16, ["full"]],
  ])("with %s", ([, portIs, portCan, deviceIs, deviceCan, kinds]) => {
    const port = { ...(express("root-port") as object), linkStatus: portIs, linkCapable: portCan };
    const own = { ...(express("endpoint") as object), linkStatus: deviceIs, linkCapable: deviceCan };
    const functions = [
      bridge("00:01.0", "root-port", 1, { express: port as never }),
      endpoint("01:00.0", { express: own as never, attachment: { upstream: at("00:01.0"), rootBus: 0 } }),
    ];
    expect(linksOf(buildTopology(functions, [0])).map(({ is }) => is)).toEqual(kinds);
  });
});

test.for([
  ["one GPU, as on a card with a switch of its own", "- gpu: { link: gen5 x16 }", "idle-gpu"],
  ["two GPUs", "- gpu: { link: gen5 x16 }\n              - gpu: { link: gen5 x16 }", "slow"],
  ["a GPU and a NIC", "- gpu: { link: gen5 x16 }\n              - nic: { link: gen5 x16 }", "slow"],
] as const)("A switch's uplink at less speed above %s", ([, devices, is]) => {
  const text = `scenario: an uplink
hostBridges:
  - below:
      - rootPort: { at: "01.0", link: gen5 x16 }
        below:
          - switch: { link: gen2 x16 of gen5 x16 }
            below:
              ${devices}
`;
  expect(linksOf(topologyOf(readScenario(text, "uplink.yaml")))[0]?.is).toBe(is);
});

describe("A GPU whose port's ability is hidden", () => {
  const can = { width: 16, speedGTps: 32 };
  const hidden = unknown("not shown");
  const GPU = 0x030200;

  test.for([
    [
      "a GPU with all lanes at less speed",
      GPU,
      { width: 16, speedGTps: 2.5 },
      "x16 2.5GT/s of x16 32GT/s, why hidden, idle?",
    ],
    ["a GPU with fewer lanes", GPU, { width: 8, speedGTps: 2.5 }, "x8 2.5GT/s of x16 32GT/s, why hidden"],
    [
      "a NIC with all lanes at less speed",
      0x020000,
      { width: 16, speedGTps: 2.5 },
      "x16 2.5GT/s of x16 32GT/s, why hidden",
    ],
  ] as const)("%s", ([, classCode, status, cell]) => {
    const port = { ...(express("root-port") as object), linkStatus: status, linkCapable: hidden };
    const own = { ...(express("endpoint") as object), linkStatus: status, linkCapable: can };
    const topology = buildTopology(
      [
        bridge("00:01.0", "root-port", 1, { express: port as never }),
        endpoint("01:00.0", { classCode, express: own as never, attachment: { upstream: at("00:01.0"), rootBus: 0 } }),
      ],
      [0],
    );
    expect(linkText(topology, topology.indexOf(at("01:00.0"))).text).toBe(cell);
  });
});

test("An idle GPU's link is told as perhaps idle in a sentence too", () => {
  const topology = topologyOf(below("gen5 x16", "gpu: { name: gpu0, link: gen1 x16 of gen5 x16 }"));
  const [link] = linksOf(topology);
  expect(link && plainText(linkSentence(topology, link))).toBe(
    "gpu0 is x16 2.5GT/s of 32GT/s, perhaps because it is idle: GPUs lower the speed then; look under load",
  );
});

test.for([
  [
    "gen5 x16",
    "gpu: { name: gpu0, link: gen3 x4 of gen5 x16 }",
    "1 link: 1 slower than both ends can: gpu0 is x4 8GT/s, and both ends can x16 32GT/s (port 00:01.0)",
  ],
  [
    "gen3 x4",
    "gpu: { name: gpu0, link: gen3 x4 of gen4 x16 }",
    "held back by the port (1): gpu0 is x4 8GT/s, as its port 00:01.0 can only x4 8GT/s, and can itself x16 16GT/s",
  ],
  [
    "gen5 x16",
    "gpu: { name: gpu0, link: gen1 x16 of gen5 x16 }",
    "speed reduced (idle GPUs do this): gpu0, x16 2.5GT/s of 32GT/s at full width",
  ],
] as const)("The tree's first lines tell of port %s with %s", ([port, device, line]) => {
  expect(treeSummary(topologyOf(below(port, device)), 200).map(plainText)).toContain(line);
});
