import fc from "fast-check";
import { expect, test } from "vitest";
import { compareMachines } from "../../src/advice/difference/machines.ts";
import { compareVerdicts } from "../../src/advice/difference/verdicts.ts";
import { findProvider } from "../../src/advice/find-provider.ts";
import { advise } from "../../src/advice/fix/advise.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { Answers } from "../../src/answers/answer.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { RuleOutcome } from "../../src/policy/result.ts";
import { explainJson } from "../../src/report/json.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import type { MapType } from "../../src/rules/verdict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { expectSame } from "../expect-same.ts";
import { wholePairs } from "../report/whole-pairs.ts";
import { randomMachine } from "./random-machine.ts";

/** Random machines with what gates look at, some of it hidden. */
const machines: fc.Arbitrary<Machine> = fc
  .tuple(randomMachine, fc.nat(), fc.constantFrom("y", undefined), fc.boolean())
  .map(([machine, seed, built, isHidden]): Machine => {
    const functions = machine.functions.map((fn, index): PciFunction => {
      const draw = (seed >>> (index % 20)) % 8;
      const acs = isHidden && draw === 3 && fn.acs !== null ? unknown("hidden by the test") : fn.acs;
      if (fn.headerType !== 0 || fn.classCode === 0x060000) return { ...fn, acs };
      const place = 2 ** (30 + (draw % 3) * 8);
      const isPlaced = draw !== 1;
      return {
        ...fn,
        acs,
        classCode: [0x030000, 0x020000, 0x010802][draw % 3] ?? 0,
        driver: draw === 4 ? null : "driver",
        dmaMaskBits: draw % 2 === 0 ? 64 : 32,
        command: draw === 5 ? 0 : 6,
        p2pmem: draw === 6 ? null : { sizeBytes: 0x10000, availableBytes: 0x10000, published: true },
        bars: [
          {
            index: 0,
            kind: "memory",
            is64Bit: true,
            prefetchable: true,
            sizeBytes: 0x10000,
            busAddress: isPlaced ? busAddr(place) : null,
            physAddress: isPlaced ? physAddr(place) : null,
            fromEnhancedAllocation: false,
          },
        ],
      };
    });
    const config = built === undefined ? {} : { CONFIG_PCI_P2PDMA: built };
    return { ...machine, functions, kernel: { ...machine.kernel, config } };
  });

const atLeast: Readonly<Record<"direct" | "supported", Readonly<Record<MapType, RuleOutcome>>>> = {
  direct: { "bus-addr": "pass", "thru-host-bridge": "fail", "not-supported": "fail", unknown: "unknown" },
  supported: { "bus-addr": "pass", "thru-host-bridge": "pass", "not-supported": "fail", unknown: "unknown" },
};

/** What a rule makes of one pair. */
function checked(machine: Machine, provider: Bdf, client: Bdf, more: string): RuleOutcome {
  const rule = `require: [{ provider: "${formatBdf(provider)}", client: "${formatBdf(client)}", ${more} }]`;
  return checkPolicy(machine, parsePolicy(rule, "p.yaml")).outcome;
}

