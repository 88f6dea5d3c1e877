import { describe, expect, test } from "vitest";
import { type Bdf, busKeyOf, formatBdf } from "../../src/pci/bdf.ts";
import { buildTopology } from "../../src/pci/build-topology.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { type Known, unknown } from "../../src/pci/known.ts";
import { ON_ROOT_BUS, PARENT_HIDDEN, type Topology } from "../../src/pci/topology.ts";
import { rows } from "../rows.ts";
import { at, bridge, endpoint, express, hostBridge } from "../rules/by-hand.ts";

const unseen = unknown("not shown");
const short = (bdf: Bdf): string => formatBdf(bdf).replace(/^0000:/, "");

function build(functions: readonly PciFunction[], rootBuses: Known<readonly number[]> = unseen): Topology {
  return buildTopology(
    functions.toSorted((a, b) => a.bdf - b.bdf),
    rootBuses,
  );
}

/** `function<what is above it`, `-` for a root bus and `?` where that is hidden. */
function parents(topology: Topology): string {
  return topology.functions
    .map(({ bdf }, index) => {
      const above = topology.parent[index] ?? 0;
      const name = above === ON_ROOT_BUS ? "-" : above === PARENT_HIDDEN ? "?" : short(at4(topology, above));
      return `${short(bdf)}<${name}`;
    })
    .join(" ");
}

function at4(topology: Topology, index: number): Bdf {
  return (topology.functions[index] as PciFunction).bdf;
}

/** Functions as tables write them: `port 00:01.0>1`, `endpoint 01:00.0`, with what they have behind. */
function read(text: string): PciFunction {
  const [kind = "", place = "", ...words] = text.split(" ");
  const [address = "", bus = ""] = place.split(">");
  const parts: Partial<PciFunction> = {};
  for (const word of words) {
    const [key, value = ""] = word.split("=");
    // Virtual functions: number, offset of the first, stride.
    const [numVfs = 0, firstVfOffset = 0, vfStride = 0] = value.split(",").map(Number);
    if (key === "sriov")
      Object.assign(parts, { sriov: { totalVfs: 64, numVfs, firstVfOffset, vfStride, vfDeviceId: 0 } });
    else if (key === "of") Object.assign(parts, { physicalFunction: at(value) });
    else if (key === "of?") Object.assign(parts, { physicalFunction: unseen });
    else if (key === "below") Object.assign(parts, { attachment: { upstream: at(value), rootBus: 0 } });
    else if (key === "on")
      Object.assign(parts, { attachment: { upstream: null, rootBus: Number.parseInt(value, 16) } });
    else throw new Error(word);
  }
  if (kind === "host") return hostBridge(address, "8086:29c0", parts);
  if (kind === "integrated") return endpoint(address, { express: express("root-complex-endpoint"), ...parts });
  if (kind === "collector") return endpoint(address, { express: express("root-complex-event-collector"), ...parts });
  if (kind === "port") return bridge(address, "root-port", Number.parseInt(bus, 16), parts);
  if (kind === "up") return bridge(address, "upstream-port", Number.parseInt(bus, 16), parts);
  if (kind === "bridge") return bridge(address, "conventional", Number.parseInt(bus, 16), parts);
  return endpoint(address, parts);
}

