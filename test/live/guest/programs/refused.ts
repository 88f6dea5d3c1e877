/** On a machine whose kernel maps no peer memory between the two, a copy is refused, or goes through DRAM if it may. */
import { check, must, readBytes, run } from "./guest-check.ts";

const MIB = 2 ** 20;
const words = ["copy", "nvme0n1", "nvme1n1", "--length", "4M", "--yes", "--json"];

await check("refused", async () => {
  const { code, stderr } = await run(words);
  must(code === 1, "exit code", { code, stderr });
  must(/does not map the memory of/.test(stderr) && /peerlane fix/.test(stderr), "why, and what helps", stderr);
  must(/--fallback/.test(stderr), "that DRAM would do", stderr);
  must(
    readBytes("/dev/nvme1n1", 0, MIB).every((byte) => byte === 0),
    "nothing was written",
  );
});

await check("fallback", async () => {
  const { code, stdout, stderr } = await run([...words, "--fallback", "--verify"]);
  must(code === 0, "exit code", { code, stderr });
  must(/"kind": "dram"/.test(stdout), "it says that it went through DRAM", stdout);
  must(readBytes("/dev/nvme1n1", 0, 4 * MIB).equals(readBytes("/dev/nvme0n1", 0, 4 * MIB)), "the bytes");
});
