import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { Addresses } from "../../src/host/addresses.ts";
import { ArchiveTree } from "../../src/host/archive.ts";
import type { FileTree } from "../../src/host/file-tree.ts";
import { parseIomem } from "../../src/host/host-bridge-windows.ts";
import { createLspciReader } from "../../src/host/lspci/read-lspci.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { parseResourceFile } from "../../src/host/resource-file.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { parseCpuinfo, parseKernelConfig } from "../../src/host/system-files.ts";
import { decodeConfig } from "../../src/pci/decode.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { unknown } from "../../src/pci/known.ts";
import { matchesDevice, parsePciParameters } from "../../src/rules/kernel-parameters.ts";
import { parseReport } from "../../src/vm/measured.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { lspciTexts, mutated, PATIENT, runsEach, settings, tarOfFirstEntries } from "./inputs.ts";
import { countCase, readsOrRefuses, sayCases } from "./reads-or-refuses.ts";

afterAll(() => sayCases("readers"));

describe("hostile input is read or refused, never worse", () => {
  const texts = lspciTexts();
  const encoder = new TextEncoder();

  test(`lspci text: mutations of real dumps, in chunks (${runsEach} cases)`, PATIENT, () => {
    fc.assert(
      fc.property(mutated(texts), fc.integer({ min: 1, max: 3000 }), (bytes, chunk) => {
        readsOrRefuses(() => {
          const reader = createLspciReader("fuzz.txt");
          for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
          return reader.finish();
        });
      }),
      settings,
    );
  });

  test(`lspci text: anything (${runsEach} cases)`, PATIENT, () => {
    const line = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom(
        "00:00.0 Host bridge: X",
        "\tCapabilities: [100 v1] Access Control Services",
        "\t\tACSCtl:\tSrcValid+ ReqRedir+",
        "\tBus: primary=00, secondary=00, subordinate=ff, sec-latency=0",
        "00: ff ff ff ff",
        "-[0000:00]-+-00.0",
        "           \\-04.0-[01-ff]----00.0",
        "Slot:\t00:00.0",
        "ffffffff:ff:1f.7 PCI bridge [0604]: Y [ffff:ffff] (rev ff)",
        "\tRegion 9: Memory at ffffffffffffffff (64-bit) [size=99999999999P]",
      ),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 30 }), (lines) => {
        readsOrRefuses(() => {
          const reader = createLspciReader("fuzz.txt");
          reader.push(encoder.encode(lines.join("\n")));
          return reader.finish();
        });
      }),
      settings,
    );
  });

  test(`scenario files (${runsEach} cases)`, PATIENT, () => {
    const words = [
      "hostBridges",
      "below",
      "nvme",
      "switch",
      "rootPort",
      "at",
      "acs",
      "cmb",
      "16M",
      "04.0",
      "*a",
      "&a",
      "{",
      "}",
      "[",
      "]",
      ":",
      "-",
      "\n",
      "  ",
      "true",
      "0x40",
      "bus",
      "cpu",
      "amd-zen",
      "functions",
      "null",
      "~",
      "!!x",
      "|",
      "'",
    ];
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 120 }),
          fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join(" ")),
        ),
        (text) => {
          readsOrRefuses(() => readScenario(text, "fuzz.yaml"));
          readsOrRefuses(() => readScenario(`hostBridges:\n  - below:\n      - ${text}`, "fuzz.yaml"));
        },
      ),
      { ...settings, numRuns: Math.ceil(runsEach / 2) },
    );
  });

  test(`archives (${runsEach} cases)`, PATIENT, () => {
    // Short archives are quick to read; what is behind the first entries is more of the same.
    const originals = [tarOfFirstEntries(8), tarOfFirstEntries(40), tarOfFirstEntries(120)];
    fc.assert(
      fc.property(fc.oneof(mutated(originals), fc.uint8Array({ maxLength: 2000 })), (bytes) => {
        readsOrRefuses(() => readSysfs(new ArchiveTree(bytes, "fuzz.tar"), { format: "archive" }));
      }),
      settings,
    );
  });

  test(`sysfs trees (${runsEach} cases)`, PATIENT, () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ maxLength: 40 }).map((text) => encoder.encode(text)),
    );
    const name = fc.constantFrom(
      "0000:00:00.0",
      "0000:00:01.0",
      "0000:01:00.0",
      "10000:e1:00.0",
      "0000:00:00.8",
      "x",
      "..",
    );
    const target = fc.constantFrom(
      "../../../devices/pci0000:00/0000:00:00.0",
      "../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0",
      "../../../devices/pci0000:00/0000:01:00.0/0000:00:01.0",
      "/etc",
      "../../../../../../../..",
      "",
    );
    const entries = fc.constantFrom(
      "config",
      "resource",
      "driver",
      "iommu_group",
      "p2pmem",
      "numa_node",
      "physfn",
      "virtio0",
      "nvme",
      "vendor",
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, fc.option(target)), { maxLength: 6 }),
        fc.array(fc.tuple(fc.string({ maxLength: 20 }), content), { maxLength: 4 }),
        fc.array(entries, { maxLength: 8 }),
        content,
        (functions, files, names, config) => {
          const tree: FileTree = {
            name: "fuzz tree",
            list: (path) => (path === "sys/bus/pci/devices" ? functions.map(([fn]) => fn) : names),
            readLink: (path) =>
              functions.find(([fn]) => path.endsWith(`devices/${fn}`))?.[1] ??
              (path.endsWith("driver") ? "x/nvme" : "7"),
            read: (path, max) => (files.find(([suffix]) => path.endsWith(suffix))?.[1] ?? config).subarray(0, max),
          };
          readsOrRefuses(() => readSysfs(tree));
        },
      ),
      settings,
    );
  });

  test(`config space (${runsEach} cases)`, PATIENT, () => {
    const hidden = { beyondHeader: unknown("cut"), extended: unknown("cut") };
    const list = fc.uint8Array({ minLength: 0, maxLength: 512 });
    fc.assert(
      fc.property(list, fc.nat(255), fc.nat(255), (bytes, pointer, id) => {
        countCase();
        if (bytes.length > 0x40) {
          bytes[0x06] = (bytes[0x06] ?? 0) | 0x10;
          bytes[0x0e] = (bytes[0x0e] ?? 0) & 0x83;
          bytes[0x34] = pointer;
          if (pointer < bytes.length) bytes[pointer] = id;
        }
        decodeConfig(bytes, hidden);
      }),
      settings,
    );
  });

  test(`small files and kernel parameters (${runsEach} cases)`, PATIENT, () => {
    const machine = readCapturedMachine("one-switch.intel.strict");
    const addresses = new Addresses(machine, topologyOf(machine));
    const words = fc.constantFrom(
      "pci=",
      "disable_acs_redir=",
      "config_acs=",
      "0000:00:04.0",
      "pci:8086:0",
      ";",
      ",",
      "@",
      "x1x0",
      "/",
      '"',
      " ",
      "04.0",
      "1f.9",
    );
    const text = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.array(words, { maxLength: 12 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (line) => {
        countCase();
        const parameters = parsePciParameters(line);
        for (const match of parameters.disableAcsRedirect) {
          for (const fn of machine.functions) matchesDevice(match, fn, addresses);
        }
        parseCpuinfo(line);
        parseKernelConfig(line);
        parseIomem(line);
        parseResourceFile(line, unknown("cut"), true);
      }),
      settings,
    );
  });

  test(`a guest's report (${runsEach} cases)`, PATIENT, () => {
    const real =
      "@peerlane 1\n@kernel 7.2\n@pair 0000:03:00.0 0000:03:00.0\n@io write=4096 read=4096\n@decision map=3 dist=0\n@log [ 1.0] x\n@tree\nH4sI\n@end\n";
    fc.assert(
      fc.property(
        fc.oneof(
          mutated([encoder.encode(real)]).map((bytes) => new TextDecoder("latin1").decode(bytes)),
          fc.string(),
        ),
        (text) => {
          countCase();
          try {
            parseReport(text, "7.2");
          } catch (error) {
            if (!(error instanceof PeerlaneError)) throw error;
          }
        },
      ),
      settings,
    );
  });
});
