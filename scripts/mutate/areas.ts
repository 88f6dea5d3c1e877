import { readdirSync } from "node:fs";

/** A part of the sources that is mutated together, and the tests that are to notice. */
export interface Area {
  readonly name: string;
  /** Share of mutants that the tests are to kill, in percent. */
  readonly goal: number;
  readonly sources: readonly string[];
  readonly tests: readonly string[];
  /** Its tests start processes and search: one of them may take half an hour, and no sample is drawn unless it is named. */
  readonly isLong?: true;
  /** Not all of it was measured yet: no sample is drawn of it unless it is named. */
  readonly isUnmeasured?: true;
}

/** Files of a folder: those of these names, or all of the kind. */
function files(folder: string, end: ".ts" | ".test.ts", names?: readonly string[]): string[] {
  const found = names?.map((name) => `${name}${end}`) ?? readdirSync(folder).filter((file) => file.endsWith(end));
  return found.map((file) => `${folder}/${file}`).sort();
}

/** Answers that run the rules over a machine. */
const ADVICE = ["find-provider", "history"];

/** Every area, from the root of the repository. */
export const AREAS: readonly Area[] = [
  {
    name: "rules",
    goal: 90,
    sources: [
      ...files("src/rules", ".ts"),
      ...files("src/rules/kernels", ".ts"),
      ...files("src/advice", ".ts", ADVICE),
      ...files("src/answers", ".ts", ["answer"]),
    ],
    tests: [
      ...files("test/rules", ".test.ts"),
      ...files("test/rules/kernels", ".test.ts"),
      ...files("test/advice", ".test.ts", ["find-provider"]),
      ...files("test/docs", ".test.ts", ["rules"]),
    ],
  },
  {
    name: "gates",
    goal: 90,
    sources: files("src/answers", ".ts", ["gates", "driver-gates"]),
    tests: files("test/answers", ".test.ts"),
  },
  { name: "decode", goal: 90, sources: files("src/pci", ".ts"), tests: files("test/pci", ".test.ts") },
  { name: "dma", goal: 80, sources: files("src/dma", ".ts"), tests: files("test/dma", ".test.ts") },
  {
    name: "iommu",
    goal: 80,
    sources: files("src/iommu", ".ts"),
    tests: [
      ...files("test/iommu", ".test.ts"),
      ...files("test/dma", ".test.ts", ["iommu", "iommu-units", "iova-state"]),
    ],
  },
  {
    name: "predict",
    goal: 80,
    sources: [...files("src/predict", ".ts"), ...files("src/link", ".ts")],
    // What they say of random machines is left out: it takes longer than all others together, and notices no table's typing error.
    tests: [
      ...files("test/predict", ".test.ts").filter((file) => !file.endsWith("/invariants.test.ts")),
      ...files("test/link", ".test.ts"),
    ],
    isUnmeasured: true,
  },
  {
    name: "copy",
    goal: 80,
    sources: files("src/live/copy", ".ts"),
    tests: files("test/live/copy", ".test.ts"),
    isLong: true,
  },
];
