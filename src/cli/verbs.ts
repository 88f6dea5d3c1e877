import type { Verb } from "./verb.ts";

/** All verbs, in the order of the help. */
export const VERBS: readonly Verb[] = [
  {
    name: "matrix",
    synopsis: "[options] [source]",
    summary: "which device can reach which other directly (the default verb)",
    load: async () => (await import("./verbs/matrix.ts")).declareMatrix,
  },
  {
    name: "tree",
    synopsis: "[options] [source]",
    summary: "the topology: links as negotiated and as possible, ACS, IOMMU groups, peer memory",
    load: async () => (await import("./verbs/tree.ts")).declareTree,
  },
  {
    name: "explain",
    synopsis: "[options] <provider> <client> [source]",
    summary: "one pair, both ways: the path, the verdict, each reason, the address, the kernel's own hint",
    load: async () => (await import("./verbs/explain.ts")).declareExplain,
  },
  {
    name: "fix",
    synopsis: "[options] [names...]",
    summary: "the smallest changes that make a pair work, each shown by the rules, with what else they change",
    load: async () => (await import("./verbs/fix.ts")).declareFix,
  },
  {
    name: "find",
    synopsis: "[options] <clients...>",
    summary: "the provider of peer memory that the kernel would choose for these clients",
    load: async () => (await import("./verbs/find.ts")).declareFind,
  },
  {
    name: "check",
    synopsis: "[options] <policy> [source]",
    summary: "hold a machine against a policy: pairs that must work, pairs that must not, groups to keep apart",
    load: async () => (await import("./verbs/check.ts")).declareCheck,
  },
  {
    name: "diff",
    synopsis: "[options] <before> [after]",
    summary: "what differs between two machines, or one before and after: devices, links, ACS, groups, answers",
    load: async () => (await import("./verbs/diff.ts")).declareDiff,
  },
  {
    name: "capture",
    synopsis: "[options] [source]",
    summary: "one compressed file with all that the rules need, without serial numbers, MACs and host names",
    load: async () => (await import("./verbs/capture.ts")).declareCapture,
  },
  {
    name: "collect",
    synopsis: "[options]",
    summary: "print a shell script that gathers all that the rules need on a server without Node, as one text",
    load: async () => (await import("./verbs/collect.ts")).declareCollect,
  },
  {
    name: "report",
    synopsis: "[options] [source]",
    summary: "all of it as one Markdown text, to paste into an issue tracker",
    load: async () => (await import("./verbs/report.ts")).declareReport,
  },
  {
    name: "lab",
    synopsis: "[options] [design] [id]",
    summary: "designs of the mapping layer side by side, each carried out on the fabric, each byte checked",
    load: async () => (await import("./verbs/lab.ts")).declareLab,
  },
  {
    name: "simulate",
    synopsis: "[options] <scenario>",
    summary: "run transfers on a model of a machine: bytes per link and in DRAM, what arrived, what was lost",
    load: async () => (await import("./verbs/simulate.ts")).declareSimulate,
  },
  {
    name: "p2pmem",
    synopsis: "[options]",
    summary:
      "the pools of peer memory of this host: size, free space, whose it is, whether it may be used, who mapped it",
    load: async () => (await import("./verbs/p2pmem.ts")).declareP2pmem,
  },
  {
    name: "copy",
    synopsis: "[options] <source> <target>",
    summary: "copy a disk or file to another from device to device, through peer memory and past DRAM",
    load: async () => (await import("./verbs/copy.ts")).declareCopy,
  },
  {
    name: "probe",
    synopsis: "[options] [devices...]",
    summary: "does I/O through peer memory work here, and is the data right? Rules, kernel and data side by side",
    load: async () => (await import("./verbs/probe.ts")).declareProbe,
  },
  {
    name: "bench",
    synopsis: "[options] <device>",
    summary: "measure reads and writes of a disk through peer memory and through DRAM, side by side",
    load: async () => (await import("./verbs/bench.ts")).declareBench,
  },
  {
    name: "vm",
    synopsis: "[options] <scenario> [command...]",
    summary: "boot a scenario in QEMU: show what a real kernel decides there, or run Peerlane in it",
    load: async () => (await import("./verbs/vm.ts")).declareVm,
  },
  {
    name: "completion",
    synopsis: "<shell>",
    summary: "print a completion script for a shell",
    load: async () => (await import("./verbs/completion.ts")).declareCompletion,
  },
  {
    name: "schema",
    synopsis: "<name>",
    summary: "print the JSON Schema of an output, or of scenario, policy and snapshot files",
    load: async () => (await import("./verbs/schema.ts")).declareSchema,
  },
];
