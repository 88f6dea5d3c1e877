import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { unpacker } from "../unpacked.ts";
import { captureNames, readCapture, readCapturedMachine } from "./captures.ts";

const unpacked = unpacker();

/** What Debian's own lspci prints of a captured tree. */
function lspci(name: string): Uint8Array {
  const tree = `sysfs.path=${unpacked(readCapture(name).archive)}/sys/bus/pci`;
  return new Uint8Array(
    execFileSync("lspci", ["-A", "linux-sysfs", "-O", tree, "-vvvnn"], { stdio: ["ignore", "pipe", "ignore"] }),
  );
}

describe("The IOMMU groups expected of a text are those that the kernel of the recorded machine formed", () => {
  test.for(captureNames.filter((name) => !name.endsWith(".off")))("%s", (name) => {
    const { iommu, functions } = readCapturedMachine(name);
    const machine = { ...readLspci(lspci(name), name), iommu };
    const groups = expectedIommuGroups(machine, topologyOf(machine));
    if (isUnknown(groups)) throw new Error(groups.unknown);
    const real = functions.map(({ bdf, iommuGroup }) => [formatBdf(bdf), iommuGroup]);
    expect([...groups].map(([bdf, group]) => [formatBdf(bdf), group]).sort()).toEqual(real.sort());
  });
});