test("explain, matrix, check, find, fix, diff and what-if say the same of every pair", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(machines, fc.nat(), (machine, seed) => {
      const table = decideAll(machine);
      const { providers, clients } = table;
      if (providers.length === 0 || clients.length === 0) return;
      const matrix = matrixJson({ table, expectedGroups: new Map() }, new PeerRoutes(table));
      const shownPairs = new Map(wholePairs(matrix).map((pair) => [`${pair.provider} ${pair.client}`, pair]));
      const answers = new Answers(table);
      for (let round = 0; round < 4; round++) {
        const i = (seed >>> (round * 3)) % providers.length;
        const j = (seed >>> (round * 5 + 1)) % clients.length;
        const [provider, client] = [providers[i] as Bdf, clients[j] as Bdf];
        if (provider === client) continue;
        const { mapType, hops, distance, gates, supported } = answers.at(i, j);
        seen.set(mapType, (seen.get(mapType) ?? 0) + 1);
        const what = JSON.stringify({ mapType, hops, distance, gates });

        const both = decideAll(machine, { providers: [provider, client], clients: [provider, client] });
        const [explained] = explainJson(both, provider, client, new PeerRoutes(both)).directions;
        const shown = shownPairs.get(`${formatBdf(provider)} ${formatBdf(client)}`);
        for (const pair of [explained, shown]) {
          if (pair === undefined) throw new Error("no pair");
          const { hardware, askedBy, gates: told } = pair;
          expectSame(
            JSON.stringify([pair.mapType, pair.hops, pair.distance]),
            JSON.stringify([mapType, hops, distance]),
          );
          expect([hardware, askedBy, told]).toEqual([shown?.hardware, shown?.askedBy, shown?.gates]);
          expect(told.map(({ message }) => message)).toEqual(gates.map(({ message }) => message));
        }

        const { before } = advise(machine, [{ provider, client }]);
        const [advised] = before;
        expectSame(
          JSON.stringify({
            mapType: advised?.mapType,
            hops: advised?.hops,
            distance: advised?.distance,
            gates: advised?.gates,
          }),
          what,
        );

        const [candidate] = findProvider(machine, [client], { providers: [provider] }).candidates;
        if (candidate === undefined) throw new Error("no candidate");
        expectSame(isUnknown(candidate.distance) ? null : candidate.distance, distance);
        expectSame(candidate.hops, hops);

        // A rule may know more than the map type: what all possibilities agree on.
        const direct = checked(machine, provider, client, "gates: ignore");
        const works = checked(machine, provider, client, "path: supported, gates: ignore");
        if (mapType !== "unknown") expectSame(direct, atLeast.direct[mapType]);
        if (mapType !== "unknown") expectSame(works, atLeast.supported[mapType]);
        expectSame(works, supported === null ? "unknown" : supported ? "pass" : "fail");
        const isBlocked = gates.some((gate) => gate.effect === "blocks" && gate.doubt === undefined);
        const withGates = checked(machine, provider, client, "path: supported");
        if (mapType !== "unknown" && works === "pass" && isBlocked) expectSame(withGates, "fail");
        if (works === "fail") expectSame(withGates, "fail");
        if (withGates === "pass") expectSame(works, "pass");
      }

      const again = decideAll(machine);
      expectSame(compareVerdicts(table, again).length, 0);
      const topology = topologyOf(machine);
      const same = compareMachines(topology, topology, [machine, machine]);
      expectSame([same.facts, same.added, same.removed, same.functions, same.groups].flat().length, 0);
    }),
    { numRuns: 250 },
  );
  expect([...seen.keys()].sort()).toEqual(["bus-addr", "not-supported", "thru-host-bridge", "unknown"]);
});

test("what is asked of a machine is what the verbs say of the changed one, and diff tells the difference", () => {
  let changes = 0;
  const requests = fc.constantFrom(
    { iommu: "strict" },
    { iommu: "off" },
    { cpu: "amd-zen" },
    { kernel: "7.2" },
    { kernel: "5.2", cpu: "intel" },
    { append: "pci=disable_acs_redir=pci:8086:2030", kernel: "7.2" },
  );
  fc.assert(
    fc.property(machines, requests, (machine, request) => {
      const { before, after } = askWhatIf(machine, request);
      const [old, now] = [decideAll(before), decideAll(after)];
      const told = compareVerdicts(old, now).map(({ provider, client, ...sides }) =>
        JSON.stringify([provider, client, sides]),
      );
      const found = now.providers.flatMap((provider, i) =>
        now.clients.flatMap((client, j) => {
          const sides = {
            before: { mapType: old.mapType(i, j), hops: old.hops(i, j) },
            after: { mapType: now.mapType(i, j), hops: now.hops(i, j) },
          };
          return provider === client || JSON.stringify(sides.before) === JSON.stringify(sides.after)
            ? []
            : [JSON.stringify([provider, client, sides])];
        }),
      );
      changes += found.length;
      expectSame(told.join(), found.join());
      now.providers.slice(0, 3).forEach((provider, i) => {
        now.clients.slice(0, 3).forEach((client, j) => {
          if (provider === client) return;
          const mapType = now.mapType(i, j);
          const [{ mapType: advised } = { mapType: "unknown" }] = advise(after, [{ provider, client }]).before;
          expectSame(advised, mapType);
          if (mapType === "unknown") return;
          expectSame(checked(after, provider, client, "gates: ignore"), atLeast.direct[mapType]);
        });
      });
    }),
    { numRuns: 150 },
  );
  expect(changes).toBeGreaterThan(100);
});
