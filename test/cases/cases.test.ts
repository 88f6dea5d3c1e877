import { describe, expect, test } from "vitest";
import { functionsOf, mapTypes, peerlane } from "./run.ts";

/*
 * Inputs that once gave a wrong answer, each made for its kind of fault, with the right value. `unknown` is right where
 * the text hides what decides.
 */

const INTEL = "--kernel 7.2 --cpu intel --iommu off";
const both = (a: string, b: string, mapType: string): Record<string, string> => ({
  [`${a} → ${b}`]: mapType,
  [`${b} → ${a}`]: mapType,
});

describe("Pasted texts: map types", () => {
  test.each<[line: string, right: Record<string, string>]>([
    ["texts/rhel9-ice-lake.txt", both("17:00.0", "4b:00.0", "thru-host-bridge")],
    ["texts/vpd-blank-line-hides-acs.txt --kernel 7.2 --cpu intel", both("01:00.0", "01:00.1", "not-supported")],
    ["texts/filtered-vv-says-no-acs.txt --kernel 6.8 --cpu intel", both("01:00.0", "01:00.1", "unknown")],
    ["texts/cap-plus-but-no-capabilities.txt --kernel 6.8 --cpu intel", both("01:00.0", "01:00.1", "unknown")],
    ["texts/old-kernel-hidden-acs.txt", both("01:00.0", "01:00.1", "not-supported")],
    [`texts/grep-acsctl.txt ${INTEL}`, both("01:00.0", "01:00.1", "not-supported")],
    ["texts/guest-passthrough.txt --kernel 6.8 --cpu amd-zen --iommu off", { "01:00.0 → 02:00.0": "thru-host-bridge" }],
    ["texts/guest-flat-fpga.txt --cpu amd-zen", both("00:0f.0", "00:1d.0", "thru-host-bridge")],
    ["texts/tree-only-matrix.txt", { "01:00.0 → 01:00.1": "unknown" }],
    [`attack/first-device/full.txt ${INTEL}`, { "65:00.0 → 66:00.0": "thru-host-bridge" }],
    [`attack/first-device/bridges-gpu-nic.txt ${INTEL}`, { "65:00.0 → 66:00.0": "unknown" }],
    [`attack/first-device/reverse-full.txt ${INTEL}`, { "65:00.0 → 66:00.0": "not-supported" }],
    [`attack/first-device/reverse-no-64-00.txt ${INTEL}`, { "65:00.0 → 66:00.0": "unknown" }],
  ])("%s", async (line, right) => {
    expect(await mapTypes(line)).toEqual(right);
  });

  test.each(["brackets", "denied-filtered", "grep-v-capabilities", "head-12-each", "unicode-ellipsis"])(
    "attack/omission/%s: what the holes leave is as in the whole text, or unknown",
    async (name) => {
      const whole = await mapTypes(`attack/omission/full.txt ${INTEL}`);
      expect(whole["01:00.0 → 01:00.1"]).toBe("not-supported");
      const found = Object.entries(await mapTypes(`attack/omission/${name}.txt ${INTEL}`));
      expect(found.length).toBeGreaterThan(0);
      expect(found.filter(([pair, mapType]) => ![whole[pair], "unknown"].includes(mapType))).toEqual([]);
    },
  );

  test("attack/glued/middle-lost.txt: two records that run together decide nothing", async () => {
    const found = await mapTypes(`attack/glued/middle-lost.txt ${INTEL}`);
    expect(new Set(Object.values(found))).toEqual(new Set(["unknown"]));
  });

  test("attack/reasons/lspci-nn-128-endpoints.txt: one reason for all, at 40 columns too", async () => {
    const { status, out } = await peerlane("matrix attack/reasons/lspci-nn-128-endpoints.txt --width 40");
    expect(status).toBe(3);
    expect(out.match(/^\s*\d+ unknown: /gm)).toHaveLength(1);
  });
});

