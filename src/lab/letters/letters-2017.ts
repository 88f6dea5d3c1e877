import { LINKS } from "../designs/links.ts";
import { type Letter, shown, tried, untried } from "./letter.ts";

const LOGAN = "Logan Gunthorpe";
const BEN = "Benjamin Herrenschmidt";
const JASON = "Jason Gunthorpe";

const test = (path: string): string => `npx vitest run --project fast ${path}`;
const OPINION = "an opinion";
const PLAN = "a plan for the patches";
const HISTORY = "history of the kernel, not of the mapping layer";

/** The three mails of April 2017. */
export const LETTERS_2017: readonly Letter[] = [
  {
    id: "000",
    from: `${LOGAN}, answering ${BEN}`,
    date: "2017-04-16",
    subject: "Copy Offload with Peer-to-Peer PCI Memory",
    link: LINKS.offset2017,
    sentences: [
      tried(BEN, "You can't. If the iommu is on, everything is remapped.", ["everything-is-remapped"]),
      tried(BEN, "Or do you mean to have dma_map_* not do a remapping?", ["checked-once-is-enough"]),
      tried(
        LOGAN,
        "iomem pages do not get remapped and the raw BAR address is passed to the DMA engine",
        ["everything-is-remapped", "checked-once-is-enough"],
        "peerlane lab raw-bar",
      ),
      shown(
        LOGAN,
        "it really doesn't seem like an unsolvable problem",
        "peerlane lab special-pages --classes iommu-strict,acs-redirect-iommu",
      ),
      untried(LOGAN, "something we will need to address before a proper patch set is posted", PLAN),
      tried(
        BEN,
        "something special that depends on *both* the source and target device",
        ["undecorated-address"],
        "peerlane lab page-less-dma --classes one-switch,other-device",
      ),
      tried(LOGAN, "I don't think you have to do things different based on the source.", ["checked-once-is-enough"]),
      tried(
        LOGAN,
        "restrict allocating p2pmem based on the devices in use",
        ["choice-at-allocation"],
        test("test/memory/p2p-pool.test.ts"),
      ),
      tried(LOGAN, "it just needs to leave the address alone so it's used directly", ["checked-once-is-enough"]),
      tried(
        LOGAN,
        "It's much better to make the decision on which memory to use when you allocate it.",
        ["choice-at-allocation"],
        test("test/lab/pairs.test.ts"),
      ),
      tried(LOGAN, "If you wait until you map it, it would be a pain to fall back to system memory", [
        "choice-at-allocation",
      ]),
      tried(LOGAN, "you just need the dma mapping layer to stay out of the way", ["checked-once-is-enough"]),
      untried(BEN, "The dma_ops today are architecture specific and have no way to differenciate", HISTORY),
      untried(
        LOGAN,
        "we'd need a flag in struct page or some other similar method",
        "it leaves the method open, so that no run can contradict it; every design here has one of them",
      ),
      tried(LOGAN, "everything would still work you just wouldn't get the performance or traffic flow", [
        "remapped-still-works",
      ]),
      tried(LOGAN, "We've been testing with the software iommu which doesn't have this problem.", [
        "swiotlb-passes-peers",
      ]),
      tried(BEN, "On some systems it may also just not work.", ["may-just-not-work"]),
      tried(BEN, "It catches the fact that addresses don't point to RAM and maps differently?", [
        "swiotlb-passes-peers",
      ]),
      tried(LOGAN, "I can't imagine why an iommu would not correctly map the memory in the bar.", [
        "right-with-no-offset",
      ]),
      tried(LOGAN, "If the iommu maps the memory it defeats what we are trying to accomplish.", [
        "remapped-still-works",
        "iova-below-a-switch",
      ]),
      tried(
        LOGAN,
        "only uses bounce buffers if the DMA engine in use cannot address the memory",
        ["swiotlb-passes-peers"],
        test("test/dma/swiotlb.test.ts"),
      ),
      tried(LOGAN, "it just passes the BAR's address to the DMA engine and everything works", ["swiotlb-passes-peers"]),
      shown(
        LOGAN,
        "The code posted in the RFC does in fact work without needing to do any of this fussing.",
        "peerlane lab raw-bar --classes one-switch,no-iommu",
      ),
      untried(
        BEN,
        "the latter while seemingly easier, is also slower",
        "the lab counts operations and bytes, it has no time",
      ),
      tried(
        BEN,
        "POWER currently won't allow it, or rather only allows a store-only subset of it",
        ["power-stores-only"],
        "peerlane lab stores-only --classes power-like",
      ),
      shown(
        LOGAN,
        "situations where we have to cross host bridges will remain unsupported by this work",
        "peerlane lab raw-bar --classes two-host-bridges,root-ports",
      ),
      shown(
        LOGAN,
        "There are two many cases where it just doesn't work",
        "peerlane lab --designs special-pages,bus-address-unasked --classes closed-root-complex,power-like,writes-only",
      ),
      untried(LOGAN, "or it performs too poorly to be useful", "the lab has no time"),
      tried(
        BEN,
        "the situation where you don't cross bridges is the one where you need to also take into account the offsets",
        ["offsets-matter"],
      ),
      tried(
        LOGAN,
        "for the first incarnation we will just not support systems that have offsets",
        ["no-offsets-first"],
        "peerlane lab no-offsets",
      ),
      untried(
        LOGAN,
        "This makes things much easier and still supports all the use cases we are interested in.",
        OPINION,
      ),
      tried(
        BEN,
        "only work on a specific limited category of systems and is also incompatible with virtualization",
        ["guest-loses-topology"],
        "peerlane lab raw-bar",
      ),
      untried(LOGAN, "we are starting with support for specific use cases", PLAN),
      untried(LOGAN, "Almost all technology starts that way. Dax has been in the kernel for years", HISTORY),
      tried(LOGAN, "Virtualization specifically would be a _lot_ more difficult than simply supporting offsets.", [
        "virtualization-is-harder",
      ]),
      tried(
        LOGAN,
        "The actual topology of the bus will probably be lost on the guest OS",
        ["guest-loses-topology"],
        test("test/dmabuf/guest.test.ts"),
      ),
      tried(
        LOGAN,
        "a difficult time figuring out when it's acceptable to use p2pmem",
        ["guest-loses-topology"],
        test("test/dmabuf/guest.test.ts"),
      ),
      untried(LOGAN, "I also have a difficult time seeing a use case for it", OPINION),
      untried(BEN, "I would like at least for you to develop a strategy to support the wider case", "a request"),
      tried(LOGAN, "I think there are plenty of avenues forward to support offsets, etc. It's just work.", [
        "offsets-are-just-work",
      ]),
      tried(LOGAN, "Nothing we'd be proposing would be incompatible with it.", ["offsets-are-just-work"]),
      untried(
        LOGAN,
        "no one really knows how well various architecture's hardware supports this",
        "what is documented today stands in platform-facts.md; whoever runs it elsewhere knows more",
      ),
      shown(
        LOGAN,
        "a pretty specific optimization that mostly helps systems designed in specific ways",
        "peerlane lab raw-bar",
      ),
      untried(LOGAN, "Get the cases working we know will work", PLAN),
    ],
  },
  {
    id: "001",
    from: `${JASON}, answering ${LOGAN}`,
    date: "2017-04-18",
    subject: "Copy Offload with Peer-to-Peer PCI Memory",
    link: LINKS.stacking2017,
    sentences: [
      tried(
        LOGAN,
        "sg_has_p2p has to walk the entire sg and check every page",
        ["walk-twice"],
        "peerlane lab sg-has-p2p --classes one-switch",
      ),
      tried(LOGAN, "Then map_sg_p2p/map_sg has to walk it again and repeat the check", ["walk-twice"]),
      shown(
        LOGAN,
        "If anyone is concerned about the dma_map performance this could be an issue.",
        "peerlane lab --designs sg-has-p2p,helper-in-loop,special-pages --classes one-switch --time",
      ),
      untried(JASON, "I suggest this as an interm solution until all dma_ops are migrated", PLAN),
      tried(
        JASON,
        "Ideally sg_has_p2p would be a fast path that checked some kind of flags bit set during sg_assign_page",
        ["flag-is-a-fast-path"],
      ),
      tried(JASON, "protected with CONFIG_P2P until it becomes performance neutral", ["flag-is-a-fast-path"]),
      tried(JASON, "People without an iommu are not going to want to walk the sg list at all", [
        "nobody-wants-to-walk",
      ]),
      untried(LOGAN, "Without knowing exactly what the arch specific code may need to do it's hard to say", OPINION),
      tried(
        LOGAN,
        "If every dma_ops provider has to do exactly this on every page it may lead to a lot of duplicate code",
        ["check-and-offset"],
        test("test/lab/duplicate-code.test.ts"),
      ),
      untried(JASON, "someone would have to start to look at it to make a determination", PLAN),
      shown(
        JASON,
        "the main server oriented iommu dma op will want to have proper p2p support anyhow",
        "peerlane lab special-pages --classes iommu-strict,acs-redirect-iommu",
      ),
      tried(LOGAN, "The only thing I'm presently aware of is the segment check and applying the offset", [
        "check-and-offset",
      ]),
      tried(JASON, "p2p_same_segment_map_page() … that is all the helper does", ["check-and-offset"]),
      tried(JASON, "real iommu drivers to call that helper for the one simple case", ["helper-then-own-routines"]),
      tried(
        JASON,
        "if it fails then use their own routines to figure out if cross-segment P2P is possible",
        ["helper-then-own-routines"],
        "peerlane lab helper-in-loop --classes iommu-strict,root-ports",
      ),
      tried(
        LOGAN,
        "a pci_map_sg_p2p() which takes a dma_ops struct it would use for any page that isn't a p2p page",
        ["stacking-costs-passes"],
        "peerlane lab stacked-ops",
      ),
      tried(JASON, "dma_ops are not really designed to be stacked", [
        "stacking-costs-passes",
        "stacking-without-an-iommu",
      ]),
      shown(
        JASON,
        "Try and write a stacked map_sg function like you describe",
        test("test/lab/designs.test.ts -t stacked"),
      ),
      tried(JASON, "Setting up an iommu is very expensive, so we need to batch it for the entire sg list.", [
        "batching",
      ]),
      tried(JASON, "a trivial implementation to iterate over all sg list entries is not desired", ["batching"]),
      tried(
        JASON,
        "a sg list without p2p memory would have to be created, pass to the lower level ops, then brought back",
        ["stacking-costs-passes"],
      ),
      tried(JASON, "the returned sg list will have a different number of entries than the original", [
        "other-number-of-entries",
      ]),
      shown(
        JASON,
        "another complex loop is needed to split/merge back in the p2p sg elements",
        test("test/lab/designs.test.ts -t 'cut what the IOMMU joined'"),
      ),
      tried(JASON, "Finally, we have to undo all of this when doing unmap.", ["stacking-costs-passes"]),
      tried(JASON, "a huge overhead compared to just putting a helper call in the existing sg iteration loop", [
        "stacking-costs-passes",
      ]),
      tried(JASON, "Particularly if the actual op is a no-op like no-mmu x86 would use.", [
        "stacking-without-an-iommu",
      ]),
      untried(JASON, "careful not to create intrinsic inefficiencies with otherwise nice layering", OPINION),
    ],
  },
  {
    id: "003",
    from: `${LOGAN}, answering ${JASON}`,
    date: "2017-04-18",
    subject: "Copy Offload with Peer-to-Peer PCI Memory",
    link: LINKS.shim2017,
    sentences: [
      shown(
        JASON,
        "a function to return the 'struct device' backing a CPU address range",
        test("test/memory/page-maps.test.ts"),
      ),
      shown(
        LOGAN,
        "Dan's get_dev_pagemap suggestion gets us 90% of the way there",
        test("test/memory/page-maps.test.ts"),
      ),
      untried(
        LOGAN,
        "a disagreement as to what struct device is inside the pagemap",
        "the model has the provider there, as Linux 6.19 and newer",
      ),
      shown(LOGAN, "that struct device doesn't conflict with hmm", test("test/memory/page-maps.test.ts")),
      shown(LOGAN, "doesn't limit other potential future users of ZONE_DEVICE", test("test/memory/page-maps.test.ts")),
      shown(
        JASON,
        "core helpers to extract data from the description: eg compute the path",
        "peerlane explain gpu0 nic0 examples/path-and-translation.yaml",
      ),
      shown(
        JASON,
        "check if the path crosses translation",
        "peerlane explain gpu0 nic1 examples/path-and-translation.yaml",
      ),
      untried(LOGAN, "those helpers would be useful to everyone", OPINION),
      shown(JASON, "The BAR will be backed by struct pages", "peerlane lab special-pages"),
      tried(JASON, "Passing the CPU __iomem address of the BAR to the DMA API is valid", [
        "today-is-right",
        "offset-breaks-map-resource",
      ]),
      shown(
        JASON,
        "dma ops providers are expected to fail or return the right DMA address",
        test("test/property/hostile-lists.test.ts"),
      ),
      shown(
        LOGAN,
        "a _lot_ of work to do to make it safe to pass around struct pages backed with __iomem",
        test("test/memory/page-maps.test.ts"),
      ),
      shown(
        JASON,
        "Mapping BAR memory into userspace and back to the kernel via get_user_pages works transparently",
        test("test/memory/user-space.test.ts"),
      ),
      untried(LOGAN, "a lot of push back for the memory to go to userspace at all", HISTORY),
      shown(
        LOGAN,
        "It does work, but people expect userspace to screw it up in a lot of ways.",
        test("test/memory/removal.test.ts"),
      ),
      shown(
        LOGAN,
        "stay with in-kernel users only until the apis can be worked out",
        test("test/memory/user-space.test.ts -t kernel"),
      ),
      shown(
        LOGAN,
        "enabling nvme-fabrics as everything remains in the kernel",
        test("test/offload/nvmeof-target.test.ts"),
      ),
      shown(
        LOGAN,
        "a common in-kernel allocation infrastructure: this is what p2pmem really is",
        test("test/memory/p2p-pool.test.ts"),
      ),
      shown(
        JASON,
        "The dma ops provider must be able to tell if source memory is bar mapped",
        test("test/dma/direct.test.ts"),
      ),
      shown(JASON, "and recover the pci device backing the mapping", test("test/memory/page-maps.test.ts")),
      shown(
        LOGAN,
        "every dma-ops provider needs to be taught about p2p backed pages?",
        test("test/lab/duplicate-code.test.ts"),
      ),
      tried(LOGAN, "have dma_map_* just use special p2p dma-ops if it was passed p2p pages", ["stacking-costs-passes"]),
      shown(JASON, "RDMA probably wouldn't want to use a p2mem device either", test("test/dmabuf/dma-buf.test.ts")),
      shown(JASON, "A 'enable P2P for bar' helper function sounds better to me.", test("test/memory/p2p-pool.test.ts")),
      shown(LOGAN, "that will likely come down to just devm_memremap_pages", test("test/memory/p2p-pool.test.ts")),
    ],
  },
];
