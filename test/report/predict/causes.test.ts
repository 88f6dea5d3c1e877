import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { readScenario } from "../../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../../src/host/select.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import type { StatedPackets } from "../../../src/pci/express.ts";
import { isUnknown, unknown } from "../../../src/pci/known.ts";
import { explainText } from "../../../src/report/explain-text.ts";
import { PeerRoutes } from "../../../src/routes/peer-routes.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";

/** A GPU and a NIC below one switch of an EPYC of Zen 4, with the links of the three. */
function machineOf({ acs = "false", up = "gen5 x16", gpu = "gen5 x16", nic = "gen5 x16", iommu = "off" }): Machine {
  const text = `
cpu: { vendor: AuthenticAMD, family: 25, model: 17, name: EPYC 9354 }
kernel: 7.2
iommu: ${iommu}
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { link: gen5 x16 }
        below:
          - switch: { id: 1000:c030, acs: ${acs}, link: ${up} }
            below:
              - gpu: { id: 10de:2330, bar: 128G, name: gpu0, link: ${gpu} }
              - nic: { id: 15b3:1021, name: mlx5_0, bars: { 0: 32M }, link: ${nic} }
`;
  return readScenario(text, "a machine of a test");
}

/** The same where a text states what the packets of all functions are. */
function stating(machine: Machine, stated: StatedPackets): Machine {
  const functions = machine.functions.map((fn) =>
    isUnknown(fn.express) || fn.express === null
      ? fn
      : { ...fn, express: { ...fn.express, stated, registers: unknown("a text") } },
  );
  return { ...machine, functions };
}

/** What `explain gpu0 mlx5_0` says of links and of what the pair carries. */
function said(machine: Machine): string {
  const both = ["gpu0", "mlx5_0"].map((name) => findDevice(machine, name));
  const table = decideAll(machine, { providers: both, clients: both });
  const screen = explainText(
    table,
    both[0] as Bdf,
    both[1] as Bdf,
    { width: 400, color: false },
    new PeerRoutes(table),
  );
  const lines = screen.split("\n").map((line) => line.trim());
  const from = lines.findIndex((line) => line.startsWith("slowest"));
  return lines
    .slice(
      from,
      lines.findIndex((line) => line.startsWith("address")),
    )
    .join("\n");
}

const PACKETS: StatedPackets = {
  maxPayloadBytes: 256,
  possiblePayloadBytes: 256,
  maxReadRequestBytes: 512,
  relaxedOrdering: true,
  extendedTags: true,
};
const usual = stating(machineOf({}), PACKETS);

test.each<readonly [what: string, machine: Machine]>([
  ["nothing", usual],
  ["a link that trained down", stating(machineOf({ nic: "gen3 x8 of gen5 x16" }), PACKETS)],
  ["packets of 128 bytes", stating(machineOf({}), { ...PACKETS, maxPayloadBytes: 128 })],
  [
    "the way by the root complex, and an uplink for both directions",
    stating(machineOf({ acs: '"SV+ RR+ CR+ UF+"' }), PACKETS),
  ],
  [
    "a slow uplink that both share",
    stating(machineOf({ acs: '"SV+ RR+ CR+ UF+"', up: "gen4 x16 of gen5 x16" }), PACKETS),
  ],
  ["a GPU that is asleep, which is no fault", stating(machineOf({ gpu: "gen1 x16 of gen5 x16" }), PACKETS)],
])("explain says what holds a path back and what it costs: %s", (_, machine) => {
  expect(said(machine)).toMatchSnapshot();
});

describe("explain says what look-ups of the IOMMU leave of the figures, at random over more than it reaches", () => {
  const REDIRECTED = '"SV+ RR+ CR+ UF+"';
  test.each([
    ["redirected, translating", REDIRECTED, "strict", "reads 45.5 GB/s"], // 54.4 beside 256 walks of 49.5 ns,
    ["redirected, passed through", REDIRECTED, "passthrough", null],
    ["redirected, off", REDIRECTED, "off", null],
    ["turning in the switch, translating", "false", "strict", null],
  ])("%s", (_, acs, iommu, left) => {
    const lines = said(stating(machineOf({ acs, iommu }), PACKETS)).split("\n");
    const line = `– at random over more than the IOMMU's reach, taken as 308 KiB of 4 KiB pages: ${left}`;
    expect(lines.filter((each) => each.includes("IOMMU"))).toEqual(left === null ? [] : [line]);
  });
});
