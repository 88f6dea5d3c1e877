import { expect, test } from "vitest";
import { meantWords } from "../../src/cli/words.ts";

/** Run where package.json and src lie. */
test.for<readonly [line: string, meant: string]>([
  // as it is: verbs, options, sources
  ["", ""],
  ["--help", "--help"],
  ["tree dump.txt", "tree dump.txt"],
  ["dump.txt", "dump.txt"],
  ["-", "-"],
  ["package.json", "package.json"],
  ["src", "src"],
  ["--json", "--json"],
  ["--json dump.txt", "--json dump.txt"],
  ["--providers gpu --clients nic", "--providers gpu --clients nic"],
  ["dump.txt --providers gpu", "dump.txt --providers gpu"],
  ["--kernel 7.3", "--kernel 7.3"],
  ["no-such-file", "no-such-file"],
  // two devices alone
  ["gpu0 mlx5_0", "explain gpu0 mlx5_0"],
  ["gpu nic dump.txt", "explain gpu nic dump.txt"],
  ["nvme nic dump.txt", "explain nvme nic dump.txt"],
  ["GPU:0 3f:00.0 dump.txt --json", "explain GPU:0 3f:00.0 dump.txt --json"],
  ["--kernel 7.3 gpu0 mlx5_0 --json", "explain --kernel 7.3 gpu0 mlx5_0 --json"],
  ["--json gpu0 mlx5_0 -", "explain --json gpu0 mlx5_0 -"],
  ["eth0 nvme0 --append iommu=pt", "explain eth0 nvme0 --append iommu=pt"],
  ["dump.txt gpu:0 mlx5_0 --json", "explain gpu:0 mlx5_0 dump.txt --json"],
  ["dump.txt other.txt gpu:0", "dump.txt other.txt gpu:0"],
  ["gpu0 server", "explain gpu0 server"],
  // one device, a class, or two classes
  ["nvme0", "find nvme0"],
  ["--json gpu", "find --json gpu"],
  ["gpu0 dump.txt", "find gpu0 dump.txt"],
  ["gpu0 src", "find gpu0 src"],
  ["gpu0 - --json", "find gpu0 - --json"],
  ["gpu0 --kernel 7.3", "find gpu0 --kernel 7.3"],
  ["nic dump.txt", "find nic dump.txt"],
  ["gpu:nic dump.txt", "find gpu:nic dump.txt"],
  ["GPU:NVMe", "find GPU:NVMe"],
  ["dump.txt gpu:0", "find gpu:0 dump.txt"],
  ["dump.txt gpu:nic --json", "find gpu:nic dump.txt --json"],
  // words of other tools
  ["topo", "matrix"],
  ["topo dump.txt --json", "matrix dump.txt --json"],
  ["TOPO", "matrix"],
  ["topo -m", "matrix"],
  ["topo -m dump.txt --json", "matrix dump.txt --json"],
  ["topo --matrix", "matrix"],
  ["topo gpu0", "find gpu0"],
  ["topo gpu0 dump.txt", "find gpu0 dump.txt"],
  ["topo gpu:nic dump.txt", "find gpu:nic dump.txt"],
  ["topo --kernel 7.3 gpu0", "find --kernel 7.3 gpu0"],
  ["ls dump.txt", "matrix dump.txt"],
  ["list", "matrix"],
  ["topology dump.txt", "tree dump.txt"],
  ["lstopo", "tree"],
  ["why gpu0 mlx5_0", "explain gpu0 mlx5_0"],
  ["cp nvme0 nvme1", "copy nvme0 nvme1"],
  ["help", "help"],
  ["help tree", "help tree"],
  ["help topo", "help matrix"],
])("peerlane %s means peerlane %s", async ([line, meant]) => {
  const words = (text: string): readonly string[] => (text === "" ? [] : text.split(" "));
  expect(await meantWords(words(line))).toEqual(words(meant));
});

test.for<readonly [line: string, headline: string, remedy: string]>([
  ["matirx", "no verb 'matirx', and no such file", "did you mean matrix?"],
  ["expalin nvme0 nvme1", "no verb 'expalin', and no such file", "did you mean explain?"],
  ["help matirx", "no verb 'matirx'", "did you mean matrix?"],
  ["help qqq", "no verb 'qqq'", "peerlane --help lists them"],
  ["DIF a b", "no verb 'DIF', and no such file", "did you mean diff?"],
])("peerlane %s is an error", async ([line, headline, remedy]) => {
  await expect(meantWords(line.split(" "))).rejects.toMatchObject({ code: "usage", headline, remedy });
});
