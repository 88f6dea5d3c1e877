import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { at, read } from "./support.ts";

const handed = (name: string): Machine =>
  readLspci(readFileSync(join(import.meta.dirname, "../../cases", `${name}.txt`)), `${name}.txt`);
const hidden = { unknown: expect.any(String) };

describe("a capability is absent only where the text shows that capabilities were printed", () => {
  it.each([
    ["attack/omission/full", "00:04.0", { capability: 0x5f, control: 0x1d }],
    ["attack/omission/brackets", "00:04.0", hidden],
    ["attack/omission/unicode-ellipsis", "00:04.0", hidden],
    ["attack/omission/denied-filtered", "00:04.0", hidden],
    ["attack/omission/grep-v-capabilities", "00:04.0", hidden],
    ["attack/omission/head-12-each", "00:04.0", hidden],
    ["attack/glued/middle-lost", "00:04.0", hidden],
    ["texts/filtered-vv-says-no-acs", "00:01.0", hidden],
    ["texts/cap-plus-but-no-capabilities", "00:01.0", hidden],
    ["texts/vpd-blank-line-hides-acs", "01:00.0", { capability: 0x0c, control: 0x0c }],
  ])("%s: the ACS of %s is %j", (name, address, acs) => {
    expect(at(handed(name), address).acs).toEqual(acs);
  });

  const head = "00:01.0 PCI bridge [0604]: X [1b36:000c]\n\tControl: I/O+\n\tStatus: Cap+ 66MHz-\n";
  const msi = "\tCapabilities: [40] MSI: Enable-\n";
  const aer = "\tCapabilities: [100 v2] Advanced Error Reporting\n";

  it.each([
    "[...]",
    "[…]",
    "…",
    "...",
    "--",
    "(truncated)",
    "[snip]",
    "<snip>",
    "snip",
    "[12 lines omitted]",
    "*** output cut ***",
  ])("the line '%s' leaves open what follows", (gap) => {
    expect(at(read(`${head}${msi}\t${gap}\n${aer}\n`), "00:01.0").acs).toEqual(hidden);
  });

  it.each([
    ["a second offset", msi + msi],
    ["a standard capability behind an extended one", `${aer}${msi}`],
    ["a second Status", `${msi}\tStatus: Cap+ 66MHz-\n`],
    ["a capability behind the driver", `\tKernel driver in use: x\n${aer}`],
  ])("%s shows two functions glued: only the first line counts", (_, lines) => {
    const fn = at(read(`${head}${lines}\n`), "00:01.0");
    expect(fn).toMatchObject({ vendorId: 0x1b36, deviceId: 0x000c, classCode: 0x060400 });
    expect([fn.acs, fn.express, fn.bridge, fn.bars, fn.command, fn.driver]).toEqual(Array(6).fill(hidden));
  });

  it("a whole list without ACS, and a status without a list, say that there is none", () => {
    expect(at(read(`${head}${msi}${aer}\n`), "00:01.0").acs).toBeNull();
    expect(at(read(`${head.replace("Cap+", "Cap-")}\n`), "00:01.0")).toMatchObject({ acs: null, capabilities: [] });
  });
});
