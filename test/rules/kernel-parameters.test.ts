import { describe, expect, it, test } from "vitest";
import { Addresses } from "../../src/host/addresses.ts";
import { commandLineWords } from "../../src/host/command-line.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { formatBdf, parseBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import {
  isStrayDevice,
  listEntryKey,
  matchesDevice,
  misreadParameters,
  parsePciParameters,
  readEntries,
  uselessParameters,
  vfioWithoutIommu,
} from "../../src/rules/kernel-parameters.ts";
import { rows } from "../rows.ts";
import { acs, bridge, endpoint, hostBridge, ids, intel, linux, machineOf } from "./by-hand.ts";

describe("pci=disable_acs_redir=", () => {
  it.each([
    ["00:04.0", { kind: "path", start: parseBdf("00:04.0"), below: [] }],
    ["0001:3f:1e.7", { kind: "path", start: parseBdf("0001:3f:1e.7"), below: [] }],
    ["00:04.0/00.0/01.2", { kind: "path", start: parseBdf("00:04.0"), below: [0, 10] }],
    ["pci:1b36:000c", { kind: "ids", vendorId: 0x1b36, deviceId: 12, subsystemVendorId: 0, subsystemDeviceId: 0 }],
    ["pci:8086:0", { kind: "ids", vendorId: 0x8086, deviceId: 0, subsystemVendorId: 0, subsystemDeviceId: 0 }],
    ["pci:1:2:3:4", { kind: "ids", vendorId: 1, deviceId: 2, subsystemVendorId: 3, subsystemDeviceId: 4 }],
  ])("takes %s", (device, expected) => {
    const { disableAcsRedirect, misread } = parsePciParameters(`quiet pci=disable_acs_redir=${device} ro`);
    expect(disableAcsRedirect).toEqual([expected]);
    expect(misread).toEqual([]);
  });

  it("separates devices by ';'", () => {
    expect(parsePciParameters("pci=disable_acs_redir=00:04.0;pci:8086:0").disableAcsRedirect).toHaveLength(2);
  });

  it("ends at a ',', and what follows is read as options of their own", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("pci=disable_acs_redir=00:04.0,00:05.0,noats");
    expect(disableAcsRedirect).toMatchObject([{ start: parseBdf("00:04.0") }]);
    expect(misread).toEqual([expect.stringMatching(/'00:05\.0'.*';', not ','/)]);
  });

  it("does nothing behind --, which ends the kernel's own parameters", () => {
    expect(parsePciParameters("quiet -- pci=disable_acs_redir=00:04.0").disableAcsRedirect).toEqual([]);
    expect(parsePciParameters("pci=disable_acs_redir=00:04.0 -- 3").disableAcsRedirect).toHaveLength(1);
  });

  it("may stand after other options", () => {
    expect(parsePciParameters("pci=noats,disable_acs_redir=00:04.0").disableAcsRedirect).toHaveLength(1);
  });

  it("given twice, counts the last time", () => {
    const { disableAcsRedirect } = parsePciParameters("pci=disable_acs_redir=00:04.0 pci=disable_acs_redir=00:05.0");
    expect(disableAcsRedirect).toMatchObject([{ start: parseBdf("00:05.0") }]);
  });

  it("ends at what is no device", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("pci=disable_acs_redir=00:04.0;nvme0;00:05.0");
    expect(disableAcsRedirect).toHaveLength(1);
    expect(misread).toEqual([expect.stringContaining("'nvme0'")]);
  });

  it("may be quoted", () => {
    expect(parsePciParameters('a="b c" pci="disable_acs_redir=00:04.0;00:05.0"').disableAcsRedirect).toHaveLength(2);
  });

  it("without pci= does nothing, and is told", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("disable_acs_redir=00:04.0");
    expect(disableAcsRedirect).toEqual([]);
    expect(misread).toEqual([expect.stringContaining("belongs behind pci=")]);
  });
});

it.each([
  ["quiet pci=noacs", ["Linux has no 'pci=noacs'"]],
  ["pci=noats,noacs", ["Linux has no 'pci=noacs'"]],
  ["pcie_acs_override=downstream,multifunction", ["'pcie_acs_override=' is known to patched kernels alone"]],
  ["pci=noacs pcie_acs_override=id:8086:a167", ["Linux has no 'pci=noacs'", "'pcie_acs_override=' is known"]],
  ["-- pci=noacs", []],
  ["noacs pci=noacsx", []],
  ["pcie-acs-override=downstream", ["'pcie_acs_override=' is known"]],
])("%j: %j", (commandLine, told) => {
  expect(uselessParameters(commandLine)).toEqual(told.map((start) => expect.stringContaining(start)));
});