describe("What is above a function", () => {
  test.each(
    rows(`
      // functions                                                                  | each with what is above it

      // by the bus numbers of bridges
      port 00:01.0>1, nvme 01:00.0, nvme 01:00.1                                    | 00:01.0<- 01:00.0<00:01.0 01:00.1<00:01.0
      port 00:01.0>1, up 01:00.0>2, up 02:00.0>3, nvme 03:00.0                      | 00:01.0<- 01:00.0<00:01.0 02:00.0<01:00.0 03:00.0<02:00.0
      nvme 00:01.0                                                                  | 00:01.0<-           // bus 00 is a root bus
      nvme 05:00.0                                                                  | 05:00.0<?
      nvme 0001:00:01.0, nvme 0001:05:00.0                                          | 0001:00:01.0<- 0001:05:00.0<?
      port 0001:00:01.0>1, nvme 01:00.0                                             | 01:00.0<? 0001:00:01.0<-  // another segment's bus
      port 0001:00:01.0>1, nvme 0001:01:00.0                                        | 0001:00:01.0<- 0001:01:00.0<0001:00:01.0
      port 00:01.0>0, nvme 01:00.0                                                  | 00:01.0<- 01:00.0<? // not yet numbered

      // what only stands on a root bus shows that a bus is one
      host 40:00.0, nvme 40:01.0                                                    | 40:00.0<- 40:01.0<-
      port 40:00.0>41, nvme 40:01.0, nvme 41:00.0                                   | 40:00.0<- 40:01.0<- 41:00.0<40:00.0
      integrated 40:00.0, nvme 40:01.0                                              | 40:00.0<- 40:01.0<-
      collector 40:00.0, nvme 40:01.0                                               | 40:00.0<- 40:01.0<-
      up 40:00.0>41, nvme 40:01.0, nvme 41:00.0                                     | 40:00.0<? 40:01.0<? 41:00.0<40:00.0
      bridge 40:00.0>41, nvme 40:01.0                                               | 40:00.0<? 40:01.0<?

      // by the system's own tree, where the source shows it
      port 00:01.0>1, nvme 01:00.0 on=80                                            | 00:01.0<- 01:00.0<-
      port 00:01.0>1, nvme 02:00.0 below=00:01.0                                    | 00:01.0<- 02:00.0<00:01.0
      nvme 02:00.0 below=00:01.0                                                    | 02:00.0<?           // the bridge is not there
      nvme 40:00.0 on=40, nvme 40:01.0                                              | 40:00.0<- 40:01.0<- // one of a bus shows where the others are
      nvme 41:00.0 on=40, nvme 41:01.0                                              | 41:00.0<- 41:01.0<? // a virtual one on a bus of its own

      // virtual functions hang where their physical one does
      port 00:01.0>1, nvme 01:00.0, nvme 01:00.1 of=01:00.0                         | 00:01.0<- 01:00.0<00:01.0 01:00.1<00:01.0
      port 00:01.0>1, nvme 01:00.0, nvme 02:00.0 of=01:00.0                         | 00:01.0<- 01:00.0<00:01.0 02:00.0<00:01.0
      port 00:01.0>1, nvme 01:00.0, nvme 02:00.0 of=09:00.0                         | 00:01.0<- 01:00.0<00:01.0 02:00.0<?
      port 00:01.0>1, nvme 01:00.0 of=01:00.1, nvme 01:00.1 of=01:00.0              | 00:01.0<- 01:00.0<? 01:00.1<? // a virtual one of a virtual one
      port 00:01.0>1, nvme 01:00.0 of=01:00.0                                       | 00:01.0<- 01:00.0<00:01.0

      // found by SR-IOV where the source does not say: number, offset of the first, stride
      port 00:01.0>1, nvme 01:00.0 sriov=2,256,1, nvme 02:00.0 of?, nvme 02:00.1 of? | 00:01.0<- 01:00.0<00:01.0 02:00.0<00:01.0 02:00.1<00:01.0
      port 00:01.0>1, nvme 01:00.0 sriov=1,256,1, nvme 02:00.0 of?, nvme 02:00.1 of? | 00:01.0<- 01:00.0<00:01.0 02:00.0<00:01.0 02:00.1<?
      port 00:01.0>1, nvme 01:00.0 sriov=2,256,2, nvme 02:00.0 of?, nvme 02:00.2 of? | 00:01.0<- 01:00.0<00:01.0 02:00.0<00:01.0 02:00.2<00:01.0
      port 00:01.0>1, nvme 01:00.0 sriov=2,256,256, nvme 03:00.0 of?                | 00:01.0<- 01:00.0<00:01.0 03:00.0<00:01.0
      port 00:01.0>1, nvme 01:00.0 sriov=9,256,0, nvme 02:00.0 of?, nvme 02:00.1 of? | 00:01.0<- 01:00.0<00:01.0 02:00.0<00:01.0 02:00.1<?
      port 00:01.0>1, nvme 01:00.0 sriov=0,256,1, nvme 02:00.0 of?                  | 00:01.0<- 01:00.0<00:01.0 02:00.0<?
      port 00:01.0>1, nvme 01:00.0 sriov=2,256,1, nvme 02:00.0                      | 00:01.0<- 01:00.0<00:01.0 02:00.0<?  // known to be none
      port 00:01.0>1, port 00:02.0>2, nvme 01:00.0 sriov=1,256,1, nvme 02:00.0 of?  | 00:01.0<- 00:02.0<- 01:00.0<00:01.0 02:00.0<00:02.0 // a bridge's own bus
      nvme ff:00.0 on=0 sriov=2,255,1, nvme ff:1f.7 of?, nvme 0001:00:00.0 of?      | ff:00.0<- ff:1f.7<- 0001:00:00.0<- // no routing id beyond ffff
      port 00:01.0>ff, nvme ff:00.0 sriov=1,255,1, nvme ff:1f.7 of?                 | 00:01.0<- ff:00.0<00:01.0 ff:1f.7<00:01.0
      port 00:01.0>ff, nvme ff:00.0 sriov=1,256,1, nvme 0001:00:00.0 of?            | 00:01.0<- ff:00.0<00:01.0 0001:00:00.0<-
      port 00:01.0>ff, nvme ff:00.0 sriov=1,512,1, nvme 0001:01:00.0 of?            | 00:01.0<- ff:00.0<00:01.0 0001:01:00.0<?
      port 0001:00:01.0>1, nvme 0001:01:00.0 sriov=1,256,1, nvme 0001:02:00.0 of?   | 0001:00:01.0<- 0001:01:00.0<0001:00:01.0 0001:02:00.0<0001:00:01.0
      port 00:01.0>1, port 00:02.0>3, nvme 01:00.0 sriov=1,1024,1, nvme 03:00.0 sriov=1,512,1, nvme 05:00.0 of? | 00:01.0<- 00:02.0<- 01:00.0<00:01.0 03:00.0<00:02.0 05:00.0<00:01.0 // the first that claims it
    `),
  )("of %s: %s", (functions = "", expected) => {
    const topology = build(functions.split(", ").map(read));
    expect(parents(topology)).toBe(expected);
    expect(topology.oddities).toEqual([]);
    const hidden = topology.functions.flatMap((_, index) => (topology.parent[index] === PARENT_HIDDEN ? [index] : []));
    expect(topology.hiddenTops).toEqual(hidden);
  });

  test("is a root bus where the source lists it as one", () => {
    const list = (...buses: number[]): string =>
      parents(build([read("nvme 05:00.0"), read("nvme 0001:05:00.0")], buses));
    expect(list()).toBe("05:00.0<? 0001:05:00.0<?");
    expect(list(5)).toBe("05:00.0<- 0001:05:00.0<?");
    expect(list(busKeyOf(at("0001:05:00.0")))).toBe("05:00.0<? 0001:05:00.0<-");
  });

  test.each(
    rows(`
      // functions                                                       | each with what is above it           | oddity
      port 00:01.0>1, port 00:02.0>1, nvme 01:00.0                       | 00:01.0<- 00:02.0<- 01:00.0<?        | bridges 0000:00:01.0 and 0000:00:02.0 both claim bus 0000:01
      up 05:00.0>5, nvme 05:01.0                                         | 05:00.0<? 05:01.0<?                  | bridge 0000:05:00.0 claims bus 0000:05 below it, which is not above its own bus
      up 05:00.0>4, nvme 04:00.0                                         | 04:00.0<? 05:00.0<?                  | bridge 0000:05:00.0 claims bus 0000:04 below it, which is not above its own bus
      up 05:00.0>6, nvme 06:00.0                                         | 05:00.0<? 06:00.0<05:00.0            |
      up 05:00.0>6 below=06:00.0, up 06:00.0>7 below=05:00.0             | 05:00.0<06:00.0 06:00.0<?            | 0000:06:00.0 is above itself in the source's tree
      up 05:00.0>6 below=05:00.0                                         | 05:00.0<?                            | 0000:05:00.0 is above itself in the source's tree
    `),
  )("that contradicts itself is hidden, never wrong: %s", (functions = "", expected, oddity) => {
    const topology = build(functions.split(", ").map(read));
    expect(parents(topology)).toBe(expected);
    expect(topology.oddities).toEqual(oddity === "" ? [] : [oddity]);
  });
});

