import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A kernel tree that no one released: a few lines of C per file, in the shapes that the reader has to know. */

/** Files by path. */
export type Tree = Readonly<Record<string, string>>;

/** Writes a tree into a new folder and says where it is. */
export function writeTree(tree: Tree): string {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-tree-"));
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const makefile = (release: string, extra = ""): string => {
  const [major, minor, patch = "0"] = release.split(".");
  return `VERSION = ${major}\nPATCHLEVEL = ${minor}\nSUBLEVEL = ${patch}\nEXTRAVERSION =${extra}\nNAME = Nobody's\n`;
};

const pciIds = `
#define PCI_VENDOR_ID_MADE_UP 0x1234 /* nobody's */
#define PCI_DEVICE_ID_MADE_UP_BRIDGE 0x00ab
`;

const setup = (...names: string[]): string =>
  `static int __init pci_setup(char *str)\n{\n${names.map((name) => `\tif (!strncmp(str, "${name}", ${name.length})) x();\n`).join("")}\treturn 0;\n}\n`;

/** What the newest kernels look like, with a list of two made-up bridges. */
export const NEW: Tree = {
  Makefile: makefile("9.8.7"),
  "include/linux/pci_ids.h": pciIds,
  "include/linux/pci-p2pdma.h": "static u64 bus(struct p *p, u64 paddr)\n{\n\treturn paddr + p->bus_offset;\n}\n",
  "drivers/pci/Kconfig":
    'config OTHER\n\tbool\n\nconfig PCI_P2PDMA\n\tbool "x"\n\tdepends on MADE_UP\n\tdepends on 64BIT\n\tselect X\n\nconfig LAST\n\tbool\n',
  "drivers/pci/p2pdma.c": `
/* first { of } the file */
static int add(void) {
	p->bus_offset = pci_bus_address(pdev, bar) -
		pci_resource_start(pdev, bar);
}
static bool cpu_supports_p2pdma(void)
{
#ifdef CONFIG_X86
	struct cpuinfo_x86 *c = &cpu_data(0);
	/* some */
	if (c->x86_vendor == X86_VENDOR_AMD && c->x86 >= 0x19)
		return true;
#endif
	return false;
}
struct entry { int flags; } pci_p2pdma_whitelist[] = {
	{PCI_VENDOR_ID_MADE_UP,	PCI_DEVICE_ID_MADE_UP_BRIDGE, REQ_SAME_HOST_BRIDGE}, // one
	{PCI_VENDOR_ID_INTEL,	0x4321, 0},
	{PCI_VENDOR_ID_GOOGLE,	PCI_ANY_ID, 0},
	{}
};
static struct pci_dev *pci_host_bridge_dev(struct pci_host_bridge *host)
{
	struct pci_dev *root = first(host);
	if (root->devfn == PCI_DEVFN(0, 0))
		return root;
	if (pci_pcie_type(root) == PCI_EXP_TYPE_ROOT_PORT)
		return root;
	return NULL;
}
static bool __host_bridge_whitelist(struct pci_host_bridge *host, bool same_host_bridge)
{
	for (;;) {
		if (vendor != entry->vendor)
			continue;
		if (entry->device != PCI_ANY_ID && device != entry->device)
			continue;
		if (entry->flags & REQ_SAME_HOST_BRIDGE && !same_host_bridge)
			return false;
		return true;
	}
}
static int calc_map_type_and_dist(void)
{
	acs_redirects = true;
map_through_host_bridge:
	if (!cpu_supports_p2pdma() &&
	    !host_bridge_whitelist(provider, client, acs_redirects))
		no();
}
`,
  "drivers/pci/pci.c": `
static void __pci_config_acs(struct pci_dev *dev)
{
	while (*p) {
		if (!acs_mask) {
		}
	}
	caps->ctrl = (caps->fw_ctrl & ~mask) | (flags & mask);
}
static void pci_std_enable_acs(struct pci_dev *dev)
{
	caps->ctrl |= (dev->acs & PCI_ACS_SV);
	caps->ctrl |= (dev->acs & PCI_ACS_RR);
}
${setup("nothing", "disable_acs_redir=", "config_acs=")}`,
  "kernel/dma/direct.c":
    "int dma_direct_map_sg(struct device *dev)\n{\n\tswitch (pci_p2pdma_state(x)) {\n\tcase 1:\n\t\tbreak;\n\tdefault:\n\t\tret = -EMADEUP;\n\t}\n}\n",
  "drivers/dma-buf/dma-buf-mapping.c": "int f(void)\n{\n\tswitch (x) {\n\tdefault:\n\t\tret = -EOTHER;\n\t}\n}\n",
  "drivers/pci/quirks.c": `
static int anywhere(struct pci_dev *dev, u16 acs_flags)
{
	return pci_acs_ctrl_enabled(acs_flags, PCI_ACS_SV | PCI_ACS_RR);
}
static int old_words(struct pci_dev *dev, u16 acs_flags)
{
	acs_flags &= ~(PCI_ACS_SV | PCI_ACS_RR);
	return acs_flags ? 0 : 1;
}
static int cases(struct pci_dev *dev, u16 acs_flags)
{
	if (!pci_is_pcie(dev) || ((pci_pcie_type(dev) != PCI_EXP_TYPE_ROOT_PORT) && (pci_pcie_type(dev) != PCI_EXP_TYPE_DOWNSTREAM)))
		return -ENOTTY;
	switch (dev->device) {
	case 0x0010 ... 0x001f:
	case 0x0022:
		return pci_acs_ctrl_enabled(acs_flags, PCI_ACS_SV);
	}
	return false;
}
static const u16 some_ids[] = { 0x0100, 0x0101, 0x0103, };
static bool listed_match(struct pci_dev *dev)
{
	if (pci_pcie_type(dev) != PCI_EXP_TYPE_ROOT_PORT)
		return false;
	for (i = 0; i < ARRAY_SIZE(some_ids); i++)
		if (some_ids[i] == dev->device)
			return true;
	return false;
}
static int listed(struct pci_dev *dev, u16 acs_flags)
{
	if (!listed_match(dev))
		return -ENOTTY;
	if (dev->dev_flags & PCI_DEV_FLAGS_ACS_ENABLED_QUIRK)
		return pci_acs_ctrl_enabled(acs_flags, PCI_ACS_SV);
	return pci_acs_ctrl_enabled(acs_flags, 0);
}
static int integrated(struct pci_dev *dev, u16 acs_flags)
{
	if (pci_pcie_type(dev) != PCI_EXP_TYPE_RC_END)
		return -ENOTTY;
	return pci_acs_ctrl_enabled(acs_flags, PCI_ACS_SV);
}
static const struct pci_dev_acs_enabled {
	u16 vendor;
} pci_dev_acs_enabled[] = {
	{ PCI_VENDOR_ID_ATI, 0x4385, pci_quirk_amd_sb_acs },
	{ PCI_VENDOR_ID_MADE_UP, 0x0001, anywhere },
	{ PCI_VENDOR_ID_MADE_UP, 0x0002, anywhere },
	{ 0x19a2, 0x710, old_words },
	{ PCI_VENDOR_ID_MADE_UP, PCI_ANY_ID, cases },
	{ PCI_VENDOR_ID_MADE_UP, PCI_ANY_ID, listed },
	{ PCI_VENDOR_ID_INTEL, PCI_ANY_ID, integrated },
	{ 0 }
};
`,
};

/** What the first kernels looked like: ids in an if, redirected paths refused, an IOMMU in the way. */
export const OLD: Tree = {
  Makefile: makefile("5.2", "-rc9"),
  "Makefile.rhelver": "RHEL_MAJOR = 8\nRHEL_MINOR = 9\nRHEL_RELEASE = 777\n",
  "drivers/pci/Kconfig": 'config PCI_P2PDMA\n\tbool "x"\n\tdepends on PCI && ZONE_DEVICE\n',
  "drivers/pci/p2pdma.c": `
static int add(void) {
	pgmap->pci_p2pdma_bus_offset = pci_bus_address(pdev, bar) -
		pci_resource_start(pdev, bar);
}
static bool root_complex_whitelist(struct pci_dev *dev)
{
	struct pci_dev *root = pci_get_slot(host->bus, PCI_DEVFN(0, 0));
	if (iommu_present(dev->dev.bus))
		return false;
	if (vendor == PCI_VENDOR_ID_AMD && device == 0x0042)
		return true;
	return false;
}
static int upstream_bridge_distance(struct pci_dev *a)
{
	if (listed())
		return 0x2000 + dist_a + dist_b;
	if (acs_cnt)
		return -2;
}
static int map(void)
{
	s->dma_address = paddr - pgmap->pci_p2pdma_bus_offset;
}
`,
  "drivers/pci/pci.c": `
static void pci_disable_acs_redir(struct pci_dev *dev)
{
	ctrl &= ~(PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);
}
static void pci_std_enable_acs(struct pci_dev *dev)
{
	ctrl |= (cap & PCI_ACS_SV);
}
${setup("disable_acs_redir=")}`,
  "kernel/dma/direct.c": "int dma_direct_map_sg(struct device *dev)\n{\n\treturn 1;\n}\n",
  "drivers/pci/quirks.c": `
static bool masked_match(struct pci_dev *dev)
{
	return (pci_pcie_type(dev) == PCI_EXP_TYPE_ROOT_PORT) && ((dev->device & 0xff00) == 0x4200);
}
static int masked(struct pci_dev *dev, u16 acs_flags)
{
	acs_flags &= ~(PCI_ACS_RR | PCI_ACS_CR);
	if (!masked_match(dev))
		return -ENOTTY;
	return acs_flags ? 0 : 1;
}
static int talks(struct pci_dev *dev, u16 acs_flags)
{
	u16 flags = (PCI_ACS_RR | PCI_ACS_CR);
	int ret = acs_flags & ~flags ? 0 : 1;
	pci_info(dev, "said");
	return ret;
}
static struct q {
} pci_dev_acs_enabled[] = {
	{ PCI_VENDOR_ID_AMD, PCI_ANY_ID, masked },
	{ PCI_VENDOR_ID_AMD, 0x0009, talks },
	{ 0 }
};
`,
};

/** A tree with one text in place of another. Throws where the file does not have it. */
export function edited(tree: Tree, path: string, was: string, becomes: string): Tree {
  const text = tree[path] ?? "";
  if (!text.includes(was)) throw new Error(`${path} has no '${was}'`);
  return { ...tree, [path]: text.replace(was, becomes) };
}
