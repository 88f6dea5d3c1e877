import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The tests of the area that is being mutated, by `MUTATE_TESTS`. */
const config: ViteUserConfig = defineConfig({
  test: { include: (process.env["MUTATE_TESTS"] ?? "").split(" "), testTimeout: 60_000 },
});

export default config;