describe("The tree", () => {
  const functions = [
    ...[
      "host 00:00.0",
      "port 00:01.0>1",
      "up 01:00.0>2",
      "nvme 02:00.0",
      "nvme 02:01.0",
      "port 00:02.0>3",
      "nvme 03:00.0",
    ],
    ...["host 40:00.0", "nvme 40:01.0", "nvme 77:00.0", "nvme 41:00.0 on=40"],
  ].map(read);
  // Built by each test: what throws while a file is collected fails no test.
  const tree = (): Topology => build(functions);
  const names = (topology: Topology, list: Iterable<number>): string =>
    [...list].map((index) => short(at4(topology, index))).join(" ");

  test("has what is below a bridge together, behind it", () => {
    const topology = tree();
    expect(names(topology, topology.preorder)).toBe(
      "00:00.0 00:01.0 01:00.0 02:00.0 02:01.0 00:02.0 03:00.0 40:00.0 40:01.0 41:00.0 77:00.0",
    );
    topology.functions.forEach((_, index) => {
      const [from = 0, to = 0] = [topology.enter[index], topology.exit[index]];
      expect(topology.preorder[from]).toBe(index);
      const below = [...topology.preorder.slice(from + 1, to)];
      const isBelow = (other: number): boolean => {
        for (let above = topology.parent[other] ?? -1; above >= 0; above = topology.parent[above] ?? -1) {
          if (above === index) return true;
        }
        return false;
      };
      expect(below.toSorted()).toEqual([...topology.preorder].filter(isBelow).toSorted());
    });
  });

  test.each(
    rows(`
      // function | depth | root bus | directly below
      00:00.0     | 0     | 0        |
      00:01.0     | 0     | 0        | 01:00.0
      01:00.0     | 1     | 0        | 02:00.0 02:01.0
      02:01.0     | 2     | 0        |
      03:00.0     | 1     | 0        |
      40:01.0     | 0     | 1        |
      41:00.0     | 0     | 1        |
      77:00.0     | 0     | -1       |
    `),
  )("has %s at depth %s of root %s, above %s", (name = "", depth, root, below) => {
    const topology = tree();
    const index = topology.indexOf(at(name));
    expect([topology.depth[index], topology.root[index]]).toEqual([Number(depth), Number(root)]);
    expect(topology.rootOf(index)).toBe(root === "-1" ? undefined : Number(root));
    expect(topology.rootBusOf(index)).toBe(topology.roots[Number(root)]);
    expect(names(topology, topology.children(index))).toBe(below);
  });

  test("has what is below its very first function there, too", () => {
    const topology = build(["port 00:01.0>1", "nvme 01:00.0", "nvme 01:00.1"].map(read));
    expect(names(topology, topology.children(0))).toBe("01:00.0 01:00.1");
    expect(names(topology, topology.subtreeOf(0))).toBe("00:01.0 01:00.0 01:00.1");
    expect([topology.parentOf(1), topology.depth[1], topology.rootOf(1)]).toEqual([0, 1, 0]);
    expect(topology.bridgesAbove(2)).toEqual([0]);
  });

  test("has the functions of each root bus in order, without those that only hang from it", () => {
    const topology = tree();
    expect(
      topology.roots.map(({ rootBus, functions: on }) => `${rootBus.toString(16)}: ${names(topology, on)}`),
    ).toEqual(["0: 00:00.0 00:01.0 00:02.0", "40: 40:00.0 40:01.0"]);
  });

  test("orders root buses by number, whatever order the functions hang in", () => {
    const { roots } = build([read("nvme 00:01.0 on=80"), read("nvme 00:02.0 on=40"), read("host 40:00.0")]);
    expect(roots.map(({ rootBus }) => rootBus)).toEqual([0x40, 0x80]);
  });

  test("has no function that is not in it, and says so", () => {
    const topology = tree();
    const other = at("7f:00.0");
    expect(topology.has(other)).toBe(false);
    expect(topology.find(other)).toBeUndefined();
    const absent = "no function 0000:7f:00.0 in this machine";
    expect(() => topology.indexOf(other)).toThrow(absent);
    expect(() => topology.indexOf(other)).toThrow(expect.objectContaining({ code: "unknown-device" }));
    expect(() => topology.functionOf(other)).toThrow(absent);
    expect(() => topology.bridgeAbove(other)).toThrow(absent);
    for (const index of [-2, -1, 11, 99, 0.5, Number.NaN]) {
      const what = `no function ${index} among 11`;
      expect(() => topology.functionAt(index)).toThrow(what);
      expect(() => topology.parentOf(index)).toThrow(what);
      expect(() => topology.bridgesAbove(index)).toThrow(what);
      expect(() => topology.rootOf(index)).toThrow(what);
      expect(() => topology.isOnRootBus(index)).toThrow(what);
      expect(() => topology.isAtOrBelow(index, 0)).toThrow(what);
      expect(() => topology.isAtOrBelow(0, index)).toThrow(what);
      expect(() => topology.subtreeOf(index)).toThrow(what);
      expect(() => topology.slotMates(index)).toThrow(what);
      expect(() => topology.children(index)).toThrow(what);
    }
    expect(build([]).roots).toEqual([]);
  });

  test.each(
    rows(`
      // function | bridges above, nearest first | on a root bus | functions of its slot
      00:00.0     |                              | yes           | 00:00.0
      00:01.0     |                              | yes           | 00:01.0
      01:00.0     | 00:01.0                      | no            | 01:00.0
      02:00.0     | 01:00.0 00:01.0              | no            | 02:00.0
      02:01.0     | 01:00.0 00:01.0              | no            | 02:01.0
      03:00.0     | 00:02.0                      | no            | 03:00.0
      41:00.0     |                              | yes           | 41:00.0
      77:00.0     |                              | no            | 77:00.0
    `),
  )("has above %s: %s", (name = "", above = "", onRootBus, mates) => {
    const topology = tree();
    const index = topology.indexOf(at(name));
    expect(topology.functionOf(at(name))).toBe(topology.functionAt(index));
    expect(topology.find(at(name))).toBe(topology.functionAt(index));
    expect(names(topology, topology.bridgesAbove(index))).toBe(above);
    expect(topology.parentOf(index)).toBe(topology.bridgesAbove(index)[0]);
    expect(topology.bridgeAbove(at(name))?.bdf).toBe(above === "" ? undefined : at(above.slice(0, 7)));
    expect(topology.isOnRootBus(index)).toBe(onRootBus === "yes");
    expect(names(topology, topology.slotMates(index))).toBe(mates);
  });

  test("knows what is at or below what: exactly the function itself and those that have it above", () => {
    const topology = tree();
    topology.functions.forEach((_, bridge) => {
      const within = [...topology.functions.keys()].filter(
        (index) => index === bridge || topology.bridgesAbove(index).includes(bridge),
      );
      const said = [...topology.functions.keys()].filter((index) => topology.isAtOrBelow(index, bridge));
      expect(said).toEqual(within);
      expect([...topology.subtreeOf(bridge)].toSorted((a, b) => a - b)).toEqual(within);
      expect(topology.subtreeOf(bridge)[0]).toBe(bridge);
    });
  });

  test("has the functions of one device in one slot, those of its neighbours and of other buses not", () => {
    const topology = build(
      ["host 00:00.0", "nvme 00:01.0", "nvme 00:01.7", "nvme 00:02.0", "port 00:03.0>1", "nvme 01:01.0"].map(read),
    );
    const mates = (name: string): string => names(topology, topology.slotMates(topology.indexOf(at(name))));
    expect(mates("00:01.0")).toBe("00:01.0 00:01.7");
    expect(mates("00:01.7")).toBe("00:01.0 00:01.7");
    expect(mates("00:02.0")).toBe("00:02.0");
    expect(mates("01:01.0")).toBe("01:01.0");
  });
});
