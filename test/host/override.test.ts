import { describe, expect, test } from "vitest";
import { withOverrides } from "../../src/host/override.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";

/** The command line of a scenario with an override. */
function lineWith(cmdline: string, override: Parameters<typeof withOverrides>[1], iommu = "strict"): unknown {
  const text = `cpu: intel\nkernel: 7.2\niommu: ${iommu}\ncmdline: '${cmdline}'\nhostBridges: [below: [nvme: {}]]\n`;
  return withOverrides(readScenario(text, "a.yaml"), override).kernel.commandLine;
}

describe("Of a scenario's command line --iommu and --cpu replace what sets the mode, and nothing else", () => {
  const PASSTHROUGH = "intel_iommu=on iommu.passthrough=1";

  test.each<[cmdline: string, kept: string]>([
    ["quiet", "quiet"],
    ["iommu=nopt quiet", "quiet"],
    ["iommu=nopt,nomerge", "iommu=nomerge"],
    ["intel_iommu=on,sm_on", "intel_iommu=sm_on"],
    ["iommu=force", "iommu=force"],
    ["iommu.strict=1 iommu.forcedac=1", "iommu.forcedac=1"],
    ['dyndbg="file drivers/pci/* +p" quiet', 'dyndbg="file drivers/pci/* +p" quiet'],
    ['dyndbg="file iommu=off  +p"', 'dyndbg="file iommu=off  +p"'],
    ['"iommu=nopt" quiet', "quiet"],
    ["quiet -- iommu=nopt", "quiet -- iommu=nopt"],
  ])("%s: %s", (cmdline, kept) => {
    expect(lineWith(cmdline, { iommu: "passthrough" })).toBe(`${PASSTHROUGH} ${kept}`);
  });

  test("a CPU with another IOMMU", () => {
    const line = lineWith('iommu=nomerge dyndbg="file x  +p"', { cpu: "amd-zen" });
    expect(line).toMatch(/(?:^| )iommu=nomerge dyndbg="file x {2}\+p"$/);
  });
});
