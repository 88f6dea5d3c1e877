import { beforeAll, expect, test } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { inGuest } from "../../vm/in-guest.ts";
import { ONE_SWITCH, SILENT_LOSS } from "./machines.ts";
import { describeGuests } from "./replayed.ts";

const describeLive = describeGuests("bench");

/** As much of the output as the tests look at. */
interface Bench {
  readonly outcome: string;
  readonly why: { readonly what: string; readonly remedy: string | null } | null;
  readonly path: { readonly provider: { readonly name: string } } | null;
  readonly ratio: { readonly overall: number; readonly min: number; readonly max: number } | null;
  readonly sides: { readonly peer: Side | null; readonly dram: Side | null };
  readonly slices: readonly { readonly side: string; readonly index: number }[];
}
interface Side {
  readonly all: {
    readonly bytes: number;
    readonly latencyNs: Readonly<Record<"min" | "p50" | "p90" | "p99" | "p999" | "max", number>>;
  };
  readonly errors: object;
}

/** Prints `@name code` to both outputs, and then what the command writes to each. */
const step = (name: string, command: string): string =>
  `{ ${command}; } >/tmp/out 2>/tmp/err; code=$?
for one in out err; do { echo; echo "@${name} $code"; cat /tmp/$one; } >/tmp/part; if [ $one = out ]; then cat /tmp/part; else cat /tmp/part >&2; fi; done`;

interface Step {
  readonly code: number;
  readonly text: string;
  readonly errors: string;
}

function benchOf(text: string): Bench {
  const value: unknown = JSON.parse(text);
  OUTPUT_SCHEMAS.bench.parse(value);
  return value as Bench;
}

/** Runs steps in a guest; each with its exit code and output. */
async function run(scenario: string, steps: readonly string[]): Promise<(name: string) => Step> {
  const outcome = await inGuest(parseScenario(scenario, "bench"), steps.join("\n"));
  const [texts, errors] = [partsOf(outcome.stdout), partsOf(outcome.stderr)];
  return (name) => {
    const part = texts.get(name);
    if (part === undefined)
      throw new Error(`no step ${name}: ${outcome.stdout}\n${outcome.stderr}\n${outcome.console}`);
    return { ...part, errors: errors.get(name)?.text ?? "" };
  };
}

function partsOf(output: Buffer): ReadonlyMap<string, Omit<Step, "errors">> {
  return new Map(
    output
      .toString()
      .split(/^@/m)
      .slice(1)
      .map((part) => {
        const [, name = "", code = "", text = ""] = /^(\S+) (\d+)\n([\s\S]*)$/.exec(part) ?? [];
        return [name, { code: Number(code), text }] as const;
      }),
  );
}

/** What holds of any measurement that went well. */
function expectMeasured({ outcome, ratio, sides, slices }: Bench): void {
  expect(outcome).toBe("measured");
  for (const side of [sides.peer, sides.dram]) {
    expect(side?.all.bytes).toBeGreaterThan(2 ** 20);
    expect(side?.errors).toEqual({});
    const { min = 0, p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0 } = side?.all.latencyNs ?? {};
    expect([min, p50, p90, p99, p999, max]).toEqual([min, p50, p90, p99, p999, max].toSorted((a, b) => a - b));
    expect(min).toBeGreaterThan(0);
  }
  expect(ratio?.overall).toBeGreaterThan(0);
  expect(ratio?.min).toBeLessThanOrEqual(ratio?.overall ?? 0);
  expect(ratio?.max).toBeGreaterThanOrEqual(ratio?.overall ?? 0);
  expect(slices.slice(0, 4).map(({ side }) => side)).toEqual(["peer", "dram", "dram", "peer"]);
}

/** Holds a disk as a file system or another copy would. */
const CLAIM =
  'const fs = require("node:fs"); fs.openSync("/dev/nvme1n1", fs.constants.O_RDWR | fs.constants.O_EXCL); fs.writeFileSync("/tmp/claimed", ""); setInterval(() => {}, 1000);';
const POOL_BYTES = 16 * 2 ** 20;
const AVAILABLE = "cat /sys/class/nvme/nvme0/device/p2pmem/available";
const QUICK = "--via nvme0 --ramp 0.5 --runtime 2 --size 32M";

