import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import type { Scenario } from "../../src/host/scenario/scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { patternAt } from "../../src/vm/fresh-disk.ts";
import { PROGRAM } from "../program.ts";
import { inGuest } from "./in-guest.ts";

const root = join(import.meta.dirname, "../..");
const [program, ...first] = PROGRAM;
const oneSwitch = join(root, "examples/one-switch.yaml");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-guest-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function readScenario(change: (text: string) => string = (text) => text): Scenario {
  return parseScenario(change(readFileSync(oneSwitch, "utf8")), oneSwitch);
}

/** Bytes of every value, a MiB of them, in an order that a lost or repeated one disturbs. */
const BYTES_PROGRAM = "process.stdout.write(Uint8Array.from({ length: 2 ** 20 }, (_, i) => i * 7 + (i >> 8)))";
const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i * 7 + (i >> 8));

describe.concurrent("a guest in which peerlane runs", () => {
  test("gives a command's output and exit code as they are", async () => {
    const { stdout, stderr, exitCode } = await inGuest(
      readScenario(),
      "node /tests/bytes.js; cat /tests/odd >&2; exit 37",
      {
        extraFiles: [
          { guestPath: "/tests/bytes.js", content: BYTES_PROGRAM },
          { guestPath: "/tests/odd", content: Uint8Array.of(0, 10, 13, 4, 255, 10) },
        ],
      },
    );
    expect(stdout.equals(bytes)).toBe(true);
    expect(new Set(stdout).size).toBe(256);
    expect([...stderr]).toEqual([0, 10, 13, 4, 255, 10]);
    expect(exitCode).toBe(37);
  });

  test("is the machine that the scenario describes, by the name of each controller", async () => {
    const scenario = readScenario();
    // What the script of `collect` gathers there, as root and as nobody, without lspci, says what sysfs says.
    const asNobody = `node -e 'process.setuid(65534); process.argv.slice(1).forEach((line) => require("node:child_process").execSync(line, { stdio: "inherit" }))'`;
    const {
      stdout: all,
      stderr,
      exitCode,
    } = await inGuest(
      scenario,
      [
        "peerlane --version >&2; peerlane matrix --json; echo; echo ==",
        "peerlane collect >/tmp/collect.sh; chmod 755 /tmp/collect.sh; sh /tmp/collect.sh >/tmp/root.txt; peerlane matrix --json /tmp/root.txt 2>/dev/null; echo; echo ==",
        `${asNobody} 'sh /tmp/collect.sh' >/tmp/user.txt 2>/dev/null; peerlane matrix --json /tmp/user.txt 2>/dev/null; echo; echo ==`,
        `${asNobody} 'peerlane matrix --json || true' 2>/dev/null`,
      ].join("; "),
    );
    expect(exitCode).toBe(0);
    const [stdout = "", ...others] = all.toString().split("==");
    const pairsOf = (text: string): unknown => (JSON.parse(text) as { readonly pairs: unknown }).pairs;
    const [collected = "", collectedByNobody = "", byNobody = ""] = others;
    expect(pairsOf(collected)).toEqual(pairsOf(stdout));
    expect(pairsOf(collectedByNobody)).toEqual(pairsOf(byNobody));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(stderr.toString()).toBe(`${version}\n`);
    const matrix = JSON.parse(stdout) as {
      readonly devices: readonly { bdf: string; name: string }[];
      readonly pairs: readonly { provider: string; client: string; mapType: string; hops: number }[];
    };
    expect(matrix.devices.map(({ bdf, name }) => [bdf, name])).toEqual([
      ["0000:03:00.0", "nvme0"],
      ["0000:04:00.0", "nvme1"],
      ["0000:05:00.0", "nvme2"],
    ]);
    const table = decideAll(afterBoot(scenarioMachine(scenario)));
    const expected = table.providers.flatMap((provider, i) =>
      table.clients.flatMap((client, j) =>
        provider === client
          ? []
          : [
              {
                provider: formatBdf(provider),
                client: formatBdf(client),
                mapType: table.mapType(i, j),
                hops: table.hops(i, j),
              },
            ],
      ),
    );
    // Drives without a controller memory buffer have no row.
    expect(matrix.pairs).toMatchObject(expected.filter(({ provider }) => provider === "0000:03:00.0"));
  });

  test("names controllers as the scenario does, has its disks, and gives the errors that were asked for", async () => {
    const image = join(folder, "target.img");
    writeFileSync(image, "");
    truncateSync(image, 32 * 2 ** 20);
    const kept = join(folder, "kept.img");
    writeFileSync(kept, Buffer.alloc(2 ** 20, "keep"));
    // The driver probes in the order of the addresses: the names are the other way round.
    const scenario = readScenario((text) =>
      text
        .replace("name: nvme0", "name: nvme1")
        .replace("{ name: nvme1 }", "{ name: nvme0 }")
        .replace("nvme2", "archive"),
    );
    const script = `
for n in 0 1 2; do cat /sys/class/nvme/nvme$n/address; done
readlink /dev/disk/by-name/archive
cat /sys/bus/pci/devices/0000:03:00.0/p2pmem/size
put() { dd if=/dev/nvme0n1 of=/dev/nvme1n1 bs=4096 count=1 skip=$1 seek=$1 oflag=direct 2>/tmp/error && echo put $1 || sed -n 's/.*: //p' /tmp/error; }
get() { dd if=/dev/nvme1n1 of=/dev/null bs=4096 count=1 skip=$1 iflag=direct 2>/tmp/error && echo got $1 || sed -n 's/.*: //p' /tmp/error; }
put 1; put 2; get 3; get 4
dd if=/dev/zero of=/dev/disk/by-name/archive bs=4096 count=1 conv=notrunc 2>/dev/null && head -c 4 /dev/nvme2n1 | od -An -tx1`;
    const { stdout, exitCode } = await inGuest(scenario, script, {
      disks: {
        nvme1: {
          path: image,
          isWritable: true,
          errors: [
            { on: "write", sector: 16 },
            { on: "read", sector: 24 },
          ],
        },
        archive: { path: kept },
      },
    });
    expect(stdout.toString().trim().split("\n")).toEqual([
      ...["0000:04:00.0", "0000:03:00.0", "0000:05:00.0"],
      "../../nvme2n1",
      "16777216",
      ...["put 1", "No data available", "No data available", "got 4"],
      " 00 00 00 00",
    ]);
    expect(exitCode).toBe(0);
    const written = readFileSync(image).subarray(4096, 3 * 4096);
    expect(written.subarray(0, 4096).equals(patternAt(4096, 4096))).toBe(true);
    expect(written.subarray(4096).equals(Buffer.alloc(4096))).toBe(true);
    expect(readFileSync(kept).equals(Buffer.alloc(2 ** 20, "keep"))).toBe(true);
  });

  test("that panics says so, with its console", async () => {
    await expect(inGuest(readScenario(), "echo c > /proc/sysrq-trigger")).rejects.toThrow(
      /the guest ended before its command did[\s\S]*Kernel panic/,
    );
  });

  test("that takes too long is ended", async () => {
    await expect(inGuest(readScenario(), "sleep 1000", { timeoutMs: 2000 })).rejects.toThrow("did not finish in 2 s");
  });

  test("leaves nothing behind when peerlane is asked to end", async () => {
    const temporary = mkdtempSync(join(folder, "tmp-"));
    const child = startGuest(temporary, ["sh", "-c", "echo ready; sleep 1000"]);
    await untilSaid(child, "ready\n");
    expect(qemusOf(temporary)).toHaveLength(1);
    child.kill("SIGTERM");
    expect(await ended(child)).toBe(4);
    await expectNothingLeft(temporary);
  });

  test("leaves nothing behind when peerlane is killed", async () => {
    const temporary = mkdtempSync(join(folder, "tmp-"));
    const child = startGuest(temporary, ["sh", "-c", "echo ready; sleep 1000"]);
    await untilSaid(child, "ready\n");
    child.kill("SIGKILL");
    await expectNothingLeft(temporary);
  });

  test("ends with its command, whose output is whole, whatever that left in the background", async () => {
    const command = "(while true; do sleep 1; done) & sleep 1000 & head -c 300000 /dev/zero; exit 3";
    const { exitCode, stdout } = await inGuest(readScenario(), command);
    expect({ exitCode, bytes: stdout.length }).toEqual({ exitCode: 3, bytes: 300_000 });
  });

  test("leaves nothing behind when its reader goes", async () => {
    const temporary = mkdtempSync(join(folder, "tmp-"));
    const child = startGuest(temporary, ["yes"]);
    await untilSaid(child, "y\n");
    child.stdout?.destroy();
    await ended(child);
    await expectNothingLeft(temporary);
  });
});

function startGuest(temporary: string, command: readonly string[]): ChildProcess {
  return spawn(program, [...first, "vm", oneSwitch, "--", ...command], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function untilSaid(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) resolve();
    });
    child.once("exit", () => reject(new Error(`it ended after '${said}'`)));
  });
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("exit", resolve);
  });
}

/** What keeps a guest ends it, and removes its folder, a moment after the end of peerlane. */
async function expectNothingLeft(temporary: string): Promise<void> {
  const left = (): string[] => [...qemusOf(temporary), ...readdirSync(temporary)];
  await vi.waitFor(() => expect(left()).toEqual([]), { timeout: 60_000, interval: 50 });
}

/** Processes of QEMU whose files are in a folder; one that has ended but not been waited for has no command line. */
function qemusOf(temporary: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLineOf(name).includes(temporary));
}

function commandLineOf(pid: string): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return words[0]?.includes("qemu") === true ? words.join(" ") : "";
  } catch {
    return "";
  }
}
