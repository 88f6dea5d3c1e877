import { describe, expect, it } from "vitest";
import { read, verbose } from "./support.ts";

const uname =
  "Linux gpu01 5.15.0-91-generic #101-Ubuntu SMP Tue Nov 14 13:30:08 UTC 2023 x86_64 x86_64 x86_64 GNU/Linux\n";
const cpuinfo =
  "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 49\nmodel name\t: AMD EPYC 7702\n\nprocessor\t: 1\n";
const lscpu =
  "Architecture:             x86_64\nVendor ID:                GenuineIntel\n  Model name:             Intel(R) Xeon(R)\n    CPU family:           6\n    Model:                85\nFlags:                    fpu vme de\n";

describe("what people paste beside lspci", () => {
  it.each([
    ["uname -a", uname, "5.15.0-91-generic"],
    ["uname -r behind a prompt", "$ uname -r\n6.12.9+deb13-amd64\n$ lspci\n", "6.12.9+deb13-amd64"],
    [
      "the first line of dmesg",
      "[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@…) (gcc)\n",
      "6.1.0-18-amd64",
    ],
  ])("%s names the kernel, before and after", (_, text, release) => {
    expect(read(`${text}\n${verbose}`).kernel.release).toBe(release);
    expect(read(`${verbose}${text}`).kernel.release).toBe(release);
  });

  it.each([
    ["/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on\n"],
    ["dmesg", "[    0.0] Kernel command line: BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on\n"],
    ["a prompt", "# cat /proc/cmdline\nBOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on\n"],
  ])("%s gives the kernel's command line", (_, text) => {
    expect(read(verbose + text).kernel.commandLine).toBe("BOOT_IMAGE=/vmlinuz root=/dev/sda1 intel_iommu=on");
  });

  it("cpuinfo and lscpu name the CPU", () => {
    expect(read(verbose + cpuinfo).cpu).toMatchObject({ vendor: "AuthenticAMD", family: 23, model: 49 });
    const machine = read(verbose + lscpu);
    expect(machine.cpu).toEqual({
      architecture: "x86_64",
      vendor: "GenuineIntel",
      family: 6,
      model: 85,
      name: "Intel(R) Xeon(R)",
    });
    expect(machine.functions).toEqual(read(verbose).functions);
  });

  it.each([
    ["an ARM release", "Linux version 6.12.9+bpo-arm64 (debian-kernel@…) (aarch64-linux-gnu-gcc-12)\n", "aarch64"],
    [
      "what an ARM kernel boots on",
      "[    0.000000] Booting Linux on physical CPU 0x0000000a00 [0x410fd811]\n",
      "aarch64",
    ],
    ["an x86 release", "$ uname -r\n6.12.9+deb13-amd64\n", "x86_64"],
    ["Red Hat's", "Linux version 5.14.0-427.13.1.el9_4.x86_64 (mockbuild@…) (gcc)\n", "x86_64"],
    ["a release of any", "Linux version 6.8.0-40-generic (buildd@…) (x86_64-linux-gnu-gcc-13)\n", undefined],
    ["a 32-bit ARM kernel's boot", "Booting Linux on physical CPU 0x0\n", undefined],
  ])("%s tells the architecture, and no make", (_, text, architecture) => {
    const { cpu } = read(verbose + text);
    const none = { unknown: expect.any(String) };
    expect(cpu).toMatchObject({ architecture: architecture ?? none, vendor: none });
  });

  it("lscpu behind a plain list does not make its last function verbose", () => {
    const machine = read(`00:1c.0 PCI bridge: X\n${lscpu}`);
    expect(machine.functions[0]?.acs).toHaveProperty("unknown");
    expect(machine.cpu).toMatchObject({ vendor: "GenuineIntel", family: 6 });
  });

  it("two kernels in one text are none", () => {
    const other = uname.replace("5.15.0-91", "6.8.0-40");
    expect(read(uname + other + verbose).kernel.release).toEqual({ unknown: expect.stringContaining("two kernels") });
  });
});
