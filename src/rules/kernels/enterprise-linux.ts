import type { KernelRules } from "./kernel-rules.ts";
import {
  NOTHING_READ,
  ON,
  rowLike,
  rowsFrom,
  UNREAD,
  unreadVendor,
  type VendorKernel,
  X86_OFF,
} from "./vendor-kernel.ts";

/** CentOS Stream 9's history by builds: what kernel.org had in `like`, from the build on. */
const EL9_HISTORY: readonly KernelRules[] = [
  rowLike("5.14.0-1.el9", "5.14", "5.14.0-70.13.1.el9_0 and the changelog of el9"),
  rowLike("5.14.0-79.el9", "5.17", "the changelog of el9"),
  rowLike("5.14.0-117.el9", "5.18", "5.14.0-162.6.1.el9_1 and the changelog of el9"),
  rowLike("5.14.0-164.el9", "5.19", "the changelog of el9"),
  rowLike("5.14.0-184.el9", "6.1", "5.14.0-284.11.1.el9_2 to 5.14.0-503.40.1.el9_5, and the changelog of el9"),
  rowLike("5.14.0-540.el9", "6.11", "5.14.0-570.12.1.el9_6 to 5.14.0-570.32.1.el9_6, and the changelog of el9"),
];

const EL9_NAME = "RHEL 9 and its clones";
const EL9_NEWEST = EL9_HISTORY.at(-1) as KernelRules;
const EL10_ROW = rowLike("6.12.0-55.el10", "6.12", "6.12.0-55.9.1.el10_0 to 6.12.0-55.24.1.el10_0");
/** Oracle's UEK and the kernels of ELRepo stand before them. */
const EL9 = /^-\d.*\.el9(?!\d)/;
const EL9_WITHOUT_BUILD = /\.el9(?!\d)/;

function el9(build: number): KernelRules {
  const row = EL9_HISTORY.find(({ release }) => release === `5.14.0-${build}.el9`);
  if (row === undefined) throw new RangeError(`no row of el9's build ${build}`);
  return row;
}

/** Enterprise Linux: RHEL, its clones, Oracle's UEK, ELRepo's builds of kernel.org. */
export const ENTERPRISE_LINUX: readonly VendorKernel[] = [
  unreadVendor("ELRepo", "*.elN.elrepo", /\.elrepo/),
  {
    name: "Oracle UEK 7",
    kernels: "5.15.0-N.elNuek",
    suffix: /\.el\d+uek/,
    from: "5.15",
    before: "5.16",
    rules: UNREAD,
    option: X86_OFF,
    readIn: "oracle/linux-uek, uek-rpm/ol9/config-x86_64 at 00b109faadc9",
  },
  {
    name: "Oracle UEK 8",
    kernels: "6.12.0-N.elNuek",
    suffix: /\.el\d+uek/,
    from: "6.12",
    before: "6.13",
    rules: { kind: "read", rows: rowsFrom("6.12").filter(({ release }) => /^6\.12(?!\d)/.test(release)) },
    option: X86_OFF,
    readIn:
      "oracle/linux-uek, drivers/pci/p2pdma.c at 04f1df1d10f3 (as 6.12) and uek-rpm/ol10/config-x86_64 at 02b35a6da5d4",
  },
  unreadVendor("Oracle UEK", "*.elNuek", /\.el\d+uek/),
  {
    name: "RHEL 8 and its clones",
    kernels: "4.18.0-N.el8",
    suffix: /\.el8(?!\d)/,
    from: "4.18",
    before: "4.19",
    rules: {
      kind: "none",
      why: "RHEL 8 and its clones (el8) build P2PDMA off, which was carried back to 4.18: no pair works (CONFIG_PCI_P2PDMA is not set in 4.18.0-240 to 4.18.0-553.66.1)",
    },
    option: X86_OFF,
    readIn: "AlmaLinux 4.18.0-240.el8 to 4.18.0-553.66.1.el8_10, CentOS Stream 4.18.0-448.el8",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N up to 54",
    suffix: EL9,
    from: "5.14",
    before: "5.14.0-55",
    rules: { kind: "read", rows: [el9(1)] },
    option: X86_OFF,
    readIn: "CentOS Stream 5.14.0-1.7.1, -21, -39, -42 (option); the changelog of el9",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 55",
    suffix: EL9,
    from: "5.14.0-55",
    before: "5.14.0-79",
    rules: { kind: "read", rows: [el9(1)] },
    option: ON,
    readIn: "AlmaLinux 5.14.0-70.13.1 to -70.30.1; the changelog of el9: the option at -55",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 79",
    suffix: EL9,
    from: "5.14.0-79",
    before: "5.14.0-117",
    rules: { kind: "read", rows: [el9(79)] },
    option: ON,
    readIn: "the changelog of el9: the bus offset is added at -79",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 117",
    suffix: EL9,
    from: "5.14.0-117",
    before: "5.14.0-164",
    rules: { kind: "read", rows: [el9(117)] },
    option: ON,
    readIn: "AlmaLinux 5.14.0-162.6.1 to -162.23.1; the changelog of el9: 8086:09a2 at -117",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 164",
    suffix: EL9,
    from: "5.14.0-164",
    before: "5.14.0-184",
    rules: { kind: "read", rows: [el9(164)] },
    option: ON,
    readIn: "the changelog of el9: root ports at -164",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 184",
    suffix: EL9,
    from: "5.14.0-184",
    before: "5.14.0-540",
    rules: { kind: "read", rows: [el9(184)] },
    option: ON,
    readIn:
      "AlmaLinux 5.14.0-284.11.1, -362.8.1, -427.13.1, -503.11.1 to -503.40.1; the changelog of el9: the DMA API at -184",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 540",
    suffix: EL9,
    from: "5.14.0-540",
    before: "5.14.0-571",
    rules: { kind: "read", rows: [el9(540)] },
    option: ON,
    readIn: "AlmaLinux 5.14.0-570.12.1 to -570.32.1; the changelog of el9: config_acs at -540",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0-N.el9, N from 571",
    suffix: EL9,
    from: "5.14.0-571",
    before: "5.15",
    rules: { kind: "read", rows: [EL9_NEWEST, ...rowsFrom("6.12.23")] },
    option: NOTHING_READ,
    readIn: "",
  },
  {
    name: EL9_NAME,
    kernels: "5.14.0.el9, its build left out",
    suffix: EL9_WITHOUT_BUILD,
    from: "5.14",
    before: "5.15",
    rules: { kind: "read", rows: EL9_HISTORY },
    option: NOTHING_READ,
    readIn: "as each of its builds",
  },
  {
    name: "RHEL 10 and its clones",
    kernels: "6.12.0-N.el10, N up to 55",
    suffix: /\.el10(?!\d)/,
    from: "6.12",
    before: "6.12.0-56",
    rules: { kind: "read", rows: [EL10_ROW] },
    option: ON,
    readIn: "AlmaLinux 6.12.0-55.9.1 to -55.24.1.el10_0",
  },
  {
    name: "RHEL 10 and its clones",
    kernels: "6.12.0-N.el10, N from 56",
    suffix: /\.el10(?!\d)/,
    from: "6.12.0-56",
    before: "6.13",
    rules: { kind: "read", rows: [EL10_ROW, ...rowsFrom("6.12.23")] },
    option: NOTHING_READ,
    readIn: "",
  },
];
