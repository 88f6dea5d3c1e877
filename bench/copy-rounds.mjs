/**
 * Runs inside the guest of bench/copy.ts: the programs take turns, one JSON line each time. Arguments: rounds, bytes,
 * chunk, depth.
 */
import { execFileSync } from "node:child_process";

const [rounds, bytes, chunk, depth] = process.argv.slice(2).map(Number);
const SOURCE = "/dev/nvme0n1";
const TARGET = "/dev/nvme1n1";
const provider = execFileSync("cat", ["/sys/class/nvme/nvme0/address"], { encoding: "utf8" }).trim();

function peerlane(...more) {
  const shape = ["--length", bytes, "--chunk", chunk, "--depth", depth].map(String);
  const words = ["copy", SOURCE, TARGET, ...shape, "--yes", "--json", ...more];
  return JSON.parse(execFileSync("peerlane", words, { encoding: "utf8" })).result.seconds;
}

function plainC(memory) {
  const words = [SOURCE, TARGET, memory, chunk, depth, bytes].map(String);
  return Number(execFileSync("/bin/p2pmem-copy", words, { encoding: "utf8" }));
}

function dd() {
  const begin = process.hrtime.bigint();
  const words = [
    `if=${SOURCE}`,
    `of=${TARGET}`,
    `bs=${chunk}`,
    `count=${bytes / chunk}`,
    "iflag=direct",
    "oflag=direct",
  ];
  execFileSync("dd", [...words, "conv=fsync"], { stdio: "ignore" });
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

const sides = {
  peerlane: () => peerlane("--via", provider),
  c: () => plainC(`/sys/bus/pci/devices/${provider}/p2pmem/allocate`),
  cDram: () => plainC("dram"),
  ddDram: dd,
};
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(sides)) {
    const seconds = run();
    // The first round warms up.
    if (round > 0) process.stdout.write(`${JSON.stringify({ name, seconds })}\n`);
  }
}
