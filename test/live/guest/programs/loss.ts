/** On the machine that loses peer data silently, a copy ends at its first chunk, and DRAM works. */
import { bdfOf, check, must, poolOf, readBytes, run } from "./guest-check.ts";

const MIB = 2 ** 20;

await check("loss", async () => {
  const before = readBytes("/dev/nvme1n1", 0, 16 * MIB);
  const { code, stdout, stderr } = await run(["copy", "nvme0n1", "nvme1n1", "--length", "16M", "--yes", "--json"]);
  must(code === 1, "exit code", { code, stdout, stderr });
  must(/data loss/i.test(stdout + stderr), "the loss is not called by name", { stdout, stderr });
  must(/iommu=pt/.test(stdout + stderr), "nothing says what helps", { stdout, stderr });
  const after = readBytes("/dev/nvme1n1", 0, 16 * MIB);
  must(after.subarray(MIB).equals(before.subarray(MIB)), "more than the first chunk was written");
  const { size, available } = poolOf(bdfOf("nvme0"));
  must(size === available, "peer memory leaked", { size, available });
  return { stdout, stderr };
});

await check("the path through the host bridge", async () => {
  const { code } = await run(["copy", "nvme0n1", "nvme3n1", "--length", "4M", "--yes", "--verify", "--json"]);
  must(code === 0, "the path through the host bridge works here", code);
});