it.each(
  rows(`
    // command line                                      | bound to vfio-pci | the parameter that is told
    iommu=off                                            | no                |
    iommu=off                                            | yes               | iommu=off
    iommu=off vfio-pci.ids=10de:2330                     | no                | iommu=off
    vfio_pci.ids=10de:2330 intel_iommu=off               | no                | intel_iommu=off
    vfio-pci.ids=10de:2330 intel-iommu=off               | no                | intel-iommu=off
    vfio-pci.ids=10de:2330 iommu=off iommu=force         | no                | iommu=off
    vfio-pci.ids=10de:2330 intel_iommu=off,on            | no                |
    vfio-pci.ids=10de:2330 amd_iommu=off                 | no                |                   // of the other vendor
    iommu=pt,off vfio-pci.ids=10de:2330                  | no                | iommu=pt,off
    intel_iommu=on,igfx_off iommu=pt vfio-pci.ids=1:2    | yes               |
    iommu=soft vfio-pci.ids=1:2 -- iommu=off             | yes               |
    quiet=off iommu=off                                  | yes               | iommu=off
    vfio_pci.ids iommu=off                               | no                |
  `),
)("%s (vfio-pci: %s): %s", (commandLine, bound, told = "") => {
  const sentence = vfioWithoutIommu(commandLine, bound === "yes", intel);
  expect(sentence?.split("' and VFIO exclude each other")[0] ?? "").toBe(told === "" ? "" : `'${told}`);
});

it.each([
  "",
  "quiet",
  "pci=",
  "pci=noats",
  "pcie_ports=native pci=realloc=on,nomsi",
  'x="',
  "=",
  "pci",
  "disable_acs_redir",
])("%j holds nothing to misread", (commandLine) => {
  expect(misreadParameters(commandLine)).toEqual([]);
});

/** Two root ports, a switch below the first, endpoints of 1af4:1100 and of no subsystem; all redirect. */
const redirecting = [
  hostBridge("00:00.0", "8086:29c0"),
  bridge("00:04.0", "root-port", 1, { ...ids("1b36:000c"), subsystem: ids("1af4:1100") as never }),
  bridge("01:00.0", "upstream-port", 2, ids("104c:8232")),
  bridge("02:01.0", "downstream-port", 3, ids("104c:8233")),
  bridge("00:1f.7", "root-port", 4, { ...ids("1b36:000c"), subsystem: ids("1af4:0000") as never }),
  endpoint("03:00.0", { ...ids("144d:a808"), subsystem: null }),
  endpoint("04:00.0", { ...ids("144d:a80a"), subsystem: unknown("not shown") }),
  endpoint("0001:00:04.0", ids("1b36:0010")),
].map((fn) => (fn.headerType === 0 && fn.express === null ? fn : { ...fn, acs: acs(0x1d) }));

/** The functions that a kernel with this command line stops from redirecting; a `?` behind those of which it is unknown. */
function cleared(commandLine: string): string {
  const machine = machineOf(redirecting, { kernel: linux("7.2", commandLine) });
  return afterBoot(machine)
    .functions.filter((fn) => fn.acs !== null && (isUnknown(fn.acs) || (fn.acs.control & 0x2c) === 0))
    .map(({ bdf, acs: after }) => `${formatBdf(bdf).replace(/^0000:/, "")}${isUnknown(after) ? "?" : ""}`)
    .join(" ");
}

