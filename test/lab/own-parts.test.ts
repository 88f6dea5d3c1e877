import { describe, expect, test } from "vitest";
import * as lab from "../../src/model/lab.ts";
import { labJson } from "../../src/report/lab/json.ts";

/** A design of one's own, as a user writes it: `place` says for each peer segment where it is for the device. */
function design(id: string, place: (world: lab.LabWorld) => lab.PlacePeer): lab.MappingDesign {
  return {
    ...{ id, title: id, idea: "", origins: [], preparation: "building", hasPeerPages: true },
    open: (world) => {
      const hook = lab.hookByPages(world, place(world));
      return {
        prepare: () => null,
        map: (list, direction) => world.host.mapList(world.device, list, direction, hook),
        unmap: (list, direction) => world.host.unmapList(world.device, list, direction),
        release: () => {},
      };
    },
  };
}

const careful = design("careful", ({ rules, device }) => (provider, phys) => {
  const type = rules.mapType(provider, device.bdf);
  if (type === "bus-addr") return phys + provider.busOffset;
  return type === "thru-host-bridge" ? lab.AS_MEMORY : lab.REFUSED;
});
const careless = design("careless", () => (_, phys) => phys);

/** A class of one's own: a scenario with what is below its host bridge. */
function machineClass(id: string, below: string, more: Partial<lab.MachineClass> = {}): lab.MachineClass {
  const scenario = `scenario: own\ncpu: amd-zen\nkernel: 7.2\niommu: off\nhostBridges:\n  - below:${below}\n`;
  return { ...lab.PLAIN_MACHINE, id, title: id, words: id, scenario, ...more };
}

const peer = (name: string, size = "64M"): string => `accel: { bars: { 0: "${size}" }, name: ${name} }`;
const rootPort = (device: string): string => `\n      - rootPort: {}\n        below: [${device}]`;
const threePorts = rootPort(peer("peerA")) + rootPort(peer("peerB")) + rootPort("nic: { name: client }");
const far: Partial<lab.MachineClass> = { pairs: ["far", "far"] };

describe("a design of one's own, beside the lab's", () => {
  test("that hands out what is no address is told so, and not taken at RAM's word", () => {
    const classes = (["one-switch", "acs-redirect-iommu"] as const).map(lab.findClass);
    for (const wrong of [Number.NaN, -5, undefined as never]) {
      for (const kind of classes) {
        const run = () => lab.runLab({ designs: [design("odd", () => () => wrong)], classes: [kind], lengths: [1] });
        expect(run, `${wrong} on ${kind.id}`).toThrow(`at ${wrong}, which is no address`);
      }
    }
  });

  test.for<[lab.MappingDesign, lab.ClassId, string]>([
    [careful, "one-switch", "right"],
    [careful, "bus-offset", "right"],
    [careful, "closed-root-complex", "refused"],
    [careful, "iommu-strict", "right"],
    [careful, "acs-redirect-iommu", "right"],
    [careful, "linear-map", "refused"],
    [careful, "guest", "right"],
    [careless, "one-switch", "right"],
    [careless, "bus-offset", "near A: right; near B: wrong address"],
    [careless, "closed-root-complex", "fault"],
    [careless, "iommu-strict", "near: right; far: fault"],
    [careless, "mask-32", "refused"],
  ])("%s on %s: %s", ([own, id, text]) => {
    const designs = [own, lab.findDesign("special-pages")];
    const { cells } = lab.runLab({ designs, classes: [lab.findClass(id)], lengths: [1, 2] });
    expect(cells.map((cell) => cell.design)).toEqual([own.id, "special-pages"]);
    const [cell] = cells;
    const outcome = cell === undefined ? null : lab.cellOutcome(cell);
    expect(cell === undefined || outcome === null ? null : lab.outcomeText(cell, outcome)).toBe(text);
    for (const { result } of cells.flatMap(({ runs }) => runs)) expect(result.isRestored).toBe(true);
  });

  test("that leaves its mapping behind is shown", () => {
    const leaky: lab.MappingDesign = {
      ...careful,
      id: "leaky",
      open: (world) => ({ ...careful.open(world), unmap: () => {} }),
    };
    const result = new lab.DesignRunner(leaky, lab.findClass("acs-redirect-iommu")).run(["a"], 1);
    expect(result).toMatchObject({ read: "right", isRestored: false });
  });

  test.for([Number.NaN, 0.5, -4096, 2 ** 60, Number.POSITIVE_INFINITY])(
    "that fills in %d ends by name, and not with an exception",
    (address) => {
      const odd: lab.MappingDesign = {
        ...careful,
        id: "odd",
        open: (world) => ({
          ...careful.open(world),
          map: (list) => {
            list.dmaAddress.fill(address);
            list.dmaLengths.set(list.lengths);
            list.dmaCount = list.count;
            return { ok: true, value: list.count };
          },
          unmap: (list) => {
            list.dmaCount = 0;
          },
        }),
      };
      const { read, write } = new lab.DesignRunner(odd, lab.findClass("one-switch")).run(["a", "r"], 1);
      expect([read, write]).not.toContain("right");
      expect([read, write]).not.toContain("refused");
    },
  );

  test("is replayed by the id of its run", () => {
    const id = "careless:own-ports:3:r2a";
    const own = { designs: [careless], classes: [machineClass("own-ports", threePorts, far)] };
    const plan = lab.parseRunId(id, own);
    expect(lab.runId(plan)).toBe(id);
    expect(lab.runOnce(plan)).toMatchObject({ read: "right", write: "right" });
    expect(() => lab.parseRunId(id)).toThrow("no design 'careless' in the lab");
  });

  test("is in no document of the lab's, whose schema names the lab's own", () => {
    const result = lab.runLab({ designs: [careful], classes: [lab.findClass("one-switch")], lengths: [1] });
    expect(() => labJson({ result, statements: [], measured: [] })).toThrow("design 'careful' is not the lab's");
  });
});

