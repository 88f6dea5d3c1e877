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
  ["gpu0 dump.txt", "explain gpu0 dump.txt"],
  ["dump.txt gpu:0 mlx5_0 --json", "explain gpu:0 mlx5_0 dump.txt --json"],
  ["dump.txt gpu:0", "dump.txt gpu:0"],
  ["dump.txt other.txt gpu:0", "dump.txt other.txt gpu:0"],
  // words of other tools
  ["topo", "matrix"],
  ["topo dump.txt --json", "matrix dump.txt --json"],
  ["TOPO", "matrix"],
  ["ls dump.txt", "matrix dump.txt"],
  ["list", "matrix"],
  ["topology dump.txt", "tree dump.txt"],
  ["lstopo", "tree"],
  ["why gpu0 mlx5_0", "explain gpu0 mlx5_0"],
  ["compare a.txt b.txt", "diff a.txt b.txt"],
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
  [
    "nvme0",
    "'nvme0' is no verb and no file, and as a device one of two",
    "name both, then the source: peerlane nvme0 DEVICE [SOURCE]; or all pairs of it: peerlane matrix --providers nvme0",
  ],
  [
    "--json gpu",
    "'gpu' is no verb and no file, and as a device one of two",
    "name both, then the source: peerlane gpu DEVICE [SOURCE]; or all pairs of it: peerlane matrix --providers gpu",
  ],
])("peerlane %s is an error", async ([line, headline, remedy]) => {
  await expect(meantWords(line.split(" "))).rejects.toMatchObject({ code: "usage", headline, remedy });
});
