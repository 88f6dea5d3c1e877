import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { expect, test } from "vitest";
import { booted, imagesOfBlock } from "./booted.ts";
import { runProgram } from "./guest-run.ts";
import { ONE_SWITCH, REFUSED, SILENT_LOSS, WORKING_MACHINES } from "./machines.ts";
import { describeGuests } from "./replayed.ts";

const describeLive = describeGuests("copy");

const MIB = 2 ** 20;

describeLive.concurrent.each(Object.entries(WORKING_MACHINES))("peer memory on %s", (_, scenario) => {
  const images = imagesOfBlock();
  const guest = booted(() =>
    runProgram({
      scenario,
      program: "works.ts",
      disks: {
        nvme0: { path: images.make("source", 80 * MIB), isWritable: true },
        nvme1: { path: images.make("target", 160 * MIB), isWritable: true },
      },
    }),
  );

  test("is shown by p2pmem", () => {
    guest.facts("status");
  });

  test("carries right data for probe", () => {
    guest.facts("probed");
  });

  test("is measured beside DRAM by bench", () => {
    guest.facts("benched");
  });

  test("carries a copy, which is verified and gives the memory back", () => {
    guest.facts("verified");
  });

  test("carries a copy that goes on after SIGKILL where its journal says", () => {
    guest.facts("resumed");
  });

  test("takes copies to their ranges of the target, and nothing else", () => {
    const ranges = [
      { start: 4096 * 5, length: 64 * MIB + 1001 },
      { start: 100 * MIB, length: 40 * MIB + 513 },
    ];
    expect(images.firstStrayByte("target", ranges)).toBeNull();
    expect(images.firstStrayByte("source", [])).toBeNull();
  });
});

describeLive.concurrent("a copy where the hardware loses peer data without an error", () => {
  const images = imagesOfBlock();
  const guest = booted(() =>
    runProgram({
      scenario: SILENT_LOSS,
      program: "loss.ts",
      disks: {
        nvme0: { path: images.make("source", 32 * MIB), isWritable: true },
        nvme1: { path: images.make("target", 32 * MIB), isWritable: true },
      },
    }),
  );

  test("ends with exit code 1 at its first chunk, names the loss and what helps", () => {
    guest.facts("loss");
    expect(images.firstStrayByte("target", [{ start: 0, length: MIB }])).toBeNull();
  });

  test("works on a path of the same machine that goes through the host bridge", () => {
    guest.facts("the path through the host bridge");
  });
});

describeLive.concurrent("a copy between devices for which the kernel maps no peer memory", () => {
  const guest = booted(() => runProgram({ scenario: REFUSED, program: "refused.ts" }));

  test("is refused with exit code 1 before anything is written, and says what helps", () => {
    guest.facts("refused");
  });

  test("goes through DRAM with --fallback, and says so", () => {
    guest.facts("fallback");
  });
});

describeLive.concurrent("a copy that meets a fault", () => {
  const images = imagesOfBlock();
  const guest = booted(() => {
    const small = images.make("small", 64 * MIB);
    rmSync(small);
    execFileSync("mke2fs", ["-q", "-F", "-t", "ext4", "-O", "^has_journal", small, "64M"]);
    return runProgram({
      scenario: ONE_SWITCH,
      program: "faults.ts",
      disks: {
        nvme0: {
          path: images.make("source", 160 * MIB),
          isWritable: true,
          errors: [{ on: "read", sector: ((96 + 6) * MIB) / 512, isOnce: false }],
        },
        nvme1: {
          path: images.make("target", 256 * MIB),
          isWritable: true,
          errors: [{ on: "write", sector: (208 * MIB) / 512, isOnce: true }],
        },
        nvme3: { path: small, isWritable: true },
      },
    });
  });

  test.each([
    "EIO of the target",
    "EIO of the source",
    "pool exhausted",
    "two copies on one pool",
    "one target, two copies",
    "target full",
    "files",
    "SIGINT",
    "the target is removed",
    "the provider is removed",
  ])("%s: says so, leaves nothing behind, and the journal is right", (name) => {
    guest.facts(name);
  });
});
