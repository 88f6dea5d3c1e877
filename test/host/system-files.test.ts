import { describe, expect, test } from "vitest";
import type { FileTree } from "../../src/host/file-tree.ts";
import type { Kernel } from "../../src/host/machine.ts";
import { parseKernelConfig, readCpu, readIommu, readKernel, unknownCpu } from "../../src/host/system-files.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";

/** Files by path; `-` stands for an empty folder. */
function treeOf(files: Readonly<Record<string, string>>): FileTree {
  return {
    name: "a copy",
    read: (path) => (files[path] === undefined ? undefined : new TextEncoder().encode(files[path])),
    list: (path) => {
      const below = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      if (below.length === 0) return undefined;
      return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0] ?? ""))].filter(
        (name) => name !== "-",
      );
    },
    readLink: () => undefined,
  };
}

const text = (value: unknown): string => (isUnknown(value) ? "?" : JSON.stringify(value));

describe("The kernel of a copy", () => {
  const release = (files: Record<string, string>): string => text(readKernel(treeOf(files), undefined).release);

  test("has the release that a whole line names", () => {
    expect(release({ "proc/sys/kernel/osrelease": "6.12.9-amd64\n" })).toBe('"6.12.9-amd64"');
    expect(release({ "proc/version": "Linux version 6.12.9-amd64 (x) #1\n" })).toBe('"6.12.9-amd64"');
    // Cut, it would be another release, of other rules.
    expect(release({ "proc/sys/kernel/osrelease": "6.1" })).toBe("?");
    expect(release({ "proc/version": "Linux version 6.1" })).toBe("?");
    expect(release({ "proc/sys/kernel/osrelease": "6.1", "proc/version": "Linux version 6.12.9 (x) #1\n" })).toBe(
      '"6.12.9"',
    );
    expect(release({ "proc/sys/kernel/osrelease": "\0\0\0\0" })).toBe("?");
  });

  test("has the command line of a whole line, however long", () => {
    const commandLine = (line: string): string =>
      text(readKernel(treeOf({ "proc/cmdline": line }), undefined).commandLine);
    expect(commandLine("ro quiet\n")).toBe('"ro quiet"');
    expect(commandLine("\n")).toBe('""');
    expect(commandLine(`${"x".repeat(6000)}\n`)).toHaveLength(6002);
    for (const cut of ["ro pci=disable_acs_redir=0000:0", "", "\0\0\0"]) expect(commandLine(cut)).toBe("?");
  });

  test.each(
    rows(`
      // lines of the configuration                                     | CONFIG_PCI_P2PDMA
      CONFIG_PCI=y, CONFIG_PCI_P2PDMA=y, CONFIG_PROC_FS=y               | y
      CONFIG_PCI=y, # CONFIG_PCI_P2PDMA is not set, CONFIG_PROC_FS=y    | not set
      CONFIG_PCI=y, CONFIG_PROC_FS=y                                    | not set
      # CONFIG_PCI is not set, CONFIG_PROC_FS=y                         | not set
      CONFIG_PCI=y                                                      | ?        // cut before the symbol, or behind it
      CONFIG_PCI=y, CONFIG_PCI_P2PDMA=y                                 | ?
      CONFIG_PROC_FS=y                                                  | ?        // its beginning was lost
      CONFIG_PCI_MSI=y, CONFIG_PROC_FS_X=y                              | ?
      CONFIG_PCI=y, # CONFIG_PROC_FS is not here                        | ?        // collected of a file that was cut
    `),
  )("configured with %s has P2PDMA: %s", (lines = "", expected) => {
    const config = parseKernelConfig(`\n${lines.split(", ").join("\n")}\n`);
    expect(isUnknown(config) ? "?" : (config["CONFIG_PCI_P2PDMA"] ?? "not set")).toBe(expected);
  });
});

describe("The CPU of a copy", () => {
  const zen =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: EPYC\nstepping\t: 1\n";
  const cpu = (end: number): string => {
    const { vendor, family, model, name } = readCpu(treeOf({ "proc/cpuinfo": zen.slice(0, end) }));
    return [vendor, family, model, name].map(text).join(" ");
  };

  test("is what whole lines show", () => {
    expect(cpu(zen.length)).toBe('"AuthenticAMD" 25 17 "EPYC"');
    expect(cpu(zen.indexOf("EPYC") + 2)).toBe('"AuthenticAMD" 25 17 ?');
    expect(cpu(zen.indexOf("17") + 1)).toBe('"AuthenticAMD" 25 ? ?');
    // Of family 2 it would be one that the kernel does not trust.
    expect(cpu(zen.indexOf("25") + 1)).toBe("? ? ? ?");
  });
});

describe("The IOMMU of a copy", () => {
  const none: Kernel = { release: "6.12", commandLine: "", config: {} };
  const noLinks = { areThere: false, groups: new Set<number>() };
  const links = (...groups: number[]) => ({ areThere: true, groups: new Set(groups) });
  const group = (number: number, type: string): Record<string, string> => ({
    [`sys/kernel/iommu_groups/${number}/type`]: type,
  });
  const empty = { "sys/kernel/iommu_groups/-": "" };

  test.each<
    [name: string, files: Record<string, string>, of: typeof noLinks, kernel: Partial<Kernel>, expected: string]
  >([
    ["no group", empty, noLinks, {}, '"none" "off"'],
    ["no group, and links to groups", empty, links(0), {}, "? ?"],
    ["no group, and units", { ...empty, "sys/class/iommu/dmar0": "" }, noLinks, {}, "? ?"],
    [
      "two types",
      { ...group(0, "DMA-FQ\n"), ...group(1, "DMA-FQ\n"), ...group(2, "identity\n") },
      links(),
      {},
      '? "lazy"',
    ],
    ["a type that is not there", { ...group(0, "identity\n"), "sys/kernel/iommu_groups/1/x": "" }, links(), {}, "? ?"],
    ["a type that was cut", { ...group(0, "DMA") }, links(), {}, "? ?"],
    ["a group that is not there", group(0, "identity\n"), links(0, 1), {}, "? ?"],
    [
      "no type, and iommu=pt",
      { "sys/kernel/iommu_groups/0/x": "" },
      links(),
      { commandLine: "iommu=pt" },
      '? "passthrough"',
    ],
    [
      "no type, and a strict kernel",
      { "sys/kernel/iommu_groups/0/x": "" },
      links(),
      { commandLine: "iommu.strict=1" },
      '? "strict"',
    ],
    [
      "no type, and a strict kernel that passes through by default",
      { "sys/kernel/iommu_groups/0/x": "" },
      links(),
      { commandLine: "iommu.strict=1", config: { CONFIG_IOMMU_DEFAULT_PASSTHROUGH: "y" } },
      '? "passthrough"',
    ],
  ])("with %s", (_name, files, of, kernel, expected) => {
    const { kind, mode } = readIommu(treeOf(files), { ...none, ...kernel }, unknownCpu("no cpuinfo"), of);
    expect(`${text(kind)} ${text(mode)}`).toBe(expected);
  });
});
