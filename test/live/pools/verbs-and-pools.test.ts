import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { makeProgram } from "../../../src/cli/program.ts";
import { readHost } from "../../../src/live/host.ts";
import { mapPeerMemory } from "../../../src/live/memory/transfer-memory.ts";
import { choosePools } from "../../../src/live/pools/choose-pools.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { tableText, withTable } from "../../docs/marked-tables.ts";
import { OPENED, patternOf } from "../../docs/opened-files.ts";
import { world } from "./observed-fs.ts";
import {
  allocateFile,
  DISK_NAME,
  DISK_NUMBER,
  makeHost,
  POOL_KINDS,
  type PoolKind,
  providerAt,
  providerFolder,
  setDriver,
} from "./pool-hosts.ts";

// Modules of other test files have the real one.
vi.hoisted(() => vi.resetModules());
vi.mock("node:fs", async (original) => {
  const { observed } = await import("./observed-fs.ts");
  return observed(await original());
});

// Not in /tmp: that may be a tmpfs, which takes no direct I/O everywhere.
const folder = mkdtempSync(join(import.meta.dirname, "../../../node_modules/.pools-test-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  vi.doUnmock("node:fs");
  vi.resetModules();
  vi.unstubAllEnvs();
});
const data = join(folder, "data");
const [source, target] = [join(data, "source"), join(data, "target")];
const contents = Buffer.alloc(64 * 1024, "what is copied ");
mkdirSync(data);
world.root = join(folder, "host");
world.nodes.set(`/dev/${DISK_NAME}`, DISK_NUMBER);
vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
vi.stubEnv("UV_THREADPOOL_SIZE", "4");

beforeEach(() => {
  rmSync(target, { force: true });
  writeFileSync(source, contents);
});

interface Run {
  /** Exit code; `null` where it threw. */
  readonly code: number | null;
  /** Of the error: what happened, and the way out. */
  readonly message: string;
  readonly out: string;
  /** Providers whose memory was opened to be mapped. */
  readonly mapped: readonly string[];
}

/** Runs the program on the host that was made last. */
async function run(...words: readonly string[]): Promise<Run> {
  let out = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    if (words.includes("--watch")) process.emit("SIGINT");
    return true;
  });
  const errors = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  world.opened.length = 0;
  let code: number | null = null;
  let message = "";
  try {
    const program = await makeProgram(
      "0.0.0",
      (exit) => {
        code = exit;
      },
      words,
    );
    await program.parseAsync(["node", "peerlane", ...words]);
  } catch (error) {
    const { message: what, remedy = "" } = error as Error & { readonly remedy?: string };
    message = `${what}\n${remedy}`;
  } finally {
    write.mockRestore();
    errors.mockRestore();
  }
  requireInTable(words[0] ?? "");
  return { code, message, out, mapped: mappedProviders() };
}

function mappedProviders(): readonly string[] {
  const opened = new Set(world.opened.map(({ path }) => path));
  return [0, 1, 2, 3, 4].map(providerAt).filter((provider) => opened.has(allocateFile(provider)));
}

/** Everything that the verb opened is in the table of the docs, with that access. */
function requireInTable(verb: string): void {
  const rows = OPENED.filter(({ verbs }) => verbs === "all" || verbs.includes(verb));
  for (const { path, access } of world.opened) {
    const name = path.replace(folder, "");
    const isListed = rows.some((row) => patternOf(row).test(name) && (access === "read" || row.access !== "read"));
    expect(isListed, `${verb} opens ${name} to ${access}`).toBe(true);
  }
}

const BENCH = [
  "bench",
  source,
  "--peer-only",
  "--iodepth",
  "1",
  "--runtime",
  "0.1",
  "--ramp",
  "0",
  "--size",
  "64k",
  "--bs",
  "4k",
];
const VERBS: readonly (readonly [name: string, words: readonly string[]])[] = [
  ["probe", ["probe", DISK_NAME, "--sizes", "4K"]],
  ["copy", ["copy", source, target]],
  ["bench", BENCH],
];
const VIA = ["--via", providerAt(0)];
const ASKED = ["--allow-unpublished", "--yes"];

/** Cells of the table in the docs: what each verb was seen to do with a pool. */
const seen = new Map<string, Map<string, string>>();

function see(pool: PoolKind, column: string, cell: string): void {
  const row = seen.get(pool.name) ?? new Map<string, string>();
  seen.set(pool.name, row.set(column, cell));
}

/** What is seen where memory is taken at once, where it is taken only with the flag and a yes, or never. */
function cellOf(unasked: readonly Run[], asked: readonly Run[]): string {
  const takes = (runs: readonly Run[]): boolean => runs.some(({ mapped }) => mapped.length > 0);
  if (takes(unasked)) return "takes it";
  return takes(asked) ? "with `--allow-unpublished` and a yes" : "never";
}

