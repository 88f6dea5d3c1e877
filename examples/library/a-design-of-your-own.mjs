// Two ways of your own to map peer memory, one wrong on purpose, beside two of the lab's, on a machine of your own and
// on two of the lab's:
//   node examples/library/a-design-of-your-own.mjs
import { lab } from "peerlane/model";

// What back ends did before there was peer memory, with a word of ours for each segment: an address to hand out as it
// is, AS_MEMORY to map it as RAM would be, REFUSED.
const inTheLoop = (place) => (world) => {
  const hook = lab.hookByPages(world, place(world));
  return {
    prepare: () => null,
    map: (list, direction) => world.host.mapList(world.device, list, direction, hook),
    unmap: (list, direction) => world.host.unmapList(world.device, list, direction),
    release: () => {},
  };
};
const common = { origins: [], preparation: "building", hasPeerPages: true };

// Asks the rules, and adds what the provider's host bridge does.
const careful = {
  ...common,
  id: "careful",
  title: "asks, and adds the offset",
  idea: "The bus address where the path is direct, as RAM where it leads through the host bridge, else a refusal.",
  open: inTheLoop(({ rules, device }) => (provider, phys) => {
    const type = rules.mapType(provider, device.bdf);
    if (type === "bus-addr") return phys + provider.busOffset;
    return type === "thru-host-bridge" ? lab.AS_MEMORY : lab.REFUSED;
  }),
};

// Wrong: takes the CPU's address for the bus address, and asks nobody.
const careless = {
  ...common,
  id: "careless",
  title: "the CPU's address, whoever asks",
  idea: "Hands the physical address to the device.",
  open: inTheLoop(() => (_provider, phys) => phys),
};

// Three devices below a switch. Bus addresses are 1 TiB below the CPU's, and the root complex sends nothing back down.
const port = (device) => `
              - port: {}
                below: [${device}]`;
const peer = (name) => port(`accel: { bars: { 0: "64M" }, name: ${name} }`);
const closedOffset = {
  ...lab.PLAIN_MACHINE,
  id: "closed-offset",
  pairs: ["near", "near"],
  title: "an offset and a closed root complex",
  words: "One switch; bus addresses are 1 TiB below CPU addresses, and the root complex sends nothing back down.",
  rootComplex: "refuse",
  scenario: `
scenario: an offset and a closed root complex
cpu: amd-zen
kernel: 7.2
iommu: off
hostBridges:
  - busOffset: -1T
    below:
      - rootPort: {}
        below:
          - switch: {}
            below:${peer("peerA")}${peer("peerB")}${port("nic: { name: client }")}
`,
};

const designs = [careful, careless, ...["special-pages", "raw-bar"].map((id) => lab.findDesign(id))];
const classes = [closedOffset, ...["bus-offset", "iommu-strict"].map((id) => lab.findClass(id))];
const { cells } = lab.runLab({ designs, classes, lengths: [1, 2, 64] });
for (const cell of cells) {
  const outcome = lab.cellOutcome(cell);
  console.log(`${cell.design} on ${cell.kind}: ${outcome === null ? "not run" : lab.outcomeText(cell, outcome)}`);
  if (cell.counterExample !== null) console.log(`  ${cell.counterExample.id}: ${lab.whyOf(cell)}`);
}

// Any run again, by its id: where the first wrong request went.
const plan = lab.parseRunId("careless:bus-offset:1:b", { designs: [careless] });
const { mishap } = lab.runOnce(plan);
console.log(`${lab.runId(plan)}:`, mishap?.hops.map(({ what }) => what).join(", "));
