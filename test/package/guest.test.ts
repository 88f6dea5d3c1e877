import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildSingleFile } from "../../scripts/single-file.ts";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(root, "node_modules/.package-guest-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const built =
  process.arch === "x64" ? buildSingleFile("x64", folder) : { file: null, why: "the guest is an x86-64 machine" };

/** The single file boots a guest, into which it goes itself: there is no Node in there. */
const COMMAND = `command -v node
echo "@p2pmem"; peerlane p2pmem --json || exit
echo "@probe"; peerlane probe nvme1 --quick --json || exit
echo "@copy"; peerlane copy nvme0 nvme1 --length 16M --depth 32 --verify --yes --json || exit
echo "@left"; ls -A /tmp
cmp -n 16777216 /dev/nvme0n1 /dev/nvme1n1 && echo "@same"
`;

describe.skipIf(built.file === null)(
  `In a guest the single file${built.file === null ? ` (skipped: ${built.why})` : ""}`,
  () => {
    test("lists peer memory, moves data through it and copies, with the FFI that is in it", () => {
      const words = ["vm", join(root, "examples/one-switch.yaml"), "--", "sh", "-c", COMMAND];
      const { status, stdout, stderr } = spawnSync(built.file ?? "", words, { encoding: "utf8" });
      expect({ status, stderr }).toMatchObject({ status: 0 });
      const [before, pools = "", probe = "", copy = "", left = "", same] = stdout.split(/^@\w+\n/m);
      expect(before).toBe("");
      expect(JSON.parse(pools)).toMatchObject({ pools: [{ name: "nvme0", usable: true }] });
      expect(JSON.parse(probe)).toMatchObject({ answer: "yes" });
      expect(JSON.parse(copy)).toMatchObject({
        outcome: "copied",
        path: { kind: "peer" },
        result: { memoryBytes: 16777216, verification: { state: "same" } },
      });
      // What the guest's own script writes there.
      expect(left.trim().split("\n")).toEqual(["stderr", "stdout"]);
      expect(same).toBeDefined();
    });
  },
);
