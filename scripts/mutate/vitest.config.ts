import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The tests of the area that is being mutated, by `MUTATE_TESTS`. */
const config: ViteUserConfig = defineConfig({
  test: {
    include: (process.env["MUTATE_TESTS"] ?? "").split(" "),
    // As in the gate: a worker loads each module once a change. The next change gets another worker.
    isolate: false,
    testTimeout: 60_000,
  },
});

export default config;
