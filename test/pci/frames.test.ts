import { join } from "node:path";
import ts from "typescript";
import { beforeAll, describe, expect, test } from "vitest";
import { pfn, pfnOf, physAddr, physOfPfn } from "../../src/pci/addresses.ts";

/** Each line, and whether it compiles: "an opaque type precisely to force unsuspecting code to throw compiler assertions". */
const LINES: readonly (readonly [code: string, compiles: boolean])[] = [
  ["export const a: Pfn = pfnOf(physAddr(0x1000));", true],
  ["export const b: PhysAddr = physOfPfn(pfn(1));", true],
  [
    "export const c: Bio = { kind: 'read', block: 0, segments: [{ kind: 'pages', pfn: pfn(1), offsetBytes: 0, lengthBytes: 512 }] };",
    true,
  ],
  // A frame is no address, an address no frame, a number neither.
  ["export const d: PhysAddr = pfn(1);", false],
  ["export const e: Pfn = physAddr(0x1000);", false],
  ["export const f: Pfn = 1;", false],
  ["export const g: BusAddr = physAddr(0x1000);", false],
  ["export const h: BusAddr = iova(0x1000);", false],
  ["export const i: Iova = busAddr(0x1000);", false],
  // Peer addresses are not DMA addresses: what a device is given is made of either by name only.
  ["export const j: DmaAddr = physAddr(0x1000);", false],
  ["export const k: DmaAddr = busAddr(0x1000);", false],
  ["export const l: DmaAddr = dmaFromBus(busAddr(0x1000));", true],
  // Code of the block layer that is not ready for frames, or for addresses without pages.
  ["export const m: BioSegment = { kind: 'pages', pfn: physAddr(0x1000), offsetBytes: 0, lengthBytes: 512 };", false],
  ["export const n: BioSegment = { kind: 'dma', address: pfn(1), lengthBytes: 512, side: null };", false],
  ["export const o = (segment: BioSegment): Pfn => segment.pfn;", false],
  [
    "export const p = (segment: BioSegment): number => (segment.kind === 'pages' ? segment.pfn : segment.address);",
    true,
  ],
];

const HEAD =
  "import { type BusAddr, type DmaAddr, type Iova, type Pfn, type PhysAddr, busAddr, dmaFromBus, iova, pfn, pfnOf, physAddr, physOfPfn } from '../src/pci/addresses.ts';\n" +
  "import type { Bio, BioSegment } from '../src/offload/block/bio.ts';\n" +
  "export type Used = [BusAddr, DmaAddr, Iova, Pfn, PhysAddr, Bio, BioSegment, typeof busAddr, typeof dmaFromBus, typeof iova, typeof pfnOf, typeof physOfPfn];\n";

describe("typed frames, by the compiler", () => {
  /** Lines of the file with an error. */
  let wrong: ReadonlySet<number>;

  beforeAll(() => {
    const file = join(import.meta.dirname, "../frames-that-are-compiled.ts");
    const text = HEAD + LINES.map(([code]) => code).join("\n");
    const options: ts.CompilerOptions = {
      strict: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      target: ts.ScriptTarget.ES2023,
      skipLibCheck: true,
      types: [],
    };
    const host = ts.createCompilerHost(options);
    const { fileExists, getSourceFile } = host;
    host.fileExists = (name) => name === file || fileExists.call(host, name);
    host.getSourceFile = (name, version, ...rest) =>
      name === file ? ts.createSourceFile(name, text, version) : getSourceFile.call(host, name, version, ...rest);
    const program = ts.createProgram([file], options, host);
    const source = program.getSourceFile(file);
    const errors = program.getSemanticDiagnostics(source);
    wrong = new Set(errors.map(({ start = 0 }) => source?.getLineAndCharacterOfPosition(start).line ?? -1));
  });

  test.each(LINES.map(([code, compiles], index) => [code, compiles, index] as const))(
    "%s: %s",
    (_, compiles, index) => {
      expect(!wrong.has(HEAD.split("\n").length - 1 + index)).toBe(compiles);
    },
  );
});

test("a frame number is made of a whole number whose page lies below 2^53", () => {
  expect(physOfPfn(pfn(3))).toBe(0x3000);
  expect(pfnOf(physOfPfn(pfn(3)))).toBe(3);
  expect(pfnOf(physAddr(0x3fff))).toBe(3);
  for (const wrong of [-1, 1.5, 2 ** 42, Number.NaN]) expect(() => pfn(wrong), `${wrong}`).toThrow(/page frame/);
  for (const wrong of [5n, Symbol("5")]) expect(() => pfn(wrong as never)).toThrow(/^page frame number .*5/);
});
