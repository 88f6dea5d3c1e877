import type { DesignId } from "../design.ts";
import type { ClassId } from "../machines/machine-class.ts";
import type { Findings } from "./findings.ts";
import type { Statement } from "./statement.ts";

const LOGAN = { who: "Logan Gunthorpe", date: "2019-06-20", seed: "002" } as const;
const DAN = { who: "Dan Williams", date: "2019-06-20", seed: "002" } as const;
const CHRISTOPH = { who: "Christoph Hellwig", date: "2022-09-07", seed: "004" } as const;
const JASON = { who: "Jason Gunthorpe", date: "2022-09-07", seed: "004" } as const;

/** Classes on which two designs do not end alike, lists with peers. */
function apart(findings: Findings, a: DesignId, b: DesignId, without: readonly ClassId[] = []): readonly ClassId[] {
  return findings.classes.filter(
    (kind) => !without.includes(kind) && findings.withPeers(a, kind) !== findings.withPeers(b, kind),
  );
}

/** What was said of doing without pages, and of the export by VFIO. */
export const STATEMENTS_LATER: readonly Statement[] = [
  {
    ...LOGAN,
    id: "struct-pages-unused",
    about: ["special-pages", "page-less-dma"],
    says: "Struct pages of peer memory are memory that is hardly used; without them it is saved.",
    check: (findings) => {
      const pages = findings.run("special-pages", "one-switch", "all-peer").result.structPageBytes;
      const none = findings.run("page-less-dma", "one-switch", "all-peer").result.structPageBytes;
      return {
        holds: none === 0 && pages > 0,
        evidence: `128 MiB of peer memory: ${pages} bytes of struct pages, or ${none}`,
      };
    },
  },
  {
    ...LOGAN,
    id: "rules-outside-block-layer",
    about: ["page-less-dma"],
    says: "The block layer need not know the rules: the driver that orchestrates checks them before it submits.",
    check: (findings) => {
      const differ = apart(findings, "page-less-dma", "special-pages");
      return {
        holds: differ.length === 0,
        evidence:
          differ.length === 0
            ? "ends as special-pages does everywhere"
            : `ends otherwise than special-pages on ${differ
                .map(
                  (kind) =>
                    `${kind} (${findings.withPeers("page-less-dma", kind)}, not ${findings.withPeers("special-pages", kind)})`,
                )
                .join(", ")}`,
      };
    },
  },
  {
    ...DAN,
    id: "undecorated-address",
    about: ["page-less-dma"],
    says: "A DMA address without decoration loses what it is good for as it gets passed around.",
    check: (findings) => {
      const bare = findings.withPeers("page-less-dma", "other-device");
      return {
        holds: !["right", "refused"].includes(bare),
        evidence: `page-less-dma, issued by another device: ${bare}`,
      };
    },
  },
  {
    ...DAN,
    id: "side-object-recalls",
    about: ["page-less-side-object"],
    says: "With an object beside it, the restrictions can be recalled.",
    check: (findings) => {
      const outcome = findings.withPeers("page-less-side-object", "other-device");
      return {
        holds: ["right", "refused"].includes(outcome),
        evidence: `page-less-side-object, issued by another device: ${outcome}`,
      };
    },
  },
  {
    ...DAN,
    id: "typed-frames-need-no-page",
    about: ["pfn-t"],
    says: "pfn_t is an opaque type: a frame says what it is, nothing else has to be looked at.",
    check: (findings) => {
      const { pageTouches } = findings.cost("pfn-t", "one-switch", "all-peer");
      const differ = apart(findings, "pfn-t", "special-pages");
      const alike = differ.length === 0 ? "ends as special-pages does everywhere" : `differs on ${differ.join(", ")}`;
      return { holds: pageTouches === 0 && differ.length === 0, evidence: `${pageTouches} page touches; ${alike}` };
    },
  },
  {
    ...CHRISTOPH,
    id: "offset-breaks-map-resource",
    about: ["dma-map-resource"],
    says: "dma_map_resource is wrong where there is an offset between physical and bus addresses.",
    check: (findings) => {
      const outcomes = (["bus-offset", "bus-offset-negative"] as const).map((kind) =>
        findings.withPeers("dma-map-resource", kind),
      );
      return {
        holds: outcomes.every((outcome) => outcome !== "right"),
        evidence: `dma-map-resource: ${[...new Set(outcomes)].join(" and ")} with offsets of either sign`,
      };
    },
  },
  {
    ...CHRISTOPH,
    id: "only-through-a-switch",
    about: ["dma-map-resource"],
    says: "dma_map_resource supports peers through a switch only, not through connected root ports.",
    check: (findings) => {
      const outcome = findings.withPeers("dma-map-resource", "root-ports");
      return { holds: outcome !== "right", evidence: `dma-map-resource, connected root ports: ${outcome}` };
    },
  },
  {
    ...JASON,
    id: "both-work",
    about: ["dma-map-resource"],
    says: "A switch and connected root ports were both tested, and both work.",
    check: (findings) => {
      const kinds = ["one-switch", "root-ports", "iommu-strict"] as const;
      const outcomes = kinds.map((kind) => findings.withPeers("dma-map-resource", kind));
      return {
        holds: outcomes.every((outcome) => outcome === "right"),
        evidence: `dma-map-resource: ${kinds.map((kind, index) => `${kind} ${outcomes[index]}`).join(", ")}`,
      };
    },
  },
  {
    ...CHRISTOPH,
    id: "iova-means-nothing-to-peers",
    about: ["dma-map-resource"],
    says: "With an IOMMU, dma_map_resource gives an IOVA, which a peer behind the same switch cannot make sense of.",
    check: (findings) => {
      const open = findings.withPeers("dma-map-resource", "iommu-strict");
      const closed = findings.withPeers("dma-map-resource", "iommu-closed-root");
      return {
        holds: open !== "right" && closed !== "right",
        evidence: `the switch sends an IOVA up, as no window claims it: ${open} where the root complex sends it back down, ${closed} where not`,
      };
    },
  },
  {
    ...JASON,
    id: "iommu-hides-offset",
    about: ["dma-map-resource"],
    says: "With an IOMMU the CPU's physical address is the right thing to map: an offset can be left out of account.",
    check: (findings) => {
      const mapped = findings.withPeers("dma-map-resource", "bus-offset-iommu");
      return { holds: mapped === "right", evidence: `dma-map-resource, offset and IOMMU: ${mapped}` };
    },
  },
  {
    ...JASON,
    id: "map-p2p-resolves",
    about: ["dma-map-p2p"],
    says: "A dma_map_p2p that resolves the offset makes it right.",
    check: (findings) => {
      const kinds = ["bus-offset", "bus-offset-negative", "bus-offset-root-ports"] as const;
      const outcomes = kinds.map((kind) => findings.withPeers("dma-map-p2p", kind));
      return {
        holds: outcomes.every((outcome) => outcome === "right"),
        evidence: `dma-map-p2p: ${kinds.map((kind, index) => `${kind} ${outcomes[index]}`).join(", ")}`,
      };
    },
  },
  {
    who: "this project, of Linux 7.2",
    date: "2026",
    seed: null,
    id: "today-is-right",
    about: ["special-pages", "provider-ranges"],
    says: "What the mapping layer of today maps, with pages or without, reaches the right bytes.",
    check: (findings) => {
      const wrong = findings.classes.filter((kind) =>
        (["special-pages", "provider-ranges"] as const).some(
          (design) => !["right", "refused"].includes(findings.withPeers(design, kind)),
        ),
      );
      return {
        holds: wrong.length === 0,
        evidence:
          wrong.length === 0 ? "right or refused everywhere" : `neither right nor refused on ${wrong.join(", ")}`,
      };
    },
  },
];
