import { test } from "vitest";
import { booted } from "./booted.ts";
import { runProgram } from "./guest-run.ts";
import { kernelModules, programsWithLibraries } from "./kernel-modules.ts";
import { ONE_SWITCH } from "./machines.ts";
import { describeGuests } from "./replayed.ts";

const describeLive = describeGuests("stacks");

/** In the order in which they need each other. */
const MODULES = [
  ...["loop", "dm-mod", "dm-bufio", "dm-snapshot", "dm-persistent-data", "dm-bio-prison", "dm-thin-pool"],
  ...["md-mod", "raid1", "configfs", "nvmet", "lz4hc_compress", "zram"],
];
const TOOLS = ["lvm", "pvcreate", "vgcreate", "lvcreate", "dmsetup", "mdadm"];

describeLive("volumes and arrays of a real kernel", () => {
  const guest = booted(async () =>
    runProgram({
      scenario: ONE_SWITCH,
      program: "stacks.ts",
      arguments: MODULES,
      programs: { ...(await kernelModules(MODULES)), ...programsWithLibraries(TOOLS) },
    }),
  );

  test.each([
    "LVM",
    "snapshots",
    "thin volumes",
    "maps made by hand",
    "RAID",
    "partitions of an array, and a loop on one",
    "what is given to other hosts",
    "zram",
  ])("%s: overlaps and uses are seen, and nothing else is refused", (name) => {
    guest.facts(name);
  });
});