describe.for(POOL_KINDS)("memory $name", (pool) => {
  const { taken } = pool;
  const [unaskedMaps, askedMaps] = [taken === "unasked", taken !== "never"].map((is) => (is ? [providerAt(0)] : []));
  beforeAll(() => makeHost(world.root, data, [pool]));

  test.for(VERBS)(
    `is ${taken === "asked" ? "taken by %s when asked" : taken === "never" ? "never taken by %s" : "taken by %s"}`,
    async ([verb, words]) => {
      const unasked = [await run(...words), await again(...words, ...VIA)];
      const asked = [await again(...words, ...ASKED), await again(...words, ...ASKED, ...VIA)];
      const nobody = await again(...words, "--allow-unpublished");
      see(pool, verb, cellOf([...unasked, nobody], asked));
      for (const result of unasked) {
        expect(result.mapped).toEqual(unaskedMaps);
        if (taken === "unasked") expect(result).toMatchObject({ code: 0, message: "" });
        if (taken === "asked") expect(result.message).toMatch(/publish[\s\S]*--allow-unpublished/);
      }
      for (const result of asked) {
        expect(result.mapped).toEqual(askedMaps);
        if (taken !== "never") expect(result).toMatchObject({ code: 0, message: "" });
      }
      for (const result of taken === "never" ? [...unasked, ...asked, nobody] : []) {
        expect(result.message).toMatch(/in which jobs (may )?run/);
        expect(result.message).not.toMatch(/--allow-unpublished/);
      }
      expect(nobody.mapped).toEqual(unaskedMaps);
      if (taken === "asked") expect(nobody.message).toMatch(/was not published\?[\s\S]*no terminal to ask on\n.*--yes/);
    },
  );

  async function again(...words: readonly string[]): Promise<Run> {
    rmSync(target, { force: true });
    return await run(...words);
  }

  test("is named in a job for fio only where it would be taken", async () => {
    const unasked = await run(...BENCH, "--fio");
    const asked = await run(...BENCH, "--fio", "--allow-unpublished");
    const named = allocateFile(providerAt(0));
    expect([unasked, asked].map(({ out }) => out.includes(named))).toEqual([taken === "unasked", taken !== "never"]);
    expect([...unasked.mapped, ...asked.mapped]).toEqual([]);
    const cell = asked.out.includes(named) ? "with `--allow-unpublished`" : "never";
    see(pool, "bench --fio", unasked.out.includes(named) ? "names it" : cell);
  });

  test("is gone around by copy --fallback where it is not taken", async () => {
    const result = await run("copy", source, target, "--fallback", "--verify", "--json");
    expect(result).toMatchObject({ code: 0, mapped: unaskedMaps });
    expect(readFileSync(target).equals(contents)).toBe(true);
    const kind = taken === "unasked" ? "peer" : "dram";
    expect(JSON.parse(result.out)).toMatchObject({ path: { kind } });
    if (kind === "dram") expect(result.out).toMatch(/publish|in which jobs/);
  });

  test.for([["--json"], ["--watch", "--json"], []])(
    "is listed by p2pmem %s with owner and reason, and not opened",
    async (words) => {
      const { code, mapped, out } = await run("p2pmem", ...words);
      expect(mapped).toEqual([]);
      expect(code).toBe(taken === "unasked" || words.includes("--watch") ? 0 : 1);
      see(pool, "p2pmem", "lists it");
      if (!words.includes("--json")) return;
      const json: unknown = JSON.parse(out);
      OUTPUT_SCHEMAS.p2pmem.parse(json);
      const owner = pool.driver === "hidden" ? { unknown: expect.any(String) } : pool.driver;
      const reason = taken === "unasked" ? null : { kind: taken === "asked" ? "unpublished" : "in-use" };
      expect(json).toMatchObject({ pools: [{ owner, usable: taken === "unasked", reason }] });
    },
  );
});

