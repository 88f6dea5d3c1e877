import { describe, expect, test } from "vitest";
import { booted, imagesOfBlock } from "./booted.ts";
import { runProgram } from "./guest-run.ts";
import { ONE_SWITCH } from "./machines.ts";

const MIB = 2 ** 20;

describe("a copy that is killed at random points", () => {
  const images = imagesOfBlock();
  const seed = Number(process.env["PEERLANE_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
  const kills = Number(process.env["PEERLANE_KILLS"] ?? 200);
  const guest = booted(() =>
    runProgram({
      scenario: ONE_SWITCH,
      program: "kills.ts",
      arguments: [String(seed), String(kills)],
      disks: {
        nvme0: { path: images.make("source", 64 * MIB), isWritable: true },
        nvme1: { path: images.make("target", 96 * MIB), isWritable: true },
      },
      timeoutMs: 1_500_000,
    }),
  );

  test(`${kills} times (seed ${seed}) writes nothing outside its range, leaks no memory, and its journal is right`, () => {
    expect(guest.facts("kills")).toMatchObject({ seed });
  });
});
