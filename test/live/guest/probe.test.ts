import { afterAll, expect, test } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import { OUTPUT_SCHEMAS } from "../../../src/report/schemas.ts";
import { type GuestOutcome, inGuest } from "../../vm/in-guest.ts";
import { DiskImages } from "./images.ts";
import { ONE_SWITCH, SILENT_LOSS, WORKING_MACHINES } from "./machines.ts";
import { describeGuests } from "./replayed.ts";

const describeLive = describeGuests("probe");

/** As much of the output as the tests look at. */
interface Probe {
  readonly answer: string;
  readonly pairs: readonly {
    readonly provider: string;
    readonly device: { readonly name: string };
    readonly class: string;
    readonly rules: string;
    readonly into: Direction;
    readonly out: Direction;
    readonly findings: readonly { readonly kind: string; readonly advice: readonly string[] }[];
    readonly messages: readonly { readonly text: string }[];
    readonly faults: readonly { readonly access: string; readonly requester: string; readonly providerBar: number }[];
  }[];
  readonly exhausted: readonly { readonly users: readonly { readonly command: string }[] }[];
}
interface Direction {
  readonly kernel: { readonly kind: string; readonly errno?: string };
  readonly data: { readonly kind: string; readonly text: string; readonly right: number };
  readonly trials: readonly { readonly state: { readonly kind: string } }[];
}

const MIB = 2 ** 20;
const images = new DiskImages();
afterAll(() => images.remove());

/** Runs commands in a guest whose disks hold random bytes, and looks that none of these was changed for good. */
async function run(name: string, scenario: string, disks: readonly string[], commands: readonly string[]) {
  const made = disks.map((disk) => [disk, { path: images.make(`${name}-${disk}`, 64 * MIB), isWritable: true }]);
  const outcome = await inGuest(parseScenario(scenario, name), commands.join("\n"), {
    disks: Object.fromEntries(made),
  });
  for (const disk of disks) expect(images.firstStrayByte(`${name}-${disk}`, [])).toBeNull();
  return outcome;
}

/** A command that prints one line of JSON with its exit code in front. */
const probe = (words: string): string =>
  `peerlane probe ${words} --json >/tmp/out; echo "$? $(tr '\\n' ' ' </tmp/out)"`;
/** Free memory of the pool of nvme0. */
const POOL = "cat /sys/class/nvme/nvme0/device/p2pmem/available";

function linesOf({ stdout, stderr, console }: GuestOutcome, count: number): readonly string[] {
  const lines = stdout.toString().trim().split("\n");
  if (lines.length !== count) throw new Error(`${count} lines were due: ${stdout}\n${stderr}\n${console}`);
  return lines;
}

