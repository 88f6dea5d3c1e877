import fc from "fast-check";
import { expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import type { Pair } from "../../src/advice/fix/idea.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import type { Change } from "../../src/advice/what-if/change.ts";
import type { Machine } from "../../src/host/machine.ts";
import { type Bdf, formatBdf, slotOf } from "../../src/pci/bdf.ts";
import { isBridge } from "../../src/pci/device-kind.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { KERNEL_RULES } from "../../src/rules/kernels/mainline.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { smallServer } from "./small-server.ts";

/**
 * `fix` beside a search of its own kind: every single change of a small server and every two of different kinds are carried
 * out, one by one, with nothing left out for being alike. Ways of clearing redirection clear it everywhere: clearing more
 * never makes a pair worse.
 */

interface Step {
  readonly kind: "acs" | "iommu" | "kernel" | "slot";
  readonly changes: readonly Change[];
}

/** What a way comes to: 2 direct, 1 through the host bridge, 0 not supported. */
interface Way {
  readonly rank: number;
  readonly hops: number;
  readonly steps: number;
  readonly text: string;
}

const RANK = { "bus-addr": 2, "thru-host-bridge": 1, "not-supported": 0, unknown: 0 } as const;

function acsSteps({ functions }: Machine): Step[] {
  const ports = functions.filter(({ acs }) => acs !== null && !isUnknown(acs)).map(({ bdf }) => bdf);
  if (ports.length === 0) return [];
  const names = ports.map((bdf) => formatBdf(bdf));
  const written = ports.map((device): Change => ({ kind: "acs", device, set: 0, clear: 0x2c }));
  return [
    { kind: "acs", changes: written },
    { kind: "acs", changes: [{ kind: "parameters", text: `pci=disable_acs_redir=${names.join(";")}` }] },
    {
      kind: "acs",
      changes: [{ kind: "parameters", text: `pci=config_acs=${names.map((name) => `x0x00xx@${name}`).join(";")}` }],
    },
  ];
}

function iommuSteps({ iommu }: Machine): Step[] {
  if (iommu.mode === "off") return [];
  return [
    {
      kind: "iommu",
      changes: [
        { kind: "parameters", text: "intel_iommu=off" },
        { kind: "iommu", mode: "off" },
      ],
    },
    {
      kind: "iommu",
      changes: [
        { kind: "parameters", text: "iommu=pt" },
        { kind: "iommu", mode: "passthrough" },
      ],
    },
  ];
}

function kernelSteps({ kernel }: Machine): Step[] {
  const number = (release: string): number => {
    const [major = 0, minor = 0] = release.split(".").map(Number);
    return major * 1000 + minor;
  };
  const running = number(String(kernel.release));
  const newer = KERNEL_RULES.map(({ release }) => release).filter((release) => number(release) > running);
  return newer.map((release) => ({ kind: "kernel", changes: [{ kind: "kernel", release }] }));
}

/** The slots of a server and what is in them. */
function slotsOf({ functions }: Machine): Map<Bdf, Bdf | null> {
  const slots = new Map<Bdf, Bdf | null>();
  for (const fn of functions) {
    const { bridge, express } = fn;
    if (isUnknown(bridge) || bridge === null || isUnknown(express) || express === null) continue;
    const below = functions.filter(({ bdf }) => ((bdf >> 8) & 0xff) === bridge.secondary);
    if (express.type === "upstream-port" || below.some(isBridge)) continue;
    slots.set(fn.bdf, below[0]?.bdf ?? null);
  }
  return slots;
}

/** Every way of putting one of two devices, or both, into other slots; who is there takes what they leave, in any order. */
function placements(machine: Machine, { provider, client }: Pair): { readonly one: Step[]; readonly both: Step[] } {
  const slots = slotsOf(machine);
  const of = (device: Bdf): Bdf =>
    [...slots].find(([, there]) => there !== null && slotOf(there) === slotOf(device))?.[0] as Bdf;
  const [from, to] = [of(provider), of(client)];
  const one: Step[] = [];
  const both: Step[] = [];
  const put = (targets: readonly (readonly [Bdf, Bdf])[], left: readonly Bdf[]): Step[] => {
    const ports = targets.map(([, port]) => port);
    const free = left.filter((port) => !ports.includes(port));
    const making = ports.filter((port) => slots.get(port) !== null && !left.includes(port));
    const orders = making.length === 2 ? [free, free.toReversed()] : free.map((port) => [port]);
    const rooms = making.length === 0 ? [[]] : orders;
    return rooms.map((room) => ({
      kind: "slot",
      changes: [
        ...targets.map(([device, under]): Change => ({ kind: "move", device, under })),
        ...making.map(
          (port, index): Change => ({ kind: "move", device: slots.get(port) as Bdf, under: room[index] as Bdf }),
        ),
      ],
    }));
  };
  for (const port of slots.keys()) {
    if (port !== from && port !== to) {
      one.push(...put([[provider, port]], [from]), ...put([[client, port]], [to]));
    }
    for (const other of slots.keys()) {
      if (port !== other && port !== from && other !== to) {
        both.push(
          ...put(
            [
              [provider, port],
              [client, other],
            ],
            [from, to],
          ),
        );
      }
    }
  }
  return { one, both };
}

function wayOf(machine: Machine, pair: Pair, changes: readonly Change[], steps: number): Way | undefined {
  const { mapType, hops } = decide(applyChanges(machine, changes), pair.provider, pair.client);
  return { rank: RANK[mapType], hops: hops ?? 0, steps, text: JSON.stringify(changes) };
}

function areBothMoved(changes: readonly Change[], { provider, client }: Pair): boolean {
  const isMoved = (device: Bdf): boolean =>
    changes.some((change) => change.kind === "move" && change.device === device);
  return isMoved(provider) && isMoved(client);
}

/** All ways of one change and of two. */
function allWays(machine: Machine, pair: Pair): Way[] {
  const { one: slots, both } = placements(machine, pair);
  const steps = [...acsSteps(machine), ...iommuSteps(machine), ...kernelSteps(machine), ...slots];
  const singles = steps.map(({ changes }) => wayOf(machine, pair, changes, 1));
  const twos = steps.flatMap((first, index) =>
    steps
      .slice(index + 1)
      .filter((second) => second.kind !== first.kind)
      .map((second) => wayOf(machine, pair, [...first.changes, ...second.changes], 2)),
  );
  return [...singles, ...twos, ...both.map(({ changes }) => wayOf(machine, pair, changes, 2))].flatMap(
    (way) => way ?? [],
  );
}

test("fix misses no way of one change or two, and proposes no two where one is enough", () => {
  let [compared, combined, nothing] = [0, 0, 0];
  fc.assert(
    fc.property(smallServer, fc.nat(), ({ machine: unbooted, devices }, seed) => {
      const machine = afterBoot(unbooted);
      const provider = devices[seed % devices.length] as Bdf;
      const others = devices.filter((bdf) => bdf !== provider);
      const client = others[(seed >> 8) % others.length] as Bdf;
      const pair = { provider, client };
      const { before, fixes } = advise(machine, [pair]);
      const [verdict] = before;
      if (verdict === undefined || verdict.mapType === "bus-addr") return;
      const ways = allWays(machine, pair);
      const old = RANK[verdict.mapType];
      const found = fixes
        .filter(({ kinds }) => !kinds.includes("switch-card"))
        .map(({ kinds, changes, verdicts }) => ({
          steps: kinds.length + (areBothMoved(changes, pair) ? 1 : 0),
          rank: RANK[verdicts[0]?.mapType ?? "unknown"],
          hops: verdicts[0]?.hops ?? 0,
        }));
      for (const way of ways.filter(({ rank }) => rank > old)) {
        compared++;
        const isFound = found.some(({ steps, rank }) => steps <= way.steps && rank >= way.rank);
        expect(isFound, `missed: ${way.text}`).toBe(true);
      }
      for (const way of ways.filter(
        ({ rank, hops, steps }) => steps === 1 && rank === old && old === 1 && hops < (verdict.hops ?? 0),
      )) {
        const isFound = found.some(({ rank, hops }) => rank > way.rank || (rank === way.rank && hops <= way.hops));
        expect(isFound, `a shorter way missed: ${way.text}`).toBe(true);
      }
      for (const fix of found.filter(({ steps }) => steps > 1)) {
        combined++;
        const isEnough = ways.some(({ steps, rank }) => steps < Math.min(fix.steps, 2) && rank >= fix.rank);
        expect(isEnough, "one change is enough").toBe(false);
        const areEnough = fix.steps === 3 && ways.some(({ rank }) => rank >= fix.rank);
        expect(areEnough, "two changes are enough").toBe(false);
      }
      if (found.length === 0) nothing++;
    }),
    { numRuns: 80 },
  );
  process.stdout.write(
    `fix against a search of its own: ${compared} ways, ${combined} of two changes, ${nothing} times nothing\n`,
  );
  expect(Math.min(compared, combined)).toBeGreaterThan(0);
}, 600_000);