describeLive("bench below one switch", () => {
  let part: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    part = await run(ONE_SWITCH, [
      step("before", AVAILABLE),
      step("read", `peerlane bench nvme1 ${QUICK} --json --svg /tmp/read.svg`),
      step("svg", "cat /tmp/read.svg"),
      step("mixed", `peerlane bench nvme1 ${QUICK} --rw randrw --bs 64k --allow-write nvme1 --yes --json`),
      step(
        "stamps",
        "dd if=/dev/nvme1n1 bs=32M count=1 iflag=direct 2>/dev/null | grep -c 'peerlane bench [0-9a-f]* slot'",
      ),
      step("unnamed", `peerlane bench nvme1 ${QUICK} --rw write`),
      step("misnamed", `peerlane bench nvme1 ${QUICK} --rw write --allow-write nvme3 --yes`),
      "mkswap /dev/nvme3n1 >/dev/null; swapon /dev/nvme3n1",
      step("used", `peerlane bench nvme3 ${QUICK} --rw write --allow-write nvme3 --yes`),
      step(
        "claimed",
        `node -e '${CLAIM}' & until [ -e /tmp/claimed ]; do sleep 0.1; done; peerlane bench nvme1 --rw write --allow-write nvme1 --yes --dram-only; code=$?; kill $!; (exit $code)`,
      ),
      step("deep", `peerlane bench nvme1 ${QUICK} --bs 1M --iodepth 32`),
      step(
        "interrupted",
        // Memory is taken right before the measurement.
        `peerlane bench nvme1 --via nvme0 --ramp 0 --runtime 60 --json & until [ "$(${AVAILABLE})" -lt ${POOL_BYTES} ]; do sleep 0.1; done; sleep 8; kill -INT $!; wait $!`,
      ),
      step("after", AVAILABLE),
    ]);
  }, 1_800_000);

  test("measures reads through peer memory and DRAM in turn", () => {
    const { code, text, errors } = part("read");
    expect(code, errors).toBe(0);
    const bench = benchOf(text);
    expectMeasured(bench);
    expect(bench.path?.provider.name).toBe("nvme0");
  });

  test("draws them", () => {
    expect(part("svg").text).toMatch(
      /^<svg [\s\S]*<title>nvme1n1: read, blocks of 128 KiB, depth 8<\/title>[\s\S]*<\/svg>/,
    );
  });

  test("measures a mix, and what it writes is known again", () => {
    expect(part("mixed").code, part("mixed").errors).toBe(0);
    expectMeasured(benchOf(part("mixed").text));
    expect(Number(part("stamps").text)).toBeGreaterThan(0);
  });

  test("writes only to what was named twice and is in nobody's use", () => {
    expect([part("unnamed").code, part("misnamed").code]).toEqual([2, 2]);
    expect(part("used").errors).toMatch(/nvme3n1 is in use: swap/);
    expect(part("claimed").errors).toMatch(/nvme1n1 is in use by somebody else/);
    expect(part("claimed").code).toBe(4);
  });

  test("does not take less depth than asked for, but says how much fits", () => {
    expect(part("deep").errors).toMatch(/no 33554432 bytes in one piece for depth 32[\s\S]*--iodepth 1[0-6] fits now/);
  });

  test("that is interrupted shows what it has, and gives the memory back", () => {
    expect(part("interrupted").code).toBe(4);
    const bench = benchOf(part("interrupted").text);
    expect(bench.outcome).toBe("partial");
    expect(bench.slices.length).toBeGreaterThan(0);
    expect(part("after").text.trim()).toBe(String(POOL_BYTES));
    expect(part("before").text.trim()).toBe(String(POOL_BYTES));
  });
});

describeLive("bench where the hardware loses peer data", () => {
  test("does not measure the path", async () => {
    const part = await run(SILENT_LOSS, [
      step("read", `peerlane bench nvme1 ${QUICK} --json`),
      step("write", `peerlane bench nvme1 ${QUICK} --rw write --allow-write nvme1 --yes --json`),
    ]);
    for (const name of ["read", "write"]) {
      expect(part(name).code, part(name).errors).toBe(1);
      const bench = benchOf(part(name).text);
      expect(bench).toMatchObject({ outcome: "loses-data", sides: { peer: null, dram: null }, slices: [] });
      expect(bench.why?.remedy).toContain("peerlane probe");
    }
  });
});
