import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { expectSame } from "../expect-same.ts";
import { type Capture, captureNames, readCapture, readCapturedMachine } from "../machines/captures.ts";
import { allSubjects, bySpecification, emulated, faultsIn, ModelSubject } from "./subjects.ts";
import { conformanceSuite, pairName } from "./suite.ts";

/** The bytes of a machine's memory BARs, in bus addresses. */
function isInBarOf(machine: Machine, owner: Bdf, address: number): boolean {
  const bars = machine.functions.find(({ bdf }) => bdf === owner)?.bars ?? [];
  return (isUnknown(bars) ? [] : bars).some(({ busAddress, sizeBytes }) => {
    if (busAddress === null || isUnknown(busAddress) || isUnknown(sizeBytes)) return false;
    return address >= busAddress && address < busAddress + sizeBytes;
  });
}

/**
 * Faults that the kernel logs at once: it limits the rate of its DMAR messages, and after the third fault of quick I/O
 * it says nothing for some seconds. So most pairs behind it are lost in silence, in the log as well.
 */
const LOGGED_FAULTS = 3;

/** An index that was found; throws where the kernel logged a fault that the model does not have. */
function must(index: number, fault: string): number {
  if (index < 0) throw new Error(`the model has no such fault there: ${fault}`);
  return index;
}

const INSIDE = "whether the functions of this device reach each other inside";
const UNDOCUMENTED = "no documented fact is known of this hardware";

/**
 * Shapes in which some routes are unknown, with the reason: what the inside of a device of several functions does and
 * what an undocumented root complex does is shown by no source, and no guess is made; the emulator delivers them.
 */
const NOT_TOLD: Readonly<Record<string, string>> = {
  "chained-ports": `${INSIDE}|which is no switch`,
  "functions-below-switch": INSIDE,
  "functions-of-one-device": INSIDE,
  "intel-root-ports": `${INSIDE}|${UNDOCUMENTED}`,
  "mixed-acs": INSIDE,
  "multifunction-root-ports": INSIDE,
  "ports-without-acs": INSIDE,
  "root-bus-endpoints": UNDOCUMENTED,
};

function lossless({ mapType, read, write }: ReturnType<ModelSubject["answer"]>): boolean {
  return mapType === "not-supported" || (read?.isRight === true && write?.isRight === true);
}

describe.each(captureNames)("%s", (name) => {
  const machine = readCapturedMachine(name);
  const capture: Capture = readCapture(name);
  const isTranslated = machine.iommu.mode === "strict";

  conformanceSuite({
    pairs: capture.pairs,
    subjects: () => allSubjects(machine, capture),
  });

  test("by the specification, whatever the kernel maps arrives in both directions", () => {
    const model = new ModelSubject(machine, "model", bySpecification);
    const lost = capture.pairs.filter((pair) => !lossless(model.answer(pair)));
    expect(lost.map(pairName)).toEqual([]);
    expect(model.system.units.faults).toEqual([]);
  });

  test("with requests that always go up, bus addresses of others are lost behind a translating IOMMU, and nothing else", () => {
    const model = new ModelSubject(machine, "model", emulated);
    for (const pair of capture.pairs) {
      const { mapType, read, write } = model.answer(pair);
      const isLost = isTranslated && mapType === "bus-addr" && pair.provider !== pair.client;
      if (mapType === "not-supported") continue;
      const transfer = { isReported: true, isFaulted: isLost, isRight: !isLost };
      expect([pairName(pair), read, write]).toEqual([pairName(pair), transfer, transfer]);
    }
  });

  test("the faults that the kernel logged are the model's, the first ones and in order, at addresses in the provider's BAR", () => {
    const model = new ModelSubject(machine, "model", emulated);
    const logged: string[] = [];
    const expected: string[] = [];
    for (const pair of capture.pairs) {
      for (const { access, requester, address } of faultsIn(pair.messages)) {
        expectSame(isInBarOf(machine, pair.provider, address), true);
        // The silent loss: the system call told of nothing.
        expectSame(access === "Read" ? pair.write : pair.read, 4096);
        logged.push(`${access} of ${requester}`);
      }
      const { read, write } = model.answer(pair);
      if (read?.isFaulted === true) expected.push(`Read of ${formatBdf(pair.client)}`);
      if (write?.isFaulted === true) expected.push(`Write of ${formatBdf(pair.client)}`);
    }
    expect(logged.slice(0, LOGGED_FAULTS)).toEqual(expected.slice(0, LOGGED_FAULTS));
    // How many come after a pause is the emulator's speed; their order is not.
    const rest = [...expected];
    for (const fault of logged) rest.splice(0, 1 + must(rest.indexOf(fault), fault));
  });

  test("the route that `explain` shows says of each pair what the recording shows, or why it cannot", () => {
    const [shape = ""] = name.split(".");
    const providers = [...new Set(capture.pairs.map(({ provider }) => provider))];
    const clients = [...new Set(capture.pairs.map(({ client }) => client))];
    const routes = new PeerRoutes(decideAll(machine, { providers, clients }));
    for (const pair of capture.pairs) {
      const routing = routes.at(providers.indexOf(pair.provider), clients.indexOf(pair.client));
      expectSame(routing === null, pair.mapType === "not-supported");
      const logged = faultsIn(pair.messages).map(({ access }) => access);
      for (const [access, route] of [["Read", routing?.read] as const, ["Write", routing?.write] as const]) {
        if (route === undefined) continue;
        if (isUnknown(route)) {
          expect([name, route.unknown]).toEqual([name, expect.stringMatching(NOT_TOLD[shape] ?? "never")]);
          continue;
        }
        const isLost = logged.includes(access);
        if (isLost) expect(route).toMatchObject({ outcome: "iommu-fault", differs: "not-delivered" });
        else if (!isTranslated) expect(route).toMatchObject({ outcome: "delivered" });
        if (route.differs === "stays-below") expectSame(shape, "chained-ports");
      }
    }
  });
});
