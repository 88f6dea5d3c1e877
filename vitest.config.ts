import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/vm/kernel.test.ts"],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: "kernel",
          include: ["test/vm/kernel.test.ts"],
          // Each boot is one busy core in software emulation.
          maxConcurrency: 2,
          testTimeout: 600_000,
        },
      },
    ],
  },
});

export default config;