describe("Pasted texts: functions", () => {
  test.each([
    ["prompt-root-at-host.txt", 3],
    ["kernel-report-template.txt", 3],
    ["github-details.txt", 3],
    ["rccl-version-2.xml", 2],
    ["lspci-PP.txt", 4],
    ["tree-remark.txt", 3],
  ])("texts/%s shows %i", async (name, count) => {
    expect(Object.keys(await functionsOf(`texts/${name}`))).toHaveLength(count);
  });

  test("texts/wrapped-header-wrong-id.txt: the ids of a first line that was cut in two", async () => {
    expect(Object.values(await functionsOf("texts/wrapped-header-wrong-id.txt"))).toMatchObject([{ device: "2035" }]);
  });

  test.each([
    ["texts/acs-line-wrapped.txt", 0x1d],
    ["texts/grep-acsctl.txt", 0x1d],
  ])("%s: the ACS control of 00:01.0 is 0x1d", async (line, control) => {
    expect((await functionsOf(line))["00:01.0"]).toMatchObject({ acs: { control } });
  });

  test.each<[line: string, field: "iommuGroup" | "expectedIommuGroup", groups: readonly string[]]>([
    ["iommu-group-script-one-line.txt", "iommuGroup", ["00:00.0", "00:01.0 01:00.0 01:00.1"]],
    ["iommu-group-script-headings.txt", "iommuGroup", ["00:00.0", "00:01.0 01:00.0"]],
    ["unknown-vendor-taken-as-no-quirk.txt --iommu strict", "expectedIommuGroup", ["00:00.0", "00:14.0", "00:14.3"]],
    ["expected-groups-never-from-lspci.txt --iommu strict", "expectedIommuGroup", ["00:00.0", "00:1f.0 00:1f.3"]],
    // The kernel takes no notice of Source Validation of these switches: each function is alone, as listed.
    [
      "idt-sv.txt --kernel 7.2",
      "expectedIommuGroup",
      ["00:00.0", "00:01.0", "01:00.0", "02:00.0 03:00.0", "02:01.0 04:00.0"],
    ],
  ])("texts/%s: the groups by %s", async (line, field, groups) => {
    const found = new Map<unknown, string[]>();
    for (const [address, fn] of Object.entries(await functionsOf(`texts/${line}`))) {
      found.set(fn[field], [...(found.get(fn[field]) ?? []), address]);
    }
    expect([...found.values()].map((members) => members.join(" "))).toEqual(groups);
  });
});

describe("Machines written by hand", () => {
  test.each<[line: string, right: Record<string, string>]>([
    ["machines/el-kernel.yaml", { "18:00.0 → 19:00.0": "thru-host-bridge" }],
    ["machines/el8-kernel.yaml", { "18:00.0 → 19:00.0": "not-supported" }],
    ["machines/kernel-4.15.yaml", { "03:00.0 → 04:00.0": "not-supported" }],
    ["machines/broadwell-7.4.yaml", { "01:00.0 → 02:00.0": "unknown" }],
    ["machines/broadwell-7.4.yaml --kernel 7.3", { "01:00.0 → 02:00.0": "not-supported" }],
    ["machines/zhaoxin-7.4.yaml", { "01:00.0 → 02:00.0": "unknown" }],
    ["machines/spt-root-port.yaml", { "01:00.0 → 01:00.1": "bus-addr" }],
  ])("%s", async (line, right) => {
    expect(await mapTypes(line)).toEqual(right);
  });
});

