import type { CostCounters } from "../../memory/cost.ts";
import type { ClassId } from "../machines/machine-class.ts";
import type { Statement } from "./statement.ts";

const LOGAN = { who: "Logan Gunthorpe", date: "2017-04-16", seed: "000" } as const;
const BEN = { who: "Benjamin Herrenschmidt", date: "2017-04-15", seed: "000" } as const;
const JASON = { who: "Jason Gunthorpe", date: "2017-04-18", seed: "001" } as const;

const OFFSETS: readonly ClassId[] = ["bus-offset", "bus-offset-negative", "bus-offset-root-ports", "bus-offset-iommu"];

/** What the first p2pmem is not for. */
const LEFT_OUT: readonly ClassId[] = [...OFFSETS, "guest", "other-device"];

/** Operations that a list has and another has not, as text; empty where there are none. */
function difference(more: CostCounters, less: CostCounters): string {
  return namesOf(more, less)
    .map((name) => `${name} ${more[name]} against ${less[name]}`)
    .join(", ");
}

function namesOf(more: CostCounters, less: CostCounters): readonly (keyof CostCounters)[] {
  return (Object.keys(more) as (keyof CostCounters)[]).filter((name) => more[name] !== less[name]);
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}

/** What was said of the first p2pmem patches. */
export const STATEMENTS_2017: readonly Statement[] = [
  {
    ...BEN,
    id: "everything-is-remapped",
    about: ["raw-bar"],
    says: "With the IOMMU on everything is remapped: a raw BAR address cannot reach a peer.",
    check: (findings) => {
      const open = findings.pair("raw-bar", "iommu-strict", "a");
      const redirected = findings.pair("raw-bar", "acs-redirect-iommu", "a");
      return {
        holds: open !== "right" && redirected !== "right",
        evidence: `raw-bar under an IOMMU: ${open} below a switch without ACS redirect, whose requests never get to the IOMMU; ${redirected} with redirect`,
      };
    },
  },
  {
    ...LOGAN,
    id: "choice-at-allocation",
    about: ["raw-bar", "special-pages"],
    says: "It is better to decide at allocation: at mapping it is a pain to fall back to system memory.",
    check: (findings) => {
      const fallBacks = (design: "raw-bar" | "special-pages") =>
        findings.classes.flatMap((kind) => {
          const { counterExample, fallBack } = findings.cell(design, kind);
          const phase = counterExample?.result.refusal?.phase;
          return fallBack === null || phase === undefined ? [] : [{ ...fallBack, phase }];
        });
      const early = fallBacks("raw-bar").filter(({ phase }) => phase === "allocation");
      const late = fallBacks("special-pages").filter(({ phase }) => phase === "mapping");
      const most = (all: readonly { readonly copiedBytes: number }[]): number =>
        Math.max(0, ...all.map(({ copiedBytes }) => copiedBytes));
      const isRight = [...early, ...late].every(({ outcome }) => outcome === "right");
      return {
        holds: isRight && early.length > 0 && late.length > 0 && most(early) < most(late),
        evidence: `fall-back carried out, 64 segments: refused at allocation on ${early.length} machines, ${most(early)} bytes to fetch first; at mapping on ${late.length}, ${most(late)} bytes that are in peer memory already; ${isRight ? "all right" : "not all right"} in system memory`,
      };
    },
  },
  {
    ...LOGAN,
    id: "checked-once-is-enough",
    about: ["raw-bar"],
    says: "If everything was checked at allocation, mapping only has to stay out of the way.",
    leftOut: {
      classes: LEFT_OUT,
      why: "offsets and virtualization are left to later work, and memory is chosen for the devices in use",
    },
    check: (findings) => {
      const wrong = findings.classes.filter(
        (kind) => !LEFT_OUT.includes(kind) && !["right", "refused"].includes(findings.withPeers("raw-bar", kind)),
      );
      return {
        holds: wrong.length === 0,
        evidence:
          wrong.length === 0
            ? "right or refused everywhere"
            : `a switch above both devices is what is checked, and neither right nor refused: ${wrong.map((kind) => `${kind} (${findings.pairs("raw-bar", kind)})`).join(", ")}`,
      };
    },
  },
  {
    ...LOGAN,
    id: "no-offsets-first",
    about: ["no-offsets"],
    says: "The first incarnation just does not support systems that have offsets.",
    check: (findings) => {
      const without = findings.pairs("no-offsets", "one-switch");
      const kinds = OFFSETS.map((kind) => ({ kind, cell: findings.cell("no-offsets", kind) }));
      const refused = kinds.filter(
        ({ kind, cell }) => findings.pairs("no-offsets", kind) === "refused" && cell.fallBack?.outcome === "right",
      );
      return {
        holds: without === "right" && refused.length === kinds.length,
        evidence: `no-offsets: ${without} without offset; refused at allocation, and right in system memory, on ${refused.length} of ${kinds.length} machines with one`,
      };
    },
  },
  {
    ...LOGAN,
    id: "offsets-are-just-work",
    about: ["sg-has-p2p", "helper-in-loop", "special-pages"],
    says: "There are avenues forward to support offsets; it is just work.",
    check: (findings) => {
      const kinds = ["bus-offset", "bus-offset-negative"] as const;
      const designs = ["sg-has-p2p", "helper-in-loop", "special-pages"] as const;
      const right = designs.filter((design) => kinds.every((kind) => findings.withPeers(design, kind) === "right"));
      return { holds: right.length > 0, evidence: `right with offsets of either sign: ${right.join(", ") || "none"}` };
    },
  },
  {
    ...BEN,
    id: "offsets-matter",
    about: ["raw-bar"],
    says: "Where bridges are not crossed, the offsets have to be taken into account.",
    check: (findings) => {
      const kinds = ["one-switch", "bus-offset", "bus-offset-negative"] as const;
      const [none, ...outcomes] = kinds.map((kind) => findings.withPeers("raw-bar", kind));
      return {
        holds: none === "right" && outcomes.every((outcome) => outcome !== "right"),
        evidence: `raw-bar below one switch: ${kinds.map((kind) => `${kind} ${findings.pairs("raw-bar", kind)}`).join("; ")}`,
      };
    },
  },
  {
    ...LOGAN,
    id: "remapped-still-works",
    about: ["dma-map-resource"],
    says: "If an IOMMU maps the memory, everything still works, only not by the path that was wanted.",
    check: (findings) => {
      const open = findings.pairs("dma-map-resource", "iommu-strict");
      const part = findings.run("dma-map-resource", "iommu-strict", "all-peer").result.throughRoot;
      const closed = findings.pairs("dma-map-resource", "iommu-closed-root");
      return {
        holds: open === "right" && closed === "right" && part > 0,
        evidence: `mapped through the IOMMU: ${open} where the root complex forwards (${percent(part)} of the bytes pass it), ${closed} where it does not`,
      };
    },
  },
  {
    ...BEN,
    id: "may-just-not-work",
    about: ["dma-map-resource", "special-pages"],
    says: "It is more than performance: on some systems memory that the IOMMU remaps just does not work.",
    check: (findings) => {
      const closed = findings.pairs("dma-map-resource", "iommu-closed-root");
      const direct = findings.pairs("special-pages", "iommu-closed-root");
      return {
        holds: closed !== "right" && direct === "right",
        evidence: `behind a closed root complex: ${closed} through the IOMMU, ${direct} by bus address`,
      };
    },
  },
  {
    ...LOGAN,
    id: "swiotlb-passes-peers",
    about: ["special-pages"],
    says: "The software IOMMU bounces only what the engine cannot address; a BAR's address is passed on.",
    check: (findings) => {
      const peers = findings.classes.map((kind) => findings.cost("special-pages", kind, "all-peer").bouncedBytes);
      const within = findings.cost("special-pages", "one-switch", "no-peer").bouncedBytes;
      const beyond = findings.cost("special-pages", "mask-32", "no-peer").bouncedBytes;
      return {
        holds: Math.max(...peers) === 0 && within === 0 && beyond > 0,
        evidence: `RAM: ${within} bytes bounced within the mask, ${beyond} beyond it; peer memory: ${Math.max(...peers)} at most, on any machine`,
      };
    },
  },
  {
    ...LOGAN,
    id: "guest-loses-topology",
    about: ["raw-bar", "provider-ranges"],
    says: "In a guest the topology of the bus is probably lost, and it is hard to tell when p2pmem may be used.",
    check: (findings) => {
      const host = findings.pairs("raw-bar", "one-switch");
      const raw = findings.pairs("raw-bar", "guest");
      return {
        holds: host === "right" && raw === "refused",
        evidence: `raw-bar: ${host} on a host with one switch, ${raw} in its guest; provider-ranges there, by the CPU's name alone: ${findings.pairs("provider-ranges", "guest")}`,
      };
    },
  },
  {
    ...LOGAN,
    id: "virtualization-is-harder",
    about: ["sg-has-p2p", "stacked-ops", "helper-in-loop"],
    says: "Virtualization would be a lot more difficult than simply supporting offsets.",
    check: (findings) => {
      const designs = ["sg-has-p2p", "stacked-ops", "helper-in-loop"] as const;
      const withOffsets = designs.filter((design) => findings.pairs(design, "bus-offset") === "right");
      const inGuest = designs.filter((design) => findings.pairs(design, "guest") === "right");
      return {
        holds: withOffsets.length === designs.length && inGuest.length === 0,
        evidence: `of ${designs.length} designs that ask for the path, ${withOffsets.length} are right with an offset and ${inGuest.length} in a guest of a host with one switch (${findings.pairs("helper-in-loop", "guest")})`,
      };
    },
  },
  {
    ...BEN,
    id: "power-stores-only",
    about: ["stores-only", "special-pages"],
    says: "POWER does not allow peers across host bridges, or only a store-only subset.",
    check: (findings) => {
      const today = findings.pairs("special-pages", "power-like");
      const { read, write, refusal } = findings.run("stores-only", "power-like", "all-peer").result;
      return {
        holds: today === "refused" && write === "right" && read === "refused",
        evidence: `special-pages: ${today}; by direction: stores ${write}, loads ${read}${refusal === null ? "" : `: ${refusal.reason}`}`,
      };
    },
  },
  {
    ...JASON,
    who: "Logan Gunthorpe",
    id: "walk-twice",
    about: ["sg-has-p2p"],
    says: "sg_has_p2p walks the whole list and checks every page, then the map function walks it and checks again.",
    check: (findings) => {
      const { longest } = findings;
      const walk = findings.cost("sg-has-p2p", "one-switch", "all-peer");
      const helper = findings.cost("helper-in-loop", "one-switch", "all-peer");
      return {
        holds: walk.pageTouches === 2 * longest && walk.listPasses === helper.listPasses + 1,
        evidence: `${walk.pageTouches / longest} page touches a segment and ${walk.listPasses} passes with the walk, ${helper.pageTouches / longest} and ${helper.listPasses} with a helper in the loop`,
      };
    },
  },
  {
    ...JASON,
    id: "nobody-wants-to-walk",
    about: ["sg-has-p2p"],
    says: "People without an IOMMU do not want to walk lists at all: sg_has_p2p costs lists without peers.",
    check: (findings) => {
      const extra = difference(findings.cost("sg-has-p2p", "no-iommu", "no-peer"), findings.baseline("no-iommu"));
      return { holds: extra !== "", evidence: extra === "" ? "no operation more than without peers" : extra };
    },
  },
  {
    ...JASON,
    id: "flag-is-a-fast-path",
    about: ["sg-has-p2p-flag"],
    says: "A flag set as pages are put into the list would make sg_has_p2p a fast path, and performance neutral.",
    check: (findings) => {
      const extra = findings.classes
        .map((kind) => difference(findings.cost("sg-has-p2p-flag", kind, "no-peer"), findings.baseline(kind)))
        .filter((text) => text !== "");
      const { prepare } = findings.run("sg-has-p2p-flag", "one-switch", "no-peer").result.cost;
      const building = `building the list touches ${prepare.pageTouches} pages for ${findings.longest} segments`;
      return {
        holds: extra.length === 0,
        evidence: `lists without peers, map and unmap: ${extra[0] ?? "not one operation more, on any machine"}; ${building}`,
      };
    },
  },
  {
    ...JASON,
    who: "Logan Gunthorpe",
    id: "check-and-offset",
    about: ["helper-in-loop"],
    says: "All that each back end has to do is the segment check and to apply the offset.",
    check: (findings) => {
      const peers = findings.cost("helper-in-loop", "one-switch", "all-peer");
      const names = namesOf(peers, findings.baseline("one-switch"));
      const isThat = names.every((name) => ["pageTouches", "pagemapLookups", "mapTypeDecisions"].includes(name));
      return { holds: isThat, evidence: `beside mapping RAM: ${difference(peers, findings.baseline("one-switch"))}` };
    },
  },
  {
    ...JASON,
    id: "helper-then-own-routines",
    about: ["helper-in-loop"],
    says: "Real IOMMU drivers call the helper for the one simple case, and map the rest by their own routines.",
    check: (findings) => {
      const { longest } = findings;
      const { iovaAllocations } = findings.cost("helper-in-loop", "iommu-strict", "mixed");
      const pairs = findings.pairs("helper-in-loop", "iommu-strict");
      return {
        holds: pairs === "right" && iovaAllocations === 2,
        evidence: `a near and a far peer with RAM between them, ${longest} segments: ${pairs}, with ${iovaAllocations} allocations and frees of IOVA space`,
      };
    },
  },
  {
    ...JASON,
    id: "stacking-without-an-iommu",
    about: ["stacked-ops", "helper-in-loop"],
    says: "Stacking is a huge overhead particularly where the operation below does nothing, as without an MMU for I/O.",
    check: (findings) => {
      const { longest } = findings;
      const extra = (kind: ClassId): { passes: number; visits: number } => {
        const stacked = findings.cost("stacked-ops", kind, "mixed");
        const helper = findings.cost("helper-in-loop", kind, "mixed");
        return {
          passes: stacked.listPasses - helper.listPasses,
          visits: stacked.segmentVisits / Math.max(1, helper.segmentVisits),
        };
      };
      const without = extra("one-switch");
      const withIommu = extra("iommu-closed-root");
      const { allocations } = findings.cost("stacked-ops", "one-switch", "mixed");
      return {
        holds: without.passes > 0 && allocations > 0 && without.visits > withIommu.visits,
        evidence: `a mixed list of ${longest}, map and unmap, without an IOMMU: ${without.passes} passes more than a helper in the loop, ${without.visits.toFixed(2)} times the visits, ${allocations} list allocated; with one: ${withIommu.passes} and ${withIommu.visits.toFixed(2)}`,
      };
    },
  },
  {
    ...JASON,
    id: "stacking-costs-passes",
    about: ["stacked-ops", "helper-in-loop"],
    says: "A list without peers has to be made, mapped below and merged back: pass after pass, and all again at unmap.",
    check: (findings) => {
      const run = (design: "stacked-ops" | "helper-in-loop") =>
        findings.run(design, "iommu-closed-root", "mixed").result.cost;
      const [stacked, helper] = [run("stacked-ops"), run("helper-in-loop")];
      return {
        holds: stacked.map.listPasses > helper.map.listPasses && stacked.unmap.listPasses > helper.unmap.listPasses,
        evidence: `a mixed list with an IOMMU: ${stacked.map.listPasses} passes to map and ${stacked.unmap.listPasses} to unmap, against ${helper.map.listPasses} and ${helper.unmap.listPasses} with a helper in the loop`,
      };
    },
  },
  {
    ...JASON,
    id: "other-number-of-entries",
    about: ["helper-in-loop"],
    says: "The list that comes back has another number of entries than the original.",
    check: (findings) => {
      const { entryCount } = findings.run("helper-in-loop", "iommu-strict", "no-peer").result;
      return {
        holds: entryCount !== findings.longest,
        evidence: `${findings.longest} segments of RAM come back from the IOMMU's operations as ${entryCount} entry`,
      };
    },
  },
  {
    ...JASON,
    id: "batching",
    about: ["dma-map-resource", "helper-in-loop"],
    says: "Setting up an IOMMU is very expensive: it has to be batched for the whole list.",
    check: (findings) => {
      const { longest } = findings;
      const single = findings.cost("dma-map-resource", "acs-redirect-iommu", "all-peer");
      const batch = findings.cost("helper-in-loop", "acs-redirect-iommu", "all-peer");
      return {
        holds: single.iommuFlushes > batch.iommuFlushes && single.iovaAllocations > batch.iovaAllocations,
        evidence: `${longest} segments one by one: ${single.iovaAllocations} allocations and frees of IOVA space, ${single.iommuMapCalls} + ${single.iommuUnmapCalls} IOMMU calls, ${single.iommuFlushes} flushes; as a batch: ${batch.iovaAllocations}, ${batch.iommuMapCalls} + ${batch.iommuUnmapCalls}, ${batch.iommuFlushes}`,
      };
    },
  },
];
