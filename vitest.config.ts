import { defineConfig, type ViteUserConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What boots a real kernel. */
const KERNEL_TESTS = [
  "test/vm/kernel.test.ts",
  "test/vm/fixes.test.ts",
  "test/vm/guest.test.ts",
  "test/live/guest/*.test.ts",
  "test/package/guest.test.ts",
];

/** What clicks through the page in a browser. */
const PAGE_TESTS = "test/page/**/*.test.ts";

/** Those that take minutes, the longest first: begun last, one of them would run alone at the end. */
const LONG = ["guest/kills", "guest/copy", "guest/probe", "vm/kernel"].map((name) => `${name}.test.ts`);

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONG.findIndex((name) => moduleId.endsWith(name));
      return found < 0 ? LONG.length : found;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

const config: ViteUserConfig = defineConfig({
  test: {
    sequence: { sequencer: LongOnesFirst },
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: [...KERNEL_TESTS, PAGE_TESTS],
          // A worker loads each module once, and not again for each file of tests: that took a second of each. A file that
          // sets variables or puts something in a module's place takes it back behind its tests.
          isolate: false,
          // Nothing here waits for long: this is for a machine that others keep busy.
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 0 },
          maxWorkers: "100%",
        },
      },
      {
        test: {
          name: "page",
          include: [PAGE_TESTS],
          sequence: { groupOrder: 1 },
          globalSetup: "test/page/build.ts",
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "kernel",
          include: KERNEL_TESTS,
          // Each guest is one busy core in software emulation: two at a time, and no other test beside them.
          sequence: { groupOrder: 2 },
          maxWorkers: 2,
          maxConcurrency: 1,
          globalSetup: "test/vm/fetch-guest-files.ts",
          // Two hours, for what takes minutes on a quiet machine: limits are for what hangs.
          testTimeout: 7_200_000,
          hookTimeout: 7_200_000,
        },
      },
    ],
  },
});

export default config;