describe("What is said, and what is not", () => {
  test.each<[line: string, status: number, said: readonly string[], unsaid: readonly string[]]>([
    ["matrix texts/tree-only-matrix.txt", 3, ["01:00.0  gpu", "01:00.1  nic"], ["no GPU"]],
    ["matrix texts/guest-flat-fpga.txt --cpu amd-zen", 0, ["00:0f.0  accel", "virtual machine"], []],
    [
      "explain 01:00.0 02:00.0 texts/guest-passthrough.txt --kernel 6.8 --cpu amd-zen --iommu off",
      0,
      ["hardware writes and reads: unknown: the path is the host's", "through the host bridge"],
      ["reads: works"],
    ],
    [
      "fix 01:00.0 02:00.0 texts/guest-passthrough.txt --kernel 6.8 --cpu amd-zen --iommu off",
      0,
      ["only the host shows", "what slots there are, the host shows"],
      ["It works", "switch card"],
    ],
    [
      "fix 0a:00.0 01:00.0 texts/rebar-window.txt --kernel 6.8 --cpu intel --iommu off",
      1,
      ["prefetchable window of 0000:00:1d.0 (288 MiB) cannot hold more", "Resizable BAR itself is on"],
      [],
    ],
    ["explain gpu0 mlx5_0 machines/default-root-port.yaml", 1, ["hardware writes and reads: unknown"], ["QEMU"]],
    ["explain gpu0 mlx5_0 machines/default-root-port-strict.yaml", 0, ["hardware writes and reads: unknown"], ["QEMU"]],
    ["explain gpu0 mlx5_0 machines/el-kernel.yaml", 0, ["5.14.0-184.el9"], ["not on the allow-list of Linux 5.14 "]],
    [
      "explain gpu0 mlx5_0 machines/el8-kernel.yaml",
      1,
      ["build P2PDMA off"],
      ["came with 4.20", "the kernel itself proposes"],
    ],
    [
      "explain gpu0 gpu1 machines/iommu-host-bridge.yaml",
      0,
      ["NVIDIA driver maps peers", "iommu=pt", "test with real data"],
      [],
    ],
    ["explain gpu0 mlx5_0 machines/kernel-4.15.yaml", 1, ["no P2PDMA"], ["the kernel itself proposes"]],
    [
      "fix gpu0 mlx5_0 machines/kernel-4.15.yaml",
      0,
      ["no P2PDMA", "1. Linux 4.20 or newer, and boot with pci=disable_acs_redir="],
      ["1. pci=", "clear the redirect bits"],
    ],
    ["explain gpu0 nvme0 machines/broadwell-7.4.yaml", 3, ["Linux 7.4 may have more"], []],
    [
      "fix gpu0 gpu1 machines/noacs.yaml",
      0,
      ["Linux has no 'pci=noacs'", "'pcie_acs_override=' is known to patched kernels"],
      [],
    ],
    ["matrix machines/noacs.yaml", 0, ["Linux has no 'pci=noacs'", "1 more like this"], []],
    ["explain gpu0 gpu2 machines/switch-translating-iommu.yaml", 0, ["the IOMMU translates (lazy)"], []],
    ["simulate machines/switch-translating-iommu.workload.yaml", 0, ["the IOMMU translates (lazy)"], []],
    [
      "explain nvme0 nvme1 machines/spt-root-port.yaml",
      0,
      ["direct (bus-addr)", "the verdict and the hardware differ", "requests go up to the root complex all the same"],
      [],
    ],
  ])("%s", async (line, status, said, unsaid) => {
    const found = await peerlane(line);
    const text = `${found.out}${found.err}`.replaceAll(/\s+/g, " ");
    expect(found.status, text).toBe(status);
    for (const words of said) expect(text).toContain(words.replaceAll(/\s+/g, " "));
    for (const words of unsaid) expect(text).not.toContain(words);
  });

  test.each(["6.8.0-45-generic", "6.14.0-37-generic", "6.17.13-6-pve", "6.18.9", "7.0.0-22-generic", "7.2.12"])(
    "texts/redirect-live.txt on %s: disable_acs_redir is proposed first",
    async (release) => {
      const { out } = await peerlane(
        `fix 03:00.0 04:00.0 texts/redirect-live.txt --kernel ${release} --cpu intel --iommu passthrough`,
      );
      expect(/^1\. (.*)$/m.exec(out)?.[1]).toContain("pci=disable_acs_redir=");
    },
  );

  test("texts/idt-sv.txt: no alarm about groups that changed", async () => {
    const { out, err } = await peerlane("matrix texts/idt-sv.txt --kernel 7.2");
    expect(out + err).not.toMatch(/groups? (?:differ|changed|are not)/);
  });

  test.each(["matrix", "tree", "report"])("%s of attack/escapes forges nothing on a screen", async (verb) => {
    for (const name of ["evil-snapshot.json", "evil-lspci.txt"]) {
      const { out, err } = await peerlane(`${verb} attack/escapes/${name}`);
      expect((out + err).length).toBeGreaterThan(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what this looks for
      expect(out + err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  });
});