function probeIn(line = ""): { readonly code: number; readonly probe: Probe } {
  const [, code, json = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
  const value: unknown = JSON.parse(json);
  OUTPUT_SCHEMAS.probe.parse(value);
  return { code: Number(code), probe: value as Probe };
}

const pairIn = ({ pairs }: Probe, device: string) => pairs.find((pair) => pair.device.name === device);

/** Takes all memory of nvme0's pool, until it is killed. */
const HOG = `cat >/tmp/hog.cjs <<'END'
const koffi = require("/opt/peerlane/node_modules/koffi");
const mmap = koffi.load(null).func("intptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
const file = require("fs").openSync("/sys/class/nvme/nvme0/device/p2pmem/allocate", "r+");
for (let size = 2 ** 24; size >= 4096; size /= 2) while (mmap(0, size, 3, 1, file, 0) !== -1);
require("fs").writeFileSync("/tmp/full", "");
setInterval(() => {}, 1000);
END
node /tmp/hog.cjs & until [ -e /tmp/full ]; do sleep 0.1; done`;

describeLive.concurrent("peerlane probe in a guest", () => {
  test("below one switch without IOMMU finds every pair right, in both directions, and leaves nothing", async () => {
    const outcome = await run(
      "right",
      ONE_SWITCH,
      ["nvme1", "nvme3"],
      [
        POOL,
        probe(""),
        probe("nvme1 --via nvme0 --allow-write nvme1n1"),
        POOL,
        "ls -A /root/.local/state/peerlane | wc -l",
        "mke2fs -q /dev/nvme2n1 >/dev/null && mkdir /mnt && mount /dev/nvme2n1 /mnt",
        "peerlane probe --allow-write nvme2n1 2>&1 >/dev/null | tr '\\n' ' '; echo",
        HOG,
        probe("nvme1 --via nvme0 --quick"),
        "kill $!",
      ],
    );
    const [free, all, written, available, left, refusal, exhausted] = linesOf(outcome, 7);
    const first = probeIn(all);
    expect(first).toMatchObject({ code: 0, probe: { answer: "yes" } });
    expect(first.probe.pairs).toHaveLength(8);
    expect(new Set(first.probe.pairs.map(({ into }) => into.data.text))).toEqual(new Set(["right"]));
    const second = probeIn(written);
    expect(second).toMatchObject({
      code: 0,
      probe: { pairs: [{ out: { kernel: { kind: "accepted" }, data: { kind: "right" } } }] },
    });
    expect(second.probe.pairs[0]?.out.data.right).toBeGreaterThan(8);
    expect(available).toBe(free);
    expect(left).toBe("0");
    expect(refusal).toContain("nvme2n1 is in use and is not written to: mounted at /mnt");
    expect(probeIn(exhausted)).toMatchObject({
      code: 4,
      probe: { answer: "nothing", exhausted: [{ users: [{ command: "node" }] }] },
    });
  });

  test("names the silent loss behind a translating IOMMU, ends with 1 and says what to do", async () => {
    const outcome = await run(
      "loss",
      SILENT_LOSS,
      ["nvme1", "nvme3"],
      [probe("--via nvme0"), probe("nvme1 --via nvme0 --allow-write nvme1n1 --sizes 4K")],
    );
    const [all, written] = linesOf(outcome, 2).map(probeIn);
    expect(all).toMatchObject({ code: 1, probe: { answer: "no" } });
    const pair = all?.probe.pairs[0];
    expect(pair).toMatchObject({
      class: "loss",
      rules: "bus-addr",
      into: { kernel: { kind: "accepted" }, data: { kind: "lost" } },
    });
    expect(new Set(pair?.into.trials.map(({ state }) => state.kind))).toEqual(new Set(["untouched"]));
    expect(pair?.faults[0]).toMatchObject({ access: "write", requester: "0000:04:00.0", providerBar: 2 });
    expect(pair?.findings.flatMap(({ advice }) => advice).join()).toContain("iommu=pt");
    expect(written).toMatchObject({
      code: 1,
      probe: { pairs: [{ out: { kernel: { kind: "accepted" }, data: { kind: "lost", right: 0 } } }] },
    });
  });

  const strict = WORKING_MACHINES["two root ports, IOMMU strict"] ?? "";
  test("between root ports with ACS finds the pair refused on Intel, as the rules say", async () => {
    const intel = strict.replace("cpu: amd-zen", "cpu: intel");
    const outcome = await run("refused", intel, ["nvme1"], [probe(""), probe("nvme1")]);
    const [all, named] = linesOf(outcome, 2).map(probeIn);
    expect(all).toMatchObject({ code: 0, probe: { answer: "yes" } });
    const pair = all === undefined ? undefined : pairIn(all.probe, "nvme1n1");
    expect(pair).toMatchObject({
      class: "fine",
      rules: "not-supported",
      into: { kernel: { kind: "refused", errno: "EINVAL" } },
    });
    expect(pair?.messages.map(({ text }) => text).join("\n")).toContain("cannot be used for peer-to-peer DMA");
    expect(pair?.findings[0]?.advice[0]).toContain("peerlane fix 0000:01:00.0 0000:02:00.0");
    expect(named).toMatchObject({ code: 1, probe: { answer: "no" } });
  });

  test.each([
    ["root ports with ACS on AMD Zen", "ports", strict],
    ["two host bridges on AMD Zen", "bridges", WORKING_MACHINES["two host bridges"] ?? ""],
  ])("between %s finds the data right through the host bridge", async (_, name, scenario) => {
    const outcome = await run(name, scenario, ["nvme1"], [probe("nvme1 --allow-write nvme1n1")]);
    const [only] = linesOf(outcome, 1).map(probeIn);
    expect(only).toMatchObject({
      code: 0,
      probe: {
        pairs: [{ rules: "thru-host-bridge", into: { data: { kind: "right" } }, out: { data: { kind: "right" } } }],
      },
    });
  });

  test("ended by any signal while it overwrites a range leaves the disk as it was, or a file that restores it", async () => {
    const signals = ["KILL", "TERM", "KILL", "INT", "KILL", "HUP", "KILL", "KILL"];
    const outcome = await run(
      "killed",
      ONE_SWITCH,
      ["nvme1"],
      [
        POOL,
        "state=/root/.local/state/peerlane",
        "hash() { dd if=/dev/nvme1n1 bs=1M skip=62 iflag=direct 2>/dev/null | sha256sum; }",
        "before=$(hash)",
        "start() {",
        "  peerlane probe nvme1 --via nvme0 --allow-write nvme1n1 >/tmp/out 2>/tmp/errors & child=$!",
        "  tries=0; until ls $state/*.rescue >/dev/null 2>&1 || [ $tries = 3000 ]; do sleep 0.1; tries=$((tries + 1)); done",
        "}",
        `for signal in ${signals.join(" ")}; do`,
        "  start",
        '  sleep "0.$((RANDOM % 10))"',
        "  kill -$signal $child; wait $child; code=$?",
        "  again=-",
        "  left=$(ls $state | grep -c 'rescue$')",
        "  for file in $state/*.rescue; do",
        '    [ -e "$file" ] && { peerlane probe --allow-write nvme1n1 >/dev/null 2>&1; again=$?; peerlane probe --restore "$file" >/dev/null || echo failed; }',
        "  done",
        '  [ "$(hash)" = "$before" ] && same=same || same=other',
        '  echo "$signal $code $left $again $same $(ls -A $state | wc -l)"',
        "done",
        "cat /tmp/errors >&2",
        POOL,
        // Somebody else writes to the range before it is put back.
        "start; kill -KILL $child; wait $child; file=$(ls $state/*.rescue)",
        'position=$(basename "$file" | cut -d- -f2)',
        "dd if=/dev/urandom of=/dev/nvme1n1 bs=512 seek=$((position / 512 + 3)) count=1 oflag=direct 2>/dev/null",
        "theirs=$(hash)",
        'peerlane probe --restore "$file" 2>/tmp/errors; refused=$?; cat /tmp/errors >&2',
        '[ "$(hash)" = "$theirs" ] && kept=kept || kept=overwritten',
        'peerlane probe --restore "$file" --yes >/dev/null; forced=$?',
        '[ "$(hash)" = "$before" ] && same=same || same=other',
        'echo "$refused $kept $forced $same $(ls -A $state | wc -l)"',
      ],
    );
    const [free, ...lines] = linesOf(outcome, signals.length + 3);
    expect(lines.pop()).toBe("2 kept 0 same 0");
    expect(String(outcome.stderr)).toMatch(/1 of \d+ blocks of .* were written by somebody else/);
    expect(lines.at(-1)).toBe(free);
    for (const [index, signal] of signals.entries()) {
      expect(lines[index]).toMatch(signal === "KILL" ? /^KILL (137|0) (1 4|0 -) same 0$/ : /^\w+ [04] 0 - same 0$/);
    }
    expect(lines.filter((line) => line.startsWith("KILL 137 1")).length).toBeGreaterThan(1);
    expect(lines.filter((line) => /^(TERM|INT|HUP) 4/.test(line)).length).toBeGreaterThan(0);
  });
});
