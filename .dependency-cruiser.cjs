/** The floors of the house, top first: imports go down only (see docs/decisions/0001-the-house.md). */
const floors = ["cli", "vm", "report", "p2pdma", "host", "pci"];

const downOnly = floors.map((floor, index) => ({
  name: `${floor}-imports-down-only`,
  comment: "imports go down the list of floors, never up",
  severity: "error",
  from: { path: `^src/${floor}/` },
  to: {
    path: floors
      .slice(0, index)
      .map((above) => `^src/${above}/`)
      .concat("^src/index\\.ts$"),
  },
}));

/** Rooms that also run in a browser; the files named here are the ones that need the file system. */
const browserRooms = {
  name: "browser-rooms-without-node",
  comment: "pci, host's parsers, p2pdma and report run in a browser: no node: import",
  severity: "error",
  from: { path: "^src/(pci|host|p2pdma|report)/", pathNot: "^src/host/(live|node-tree)\\.ts$" },
  to: { dependencyTypes: ["core"] },
};

module.exports = {
  forbidden: [
    ...downOnly,
    browserRooms,
    {
      name: "no-live-in-browser-rooms",
      comment: "only the floors that run on Node may reach for the live machine",
      severity: "error",
      from: { path: "^src/(pci|host|p2pdma|report)/", pathNot: "^src/host/(live|node-tree)\\.ts$" },
      to: { path: "^src/host/(live|node-tree)\\.ts$" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: "^src/vm/guest/build-probe\\.ts$|\\.d\\.ts$" },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types"] },
  },
};
