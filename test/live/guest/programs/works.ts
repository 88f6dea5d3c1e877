/** Status, probe, bench, and copies through peer memory that are verified, odd in size, killed and resumed. */
import { existsSync, readFileSync } from "node:fs";
import { bdfOf, check, must, poolOf, readBytes, run, start, until } from "./guest-check.ts";

const MIB = 2 ** 20;
const SOURCE = "nvme0n1";
const TARGET = "nvme1n1";
const provider = bdfOf("nvme0");

function poolIsWhole(): void {
  const pool = poolOf(provider);
  must(pool.available === pool.size, "peer memory leaked", pool);
}

async function equalOnDisks(sourceStart: number, targetStart: number, length: number): Promise<void> {
  for (let done = 0; done < length; done += 8 * MIB) {
    const count = Math.min(8 * MIB, length - done);
    const [a, b] = [["/dev/nvme0n1", sourceStart] as const, ["/dev/nvme1n1", targetStart] as const].map(([path, at]) =>
      readBytes(path, at + done, count),
    );
    must(a !== undefined && b !== undefined && a.equals(b), `the disks differ from ${done} on`);
  }
}

await check("status", async () => {
  const { code, stdout } = await run(["p2pmem", "--json"]);
  must(code === 0, "p2pmem says no", stdout);
  const { pools } = JSON.parse(stdout) as { pools: { provider: string; available: number; mapping: string }[] };
  const pool = pools.find((each) => each.provider === provider);
  must(pool?.mapping === "possible" && pool.available === poolOf(provider).available, "another pool", pools);
});

await check("probed", async () => {
  const { code, stdout, stderr } = await run(["probe", "nvme1", "--via", provider, "--quick", "--json"]);
  must(code === 0, "the probe says no", { code, stdout, stderr });
  const { pairs } = JSON.parse(stdout) as { pairs: { into: { data: { kind: string } } }[] };
  must(pairs.length === 1 && pairs[0]?.into.data.kind === "right", "the data", pairs);
  poolIsWhole();
});

await check("benched", async () => {
  const job = ["--bs", "64k", "--iodepth", "2", "--runtime", "1", "--ramp", "0.2"];
  const { code, stdout, stderr } = await run(["bench", TARGET, "--via", provider, ...job, "--json"]);
  must(code === 0, "the bench fails", { code, stdout, stderr });
  poolIsWhole();
});

await check("verified", async () => {
  const length = 64 * MIB + 1001;
  const { code, stdout, stderr } = await run([
    ...["copy", SOURCE, TARGET, "--length", String(length), "--target-offset", String(4096 * 5)],
    ...["--verify", "--yes", "--json"],
  ]);
  must(code === 0, "the copy fails", { code, stdout, stderr });
  const result = JSON.parse(stdout) as { path: { kind: string; provider: string } };
  must(result.path.kind === "peer" && result.path.provider === provider, "another path", result);
  await equalOnDisks(0, 4096 * 5, length);
  poolIsWhole();
  return result;
});

const JOURNAL = "/tmp/resumed.json";

/** How far a journal says that its copy came; 0 where there is none yet. */
function completedIn(journal: string): number {
  if (!existsSync(journal)) return 0;
  return (JSON.parse(readFileSync(journal, "utf8")) as { completedBytes: number }).completedBytes;
}

await check("resumed", async () => {
  const copy = [
    ...["copy", SOURCE, TARGET, "--source-offset", "8M", "--target-offset", "100M", "--length", String(40 * MIB + 513)],
    ...["--sync-every", "2M", "--journal", JOURNAL, "--yes", "--json"],
  ];
  const first = start(copy);
  const { size } = poolOf(provider);
  must(await until(() => completedIn(JOURNAL) > 0), "the copy came nowhere");
  first.process.kill("SIGKILL");
  must((await first.ended).signal === "SIGKILL", "the copy was over before it was killed");
  must(await until(() => poolOf(provider).available === size), "a killed copy leaves peer memory taken");
  const { code, stdout, stderr } = await run([...copy, "--resume", "--verify"]);
  must(code === 0, "the resumed copy fails", { code, stdout, stderr });
  const { resumedAt } = JSON.parse(stdout) as { resumedAt: number };
  must(resumedAt > 0, "the copy began anew", stdout);
  await equalOnDisks(8 * MIB, 100 * MIB, 40 * MIB + 513);
  poolIsWhole();
  return { resumedAt };
});