describe("on a host with pools of many kinds", () => {
  const [published, unpublished, nvidia, amdgpu, habanalabs] = [0, 1, 5, 6, 7].map((at) => POOL_KINDS[at]);
  const pools = [amdgpu, unpublished, nvidia, published, habanalabs].filter((pool) => pool !== undefined);
  const [first, second, , fourth] = [0, 1, 2, 3].map(providerAt);
  beforeAll(() => makeHost(world.root, data, pools));

  test.for(VERBS)("%s takes what is published, and with the flag what is not, of it", async ([verb, words]) => {
    expect(await run(...words)).toMatchObject({ code: 0, mapped: [fourth] });
    rmSync(target, { force: true });
    const asked = await run(...words, ...ASKED);
    // Published memory goes first; probe tests each.
    expect(asked).toMatchObject({ code: 0, mapped: verb === "probe" ? [second, fourth] : [fourth] });
  });

  test.for(VERBS)("%s --via a GPU is refused, whatever else is said", async ([, words]) => {
    for (const more of [[], ASKED]) {
      const result = await run(...words, "--via", first ?? "", ...more);
      expect(result.mapped).toEqual([]);
      expect(result.message).toMatch(/03:00\.0 is not used: amdgpu registers the whole VRAM, in which jobs run/);
    }
  });

  test("probe says what it left alone, and why", async () => {
    const { out } = await run("probe", DISK_NAME, "--sizes", "4K", "--json");
    const json: unknown = JSON.parse(out);
    OUTPUT_SCHEMAS.probe.parse(json);
    expect(json).toMatchObject({
      leftAlone: [
        { provider: first, reason: { kind: "in-use" } },
        { provider: second, reason: { kind: "unpublished" } },
        { reason: { kind: "in-use" } },
        { reason: { kind: "in-use" } },
      ],
    });
    const text = await run("probe", DISK_NAME, "--sizes", "4K");
    expect(text.out).toMatch(/never taken: amdgpu registers the whole\s+VRAM[\s\S]*--allow-unpublished/);
  });

  test("p2pmem shows each with its owner, and below why some are left alone", async () => {
    const { out, code } = await run("p2pmem");
    expect(code).toBe(0);
    expect(out).toMatch(/amdgpu +no +left alone[\s\S]*nvme +yes +yes[\s\S]*Left alone[\s\S]*nvidia registers/);
  });

  test("a device that another driver has by the time of mapping is not mapped", async () => {
    const host = readHost();
    const [pool] = choosePools(host, { allowUnpublished: false });
    if (pool === undefined) throw new Error("no pool");
    expect(pool.provider).toBe(parseBdf(fourth ?? ""));
    setDriver(providerFolder(world.root, 3), "nvidia");
    world.opened.length = 0;
    await expect(mapPeerMemory(pool, 4096)).rejects.toThrow(
      expect.objectContaining({ code: "environment", message: expect.stringMatching(/not what it was a moment ago/) }),
    );
    expect(mappedProviders()).toEqual([]);
    setDriver(providerFolder(world.root, 3), "nvme");
    const memory = await mapPeerMemory(pool, 4096);
    expect(mappedProviders()).toEqual([fourth]);
    memory?.release();
  });
});

describe("what is opened to be written, beside peer memory", () => {
  beforeAll(() => makeHost(world.root, data, POOL_KINDS.slice(0, 1)));
  const node = `/dev/${DISK_NAME}`;

  async function written(...words: readonly string[]): Promise<readonly string[]> {
    expect(await run(...words)).toMatchObject({ code: 0, message: "" });
    const paths = world.opened.filter(({ access }) => access === "write").map(({ path }) => path);
    const ours = join(folder, "state/peerlane");
    return [...new Set(paths)]
      .filter((path) => !path.endsWith("/p2pmem/allocate"))
      .map((path) => (path.startsWith(ours) ? "state" : path))
      .filter((path, at, all) => all.indexOf(path) === at)
      .sort();
  }

  test.for<[string, readonly string[], readonly string[]]>([
    ["p2pmem: nothing", ["p2pmem"], []],
    ["probe: nothing", ["probe", DISK_NAME, "--sizes", "4K"], []],
    ["probe: the target and a rescue file", ["probe", "--sizes", "4K", "--allow-write", DISK_NAME], [node, "state"]],
    ["bench: nothing", BENCH, []],
    ["bench: the target", [...BENCH, "--rw", "write", "--allow-write", source, "--yes"], [source]],
    ["bench: nothing, for fio", [...BENCH, "--rw", "write", "--fio"], []],
    ["copy: nothing, for a plan", ["copy", source, target, "--dry-run"], []],
    ["copy: the target and a journal", ["copy", source, target], [target, "state"]],
    ["copy: a disk and a journal", ["copy", source, DISK_NAME, "--yes"], [node, "state"]],
  ])("by %s", async ([, words, paths]) => {
    expect(await written(...words)).toEqual([...paths].sort());
  });
});

test("docs/live.md says which verb touches which memory, as it was seen here (vitest -u writes it)", async () => {
  const columns = [...VERBS.map(([verb]) => verb), "bench --fio", "p2pmem"];
  const head = ["memory", "driver", ...columns.map((column) => `\`${column}\``)];
  const rows = POOL_KINDS.map(({ name, driver }) => {
    const owner = driver === null ? "none" : driver === "hidden" ? "hidden" : `\`${driver}\``;
    return [name, owner, ...columns.map((column) => seen.get(name)?.get(column) ?? "not seen")];
  });
  expect(rows.flat()).not.toContain("not seen");
  const page = join(import.meta.dirname, "../../../docs/live.md");
  await expect(withTable(readFileSync(page, "utf8"), "pools", tableText(head, rows))).toMatchFileSnapshot(page);
});
