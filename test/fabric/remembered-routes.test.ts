import { afterEach, describe, expect, test, vi } from "vitest";
import { createFabric, type Fabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import { RememberedRoutes } from "../../src/fabric/remembered-routes.ts";
import type { MemoryRequest } from "../../src/fabric/route.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { Translator } from "../../src/iommu/translation.ts";
import { PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_SV, PCI_ACS_TB, PCI_ACS_UF } from "../../src/pci/acs.ts";
import { busAddr, type DmaAddr, type PhysAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import type { BridgeRegisters } from "../../src/pci/bridge.ts";
import { rows } from "../rows.ts";
import { bdfOf, busOf, changed, machineOf, nameAt, named, pattern, physOf, shown } from "./machines.ts";

const ALL_ACS = 0x7f;

/**
 * A switch with `left`, `right` and a NIC with 40 virtual functions, `other` below another root port, `away` below
 * another host bridge. Requesters 32 indices apart share their places among the remembered routes: `left` and
 * `likeLeft`, `away` and `likeAway` (virtual functions both).
 */
function machineWith(busOffset = "0"): Machine {
  const built = machineOf(`
  - busOffset: ${busOffset}
    below:
      - rootPort: { name: root1 }
        below:
          - switch: { name: switch }
            below:
              - port: { name: leftPort }
                below: [ { nvme: { cmb: 16M, name: left } } ]
              - port: { name: rightPort }
                below: [ { gpu: { bar: 1G, name: right } } ]
              - port: { name: nicPort }
                below: [ { nic: { name: nic, sriov: { total: 40, vfs: 40 } } } ]
      - rootPort: { name: root2 }
        below: [ { nic: { name: other } } ]
  - busOffset: 0
    below:
      - rootPort: { name: root3 }
        below: [ { device: { bars: { 0: 256 }, name: away } } ]`);
  const withAcs = (one: Machine, name: string) =>
    changed(one, name, { acs: { capability: ALL_ACS, control: name.startsWith("root") ? PCI_ACS_UF : 0 } });
  return ["root1", "root2", "root3", "leftPort", "rightPort", "nicPort"].reduce(withAcs, built);
}
const machine = machineWith();
const RAM = [{ start: 0 as PhysAddr, sizeBytes: 0x8000 }];

function functionOf(of: Machine, name: string): Bdf {
  const { topology } = createFabric(of);
  const like = { likeLeft: ["left", 32], likeAway: ["away", -32] }[name] as [string, number] | undefined;
  return like === undefined ? bdfOf(of, name) : topology.functionAt(topology.indexOf(bdfOf(of, like[0])) + like[1]).bdf;
}

const REQUEST =
  /^(\w+) (write|read)s (\w+)(?:\.(\d))?(?:([+-])(0x\w+))?(?: (\d+) bytes)?(?: as (\w+))?( translated)?( relaxed)?$/;

/** `left writes right.1+0x40`: to a BAR, the first where none is named, in DRAM (`dram`) or to the interrupts (`msi`); 64 bytes. */
function requestOf(text: string, of: Machine = machine): MemoryRequest {
  const found = REQUEST.exec(text);
  if (found === null) throw new Error(`no request: ${text}`);
  const [, from = "", kind, to = "", bar, sign, offset = "0", bytes = "64", as, translated, relaxed] = found;
  const start = { dram: 0x1000, msi: 0xfee00000 }[to] ?? busOf(of, to, bar === undefined ? undefined : Number(bar));
  return {
    requester: functionOf(of, from),
    ...(as === undefined ? {} : { requesterId: functionOf(of, as) }),
    kind: kind === "read" ? "read" : "write",
    address: (start + Number(offset) * (sign === "-" ? -1 : 1)) as DmaAddr,
    lengthBytes: Number(bytes),
    addressType: translated === undefined ? "untranslated" : "translated",
    relaxedOrdering: relaxed !== undefined,
  };
}

/** Outcome, `across` or `root` where it went, and where it ended. */
function send(fabric: Fabric, request: MemoryRequest): string {
  const outcome = fabric.send(request, pattern(request.lengthBytes));
  const { hops, endedAt } = shown(fabric.lastRoute());
  const turns = hops.some(({ at }) => at === "root-complex") ? " root" : "";
  const across = turns === "" && hops.some(({ what }) => what === "across") ? " across" : "";
  return `${outcome}${turns}${across}, ${nameAt(fabric.machine, endedAt)}`;
}

/** Sends a request often enough that its route is remembered, where it may be. */
function warm(fabric: Fabric, request: MemoryRequest): string {
  let answer = "";
  for (let time = 0; time < 12; time++) answer = send(fabric, request);
  return answer;
}

const follow = vi.spyOn(RememberedRoutes.prototype, "follow");
afterEach(() => follow.mockClear());

/** Sends a request; yields its answer, and in front how many of its TLPs went by what was remembered. */
function sendAndCount(fabric: Fabric, request: MemoryRequest): string {
  const before = follow.mock.calls.length;
  const answer = send(fabric, request);
  return `${follow.mock.calls.length - before} ${answer}`;
}

function countersOf({ counters }: Fabric) {
  const { up, down, dramReadBytes, dramWrittenBytes, rootComplexBytes } = counters;
  return { up: [...up], down: [...down], dramReadBytes, dramWrittenBytes, rootComplexBytes };
}

/** A fabric that never remembered anything gives the request the same hops and counts the same for it. */
function expectAsUnremembered(warmed: Fabric, request: MemoryRequest, of: Machine, options: FabricOptions): void {
  warmed.counters.clear();
  send(warmed, request);
  const fresh = createFabric(of, options);
  send(fresh, request);
  expect(warmed.lastRoute()).toEqual(fresh.lastRoute());
  expect(countersOf(warmed)).toEqual(countersOf(fresh));
}

describe("A remembered route is for requests like its own, up to where anything else may be decoded", () => {
  test.each(
    rows(`
      // first              | then                                | followed | answer
      left writes right     | left writes right+0x40              | 1 | delivered across, right
      left reads right      | left reads right+0x40               | 1 | delivered across, right
      left writes other     | left writes other                   | 1 | delivered root, other
      left writes dram      | left writes dram+0x40               | 1 | delivered root, root-complex
      away reads right      | away reads right                    | 1 | delivered root, right
      left writes left      | left writes left                    | 1 | delivered, left
      // Another kind of request
      left writes right     | left reads right                    | 0 | delivered across, right
      left reads right      | left writes right                   | 0 | delivered across, right
      left writes right     | left writes right translated        | 0 | delivered across, right
      left reads right      | left reads right relaxed            | 0 | delivered across, right
      // Another requester, or another requester id
      left writes right     | likeLeft writes right               | 0 | delivered across, right
      left writes right     | left writes right as other          | 0 | delivered across, right
      left reads right      | left reads right as other           | 0 | lost root, other
      left writes right     | likeLeft writes right as left       | 0 | delivered across, right
      left reads right      | likeLeft reads right as left        | 0 | lost across, left
      left writes right     | right writes right                  | 0 | delivered, right
      // The ends of a BAR of 16 MiB: behind it lies the BAR of left, before it nothing; of one of 256 bytes
      left writes right     | left writes right+0xffffc0          | 1 | delivered across, right
      left writes right     | left writes right+0xffffe0          | 1 | delivered, left
      left writes right     | left writes right+0x1000000         | 0 | delivered, left
      left writes right     | left writes right-0x40              | 0 | unsupported-request root, root-complex
      left writes left      | left writes left-0x40               | 0 | delivered across, right
      other writes away     | other writes away+0xf0 16 bytes     | 1 | delivered root, away
      other writes away     | other writes away+0xf0 32 bytes     | 0 | unsupported-request root, away
      // No bytes: the address decides all the same
      left writes right     | left writes right+0xffffff 0 bytes  | 1 | delivered across, right
      left writes right     | left writes right+0x1000000 0 bytes | 0 | delivered, left
      left writes right 0 bytes | left writes right+0xffffc0      | 1 | delivered across, right
      left writes right 0 bytes | left writes right+0xffffe0      | 1 | delivered, left
      // Over the end of a page: a TLP for each
      left writes right     | left writes right+0xfe0             | 2 | delivered across, right
      left writes right     | left writes left-0x20               | 1 | delivered, left
      // The end of DRAM
      left writes dram      | left writes dram+0x6fc0             | 1 | delivered root, root-complex
      left writes dram      | left writes dram+0x7000             | 0 | unsupported-request root, root-complex
      // Interrupts are never remembered: the length decides which writes are any
      left writes msi 4 bytes | left writes msi 4 bytes           | 0 | delivered root, root-complex
      left writes msi 4 bytes | left writes msi 64 bytes          | 0 | unsupported-request root, root-complex`),
  )("%s, then %s: %s followed, %s", (first, then, followed, answer) => {
    const fabric = createFabric(machine, { ram: RAM });
    warm(fabric, requestOf("nic writes dram"));
    expect(warm(fabric, requestOf(first))).toMatch(/^delivered/);
    expect(sendAndCount(fabric, requestOf(then))).toBe(`${followed} ${answer}`);
    expectAsUnremembered(fabric, requestOf(then), machine, { ram: RAM });
  });

  test.each(["left writes right-0x40", "left reads right as other", "other writes away+0xf0 32 bytes"])(
    "%s: what is not delivered is decided each time",
    (text) => {
      const fabric = createFabric(machine, { ram: RAM });
      const answer = warm(fabric, requestOf(text));
      expect(answer).not.toMatch(/^delivered/);
      expect(sendAndCount(fabric, requestOf(text))).toBe(`0 ${answer}`);
    },
  );

  test("DRAM that is anywhere ends where interrupts begin", () => {
    const fabric = createFabric(machine);
    expect(warm(fabric, requestOf("left writes msi-0x100"))).toBe("delivered root, root-complex");
    expect(sendAndCount(fabric, requestOf("left writes msi-0x40"))).toBe("1 delivered root, root-complex");
    expect(sendAndCount(fabric, requestOf("left writes msi"))).toBe("0 unsupported-request root, root-complex");
  });

  test("A route of more hops than there is room for is decided each time", () => {
    const nested = (name: string, depth: number): unknown =>
      depth === 0 ? { nvme: { cmb: "16M", name } } : { switch: {}, below: [nested(name, depth - 1)] };
    const chain = (name: string, depth: number) => ({ rootPort: { acs: "false" }, below: [nested(name, depth)] });
    const deep = machineOf(
      `  - ${JSON.stringify({ below: [chain("near", 0), chain("far", 6), chain("farther", 20)] })}`,
    );
    const fabric = createFabric(deep);
    for (const [text, followed] of [
      ["near writes far", 1],
      ["near writes farther", 0],
      ["near writes far", 1],
    ] as const) {
      expect(warm(fabric, requestOf(text, deep))).toMatch(/^delivered/);
      expect(sendAndCount(fabric, requestOf(text, deep))).toMatch(new RegExp(`^${followed} delivered`));
      expectAsUnremembered(fabric, requestOf(text, deep), deep, {});
    }
  });

  test("Bytes land where each request says, and reads bring them", () => {
    const fabric = createFabric(machine);
    const to = busOf(machine, "right");
    for (let time = 0; time < 40; time++)
      fabric.write(bdfOf(machine, "left"), (to + time * 96) as DmaAddr, pattern(96, time));
    const stored = fabric.barBytes(bdfOf(machine, "right"), 0);
    const into = new Uint8Array(96);
    for (let time = 0; time < 40; time++) {
      expect(stored.slice(time * 96, 96)).toEqual(pattern(96, time));
      fabric.read(bdfOf(machine, "left"), (to + time * 96) as DmaAddr, into);
      expect(into).toEqual(pattern(96, time));
    }
    expect(follow.mock.calls.length).toBeGreaterThan(60);
  });

  test("Who reached whom is told after each look, by remembered routes as well", () => {
    const fabric = createFabric(machine);
    const reach = { requester: bdfOf(machine, "left"), owner: bdfOf(machine, "right"), kind: "write" };
    for (let time = 0; time < 2; time++) {
      warm(fabric, requestOf("left writes right"));
      expect(fabric.takeReached()).toEqual([reach]);
    }
  });
});

describe("One address, two root complexes", () => {
  // The bus address of a BAR below a host bridge with an offset is DRAM to everybody else.
  const shifted = machineWith("512G");

  test.each(
    rows(`
      // first              | then                            | followed | answer
      likeAway writes right.1 | likeAway writes right.1           | 1 | delivered across, right
      likeAway writes right.1 | away writes right.1               | 0 | delivered root, root-complex
      likeAway writes right.1 | away writes right.1 as likeAway   | 0 | delivered root, root-complex
      away writes right.1     | away writes right.1+0x40          | 1 | delivered root, root-complex
      away writes right.1     | likeAway writes right.1           | 0 | delivered across, right`),
  )("%s, then %s: %s followed, %s", (first, then, followed, answer) => {
    const fabric = createFabric(shifted);
    expect(warm(fabric, requestOf(first, shifted))).toMatch(/^delivered/);
    expect(sendAndCount(fabric, requestOf(then, shifted))).toBe(`${followed} ${answer}`);
    expectAsUnremembered(fabric, requestOf(then, shifted), shifted, {});
  });

  test("A route on which a host bridge shows the address as another is decided each time", () => {
    const fabric = createFabric(shifted);
    const address = physOf(shifted, "right", 1) as number as DmaAddr;
    const request = { ...requestOf("away writes dram", shifted), address };
    expect(warm(fabric, request)).toBe("delivered root, right");
    expect(sendAndCount(fabric, request)).toBe("0 delivered root, right");
    expectAsUnremembered(fabric, request, shifted, {});
  });

  test("DRAM in the middle of a window ends it where the offset of that root complex puts it", () => {
    const options: FabricOptions = {
      ram: [{ start: (physOf(shifted, "right", 1) + 0x1000) as PhysAddr, sizeBytes: 0x1000 }],
      ramBusOffset: () => 2 ** 39,
    };
    const fabric = createFabric(shifted, options);
    expect(warm(fabric, requestOf("away writes right.1", shifted))).toBe("delivered root, right");
    const behind = requestOf("away writes right.1+0x1000", shifted);
    expect(sendAndCount(fabric, behind)).toBe("0 delivered root, root-complex");
    expectAsUnremembered(fabric, behind, shifted, options);
  });
});

describe("A register that is written ends what was remembered; put back, the old way is the way again", () => {
  /** What a row writes, and what puts the register back. */
  const WRITES: Record<string, (fabric: Fabric, fn: Bdf, isBack: boolean) => void> = {
    ...Object.fromEntries(
      Object.entries({ SV: PCI_ACS_SV, TB: PCI_ACS_TB, RR: PCI_ACS_RR, CR: PCI_ACS_CR, EC: PCI_ACS_EC }).map(
        ([name, bit]) => [
          name,
          (fabric: Fabric, fn: Bdf, isBack: boolean) => fabric.setAcsControl(fn, isBack ? 0 : bit),
        ],
      ),
    ),
    "no master": (fabric, fn, isBack) => fabric.setCommand(fn, isBack ? 0x6 : 0x2),
    "no decode": (fabric, fn, isBack) => fabric.setCommand(fn, isBack ? 0x6 : 0x4),
  };

  test.each(
    rows(`
      // request                   | function  | register  | answer
      left writes right            | leftPort  | RR        | delivered root, right
      left writes right            | leftPort  | EC        | acs-violation, leftPort
      left writes right as other   | leftPort  | SV        | acs-violation, leftPort
      left writes right translated | leftPort  | TB        | acs-violation, leftPort
      left reads right             | rightPort | CR        | delivered root, right
      left writes other            | root1     | EC        | acs-violation, root1
      left writes right            | left      | no master | not-issued, left
      left writes right            | leftPort  | no master | unsupported-request, leftPort
      left writes dram             | root1     | no master | unsupported-request, root1
      left reads dram              | switch    | no master | unsupported-request, switch
      left writes right            | right     | no decode | unsupported-request across, rightPort
      left writes right            | rightPort | no decode | unsupported-request, switch
      left writes other            | root2     | no decode | unsupported-request root, root-complex
      left writes left             | left      | no decode | unsupported-request, leftPort`),
  )("%s; then %s is set to %s: %s", (text, name, register, answer) => {
    const fabric = createFabric(machine, { ram: RAM });
    const request = requestOf(text);
    const fn = bdfOf(machine, name);
    const before = warm(fabric, request);
    expect(sendAndCount(fabric, request)).toBe(`1 ${before}`);
    WRITES[register]?.(fabric, fn, false);
    expect(sendAndCount(fabric, request)).toBe(`0 ${answer}`);
    WRITES[register]?.(fabric, fn, true);
    expect(sendAndCount(fabric, request)).toBe(`0 ${before}`);
    expect(warm(fabric, request)).toBe(before);
    expectAsUnremembered(fabric, request, machine, { ram: RAM });
  });

  test("What a register ended stays ended when other routes are remembered", () => {
    const fabric = createFabric(machine, { ram: RAM });
    warm(fabric, requestOf("left writes right"));
    fabric.setAcsControl(bdfOf(machine, "leftPort"), PCI_ACS_RR);
    warm(fabric, requestOf("left writes dram"));
    expect(sendAndCount(fabric, requestOf("left writes right"))).toBe("0 delivered root, right");
  });

  test("What is remembered after a register changed is remembered by what is decoded then", () => {
    const fabric = createFabric(machine, { ram: RAM });
    fabric.setCommand(bdfOf(machine, "right"), 0x4);
    warm(fabric, requestOf("left writes dram"));
    fabric.setCommand(bdfOf(machine, "right"), 0x6);
    expect(warm(fabric, requestOf("left writes right"))).toBe("delivered across, right");
    expectAsUnremembered(fabric, requestOf("left writes right"), machine, { ram: RAM });
  });
});

describe("Another machine is another fabric: nothing that one remembers is another's", () => {
  const moved = shown(named(machine, "right").bars).map((bar) =>
    bar.index === 0 ? { ...bar, busAddress: busAddr(busOf(machine, "right") + 2 ** 30) } : bar,
  );
  const rewired = (name: string, registers: Partial<BridgeRegisters>): Machine => {
    const bridge = shown(named(machine, name).bridge);
    return changed(machine, name, { bridge: bridge === null ? null : { ...bridge, ...registers } });
  };
  const without = (name: string): Machine => ({
    ...machine,
    functions: machine.functions.filter(({ names }) => !names.includes(name)),
  });

  test.each<[string, Machine, string, string]>([
    ["a BAR moved", changed(machine, "right", { bars: moved }), "write", "unsupported-request across, rightPort"],
    ["the window of a port is gone", rewired("rightPort", { windows: [] }), "write", "unsupported-request, switch"],
    ["the link of a port lost its device", without("right"), "write", "unsupported-request across, rightPort"],
    [
      "a secondary bus has a new number",
      rewired("leftPort", { secondary: 32, subordinate: 32 }),
      "read",
      "lost across, switch",
    ],
  ])("%s", (_, other, kind, answer) => {
    const [first, second] = [createFabric(machine, { ram: RAM }), createFabric(other, { ram: RAM })];
    const request = requestOf(`left ${kind}s right`);
    warm(first, requestOf("left writes dram"));
    expect(warm(first, request)).toBe("delivered across, right");
    warm(second, requestOf("left writes dram"));
    expect(sendAndCount(second, request)).toBe(`0 ${answer}`);
    expect(sendAndCount(first, request)).toBe("1 delivered across, right");
  });
});

describe("What the fabric cannot see changing is decided each time", () => {
  /** An IOMMU that maps all to where it is, all to DRAM, or nothing, for every requester or for none. */
  function iommu(): Translator & { state: string } {
    const one = {
      state: "same",
      faults: [],
      translates: (_requester: Bdf): boolean => one.state !== "off",
      translate: (_requester: Bdf, address: number): ReturnType<Translator["translate"]> => {
        if (one.state === "nothing") return { ok: false, reason: "not-present" };
        return { ok: true, phys: (one.state === "same" ? address : 0x2000) as PhysAddr, contiguousBytes: 4096 };
      },
    };
    return one;
  }

  test.each(
    rows(`
      // request        | at first | then    | followed | answer
      left writes other | off      | off     | 0 | delivered root, other
      left writes other | off      | nothing | 0 | iommu-fault root, root-complex
      left writes other | off      | dram    | 0 | delivered root, root-complex
      left writes other | same     | same    | 0 | delivered root, other
      left writes other | same     | off     | 0 | delivered root, other
      left writes other | same     | dram    | 0 | delivered root, root-complex
      left writes other | same     | nothing | 0 | iommu-fault root, root-complex
      left writes dram  | off      | nothing | 0 | iommu-fault root, root-complex
      left reads dram   | same     | nothing | 0 | iommu-fault root, root-complex
      // Across a switch no IOMMU is asked
      left writes right | same     | nothing | 1 | delivered across, right
      left reads right  | off      | dram    | 1 | delivered across, right`),
  )("%s: the IOMMU maps %s, then %s", (text, before, after, followed, answer) => {
    const translator = iommu();
    const options: FabricOptions = { ram: RAM, translator };
    const fabric = createFabric(machine, options);
    translator.state = before;
    expect(warm(fabric, requestOf(text))).toMatch(/^delivered/);
    translator.state = after;
    expect(sendAndCount(fabric, requestOf(text))).toBe(`${followed} ${answer}`);
    expectAsUnremembered(fabric, requestOf(text), machine, options);
  });

  test("The Egress Control Vector is the caller's, and may name a peer from one request to the next", () => {
    let isControlled = false;
    const fabric = createFabric(machine, { isEgressControlled: () => isControlled });
    fabric.setAcsControl(bdfOf(machine, "leftPort"), PCI_ACS_EC);
    expect(warm(fabric, requestOf("left writes right"))).toBe("delivered across, right");
    isControlled = true;
    expect(sendAndCount(fabric, requestOf("left writes right"))).toBe("0 acs-violation, leftPort");
    isControlled = false;
    expect(sendAndCount(fabric, requestOf("left writes right"))).toBe("0 delivered across, right");
  });
});
