/** The floors of the house, top first: imports go down only (see docs/decisions/0001-the-house.md). */
const floors = [
  "cli",
  "server",
  "fleet",
  "live",
  "vm",
  "library",
  "drawing",
  "report",
  "policy",
  "advice",
  "compare",
  "timed",
  "predict",
  "summary",
  "measured",
  "answers",
  "lab",
  "offload",
  "devices",
  "routes",
  "dmabuf",
  "fabric",
  "dma",
  "iommu",
  "memory",
  "platforms",
  "rules",
  "host",
  "link",
  "results",
  "pci",
];

const browserFloors = floors.slice(floors.indexOf("library")).join("|");

const downOnly = floors.map((floor, index) => ({
  name: `${floor}-imports-down-only`,
  comment: "imports go down the list of floors, never up",
  severity: "error",
  from: { path: `^src/${floor}/` },
  to: {
    path: floors
      .slice(0, index)
      .map((above) => `^src/${above}/`)
      .concat("^src/(index|read|decide|show|model)\\.ts$|^src/model/"),
  },
}));

/** Rooms that also run in a browser; the files named here are the ones that need the file system. */
const browserRooms = {
  name: "browser-rooms-without-node",
  comment: "all below vm, but for the live reader of host, runs in a browser: no node: import",
  severity: "error",
  from: { path: `^src/(${browserFloors})/`, pathNot: "^src/host/(live|node-tree)\\.ts$" },
  to: { dependencyTypes: ["core"] },
};

module.exports = {
  forbidden: [
    ...downOnly,
    browserRooms,
    {
      name: "page-imports-browser-rooms",
      comment: "the page runs the functions that the command line runs, and none of what needs Node",
      severity: "error",
      from: { path: "^web/" },
      to: { path: `^src/(?!(${browserFloors})/)|^src/host/(live|node-tree)\\.ts$|^scripts/` },
    },
    {
      name: "page-without-node",
      severity: "error",
      from: { path: "^web/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "nothing-imports-the-page",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^web/" },
    },
    {
      name: "interface-without-engine",
      comment: "the page asks its worker: what decides is not bundled a second time into what draws",
      severity: "error",
      from: { path: "^web/(ui|state)/|^web/main" },
      to: { path: "^web/engine/(methods|worker|explain|share)" },
    },
    {
      name: "no-inner-doors",
      comment: "what is needed is imported from the file that makes it: src/index.ts and src/model.ts are for users",
      severity: "error",
      from: {},
      to: { path: "^src/.+/index\\.ts$" },
    },
    {
      name: "fabric-knows-no-rule",
      comment: "where a TLP goes is worked out from hardware alone, so that it can contradict the kernel's rules",
      severity: "error",
      from: { path: "^src/fabric/" },
      to: { path: "^src/(rules|platforms)/" },
    },
    {
      name: "live-knows-no-report",
      comment: "what is measured is made without a thought of how it is printed: both take its form from measured",
      severity: "error",
      from: { path: "^src/(live|vm)/" },
      to: { path: "^src/report/" },
    },
    {
      name: "one-door-to-the-file-system",
      comment:
        "what copies, and what it leaves behind, goes through live/system-calls, so that a test can put a world under it",
      severity: "error",
      from: { path: "^src/live/(copy|block|messages)/|^src/live/probe/rescue-store" },
      to: { path: "^(node:)?fs(/|$)", dependencyTypes: ["core"] },
    },
    {
      name: "no-live-in-browser-rooms",
      comment: "only the floors that run on Node may reach for the live machine",
      severity: "error",
      from: { path: `^src/(${browserFloors})/`, pathNot: "^src/host/(live|node-tree)\\.ts$" },
      to: { path: "^src/host/(live|node-tree)\\.ts$" },
    },
    {
      name: "no-cycles",
      comment: "no circle, of types neither",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: {
        orphan: true,
        pathNot:
          "^src/cli/(peerlane|single-file)\\.cts$|^src/vm/guest/build-probe\\.ts$|^web/engine/start-inlined-worker\\.ts$|\\.d\\.ts$",
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules|^dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};
