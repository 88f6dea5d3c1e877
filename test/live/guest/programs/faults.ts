/** Faults during copies: what they say, what they leave, and that nothing else is touched. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import {
  bdfOf,
  check,
  type Ended,
  holdPool,
  must,
  pause,
  poolOf,
  readBytes,
  run,
  start,
  until,
} from "./guest-check.ts";

const MIB = 2 ** 20;
const provider = bdfOf("nvme0");
const [target, other] = ["nvme1", "nvme2"].map(bdfOf) as [string, string];

function shell(command: string): string {
  return execFileSync("sh", ["-c", command], { encoding: "utf8" });
}

function copy(...words: readonly string[]): Promise<Ended> {
  return run(["copy", ...words, "--yes", "--json"]);
}

/** Starts a copy and waits until it has taken memory of a provider. */
async function copyInFlight(from: string, words: readonly string[]): Promise<ReturnType<typeof start>> {
  const before = poolOf(from).available;
  const running = start(["copy", ...words, "--yes", "--json"]);
  const hasEnded = (): boolean => running.process.exitCode !== null || running.process.signalCode !== null;
  await until(() => poolOf(from).available < before || hasEnded());
  if (hasEnded()) throw new Error(`the copy ended early: ${JSON.stringify(await running.ended)}`);
  await pause(300);
  return running;
}

async function poolIsWhole(bdf: string): Promise<void> {
  const { size } = poolOf(bdf);
  must(await until(() => poolOf(bdf).available === size), "peer memory leaked", poolOf(bdf));
}

function failed(name: string, { code, stdout, stderr }: Ended, words: RegExp): string {
  must(code === 4, `exit code of ${name}`, { code, stdout, stderr });
  must(words.test(stderr + stdout), `what ${name} says`, { stdout, stderr });
  return stderr;
}

/** The journal holds no more than what is on the target. */
function journalIsRight(journal: string, sourceStart: number, targetStart: number): number {
  if (!existsSync(journal)) return 0;
  const { completedBytes } = JSON.parse(readFileSync(journal, "utf8")) as { completedBytes: number };
  const source = readBytes("/dev/nvme0n1", sourceStart, completedBytes);
  must(readBytes("/dev/nvme1n1", targetStart, completedBytes).equals(source), "the journal claims what is not there");
  return completedBytes;
}

// The image of nvme1 fails one write at 200 MiB + 8 MiB (the test's blkdebug rule), and the image of nvme0 one read.
await check("EIO of the target", async () => {
  const words = ["nvme0n1", "nvme1n1", "--target-offset", "200M", "--length", "16M", "--journal", "/tmp/eio.json"];
  const ended = await copy(...words, "--sync-every", "1M");
  const stderr = failed("EIO", ended, /EIO|ENODATA/);
  must(/nvme1n1/.test(stderr), "the target is not named", stderr);
  const completed = journalIsRight("/tmp/eio.json", 0, 200 * MIB);
  must(completed <= 8 * MIB, "the journal is beyond the error", completed);
  await poolIsWhole(provider);
  const again = await copy(...words, "--resume", "--verify");
  must(again.code === 0, "the resumed copy", again);
  return { stderr, completed };
});

await check("EIO of the source", async () => {
  const words = ["nvme0n1", "nvme1n1", "--source-offset", "96M", "--length", "16M", "--journal", "/tmp/eio2.json"];
  const stderr = failed("EIO", await copy(...words), /EIO|ENODATA/);
  must(/nvme0n1/.test(stderr), "the source is not named", stderr);
  await poolIsWhole(provider);
  return { stderr };
});

await check("pool exhausted", async () => {
  const holder = await holdPool(provider);
  const words = ["nvme0n1", "nvme2n1", "--length", "4M", "--via", provider];
  const refused = await copy(...words);
  const fallen = await copy(...words, "--fallback", "--verify");
  await holder.free();
  await poolIsWhole(provider);
  const stderr = failed("an exhausted pool", refused, /pool|peer memory/i);
  must(/node/.test(stderr), "who holds the pool is not named", stderr);
  must(fallen.code === 0 && /"kind": "dram"/.test(fallen.stdout), "the fallback", fallen);
  return { stderr };
});