describe("a machine class of one's own", () => {
  test.for<[string, Partial<lab.MachineClass>, string]>([
    ["what the rules and the hardware let through", {}, "right"],
    ["a root complex that refuses", { rootComplex: "refuse" }, "fault"],
    ["a root complex that takes writes", { rootComplex: "writes-only" }, "write right, read fault"],
    ["BARs beyond the linear map", { linearMapEnd: 2 ** 37 }, "refused"],
  ])("%s: special-pages is %s", ([, more, text]) => {
    const kind = machineClass("mine", threePorts, { ...far, ...more });
    const designs = [lab.findDesign("special-pages")];
    const { cells } = lab.runLab({ designs, classes: [kind, lab.findClass("one-switch")], lengths: [1] });
    const [cell] = cells;
    const outcome = cell === undefined ? null : lab.cellOutcome(cell);
    expect(cell === undefined || outcome === null ? null : lab.outcomeText(cell, outcome)).toBe(text);
  });

  test.for<[string, lab.MachineClass, RegExp]>([
    ["pairs that its tree has not", machineClass("mine", threePorts), /pairs are near and near.*\["far", "far"\]/s],
    ["one wrong place", machineClass("mine", threePorts, { pairs: ["far", "near"] }), /pairs are far and near/],
    ["no client", machineClass("mine", rootPort(peer("peerA")) + rootPort(peer("peerB"))), /no device named client/],
    [
      "too little peer memory",
      machineClass("mine", threePorts.replace("64M", "32M"), far),
      /mine: BAR 0 of 0000:01:00.0 has 33554432 bytes/,
    ],
  ])("with %s is refused, and why", ([, kind, why]) => {
    const open = (): unknown => new lab.DesignRunner(lab.findDesign("raw-bar"), kind);
    expect(open).toThrow(expect.objectContaining({ name: "PeerlaneError" }));
    let text = "";
    try {
      open();
    } catch (error) {
      text = `${(error as Error).message} ${(error as { remedy?: string }).remedy}`;
    }
    expect(text).toMatch(why);
  });
});

describe("names in the lab", () => {
  const one = [lab.findDesign("raw-bar")];
  const switchClass = [lab.findClass("one-switch")];
  const named = (id: string): lab.MappingDesign => ({ ...careful, id });

  test.for<[string, lab.LabOptions, string]>([
    ["a design of one of ours", { designs: [named("raw-bar")] }, "the lab has a design named 'raw-bar' of its own"],
    ["one of ours, changed", { designs: [{ ...lab.findDesign("raw-bar"), hasPeerPages: false }] }, "of its own"],
    ["two of one name", { designs: [careful, named("careful")] }, "a design named 'careful' is there twice"],
    ["with a colon", { designs: [named("a:b")] }, 'a design with the name the text "a:b"'],
    ["an empty one", { designs: [named("")] }, 'a design with the name the text ""'],
    ["a word of the verb", { designs: [named("replay")] }, 'a design with the name the text "replay"'],
    ["a long one", { designs: [named("a".repeat(41))] }, "a design with the name"],
    [
      "a class of one of ours",
      { designs: one, classes: [machineClass("guest", threePorts, far)] },
      "the lab has a machine class named 'guest' of its own",
    ],
    [
      "two classes of one name",
      { designs: one, classes: [machineClass("m", threePorts, far), machineClass("m", threePorts, far)] },
      "a machine class named 'm' is there twice",
    ],
  ])("%s", ([, options, message]) => {
    expect(() => lab.runLab({ classes: switchClass, lengths: [1], ...options })).toThrow(message);
  });

  test("the same design twice is no other", () => {
    const { cells } = lab.runLab({ designs: [careful, careful], classes: switchClass, lengths: [1] });
    expect(cells).toHaveLength(2);
  });

  test("hold where a runner or a measurement is opened too", () => {
    const [kind] = switchClass;
    if (kind === undefined) throw new Error("no class");
    expect(() => new lab.DesignRunner(named("pfn-t"), kind)).toThrow("of its own");
    const options = { kind, listKind: "all-peer", length: 1, seed: 1, now: () => 0, leastMs: 0 } as const;
    expect(() => lab.measureDesigns({ ...options, designs: [named("pfn-t")] })).toThrow("of its own");
  });

  test("of the lab itself are those of its lists", () => {
    expect(lab.MAPPING_DESIGNS.map(({ id }) => id)).toEqual([...lab.DESIGN_IDS]);
    expect(lab.MACHINE_CLASSES.map(({ id }) => id).toSorted()).toEqual([...lab.CLASS_IDS].toSorted());
  });
});
