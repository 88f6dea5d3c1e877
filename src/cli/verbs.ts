import type { Verb } from "./verb.ts";

/** All verbs, in the order of the help. */
export const VERBS: readonly Verb[] = [
  {
    name: "matrix",
    group: "look",
    summary: "which device can reach which other directly (the default verb)",
    load: async () => (await import("./verbs/matrix.ts")).declareMatrix,
  },
  {
    name: "tree",
    group: "look",
    summary: "the topology: links, ACS, IOMMU groups, peer memory",
    load: async () => (await import("./verbs/tree.ts")).declareTree,
  },
  {
    name: "explain",
    group: "look",
    summary: "one pair, both ways: path, verdict, reasons, the kernel's hint",
    load: async () => (await import("./verbs/explain.ts")).declareExplain,
  },
  {
    name: "predict",
    group: "look",
    summary: "what a pair can carry: GB/s and latency, and what holds it back",
    load: async () => (await import("./verbs/predict.ts")).declarePredict,
  },
  {
    name: "compare",
    group: "look",
    summary: "is this number normal? Figures of tools against predictions",
    load: async () => (await import("./verbs/compare.ts")).declareCompare,
  },
  {
    name: "diff",
    group: "look",
    summary: "what differs between two machines, or one before and after",
    load: async () => (await import("./verbs/diff.ts")).declareDiff,
  },
  {
    name: "fleet",
    group: "look",
    summary: "many machines: which differ from their like, and in what",
    load: async () => (await import("./verbs/fleet.ts")).declareFleet,
  },
  {
    name: "serve",
    group: "look",
    summary: "all of it as a page in a browser, for this host or any source",
    load: async () => (await import("./verbs/serve.ts")).declareServe,
  },
  {
    name: "report",
    group: "look",
    summary: "all of it as one Markdown text, or one page, to send on",
    load: async () => (await import("./verbs/report.ts")).declareReport,
  },
  {
    name: "find",
    group: "decide",
    summary: "the nearest NICs and SSDs of each GPU, and the other way round",
    load: async () => (await import("./verbs/find.ts")).declareFind,
  },
  {
    name: "check",
    group: "decide",
    summary: "hold a machine against a policy: what must work, what must not",
    load: async () => (await import("./verbs/check.ts")).declareCheck,
  },
  {
    name: "fix",
    group: "change",
    summary: "the smallest changes that make a pair work, and what else they do",
    load: async () => (await import("./verbs/fix.ts")).declareFix,
  },
  {
    name: "p2pmem",
    group: "data",
    summary: "pools of peer memory: size, free space, whose, who mapped them",
    load: async () => (await import("./verbs/p2pmem.ts")).declareP2pmem,
  },
  {
    name: "probe",
    group: "data",
    summary: "does I/O through peer memory work here, and is the data right?",
    load: async () => (await import("./verbs/probe.ts")).declareProbe,
  },
  {
    name: "copy",
    group: "data",
    summary: "a disk or file to another, through peer memory and past DRAM",
    load: async () => (await import("./verbs/copy.ts")).declareCopy,
  },
  {
    name: "bench",
    group: "data",
    summary: "reads and writes through peer memory and through DRAM, compared",
    load: async () => (await import("./verbs/bench.ts")).declareBench,
  },
  {
    name: "simulate",
    group: "model",
    summary: "run transfers on a model of a machine: what arrives, what is lost",
    load: async () => (await import("./verbs/simulate.ts")).declareSimulate,
  },
  {
    name: "lab",
    group: "model",
    summary: "designs of the mapping layer side by side, each byte checked",
    load: async () => (await import("./verbs/lab.ts")).declareLab,
  },
  {
    name: "vm",
    group: "model",
    summary: "boot a scenario in QEMU: a real kernel decides, or runs Peerlane",
    load: async () => (await import("./verbs/vm.ts")).declareVm,
  },
  {
    name: "capture",
    group: "files",
    summary: "one file with all that the rules need, without names and serials",
    load: async () => (await import("./verbs/capture.ts")).declareCapture,
  },
  {
    name: "collect",
    group: "files",
    summary: "print a script that gathers the same on a server without Node",
    load: async () => (await import("./verbs/collect.ts")).declareCollect,
  },
  {
    name: "completion",
    group: "files",
    summary: "print a completion script for a shell",
    load: async () => (await import("./verbs/completion.ts")).declareCompletion,
  },
  {
    name: "schema",
    group: "files",
    summary: "print the JSON Schema of an output or of a kind of file",
    load: async () => (await import("./verbs/schema.ts")).declareSchema,
  },
];
