import { LINKS } from "../designs/links.ts";
import { type Letter, shown, tried, untried } from "./letter.ts";

const LOGAN = "Logan Gunthorpe";
const DAN = "Dan Williams";
const JASON = "Jason Gunthorpe";
const CHRISTOPH = "Christoph Hellwig";

const test = (path: string): string => `npx vitest run --project fast ${path}`;
const OPINION = "an opinion";
const HISTORY = "history of the kernel, not of the mapping layer";
const COMMON = "nothing here counts how common such machines are";
const LABS = "what was tested in other people's labs";

/** The mails of 2019 and 2022. */
export const LETTERS_LATER: readonly Letter[] = [
  {
    id: "002",
    from: `${LOGAN}, answering ${DAN}`,
    date: "2019-06-20",
    subject: "Removing struct page from P2PDMA",
    link: LINKS.reply2019,
    sentences: [
      untried(LOGAN, "For eons there has been a debate over whether or not to use struct pages", HISTORY),
      shown(
        LOGAN,
        "struct pages are necessary for interacting with existing code like scatterlists or the bio_vecs",
        test("test/offload/block-layer.test.ts"),
      ),
      tried(LOGAN, "the tracking of the memory is unecessary and allocating the pages is a waste of memory", [
        "struct-pages-unused",
      ]),
      untried(
        LOGAN,
        "developers working on GPUs and RDMA tend to be able to do away with struct pages relatively easily",
        HISTORY,
      ),
      untried(DAN, "they have historically never tried to be inter-operable with the block layer", HISTORY),
      untried(LOGAN, "there are three main sets of users for P2P right now: graphics, RDMA and NVMe", HISTORY),
      untried(
        LOGAN,
        "Have consistency with P2P efforts as most other efforts have been avoiding struct page.",
        HISTORY,
      ),
      tried(
        LOGAN,
        "With struct page the IO memory must fit in the linear mapping.",
        ["linear-map"],
        "peerlane lab --classes linear-map",
      ),
      tried(LOGAN, "Certainly not all arches will be able to fit the IO region into the linear mapping space.", [
        "linear-map",
      ]),
      untried(LOGAN, "some work with RISC-V and I remember some complaints from the powerpc people", HISTORY),
      shown(
        LOGAN,
        "Remove a bunch of PCI P2PDMA special case mapping stuff from the block layer",
        test("test/offload/block-layer.test.ts"),
      ),
      tried(LOGAN, "Save the struct page memory that is largely unused", ["struct-pages-unused"]),
      shown(
        LOGAN,
        "it creates dangerous edge cases where unsuspecting code might run accross pfn_t's they are not ready for",
        test("test/pci/frames.test.ts"),
      ),
      shown(
        DAN,
        'pfn_t is specifically an opaque type precisely to force "unsuspecting" code to throw compiler assertions',
        test("test/pci/frames.test.ts"),
      ),
      untried(DAN, "pfn_t was dealt its death blow here", HISTORY),
      tried(LOGAN, "P2PDMA doesn't, and has have never, used struct page to look up the reference count", [
        "struct-pages-unused",
      ]),
      untried(
        LOGAN,
        "PCI BARs have no relation to the cache so there's no need to serialize their access",
        "the model has no caches",
      ),
      tried(LOGAN, "the only thing the struct page is used for … is a single flag", ["pages-only-for-a-flag"]),
      tried(DAN, '"Peer" addresses are not "DMA" addresses', ["undecorated-address"], test("test/pci/frames.test.ts")),
      tried(
        DAN,
        "the rules about what can and can't do peer-DMA are not generically known to the block layer",
        ["rules-outside-block-layer"],
        test("test/offload/block-layer.test.ts"),
      ),
      tried(LOGAN, "I don't think we should teach the block layer about these rules", ["rules-outside-block-layer"]),
      tried(LOGAN, "the rules are enforced outside the block layer before the bios are submitted", [
        "rules-outside-block-layer",
      ]),
      tried(LOGAN, "The driver orchestrating P2P will always have to check the rules and derive addresses from them", [
        "rules-outside-block-layer",
      ]),
      shown(
        LOGAN,
        "the block layer then doesn't have to care and can just handle the DMA addresses directly",
        test("test/offload/block-layer.test.ts"),
      ),
      tried(
        DAN,
        "At least with a side object there's a chance to describe / recall those restrictions",
        ["side-object-recalls"],
        test("test/offload/block-layer.test.ts -t 'side object'"),
      ),
      tried(
        DAN,
        'an undecorated "DMA" address passed through the block layer … does not feel like it advances the state of the art',
        ["undecorated-address"],
      ),
      untried(DAN, "what are the benefits of plumbing this RDMA special case?", OPINION),
      untried(LOGAN, "I don't think it is an RDMA special case", OPINION),
    ],
  },
  {
    id: "004",
    from: `${JASON}, answering ${CHRISTOPH}`,
    date: "2022-09-07",
    subject: "dma-buf export of VFIO's BARs",
    link: LINKS.vfio2022,
    sentences: [
      tried(
        JASON,
        "DMABUF abuses dma_map_resource() for P2P and thus doesn't work in certain special cases",
        ["offset-breaks-map-resource"],
        "peerlane lab dma-map-resource",
      ),
      tried(CHRISTOPH, "Not just certain special cases, but one of the main use cases.", [
        "only-through-a-switch",
        "offset-breaks-map-resource",
      ]),
      shown(
        CHRISTOPH,
        "P2P can happen in two ways: a) through a PCIe switch, or b) through connected root ports",
        "peerlane explain gpu0 nic1 examples/path-and-translation.yaml",
      ),
      tried(JASON, "Yes, we tested both, both work.", ["both-work"]),
      tried(CHRISTOPH, "The open code version here only supports a)", ["only-through-a-switch"]),
      tried(
        CHRISTOPH,
        "only supports it when there is no offset between the 'phyiscal' address of the BAR seen PCIe endpoint and the Linux way",
        ["offset-breaks-map-resource"],
      ),
      untried(
        CHRISTOPH,
        "x86 usually (always?) doesn't have an offset there, but other architectures often do",
        "a statement about machines that are sold",
      ),
      untried(
        JASON,
        "The PCI offset is some embedded thing - I've never seen it in a server platform.",
        "a statement about machines that are sold",
      ),
      untried(JASON, "Frankly, it is just bad SOC design", OPINION),
      tried(JASON, "As soon as you create aliases between the address spaces you invite trouble.", [
        "aliases-invite-trouble",
      ]),
      untried(
        JASON,
        "they used PCI offset to hackily alias the aperture over the DDR",
        "a machine remembered by its author",
      ),
      untried(
        JASON,
        "You either drastically limit your BAR size, don't support PCI switches or loose a lot of DDR.",
        "the model refuses RAM whose bus addresses lie in a window, and so has no such machine",
      ),
      tried(JASON, "iommu and PCI offset don't play nice together", ["offset-beside-an-iommu"]),
      untried(JASON, "we can very safely assume 0 offset", COMMON),
      tried(JASON, "VFIO has never handled PCI offset in its own P2P path and P2P works fine in VMs", [
        "vms-without-offsets",
      ]),
      tried(
        JASON,
        "we should really have APIs that support this properly, and dma_map_resource is certainly technically wrong",
        ["offset-breaks-map-resource", "map-p2p-resolves"],
      ),
      tried(JASON, "a dma_map_p2p() that resolves the offset issue", ["map-p2p-resolves"], "peerlane lab dma-map-p2p"),
      tried(
        CHRISTOPH,
        "dma_map_resource will return an IOVA that is only understood by the IOMMU itself, and not the other endpoint",
        ["iova-only-for-the-iommu"],
      ),
      tried(
        JASON,
        "__iommu_dma_map() will put the given phys into the iommu_domain associated with 'dev' and return the IOVA it picked",
        ["right-with-no-offset"],
        test("test/dma/iommu.test.ts"),
      ),
      shown(
        JASON,
        "'dev' is the importing device, it is the device that will issue the DMA",
        test("test/dmabuf/dma-buf.test.ts"),
      ),
      tried(JASON, "with 0 PCI offset is the right thing to program into the IO page table", ["right-with-no-offset"]),
      untried(CHRISTOPH, "How was this code even tested?", LABS),
      untried(JASON, "It was tested on a few platforms", LABS),
      untried(JASON, "the cases where it doesn't work are special, largely embedded", COMMON),
    ],
  },
];