describe("pci=disable_acs_redir= stops from redirecting", () => {
  it.each(
    rows(`
      // devices                     | functions                       | what is misread
      00:04.0                        | 00:04.0
      0000:00:04.0                   | 00:04.0
      0:4.0                          | 00:04.0
      00000000:00:04.0               | 00:04.0
      0001:00:04.0                   | 0001:00:04.0
      00:1F.7                        | 00:1f.7
      00:1f.6                        |
      00:04.0;00:1f.7                | 00:04.0 00:1f.7
      00:04.0;                       | 00:04.0                                 // may end in its separator
      00:04.0;00:1f.7;               | 00:04.0 00:1f.7
      00:04.0;;00:1f.7               | 00:04.0                         | the kernel cannot parse '' in disable_acs_redir= and stops there
      ;00:04.0                       |                                 | the kernel cannot parse '' in disable_acs_redir= and stops there
      00:20.0                        |                                 | the kernel cannot parse '00:20.0' in disable_acs_redir= and stops there
      00:04.8                        |                                 | the kernel cannot parse '00:04.8' in disable_acs_redir= and stops there
      x00:04.0                       |                                 | the kernel cannot parse 'x00:04.0' in disable_acs_redir= and stops there
      00:04.0x                       |                                 | the kernel cannot parse '00:04.0x' in disable_acs_redir= and stops there
      nvme0;00:04.0                  |                                 | the kernel cannot parse 'nvme0' in disable_acs_redir= and stops there

      // by the path from a root bus
      00:04.0/00.0                   | 01:00.0
      00:04.0/0.0                    | 01:00.0
      00:04.0/00.0/01.0              | 02:01.0
      00:04.0/00.0/01.0/00.0         | 03:00.0
      00:04.0/01.0                   |
      00:04.0/00.0/1f.7              |
      00:1f.7/00.0                   | 04:00.0
      00:04.0/00.0/01.0/00.0/00.0    |                                         // below an endpoint
      00:04.0/20.0                   |                                 | the kernel cannot parse '00:04.0/20.0' in disable_acs_redir= and stops there
      00:04.0/00.8                   |                                 | the kernel cannot parse '00:04.0/00.8' in disable_acs_redir= and stops there
      00:04.0/                       |                                 | the kernel cannot parse '00:04.0/' in disable_acs_redir= and stops there
      00:04.0/000.0                  |                                 | the kernel cannot parse '00:04.0/000.0' in disable_acs_redir= and stops there
      00:04.0/00.00                  |                                 | the kernel cannot parse '00:04.0/00.00' in disable_acs_redir= and stops there

      // by ids; 0 stands for any
      pci:1b36:000c                  | 00:04.0 00:1f.7
      pci:1b36:c                     | 00:04.0 00:1f.7
      pci:0x1b36:0xc                 | 00:04.0 00:1f.7
      pci:1B36:000C                  | 00:04.0 00:1f.7
      PCI:1b36:000c                  |                                 | the kernel cannot parse 'PCI:1b36:000c' in disable_acs_redir= and stops there
      pci:1b36:0                     | 00:04.0 00:1f.7 0001:00:04.0
      pci:0:a808                     | 03:00.0
      pci:0:0                        | 00:04.0 00:1f.7 01:00.0 02:01.0 03:00.0 04:00.0 0001:00:04.0
      pci:144d:8232                  |
      pci:1b36:000c:1af4:1100        | 00:04.0
      pci:1b36:000c:1af4:0           | 00:04.0 00:1f.7
      pci:1b36:000c:0:1100           | 00:04.0
      pci:1b36:000c:0:0              | 00:04.0 00:1f.7
      pci:1b36:000c:1af5:1100        |
      pci:1b36:000c:0x1af4:0x1100    | 00:04.0
      pci:144d:a808:0:0              | 03:00.0
      pci:144d:a808:1:0              |                                         // it has no subsystem: 0
      pci:144d:a80a:1:0              | 04:00.0?                                // the source hides its subsystem
      pci:1b36:000c:1af4             |                                 | the kernel cannot parse 'pci:1b36:000c:1af4' in disable_acs_redir= and stops there
      pci:1b36                       |                                 | the kernel cannot parse 'pci:1b36' in disable_acs_redir= and stops there
      pci:1b36f:000c                 |                                 | the kernel cannot parse 'pci:1b36f:000c' in disable_acs_redir= and stops there

      // a ',' ends the list, and the kernel takes what follows for options that it does not know
      00:04.0,00:1f.7                | 00:04.0                         | the kernel reads '00:1f.7' as an option of its own and ignores it: devices are separated by ';', not ','
      00:04.0,0001:00:04.0           | 00:04.0                         | the kernel reads '0001:00:04.0' as an option of its own and ignores it: devices are separated by ';', not ','
      00:04.0,pci:144d:0             | 00:04.0                         | the kernel reads 'pci:144d:0' as an option of its own and ignores it: devices are separated by ';', not ','
      00:04.0,x1@00:1f.7             | 00:04.0                         | the kernel reads 'x1@00:1f.7' as an option of its own and ignores it: devices are separated by ';', not ','
      00:04.0,noats                  | 00:04.0
      00:04.0,hpmemsize=2M           | 00:04.0
    `),
  )("%s: %s", (devices = "", functions, misread) => {
    expect(cleared(`pci=disable_acs_redir=${devices}`)).toBe(functions);
    expect(misreadParameters(`pci=disable_acs_redir=${devices}`)).toEqual(misread === undefined ? [] : [misread]);
  });

  it.each(
    rows(`
      // command line                                                  | functions
      pci=disable_acs_redir=00:04.0 pci=disable_acs_redir=00:1f.7      | 00:1f.7 // the last one wins
      pci=noats,disable_acs_redir=00:04.0                              | 00:04.0
      pci="disable_acs_redir=00:04.0;00:1f.7"                          | 00:04.0 00:1f.7
      "pci=disable_acs_redir=00:04.0"                                  | 00:04.0
      root="a b" pci=disable_acs_redir=00:04.0                         | 00:04.0
      x="a pci=disable_acs_redir=00:04.0"                              |         // inside of another's value
      xpci=disable_acs_redir=00:04.0                                   |
      disable_acs_redir=00:04.0                                        |
      pci=disable_acs_redirx=00:04.0                                   |
    `),
  )("%s: %s", (commandLine = "", functions) => {
    expect(cleared(commandLine)).toBe(functions);
  });
});

