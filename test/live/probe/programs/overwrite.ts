import { liveTree } from "../../../../src/host/live.ts";
import { findDataFile } from "../../../../src/live/block/data-file.ts";
import { DirectFile } from "../../../../src/live/block/direct-file.ts";
import { mapSystemMemory } from "../../../../src/live/memory/transfer-memory.ts";
import { runAll } from "../../../../src/live/probe/measure-pair.ts";
import { identityOf } from "../../../../src/live/probe/restore.ts";
import { withSavedRange } from "../../../../src/live/probe/saved-range.ts";
import { planTrials } from "../../../../src/live/probe/trials.ts";
import { writeThroughPeer } from "../../../../src/live/probe/write-test.ts";

/** Overwrites a range of the disk or file FILE again and again as probe does, with rescue files in FOLDER, until it is killed. */
const [path = "", folder = ""] = process.argv.slice(2);
const tree = liveTree();
const found = findDataFile(tree, path);
const file = await DirectFile.open(found, { access: "write", exclusive: true });
const peer = await mapSystemMemory(128 * 1024);
const dram = await mapSystemMemory(128 * 1024);
const range = { start: 65_536, sizeBytes: 262_144 };
const ofFile = { name: "disk", identity: "test", startBytes: 0, sizeBytes: found.sizeBytes, attachment: null };
const target = found.kind === "device" ? identityOf(tree, found) : ofFile;
const trials = planTrials({ range, blockBytes: 4096, memoryBytes: peer.sizeBytes, sizes: [4096, 65_536] });
const { signal } = new AbortController();
let round = 0;
const bench = { file, peer, dram, nonce: Buffer.from("nonce-02"), nextRound: () => ++round, signal };
process.stdout.write("started\n");
for (;;) {
  await withSavedRange({ file, target, range, dram, folder }, () =>
    runAll(trials, bench, writeThroughPeer, { progress: () => {} }),
  );
}
