import { expect, test } from "vitest";
import { PROBED_BYTES } from "../kills/kill-probes.ts";
import { booted, imagesOfBlock } from "./booted.ts";
import { runProgram } from "./guest-run.ts";
import { ONE_SWITCH } from "./machines.ts";
import { describeGuests } from "./replayed.ts";

const describeLive = describeGuests("kills");

const MIB = 2 ** 20;

const firstSeed = Number(process.env["PEERLANE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
const probeKills = 6;
const kills = Math.ceil(Number(process.env["PEERLANE_KILLS"] ?? 200) / 2);

// Half of the kills in each of two machines, which run side by side.
describeLive.concurrent.each([firstSeed, firstSeed + 1])("a copy that is killed at random points, seed %i", (seed) => {
  const images = imagesOfBlock();
  const guest = booted(() =>
    runProgram({
      scenario: ONE_SWITCH,
      program: "kills.ts",
      arguments: [String(seed), String(kills), String(probeKills)],
      disks: {
        nvme0: { path: images.make("source", 64 * MIB), isWritable: true },
        nvme1: { path: images.make("target", 96 * MIB), isWritable: true },
        nvme2: { path: images.make("probed", PROBED_BYTES), isWritable: true },
        nvme3: { path: images.make("other target", 96 * MIB), isWritable: true },
      },
      timeoutMs: 5_000_000,
    }),
  );

  test(`${kills} times writes nothing outside its range, leaks no memory, and its journal is right`, () => {
    expect(guest.facts("kills")).toMatchObject({ seed });
  });

  test(`and ${probeKills} kills of probes that write, and of their restores, lose no byte of the disk`, () => {
    expect(guest.facts("probe kills")).toMatchObject({ seed });
  });
});
