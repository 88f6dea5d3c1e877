import { defineConfig, type UserConfig } from "tsdown";
import { bundledLicenses } from "./scripts/bundled-licenses.ts";
import { isOfEveryRun, programBundle } from "./scripts/program-bundle.ts";

/** One for all bundles: its file names what is in any of them. */
const licenses = bundledLicenses();

const config: UserConfig[] = defineConfig([
  {
    // One bundle with its dependencies inside: fewer files to open is a faster start. CommonJS, which loads in half the
    // time that Node's loader of ES modules takes, and of which V8's code can be kept (scripts/build-code-cache.ts).
    entry: { cli: "src/cli/main.ts" },
    format: "cjs",
    platform: "node",
    target: "node20.19",
    minify: true,
    outputOptions: {
      codeSplitting: { groups: [{ name: "core", test: isOfEveryRun }] },
      // What stays outside is required: code that V8 kept cannot import.
      dynamicImportInCjs: false,
    },
    plugins: [licenses, programBundle()],
    dts: false,
    clean: true,
    // koffi finds its prebuilt binary beside itself.
    deps: { alwaysBundle: [/.*/], neverBundle: ["koffi"] },
  },
  {
    // What runs first, and sets the size of the thread pool before anything starts it. Any Node that may be installed reads
    // it, to be told that it is too old.
    entry: { peerlane: "src/cli/peerlane.cts" },
    format: "cjs",
    platform: "node",
    target: "node12.20",
    minify: true,
    plugins: [licenses],
    dts: false,
    clean: false,
    deps: { neverBundle: [/cli\.cjs$/] },
  },
  {
    entry: {
      index: "src/index.ts",
      read: "src/read.ts",
      decide: "src/decide.ts",
      show: "src/show.ts",
      model: "src/model.ts",
    },
    format: "esm",
    platform: "neutral",
    // Packages without `exports` say by `main` where they begin, which a neutral platform does not look at by itself.
    inputOptions: { resolve: { mainFields: ["module", "main"] } },
    plugins: [licenses],
    target: "es2023",
    dts: true,
    clean: false,
    deps: { alwaysBundle: [/.*/] },
  },
]) as UserConfig[];

export default config;
