import { describe, expect, test } from "vitest";
import { type IommuSigns, iommuBySigns } from "../../src/host/iommu-mode.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Cpu } from "../../src/host/machine.ts";
import { unknownCpu } from "../../src/host/system-files.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";
import { intel, zen } from "../rules/by-hand.ts";

const cpus: Readonly<Record<string, Cpu>> = { intel, amd: zen, "?": unknownCpu("no lscpu") };
const LAZY = { CONFIG_IOMMU_DEFAULT_DMA_LAZY: "y" };
const PASSTHROUGH = { CONFIG_IOMMU_DEFAULT_PASSTHROUGH: "y" };

function modeOf(
  commandLine: string,
  cpu = "intel",
  signs: Partial<IommuSigns> = {},
  config?: Record<string, string>,
): string {
  const kernel = { release: "6.12", commandLine, config: config ?? unknown("no configuration") };
  const { mode } = iommuBySigns({ kernel, cpu: cpus[cpu] as Cpu, remedy: "look", ...signs });
  return isUnknown(mode) ? "?" : mode;
}

const inUse = { inUse: "groups" };

describe("The mode of the IOMMU by the command line", () => {
  test.each(
    rows(`
      // command line                          | CPU   | without groups | with groups
      iommu=off                                | ?     | off            | ?
      iommu=pt                                 | intel | ?              | passthrough
      quiet -- iommu=pt                        | intel | ?              | ?            // for init, and not for the kernel
      iommu=pt,force                           | intel | ?              | passthrough
      iommu=nopt iommu.strict=1                | intel | ?              | strict
      iommu.passthrough=1                      | ?     | ?              | passthrough
      iommu=pt iommu.passthrough=0             | intel | ?              | ?            // the later one; strict or lazy is not said
      iommu.passthrough=0 iommu=pt             | intel | ?              | passthrough
      iommu.passthrough=0 iommu.strict=0       | ?     | ?              | lazy
      intel_iommu=off                          | intel | off            | ?
      intel_iommu=off                          | amd   | ?              | ?            // the other vendor's
      intel_iommu=off                          | ?     | ?              | ?
      intel_iommu=off intel_iommu=on iommu=pt  | intel | ?              | passthrough
      iommu=off iommu=force                    | intel | off            | ?            // force takes no off back
      iommu=off,force                          | amd   | off            | ?
      amd_iommu=off amd_iommu=on               | amd   | off            | ?            // no such option
      amd-iommu=off                            | amd   | off            | ?            // dashes are underscores in names
      intel-iommu=off                          | intel | off            | ?
      intel_iommu=off intel-iommu=on           | intel | ?              | ?
      "iommu=off"                              | intel | off            | ?
      intel_iommu=on                           | intel | ?              | ?            // the configuration decides
      intel_iommu=on,strict iommu=nopt         | intel | ?              | strict
      amd_iommu=off                            | amd   | off            | ?
      amd_iommu=off                            | intel | ?              | ?
      amd_iommu=pt                             | amd   | ?              | ?            // no such option
      amd_iommu=fullflush iommu=nopt           | amd   | ?              | strict
      iommu=ptt                                | intel | ?              | passthrough  // the kernel compares two letters
      iommu=offline                            | intel | off            | ?
      iommu=p                                  | intel | ?              | ?
      intel_iommu=only                         | intel | ?              | ?            // on
      intel_iommu=off intel_iommu=only iommu=pt| intel | ?              | passthrough
      iommu.passthrough=yes                    | intel | ?              | passthrough  // the first letter counts
      iommu.passthrough=true                   | intel | ?              | ?            // older kernels know no 't'
      root=/dev/sda1 quiet                     | intel | ?              | ?
    `),
  )("%s on %s: %s, and %s", (commandLine = "", cpu, without, withGroups) => {
    expect(modeOf(commandLine, cpu)).toBe(without);
    expect(modeOf(commandLine, cpu, inUse)).toBe(withGroups);
  });

  test("and the configuration, where no parameter decides", () => {
    expect(modeOf("intel_iommu=on", "intel", inUse, LAZY)).toBe("lazy");
    expect(modeOf("intel_iommu=on", "intel", inUse, PASSTHROUGH)).toBe("passthrough");
    expect(modeOf("iommu=nopt", "intel", inUse, PASSTHROUGH)).toBe("?");
    expect(modeOf("iommu=pt", "intel", inUse, LAZY)).toBe("passthrough");
  });
});

/** A list of functions with what stands around it, as people paste it. */
function pasted(before: string, behind = ""): { kind: string; mode: string } {
  const text = `${before}\n00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]${behind}\n`;
  const { kind, mode } = readLspci(new TextEncoder().encode(text), "paste").iommu;
  return { kind: isUnknown(kind) ? "?" : kind, mode: isUnknown(mode) ? "?" : mode };
}

describe("The mode of the IOMMU by what is pasted beside lspci", () => {
  test.each<[what: string, before: string, iommu: { kind: string; mode: string }]>([
    ["the type alone shows no IOMMU", "[    0.4] iommu: Default domain type: Passthrough", { kind: "?", mode: "?" }],
    [
      "a parameter that was read shows none",
      "[    0.0] DMAR: IOMMU enabled\n[    0.4] iommu: Default domain type: Translated",
      { kind: "?", mode: "?" },
    ],
    [
      "type and groups",
      "[    0.4] iommu: Default domain type: Passthrough (set via kernel command line)\n[    0.6] pci 0000:00:00.0: Adding to iommu group 0",
      { kind: "?", mode: "passthrough" },
    ],
    [
      "type, policy and Intel's driver",
      "[    0.4] iommu: Default domain type: Translated\n[    0.4] iommu: DMA domain TLB invalidation policy: lazy mode\n[    0.9] DMAR: Intel(R) Virtualization Technology for Directed I/O",
      { kind: "intel", mode: "lazy" },
    ],
    [
      "AMD's driver and the command line",
      "Command line: BOOT_IMAGE=/vmlinuz iommu=pt\n[    0.9] pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40",
      { kind: "amd", mode: "passthrough" },
    ],
    [
      "an older kernel's groups",
      "iommu: Adding device 0000:00:00.0 to group 0\niommu: Default domain type: Passthrough",
      { kind: "?", mode: "passthrough" },
    ],
    ["groups alone", "pci 0000:00:00.0: Adding to iommu group 0", { kind: "?", mode: "?" }],
    ["a command line that turns it off", "Command line: BOOT_IMAGE=/vmlinuz iommu=off", { kind: "none", mode: "off" }],
    [
      "two boots that differ",
      "iommu: Default domain type: Translated\niommu: Default domain type: Passthrough\npci 0000:00:00.0: Adding to iommu group 0",
      { kind: "?", mode: "?" },
    ],
  ])("%s", (_, before, iommu) => {
    expect(pasted(before)).toEqual(iommu);
  });
});