describe("pci=config_acs=", () => {
  const hint = (text: string): string => `the kernel cannot parse '${text}' in config_acs= and stops there`;
  it.each(
    rows(`
      // flags@device             | mask | flags | what is misread
      1@00:04.0                   | 0x01 | 0x01
      0@00:04.0                   | 0x01 | 0x00
      x@00:04.0                   | 0x00 | 0x00
      X@00:04.0                   | 0x00 | 0x00
      x10@00:04.0                 | 0x03 | 0x02  // the last one is bit 0
      1xxxxx0@00:04.0             | 0x41 | 0x40
      1111111@00:04.0             | 0x7f | 0x7f
      @00:04.0                    | 0x00 | 0x00
      01111111@00:04.0            |      |       | 01111111@00:04.0
      2@00:04.0                   |      |       | 2@00:04.0
      1@nvme0                     |      |       | 1@nvme0
      1                           |      |       | 1
      a1@00:04.0                  |      |       | a1@00:04.0
    `),
  )("%s sets of %s the bits %s", (text = "", mask, flags, wrong) => {
    const { configAcs, misread } = parsePciParameters(`pci=config_acs=${text}`);
    expect(configAcs).toMatchObject(wrong === undefined ? [{ mask: Number(mask), flags: Number(flags) }] : []);
    expect(misread).toEqual(wrong === undefined ? [] : [hint(wrong)]);
  });

  it("takes several, up to the first that it cannot parse, and the last list of all", () => {
    const starts = (commandLine: string): string[] =>
      parsePciParameters(commandLine).configAcs.map(({ device }) =>
        device.kind === "path" ? formatBdf(device.start) : `${device.vendorId}`,
      );
    expect(starts("pci=config_acs=1@00:04.0;0@pci:1:2;")).toEqual(["0000:00:04.0", "1"]);
    expect(starts("pci=config_acs=1@00:04.0;oops;0@pci:1:2")).toEqual(["0000:00:04.0"]);
    expect(starts("pci=config_acs=1@00:04.0 pci=config_acs=0@00:05.0")).toEqual(["0000:00:05.0"]);
    expect(misreadParameters("pci=config_acs=1@00:04.0,0@00:05.0")).toEqual([
      "the kernel reads '0@00:05.0' as an option of its own and ignores it: devices are separated by ';', not ','",
    ]);
  });

  it("sets for a function the bits of the first entry that matches", () => {
    const control = (text: string): unknown =>
      afterBoot(machineOf(redirecting, { kernel: linux("7.2", `pci=config_acs=${text}`) })).functions.find(
        ({ bdf }) => bdf === parseBdf("00:04.0"),
      )?.acs;
    expect(control("0xxxx@00:04.0;1xxxx@00:04.0")).toMatchObject({ control: 0x0d });
    expect(control("1xxxxx@pci:104c:0;xx0xx@pci:1b36:0")).toMatchObject({ control: 0x19 });
    expect(control("xx0xx@00:1f.7")).toMatchObject({ control: 0x1d });
  });
});