await check("two copies on one pool", async () => {
  const first = start(["copy", "nvme0n1", "nvme1n1", "--length", "32M", "--yes", "--json", "--verify"]);
  const second = start([
    "copy",
    "nvme0n1",
    "nvme2n1",
    "--length",
    "32M",
    "--yes",
    "--json",
    "--verify",
    "--via",
    provider,
  ]);
  const ends = await Promise.all([first.ended, second.ended]);
  must(
    ends.every(({ code }) => code === 0),
    "both work",
    ends,
  );
  await poolIsWhole(provider);
});

await check("one target, two copies", async () => {
  const first = await copyInFlight(provider, ["nvme0n1", "nvme1n1", "--length", "64M", "--via", provider]);
  first.process.kill("SIGSTOP");
  const second = await copy("nvme2n1", "nvme1n1", "--length", "4M");
  first.process.kill("SIGCONT");
  must(second.code !== 0 && /in use|claimed|another/.test(second.stderr), "the second is refused", second);
  first.process.kill("SIGTERM");
  const { code, stderr } = await first.ended;
  must(code === 4 && /--resume/.test(stderr), "the interrupted one says how to go on", { code, stderr });
  await poolIsWhole(provider);
  return { stderr };
});

await check("target full", async () => {
  shell("mkdir -p /mnt/small && mount -t ext4 /dev/nvme3n1 /mnt/small");
  const ended = await copy("nvme0n1", "/mnt/small/copy", "--via", provider, "--length", "96M");
  const stderr = failed("a full target", ended, /ENOSPC|full|no room/i);
  shell("umount /mnt/small");
  await poolIsWhole(provider);
  return { stderr };
});

await check("files", async () => {
  shell("mount -t ext4 /dev/nvme3n1 /mnt/small && rm -f /mnt/small/copy");
  const length = 5 * MIB + 777;
  const ended = await copy("nvme0n1", "/mnt/small/odd", "--via", provider, "--length", String(length), "--verify");
  must(ended.code === 0 && /"peer"/.test(ended.stdout), "to a file", ended);
  must(statSync("/mnt/small/odd").size === length, "its size", statSync("/mnt/small/odd").size);
  must(readBytes("/mnt/small/odd", 0, length).equals(readBytes("/dev/nvme0n1", 0, length)), "its bytes");
  const back = await copy("/mnt/small/odd", "nvme1n1", "--target-offset", "1M", "--via", provider, "--verify");
  must(back.code === 0, "from a file", back);
  const mounted = await copy("nvme0n1", "nvme3n1", "--length", "1M");
  must(mounted.code === 2 || mounted.code === 4, "a mounted target is refused", mounted);
  must(/mounted at \/mnt\/small/.test(mounted.stderr), "and why", mounted.stderr);
  shell("umount /mnt/small");
  await poolIsWhole(provider);
});

await check("the target is removed", async () => {
  const running = await copyInFlight(provider, ["nvme0n1", "nvme1n1", "--length", "128M", "--via", provider]);
  writeFileSync(`/sys/bus/pci/devices/${target}/remove`, "1");
  const stderr = failed("a removed target", await running.ended, /removed|gone/i);
  await poolIsWhole(provider);
  await rescan(target);
  return { stderr };
});

await check("the provider is removed", async () => {
  const running = await copyInFlight(other, ["nvme0n1", "nvme1n1", "--length", "128M", "--via", other]);
  writeFileSync(`/sys/bus/pci/devices/${other}/remove`, "1");
  const stderr = failed("a removed provider", await running.ended, /removed|gone/i);
  must(new RegExp(`${other}|nvme2`).test(stderr), "the provider is named", stderr);
  await rescan(other);
  await poolIsWhole(other);
  return { stderr };
});

async function rescan(bdf: string): Promise<void> {
  writeFileSync("/sys/bus/pci/rescan", "1");
  must(await until(() => existsSync(`/sys/bus/pci/devices/${bdf}/driver`)), `${bdf} does not come back after a rescan`);
  await pause(500);
}

await check("SIGINT", async () => {
  const running = await copyInFlight(provider, ["nvme0n1", "nvme2n1", "--length", "64M", "--via", provider]);
  running.process.kill("SIGINT");
  const { code, stderr } = await running.ended;
  must(code === 4 && /--resume/.test(stderr), "says how to go on", { code, stderr });
  await poolIsWhole(provider);
  return { stderr };
});
