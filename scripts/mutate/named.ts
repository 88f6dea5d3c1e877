import { readFileSync } from "node:fs";
import type { Mutant } from "./mutant.ts";
import { type Replacement, tryReplacements } from "./replacements.ts";

/** A fault that once survived every test, and may never again. */
interface NamedFault {
  readonly fault: string;
  readonly file: string;
  /** Occurs once in the file. */
  readonly was: string;
  readonly became: string;
  /** The file of tests that has to notice. */
  readonly test: string;
}

const NAMED: readonly NamedFault[] = [
  {
    fault: "an id of the allow-list with a wrong digit",
    file: "src/rules/kernels/mainline.ts",
    was: "0x2f97",
    became: "0x2f67",
    test: "test/rules/kernels/mainline.test.ts",
  },
  {
    fault: "an id that the list lacks",
    file: "src/rules/kernels/mainline.ts",
    was: "0x15d0, 0x1630",
    became: "0x15d0",
    test: "test/rules/kernels/mainline.test.ts",
  },
  {
    fault: "'same host bridge only' is the other way round",
    file: "src/rules/host-bridge.ts",
    was: "found.entry.sameHostBridgeOnly && !same",
    became: "found.entry.sameHostBridgeOnly && same",
    test: "test/rules/host-bridge.test.ts",
  },
  {
    fault: "only the provider's host bridge is looked up",
    file: "src/rules/host-bridge.ts",
    was: "(same ? [providerRoot] : [providerRoot, clientRoot])",
    became: "[providerRoot]",
    test: "test/rules/host-bridge.test.ts",
  },
  {
    fault: "the sign of the bus offset in sysfs",
    file: "src/host/host-bridge-windows.ts",
    was: "return busAddress - physAddress",
    became: "return physAddress - busAddress",
    test: "test/host/sysfs.test.ts",
  },
  {
    fault: "the expansion ROM is a BAR",
    file: "src/pci/function.ts",
    was: 'bar.kind === "memory" && bar.index < 6',
    became: 'bar.kind === "memory"',
    test: "test/answers/bar-gates.test.ts",
  },
  {
    fault: "ACS of the provider's side alone decides",
    file: "src/rules/path.ts",
    was: "[...path.providerArm, ...path.clientArm]",
    became: "path.providerArm",
    test: "test/rules/path.test.ts",
  },
  {
    fault: "Translation Blocking counts as redirect",
    file: "src/pci/acs.ts",
    was: "(acs.control & ACS_REDIRECT_BITS) !== 0",
    became: "(acs.control & (ACS_REDIRECT_BITS | 2)) !== 0",
    test: "test/pci/names.test.ts",
  },
  {
    fault: "the first id behind a range of ACS quirks is in it",
    file: "src/rules/acs-quirks.ts",
    was: "[0xe005, 0xe00c]",
    became: "[0xe005, 0xe00d]",
    test: "test/rules/acs-quirks.test.ts",
  },
  {
    fault: "the upper half of a 64-bit BAR is the next BAR",
    file: "src/pci/decode-bars.ts",
    was: "if (is64Bit) index++;",
    became: "",
    test: "test/pci/decode.test.ts",
  },
  {
    fault: "the journal is saved again after a failed flush",
    file: "src/live/copy/checkpoints.ts",
    was: "if (this.#isBroken) return;",
    became: "",
    test: "test/live/copy/checkpoints.test.ts",
  },
  {
    fault: "the journal is written before the target is flushed",
    file: "src/live/copy/checkpoints.ts",
    was: "const failure = await syncWhole(target);",
    became: "await save(bytes);\n    const failure = await syncWhole(target);",
    test: "test/live/copy/checkpoints.test.ts",
  },
  {
    fault: "the watermark is taken after the flush",
    file: "src/live/copy/checkpoints.ts",
    was: "await save(bytes);",
    became: "await save(watermark());",
    test: "test/live/copy/checkpoints.test.ts",
  },
];

/** Puts each fault in, and runs the tests that have to notice. Throws where the source does not hold what is replaced. */
export async function tryNamed(): Promise<{ readonly fault: string; readonly mutant: Mutant }[]> {
  const tried: { fault: string; mutant: Mutant }[] = [];
  for (const test of new Set(NAMED.map((each) => each.test))) {
    process.env["MUTATE_TESTS"] = test;
    const faults = NAMED.filter((each) => each.test === test);
    const mutants = await tryReplacements(faults.map(replacementOf));
    for (const [index, { fault }] of faults.entries()) tried.push({ fault, mutant: mutants[index] as Mutant });
  }
  return tried;
}

function replacementOf({ file, was, became }: NamedFault): Replacement {
  const text = readFileSync(file, "utf8");
  const start = text.indexOf(was);
  if (start < 0 || text.includes(was, start + 1)) throw new Error(`${file} does not hold once: ${was}`);
  return { file, line: text.slice(0, start).split("\n").length, kind: "Named", start, was, became };
}