describe("A parameter without pci= before it", () => {
  const alone = "'disable_acs_redir=' stands alone on the command line and does nothing: it belongs behind pci=";
  it.each([
    ["disable_acs_redir=00:04.0", [alone]],
    ["quiet disable_acs_redir=00:04.0", [alone]],
    ["pci=disable_acs_redir=00:04.0", []],
    ["xdisable_acs_redir=00:04.0", []],
    ["disable-acs-redir=00:04.0", [alone]],
    ['x="a disable_acs_redir=00:04.0"', []],
  ])("%s", (commandLine, misread) => {
    expect(misreadParameters(commandLine)).toEqual(misread);
  });
});

describe("The entries that the kernel comes to read, as written", () => {
  it.each(
    rows(`
      // list             | command line                                                     | entries
      disable_acs_redir   | pci=disable_acs_redir=00:04.0;pci:8086:0                         | 00:04.0 pci:8086:0
      disable_acs_redir   | pci=disable_acs_redir=00:04.0;nvme0;00:05.0                      | 00:04.0
      disable_acs_redir   | pci=disable_acs_redir=nvme0;00:05.0                              |
      disable_acs_redir   | pci=disable_acs_redir=00:04.0;                                   | 00:04.0
      disable_acs_redir   | pci=disable_acs_redir=00:04.0 pci=disable_acs_redir=00:05.0      | 00:05.0
      disable_acs_redir   | pci=noats,disable_acs_redir=00:04.0,00:05.0                      | 00:04.0
      disable_acs_redir   | pci=config_acs=1@00:04.0                                         |
      disable_acs_redir   | x=disable_acs_redir=00:04.0                                      |
      disable_acs_redir   | pci=disable_acs_redir=1@00:04.0                                  |
      config_acs          | pci=config_acs=1@00:04.0;xx0@pci:8086:0                          | 1@00:04.0 xx0@pci:8086:0
      config_acs          | pci=config_acs=1@00:04.0;11111111@00:05.0                        | 1@00:04.0
      config_acs          | pci=config_acs=00000000@0000:00:04.0                             |
      config_acs          | pci=disable_acs_redir=00:04.0                                    |
      disable_acs_redir   | pci=disable_acs_redir=00:04.0;00:05.0;                           | 00:04.0 00:05.0
      config_acs          | pci=config_acs=X@00:04.0                                         | X@00:04.0
    `),
  )("of %s in %s", (list, commandLine = "", entries = "") => {
    expect(readEntries(commandLine, list as Parameters<typeof readEntries>[1]).join(" ")).toBe(entries);
  });
});

describe("Whether an entry names a function of which parts are hidden, or whose way ends early", () => {
  const machine = machineOf([
    bridge("00:01.0", "root-port", 1, { subsystem: null }),
    endpoint("01:00.0", { ...ids("144d:a80a"), subsystem: { vendorId: 0x144d, deviceId: 0xa801 } }),
  ]);
  const hides = unknown("not shown");
  const HIDDEN: Readonly<Record<string, Partial<PciFunction>>> = {
    vendor: { vendorId: hides },
    device: { deviceId: hides },
    subsystem: { subsystem: hides },
  };

  test.each(
    rows(`
      // entry                 | function | hidden    | matches
      00:01.0/00.0             | 01:00.0  | -         | yes
      00:1f.0/01.0             | 00:01.0  | -         | no   // nothing is above it
      00:1f.0/02.0/01.0        | 00:01.0  | -         | no
      pci:144d:a80a            | 01:00.0  | -         | yes
      pci:144d:a80a            | 01:00.0  | vendor    | ?
      pci:144d:a80a            | 01:00.0  | device    | ?
      pci:144d:a80a            | 01:00.0  | subsystem | yes
      pci:144d:a80a:0:a801     | 01:00.0  | -         | yes
      pci:144d:a80a:0:a801     | 01:00.0  | subsystem | ?
      pci:144d:a80a:144d:0     | 01:00.0  | subsystem | ?
      pci:144d:a80b:144d:0     | 01:00.0  | subsystem | no
      pci:0:0:144d:0           | 00:01.0  | -         | no   // a bridge has no such ids
      pci:0:0:0:a801           | 00:01.0  | -         | no
    `),
  )("%s is %s, hidden %s: %s", (entry = "", name = "", hiddenPart = "", matches) => {
    const [match] = parsePciParameters(`pci=disable_acs_redir=${entry}`).disableAcsRedirect;
    const fn = machine.functions.find(({ bdf }) => bdf === parseBdf(name));
    if (match === undefined || fn === undefined) throw new Error(entry);
    const found = matchesDevice(match, { ...fn, ...HIDDEN[hiddenPart] }, new Addresses(machine, topologyOf(machine)));
    expect(found).toEqual(matches === "?" ? hides : matches === "yes");
  });
});

