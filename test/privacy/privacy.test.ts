import { deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { formsOf, marksIn, type Searched } from "./find-marks.ts";
import type { Mark } from "./marks.ts";
import { type Output, outputsOf } from "./outputs.ts";
import { type Planted, type PlantedSources, plantSources } from "./planted.ts";

let planted: PlantedSources;
beforeAll(() => {
  planted = plantSources();
});
afterAll(() => planted.remove());

const SOURCES = [
  "folder of sysfs",
  "archive of sysfs",
  "text of lspci",
  "packed text of lspci",
  "XML of hwloc",
  "XML of NCCL",
  "dump of rdma_topo",
  "snapshot that another program wrote",
  "scenario",
];

function sourceOf(name: string): Planted {
  const source = planted.sources.find((one) => one.name === name);
  if (source === undefined) throw new Error(`no source ${name}`);
  return source;
}

/**
 * A screen, and what is said there of errors, is for whoever sits at the machine: it calls devices and the source by their
 * names, and quotes what is wrong in a file. Nothing else is shown there either.
 */
const ON_SCREENS =
  /^(?:interface|InfiniBand)|^(?:the source's|folder in an archive|names in NCCL|a bus id in NCCL|names and infos in hwloc|(?:names, paths and texts|CPU name and notes|label|reason|note|interface name) in a snapshot|name of a device|PCIDevice)/;

function found({ marks }: Planted, outputs: readonly Output[]): readonly string[] {
  const searched: readonly Searched[] = marks.map((mark) => ({ mark, forms: formsOf(mark) }));
  return outputs.flatMap((output) =>
    marksIn(output.bytes, searched)
      .filter((mark) => !isForTheScreen(output, mark))
      .map((mark) => `${output.verb}, ${output.form}, ${output.stream}: ${mark.kind} ${mark.text} of ${mark.place}`),
  );
}

function isForTheScreen({ form, stream }: Output, { place }: Mark): boolean {
  return (form === "screen" || stream === "errors") && ON_SCREENS.test(place);
}

describe("No mark is in any output of", () => {
  test.for(SOURCES)("%s", async (name) => {
    const source = sourceOf(name);
    const outputs = await outputsOf(source);
    const searchedForms = source.marks.reduce((sum, mark) => sum + formsOf(mark).length, 0);
    console.log(
      `${name}: ${source.marks.length} marks in ${searchedForms} forms × ${outputs.length} outputs of ${new Set(outputs.map(({ verb, form }) => `${verb} ${form}`)).size} verbs and forms`,
    );
    expect([...new Set(found(source, outputs))]).toEqual([]);
  });
});

/** A redaction that is switched off, and a mark that is then found: the search would not pass by itself. */
const MUTATIONS: readonly (readonly [
  what: string,
  module: string,
  change: Record<string, unknown>,
  source: string,
  found: RegExp,
])[] = [
  [
    "config space is kept whole",
    "../../src/host/redaction/config-space.ts",
    { withoutIdentifiers: (bytes: Uint8Array) => bytes },
    "folder of sysfs",
    /dump of rdma_topo, output: serial number 0c42a1cadeadbeef/,
  ],
  [
    "kernel releases are kept whole",
    "../../src/host/redaction/kernel-release.ts",
    { keptRelease: (release: string) => release },
    "folder of sysfs",
    /plain snapshot, output: user name builderzx/,
  ],
  [
    "the command line is kept whole",
    "../../src/host/redaction/command-line.ts",
    { keptParameters: (line: string) => line },
    "folder of sysfs",
    /matrix, json, output: password hunter2zx/,
  ],
  [
    "any name of a device counts as the kernel's",
    "../../src/host/redaction/kernel-names.ts",
    { isKernelName: () => true },
    "folder of sysfs",
    /tree, json, output: MAC address 0c42a1deadb0/,
  ],
  [
    "texts are not looked through",
    "../../src/host/redaction/scrub.ts",
    { scrubber: () => (text: string) => text },
    "XML of hwloc",
    /report, markdown, output: serial number HWCARD55ZX|MAC address 0c42a1deade0/,
  ],
  [
    "sources are called by their paths",
    "../../src/host/redaction/names-of-source.ts",
    { sourceLabel: ({ name }: { readonly name: string }) => name },
    "text of lspci",
    /matrix, json, output: host name racknode77zx/,
  ],
];

describe("The search finds a mark where", () => {
  test.for(MUTATIONS)("%s", async ([, module, change, source, expected]) => {
    vi.resetModules();
    vi.doMock(module, async (original) => ({ ...(await original<object>()), ...change }));
    try {
      const planted = sourceOf(source);
      expect(found(planted, await outputsOf(planted)).filter((line) => expected.test(line))).not.toEqual([]);
    } finally {
      vi.doUnmock(module);
      vi.resetModules();
    }
  });

  test("it is asked for by --full-names and --full-command-line", async () => {
    const planted = sourceOf("folder of sysfs");
    const lines = found(planted, await outputsOf(planted, ["--full-names", "--full-command-line"]));
    for (const text of ["json, output: device name quentinzx-uplink", "json, output: password hunter2zx"]) {
      expect(lines.filter((line) => line.includes(text))).not.toEqual([]);
    }
  });
});

test("a mark is found in whatever way an output writes it", () => {
  const mark: Mark = { kind: "serial number", place: "here", text: "0c42a1cadeadbeef" };
  const searched = [{ mark, forms: formsOf(mark) }];
  const bytes = Buffer.from("efbeaddecaa1420c", "hex");
  const ways: readonly Buffer[] = [
    Buffer.from("serial 0c-42-a1-ca-de-ad-be-ef"),
    Buffer.from("serial 0C42:A1CA:DEAD:BEEF"),
    Buffer.from("MAC 0c:42:a1:ad:be:ef"),
    bytes,
    Buffer.from(`{"config":"${deflateSync(Buffer.concat([Buffer.alloc(99), bytes])).toString("base64")}"}`),
    gzipSync(JSON.stringify({ inner: gzipSync(bytes).toString("base64") })),
    Buffer.from("0c42a1cadeadbeef", "utf16le"),
    Buffer.from(Buffer.concat([Buffer.from("xy"), Buffer.from("0c42a1cadeadbeef")]).toString("base64")),
    Buffer.from([..."0c42a1cadeadbeef"].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join("")),
  ];
  for (const way of ways) expect(marksIn(way, searched)).toEqual([mark]);
  expect(marksIn(Buffer.from("0c42a1cadeadbee"), searched)).toEqual([]);
});
