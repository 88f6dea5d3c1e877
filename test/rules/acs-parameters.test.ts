import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, type Known, unknown } from "../../src/pci/known.ts";
import { type AsksOfFunction, acsParameters } from "../../src/rules/acs-parameters.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";
import { at } from "./by-hand.ts";

const MACHINE = qemuMachineOf(
  `kernel: 7.2
iommu: off
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: {}
            below: [nvme, nvme]
      - rootPort: { at: 05.0 }
        below: [nvme]
`,
  "asks.yaml",
);

function booted(commandLine: string | null): Machine {
  return { ...MACHINE, kernel: { ...MACHINE.kernel, commandLine: commandLine ?? unknown("not shown") } };
}

function functionOf(address: string): PciFunction {
  const found = MACHINE.functions.find(({ bdf }) => bdf === at(address));
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
}

/** What a command line asks of a function, in letters: `d`isabled, `s`et to, `l`ate, `e`lsewhere. */
function asked(asks: Known<AsksOfFunction>): string {
  if (isUnknown(asks)) return `? ${asks.unknown}`;
  const { disabled, setting, settingIsLate, enablesElsewhere } = asks;
  const set = setting === null ? "" : ` set 0x${setting.flags.toString(16)} of 0x${setting.mask.toString(16)}`;
  return `${disabled ? "disabled" : "-"}${set}${settingIsLate ? " late" : ""}${enablesElsewhere ? " elsewhere" : ""}`;
}

describe("What is asked of a function", () => {
  test.each([
    [null, "00:04.0", "-"],
    ["quiet", "00:04.0", "-"],
    ["pci=disable_acs_redir=00:04.0", "00:04.0", "disabled"],
    ["pci=disable_acs_redir=00:04.0", "00:05.0", "-"],
    ["pci=config_acs=xxx1100@00:05.0", "00:05.0", "- set 0xc of 0xf"],
    // The first entry that names it counts; those before it make it late if they name a bit.
    ["pci=config_acs=1@00:05.0;0@00:05.0", "00:05.0", "- set 0x1 of 0x1"],
    ["pci=config_acs=1@00:04.0;0@00:05.0", "00:05.0", "- set 0x0 of 0x1 late"],
    ["pci=config_acs=x@00:04.0;0@00:05.0", "00:05.0", "- set 0x0 of 0x1"],
    ["pci=config_acs=1@00:04.0;0@00:05.0", "00:04.0", "- set 0x1 of 0x1"],
    ["pci=config_acs=1@00:04.0;0@00:04.1", "00:05.0", "-"],
    ["pci=disable_acs_redir=00:04.0,config_acs=1@00:04.0", "00:04.0", "disabled set 0x1 of 0x1"],
  ])("by '%s' at %s: %s", (commandLine, address, asks) => {
    expect(asked(acsParameters(booted(commandLine)).asksOf(functionOf(address)))).toBe(asks);
  });

  test.each([
    ["pci=disable_acs_redir=pci:1b36:000c", { vendorId: unknown("no ids") }, "? no ids"],
    ["pci=config_acs=1@pci:1b36:000c", { vendorId: unknown("no ids") }, "? no ids"],
    ["pci=config_acs=1@pci:1b36:000c:8086:0001", { subsystem: unknown("no subsystem") }, "? no subsystem"],
    // Whether a quirk has its registers elsewhere hangs on its ids.
    ["quiet", { deviceId: unknown("no ids"), vendorId: 0x8086 }, "? no ids"],
  ])("is unknown by '%s' where the source hides %o", (commandLine, hidden, asks) => {
    const fn = { ...functionOf("00:04.0"), ...hidden };
    expect(asked(acsParameters(booted(commandLine)).asksOf(fn))).toBe(asks);
  });
});

describe("What is asked of whatever comes below a bridge", () => {
  test.each<[commandLine: string | null, bridge: string, asks: string[]]>([
    [null, "00:04.0", []],
    ["quiet", "00:04.0", []],
    // Its bus is 01: device 0, function 0 there, and function 3 of device 2.
    ["pci=disable_acs_redir=01:00.0", "00:04.0", ["0 0"]],
    ["pci=disable_acs_redir=01:02.3", "00:04.0", ["0 19"]],
    ["pci=disable_acs_redir=00:04.0;01:02.3", "00:04.0", ["1 19"]],
    ["pci=disable_acs_redir=01:00.0", "00:05.0", []],
    ["pci=disable_acs_redir=00:04.0/02.3", "00:04.0", ["0 19"]],
    ["pci=disable_acs_redir=00:04.0/02.3", "00:05.0", []],
    ["pci=disable_acs_redir=pci:1b36:000c", "00:04.0", []],
    // Entries of config_acs stand behind those of disable_acs_redir.
    ["pci=disable_acs_redir=00:05.0,config_acs=1@01:00.0", "00:04.0", ["1 0"]],
    ["pci=config_acs=1@01:00.0;0@01:00.0", "00:04.0", ["0 0", "1 0"]],
  ])("by '%s' below %s: %o", (commandLine, bridge, asks) => {
    expect(acsParameters(booted(commandLine)).asksBelow(functionOf(bridge))).toEqual(asks);
  });
});