describe("An entry of a list", () => {
  test.each(
    rows(`
      // list             | entry              | another one           | is the same
      disable_acs_redir   | 00:04.0            | 0000:00:04.0          | yes
      disable_acs_redir   | 0:4.0              | 00:04.0               | yes
      disable_acs_redir   | 00:0A.0            | 00:0a.0               | yes
      disable_acs_redir   | pci:1b36:c         | pci:0x1B36:000C       | yes
      disable_acs_redir   | 00:04.0/0.0        | 00:04.0/00.0          | yes
      disable_acs_redir   | 00:04.0            | 00:05.0               | no
      disable_acs_redir   | 00:04.0            | 0001:00:04.0          | no
      config_acs          | xx0@00:04.0        | XX0@0000:0:4.0        | yes
      config_acs          | xx0@00:04.0        | 0@00:04.0             | yes  // x leaves a bit as it is
      config_acs          | xx0@00:04.0        | xx1@00:04.0           | no
      config_acs          | xx0@00:04.0        | xx0@00:05.0           | no
    `),
  )("of %s: %s and %s: %s", (list, one = "", other = "", isSame) => {
    const key = (entry: string): unknown => listEntryKey(list as Parameters<typeof listEntryKey>[0], entry);
    expect(key(one)).toBeTypeOf("string");
    expect(key(one) === key(other)).toBe(isSame === "yes");
  });

  test("that the kernel cannot parse has no key", () => {
    expect(listEntryKey("disable_acs_redir", "nvme0")).toBeUndefined();
    expect(listEntryKey("disable_acs_redir", "xx0@00:04.0")).toBeUndefined();
    expect(listEntryKey("config_acs", "00:04.0")).toBeUndefined();
  });
});

describe("Only what stands behind pci= is read", () => {
  test.each(["xci=disable_acs_redir=00:04.0", "pci-disable_acs_redir=00:04.0", "quiet", ""])(
    "'%s' asks nothing",
    (line) => {
      expect(parsePciParameters(line).disableAcsRedirect).toEqual([]);
      expect(readEntries(line, "disable_acs_redir")).toEqual([]);
    },
  );

  test("as a word of pci=", () => {
    expect(uselessParameters("xci=noacs")).toEqual([]);
    expect(uselessParameters("pci=noacs")).toHaveLength(1);
    expect(uselessParameters("pcie_acs_override")).toEqual([]);
  });

  test("a device that follows no list is no part of one", () => {
    expect(parsePciParameters("pci=realloc,00:04.0").misread).toEqual([]);
    expect(parsePciParameters("pci=disable_acs_redir=00:03.0,00:04.0").misread).toHaveLength(1);
  });
});

test.each([
  ["00:04.0", true],
  ["0000:00:04.0", true],
  ["pci:1b36:000c", true],
  ["1x0@00:04.0", true],
  ["x00:04.0", false],
  ["realloc", false],
  ["", false],
])("'%s' is a device that a comma cut off: %s", (option, isStray) => {
  expect(isStrayDevice(option)).toBe(isStray);
});

test.each([
  ["", []],
  ["  ", []],
  ["a  b", ["a", "b"]],
  ['a="b c" d', ['a="b c"', "d"]],
  ['a "b c', ["a", '"b c']],
  ["a -- b", ["a"]],
])("the words of '%s' are %o", (line, words) => {
  expect(commandLineWords(line)).toEqual(words);
});
