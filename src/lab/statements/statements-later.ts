import type { Statement } from "./statement.ts";

const LOGAN = { who: "Logan Gunthorpe", date: "2019-06-20", seed: "002" } as const;
const DAN = { who: "Dan Williams", date: "2019-06-20", seed: "002" } as const;
const CHRISTOPH = { who: "Christoph Hellwig", date: "2022-09-07", seed: "004" } as const;
const JASON = { who: "Jason Gunthorpe", date: "2022-09-07", seed: "004" } as const;
const DRIVERS = { date: "2026", seed: null } as const;

const SAFE: readonly string[] = ["right", "refused"];

/** What was said of doing without pages, of the export by VFIO, and what drivers do. */
export const STATEMENTS_LATER: readonly Statement[] = [
  {
    ...LOGAN,
    id: "pages-only-for-a-flag",
    about: ["special-pages"],
    says: "The struct page is used for a single flag; P2PDMA does not look up its reference count.",
    check: (findings) => {
      const { pageReferences, pagemapLookups, pageTouches } = findings.cost("special-pages", "one-switch", "all-peer");
      return {
        holds: pageTouches > 0 && pageReferences === 0 && pagemapLookups === 0,
        evidence: `map and unmap of ${findings.longest} pages in the mapping layer of Linux 7.2: the flag is read ${pageTouches} times, the page map ${pagemapLookups} times, references ${pageReferences} times`,
      };
    },
  },
  {
    ...LOGAN,
    id: "struct-pages-unused",
    about: ["special-pages", "page-less-dma"],
    says: "Without struct pages their memory, which is largely unused, is saved.",
    check: (findings) => {
      const { pageReferences } = findings.cost("special-pages", "one-switch", "all-peer");
      const pages = findings.run("special-pages", "one-switch", "all-peer").result.structPageBytes;
      const without = findings.run("page-less-dma", "one-switch", "all-peer").result;
      return {
        holds: without.structPageBytes === 0 && pages > 0 && pageReferences === 0 && without.read === "right",
        evidence: `128 MiB of peer memory: ${pages} bytes of struct pages, of which mapping reads flag and page map, and no reference count; or ${without.structPageBytes}, and the same bytes are right`,
      };
    },
  },
  {
    ...LOGAN,
    id: "linear-map",
    about: ["special-pages", "raw-bar", "page-less-dma", "provider-ranges"],
    says: "With struct pages the I/O memory has to fit into the linear mapping, and not on all architectures it does.",
    check: (findings) => {
      const pages = findings.pairs("special-pages", "linear-map");
      const { refusal } = findings.run("special-pages", "linear-map", "all-peer").result;
      const without = (["page-less-dma", "provider-ranges"] as const).map(
        (design) => `${design} ${findings.pairs(design, "linear-map")}`,
      );
      return {
        holds: pages === "refused" && without.every((text) => text.endsWith(" right")),
        evidence: `BARs beyond the linear map: special-pages ${pages} (${refusal?.errno ?? ""}, ${refusal?.reason ?? ""}), and right in system memory instead; ${without.join(", ")}`,
      };
    },
  },
  {
    ...LOGAN,
    id: "rules-outside-block-layer",
    about: ["page-less-dma"],
    says: "The block layer need not know the rules: the driver that orchestrates checks them before it submits.",
    leftOut: { classes: ["other-device"], why: "the driver that orchestrates knows which devices it uses" },
    check: (findings) => {
      const worse = findings.classes.filter(
        (kind) =>
          kind !== "other-device" &&
          !SAFE.includes(findings.withPeers("page-less-dma", kind)) &&
          SAFE.includes(findings.withPeers("special-pages", kind)),
      );
      return {
        holds: worse.length === 0,
        evidence:
          worse.length === 0
            ? "wherever special-pages is right or refuses, so does page-less-dma"
            : `goes wrong where special-pages does not: ${worse.join(", ")}`,
      };
    },
  },
  {
    ...DAN,
    id: "undecorated-address",
    about: ["page-less-dma"],
    says: "An undecorated DMA address does not say what it is good for as it is passed around the I/O stack.",
    check: (findings) => {
      const bare = findings.pairs("page-less-dma", "other-device");
      return { holds: !SAFE.includes(bare), evidence: `page-less-dma, issued by another device: ${bare}` };
    },
  },
  {
    ...DAN,
    id: "side-object-recalls",
    about: ["page-less-side-object"],
    says: "With a side object the restrictions can be described and recalled as things are passed around.",
    check: (findings) => {
      const outcome = findings.pairs("page-less-side-object", "other-device");
      return {
        holds: SAFE.includes(outcome),
        evidence: `page-less-side-object, issued by another device: ${outcome}`,
      };
    },
  },
  {
    ...CHRISTOPH,
    id: "offset-breaks-map-resource",
    about: ["dma-map-resource"],
    says: "The code works only where there is no offset between the physical address of the BAR and what endpoints see.",
    check: (findings) => {
      const kinds = ["one-switch", "bus-offset", "bus-offset-negative"] as const;
      const [none, ...outcomes] = kinds.map((kind) => findings.withPeers("dma-map-resource", kind));
      return {
        holds: none === "right" && outcomes.every((outcome) => outcome !== "right"),
        evidence: `dma-map-resource: ${kinds.map((kind) => `${kind} ${findings.pairs("dma-map-resource", kind)}`).join("; ")}`,
      };
    },
  },
  {
    ...CHRISTOPH,
    id: "only-through-a-switch",
    about: ["dma-map-resource"],
    says: "The code supports peers through a switch only, not through connected root ports.",
    check: (findings) => {
      const outcome = findings.pairs("dma-map-resource", "root-ports");
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
      const outcomes = kinds.map((kind) => findings.pairs("dma-map-resource", kind));
      return {
        holds: outcomes.every((outcome) => outcome === "right"),
        evidence: `dma-map-resource: ${kinds.map((kind, index) => `${kind} ${outcomes[index]}`).join(", ")}`,
      };
    },
  },
  {
    ...CHRISTOPH,
    id: "iova-only-for-the-iommu",
    about: ["dma-map-resource"],
    says: "With an IOMMU dma_map_resource returns an IOVA that only the IOMMU understands, and not the other endpoint.",
    check: (findings) => {
      const open = findings.pairs("dma-map-resource", "iommu-strict");
      const closed = findings.pairs("dma-map-resource", "iommu-closed-root");
      return {
        holds: open !== "right" && closed !== "right",
        evidence: `an IOVA goes up to the IOMMU, as no window of a switch claims it: ${open} where the root complex sends it back down, ${closed} where not`,
      };
    },
  },
  {
    ...JASON,
    id: "right-with-no-offset",
    about: ["dma-map-resource"],
    says: "With a PCI offset of 0 the CPU's physical address of the BAR is the right thing to program into the I/O page table.",
    check: (findings) => {
      const kinds = ["iommu-strict", "iommu-lazy", "acs-redirect-iommu"] as const;
      const outcomes = kinds.map((kind) => findings.pairs("dma-map-resource", kind));
      return {
        holds: outcomes.every((outcome) => outcome === "right"),
        evidence: `dma-map-resource: ${kinds.map((kind, index) => `${kind} ${outcomes[index]}`).join(", ")}`,
      };
    },
  },
  {
    ...JASON,
    id: "offset-beside-an-iommu",
    about: ["dma-map-resource", "ask-then-map-resource"],
    says: "An IOMMU and a PCI offset do not play nice together.",
    check: (findings) => {
      const mapped = findings.pairs("dma-map-resource", "bus-offset-iommu");
      return {
        holds: mapped !== "right",
        evidence: `dma-map-resource, offset and IOMMU: ${mapped}, in a model whose IOMMU gives what it translated to the root complex as a CPU address; what such hardware does nobody shows`,
      };
    },
  },
  {
    ...JASON,
    id: "aliases-invite-trouble",
    about: ["dma-map-resource"],
    says: "As soon as there are aliases between the address spaces, there is trouble.",
    check: (findings) => {
      const { counterExample } = findings.cell("dma-map-resource", "bus-offset");
      const mishap = counterExample?.result.mishap ?? null;
      return {
        holds: mishap?.routeOutcome === "delivered" && mishap.reached !== mishap.expected,
        evidence:
          mishap === null
            ? "no wrong address"
            : `a ${mishap.direction} that belongs to ${mishap.expected} is delivered to ${mishap.reached ?? "nobody"}`,
      };
    },
  },
  {
    ...JASON,
    id: "vms-without-offsets",
    about: ["dma-map-resource"],
    says: "VFIO never handled offsets in its own peer path, and P2P works fine in virtual machines.",
    check: (findings) => {
      const guest = findings.pairs("dma-map-resource", "guest");
      return {
        holds: guest === "right",
        evidence: `dma-map-resource in a guest on a host without offsets: ${guest}`,
      };
    },
  },
  {
    ...JASON,
    id: "map-p2p-resolves",
    about: ["dma-map-p2p"],
    says: "A dma_map_p2p would resolve the offset issue.",
    check: (findings) => {
      const kinds = ["bus-offset", "bus-offset-negative", "bus-offset-root-ports", "bus-offset-iommu"] as const;
      const outcomes = kinds.map((kind) => findings.pairs("dma-map-p2p", kind));
      return {
        holds: outcomes.every((outcome) => outcome === "right"),
        evidence: `dma-map-p2p: ${kinds.map((kind, index) => `${kind} ${outcomes[index]}`).join(", ")}`,
      };
    },
  },
  {
    ...DRIVERS,
    who: "this project, of amdgpu and xe",
    id: "silent-host-memory",
    about: ["ask-then-map-resource"],
    says: "Where the kernel says no, registration succeeds and the data goes through host memory without a message.",
    check: (findings) => {
      const { read, write, inHostMemory, refusal } = findings.run(
        "ask-then-map-resource",
        "closed-root-complex",
        "all-peer",
      ).result;
      return {
        holds: read === "right" && write === "right" && refusal === null && inHostMemory === 1,
        evidence: `closed root complex: read ${read}, write ${write}, ${refusal === null ? "nothing refused" : refusal.errno}, ${percent(inHostMemory)} of the peer bytes in host memory`,
      };
    },
  },
  {
    ...DRIVERS,
    who: "this project, of amdgpu and xe",
    id: "iova-below-a-switch",
    about: ["ask-then-map-resource", "special-pages"],
    says: "Under an IOMMU their requests go up to the root complex also where the kernel's verdict is a bus address.",
    check: (findings) => {
      const open = findings.run("ask-then-map-resource", "iommu-strict", "all-peer").result.throughRoot;
      const obeyed = findings.run("special-pages", "iommu-strict", "all-peer").result.throughRoot;
      const closed = findings.pairs("ask-then-map-resource", "iommu-closed-root");
      return {
        holds: open > obeyed && closed !== "right",
        evidence: `near and far peers, IOMMU strict: ${percent(open)} of the bytes pass the root complex, ${percent(obeyed)} with the address of the verdict; behind a closed root complex: ${closed}, though the verdict is direct`,
      };
    },
  },
  {
    ...DRIVERS,
    who: "this project, of NVIDIA's driver on Linux 6.12 and newer",
    id: "raw-bus-address-faults",
    about: ["bus-address-unasked"],
    says: "A raw bus address that nobody mapped faults at a translating IOMMU, and no verdict stops it.",
    check: (findings) => {
      const redirected = findings.pairs("bus-address-unasked", "acs-redirect-iommu");
      const mixed = findings.pairs("bus-address-unasked", "iommu-strict");
      const pass = findings.pairs("bus-address-unasked", "iommu-passthrough");
      return {
        holds: redirected === "fault" && mixed.endsWith("far fault") && pass === "right",
        evidence: `with ACS redirect below an IOMMU: ${redirected}; IOMMU strict: ${mixed}; passthrough: ${pass}`,
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
          (design) => !SAFE.includes(findings.withPeers(design, kind)),
        ),
      );
      return {
        holds: wrong.length === 0,
        evidence:
          wrong.length === 0
            ? "right or refused everywhere"
            : `neither right nor refused: ${wrong.map((kind) => `${kind} (${findings.pairs("provider-ranges", kind)})`).join(", ")}`,
      };
    },
  },
];

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
