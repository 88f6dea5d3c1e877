import type { CostCounters } from "../../memory/cost.ts";
import type { Statement } from "./statement.ts";

const LOGAN = { who: "Logan Gunthorpe", date: "2017-04-16", seed: "000" } as const;
const BEN = { who: "Benjamin Herrenschmidt", date: "2017-04-15", seed: "000" } as const;
const JASON = { who: "Jason Gunthorpe", date: "2017-04-18", seed: "001" } as const;

/** Operations that a list has and another has not, as text; empty where there are none. */
function difference(more: CostCounters, less: CostCounters): string {
  return (Object.keys(more) as (keyof CostCounters)[])
    .filter((name) => more[name] !== less[name])
    .map((name) => `${name} ${more[name]} against ${less[name]}`)
    .join(", ");
}

/** What was said of the first p2pmem patches. */
export const STATEMENTS_2017: readonly Statement[] = [
  {
    ...LOGAN,
    id: "choice-at-allocation",
    about: ["raw-bar", "special-pages"],
    says: "Whoever decides at allocation can fall back to system memory; whoever decides at mapping is too late.",
    check: (findings) => {
      const refusals = (design: "raw-bar" | "special-pages"): readonly string[] =>
        findings.classes.flatMap((kind) => findings.cell(design, kind).counterExample?.result.refusal?.phase ?? []);
      const early = refusals("raw-bar");
      const late = refusals("special-pages");
      return {
        holds: early.every((phase) => phase === "allocation") && late.every((phase) => phase === "mapping"),
        evidence: `raw-bar refuses on ${early.length} machines, each time at allocation; special-pages on ${late.length}, each time at mapping`,
      };
    },
  },
  {
    ...LOGAN,
    id: "checked-once-is-enough",
    about: ["raw-bar"],
    says: "If everything was checked at allocation, mapping only has to stay out of the way.",
    check: (findings) => {
      const wrong = findings.classes.filter(
        (kind) => !["right", "refused"].includes(findings.withPeers("raw-bar", kind)),
      );
      return {
        holds: wrong.length === 0,
        evidence:
          wrong.length === 0 ? "right or refused everywhere" : `neither right nor refused on ${wrong.join(", ")}`,
      };
    },
  },
  {
    ...BEN,
    id: "offsets-matter",
    about: ["raw-bar"],
    says: "Without crossing host bridges, offsets have to be taken into account.",
    check: (findings) => {
      const outcomes = (["bus-offset", "bus-offset-negative"] as const).map((kind) =>
        findings.withPeers("raw-bar", kind),
      );
      return {
        holds: outcomes.every((outcome) => outcome !== "right"),
        evidence: `raw-bar: ${[...new Set(outcomes)].join(" and ")} with offsets of either sign`,
      };
    },
  },
  {
    ...LOGAN,
    id: "remapped-still-works",
    about: ["dma-map-resource"],
    says: "If an IOMMU maps the memory, everything still works, only not by the path that was wanted.",
    check: (findings) => {
      const open = findings.withPeers("dma-map-resource", "iommu-strict");
      const part = findings.run("dma-map-resource", "iommu-strict", "all-peer").result.throughRoot;
      const closed = findings.withPeers("dma-map-resource", "iommu-closed-root");
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
    says: "On some systems memory that the IOMMU remaps does not work at all.",
    check: (findings) => {
      const closed = findings.withPeers("dma-map-resource", "iommu-closed-root");
      const direct = findings.withPeers("special-pages", "iommu-closed-root");
      return {
        holds: closed !== "right" && direct === "right",
        evidence: `behind a closed root complex: ${closed} through the IOMMU, ${direct} by bus address`,
      };
    },
  },
  {
    ...LOGAN,
    id: "swiotlb-passes-peers",
    about: ["raw-bar"],
    says: "The software IOMMU bounces only what the engine cannot address; a BAR's address is passed on.",
    check: (findings) => {
      const bounced = findings.classes.map((kind) => findings.cost("raw-bar", kind, "all-peer").bouncedBytes);
      const most = Math.max(...bounced);
      const ram = findings.cost("raw-bar", "mask-32", "no-peer").bouncedBytes;
      return {
        holds: most === 0 && ram > 0,
        evidence: `at most ${most} bytes of peer memory are bounced; ${ram} bytes of RAM beyond a 32-bit mask are`,
      };
    },
  },
  {
    ...LOGAN,
    id: "guest-loses-topology",
    about: ["raw-bar", "provider-ranges"],
    says: "In a guest the topology is lost, and p2pmem cannot tell where it may be used.",
    check: (findings) => {
      const raw = findings.withPeers("raw-bar", "guest");
      const today = findings.withPeers("provider-ranges", "guest");
      return {
        holds: raw === "refused",
        evidence: `raw-bar: ${raw}; provider-ranges, by the CPU's name alone: ${today}`,
      };
    },
  },
  {
    ...BEN,
    id: "power-writes-only",
    about: ["special-pages"],
    says: "POWER does not allow peers across host bridges, or only a subset: stores.",
    check: (findings) => {
      const { read, write } = findings.run("special-pages", "writes-only", "all-peer").result;
      return {
        holds: write === "right" && read !== "right",
        evidence: `special-pages: writes ${write}, reads ${read}`,
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
    id: "flag-is-free",
    about: ["sg-has-p2p-flag"],
    says: "With a flag kept in the list, lists without peers cost nothing extra to map.",
    check: (findings) => {
      const extra = findings.classes
        .map((kind) => difference(findings.cost("sg-has-p2p-flag", kind, "no-peer"), findings.baseline(kind)))
        .filter((text) => text !== "");
      const { prepare } = findings.run("sg-has-p2p-flag", "one-switch", "no-peer").result.cost;
      const building = `building the list touches ${prepare.pageTouches} pages for ${findings.longest} segments`;
      return {
        holds: extra.length === 0,
        evidence: `${extra[0] ?? "map and unmap: not one operation more, on any machine"}; ${building}`,
      };
    },
  },
  {
    ...JASON,
    id: "stacking-costs-passes",
    about: ["stacked-ops", "helper-in-loop"],
    says: "Stacked operations cost pass after pass over the list, and all of it again at unmap.",
    check: (findings) => {
      const stacked = findings.cost("stacked-ops", "iommu-closed-root", "mixed");
      const helper = findings.cost("helper-in-loop", "iommu-closed-root", "mixed");
      return {
        holds: stacked.listPasses > helper.listPasses && stacked.allocations > helper.allocations,
        evidence: `a mixed list with an IOMMU, map and unmap: ${stacked.listPasses} passes, ${stacked.pageTouches} page touches and ${stacked.allocations} list allocated, against ${helper.listPasses}, ${helper.pageTouches} and ${helper.allocations} with a helper in the loop`,
      };
    },
  },
  {
    ...JASON,
    id: "batching",
    about: ["dma-map-resource", "helper-in-loop"],
    says: "Setting up an IOMMU is expensive: a list has to be mapped in one batch, not entry by entry.",
    check: (findings) => {
      const { longest } = findings;
      const single = findings.cost("dma-map-resource", "acs-redirect-iommu", "all-peer");
      const batch = findings.cost("helper-in-loop", "acs-redirect-iommu", "all-peer");
      const calls = (cost: CostCounters): number => cost.iommuMapCalls + cost.iommuUnmapCalls;
      return {
        holds: calls(single) >= longest && calls(batch) <= 2 && single.iommuFlushes > batch.iommuFlushes,
        evidence: `${longest} segments: ${calls(single)} IOMMU calls and ${single.iommuFlushes} flushes one by one, ${calls(batch)} and ${batch.iommuFlushes} in one batch`,
      };
    },
  },
];

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
