import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, it } from "vitest";
import { looksLikeLspci } from "../../../src/host/lspci/detect.ts";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { buildTopology } from "../../../src/pci/build-topology.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { ON_ROOT_BUS } from "../../../src/pci/topology.ts";
import { expectAgreement, hasLspci, lspci, sharedTexts, withoutBars } from "./support.ts";

/** Of these ports that are above what they list are left out, so that lines of a lost function may stand anywhere. */
const selections = ["cap-exp-lnkcap2.txt"];

describe.each(sharedTexts.map((path) => [basename(path), path]))("%s", (_, path) => {
  const bytes = readFileSync(path);

  it("is recognized and read without error", () => {
    expect(looksLikeLspci(bytes.subarray(0, 4096))).toBe(true);
    const machine = readLspci(bytes, path);
    const lines = bytes.toString("latin1").match(/^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7] /gm) ?? [];
    expect(machine.functions.length).toBe(new Set(lines).size);
  });

  // `-F` makes lspci print the text of a hex dump, so that words and bytes can be held against each other.
  it.skipIf(!hasLspci)("the words of lspci tell what its bytes tell", () => {
    const fromBytes = readLspci(lspci("-F", path, "-D", "-xxxx") ?? bytes, "-xxxx");
    const isSelection = selections.includes(basename(path));
    const needed = [
      "bridge",
      "bars",
      "headerType",
      ...(isSelection ? [] : (["express", "capabilities"] as const)),
    ] as const;
    const registers = ["command", ...(isSelection ? [] : (["acs", "sriov", "resizableBars"] as const))] as const;
    for (const flag of ["-vvv", "-vv"]) {
      const words = readLspci(lspci("-F", path, "-D", flag, "-nn") ?? bytes, flag);
      expectAgreement(fromBytes, words, [...needed, ...registers]);
    }
    const tersely = lspci("-F", path, "-D", "-v", "-n") ?? bytes;
    const terse = readLspci(tersely, "-v");
    // A text of -v without any capability shows of no function that it has none.
    const isShown = Buffer.from(tersely).includes("Capabilities:") && !isSelection;
    const shown = isShown ? (["express"] as const) : [];
    expectAgreement(withoutBars(fromBytes), withoutBars(terse), ["bridge", "headerType", "vendorId", ...shown]);
    const both = readLspci(lspci("-F", path, "-D", "-vvv", "-nn", "-xxxx") ?? bytes, "-vvvxxxx");
    expectAgreement(fromBytes, both, [...needed, ...registers]);
  });

  it.skipIf(!hasLspci)("the tree that lspci draws is the one that follows from bus numbers", () => {
    const machine = readLspci(lspci("-F", path, "-D", "-xxxx") ?? bytes, "-xxxx");
    const drawn = readLspci(lspci("-F", path, "-t") ?? bytes, "-t");
    const topology = buildTopology(
      machine.functions,
      isUnknown(drawn.hostBridges) ? drawn.hostBridges : drawn.hostBridges.map((bridge) => bridge.rootBus),
    );
    const parentOf = new Map(drawn.functions.map((fn) => [fn.bdf, fn.attachment]));
    for (const [index, fn] of machine.functions.entries()) {
      const attachment = parentOf.get(fn.bdf);
      const parent = topology.parent[index] ?? ON_ROOT_BUS;
      const upstream = parent < 0 ? null : topology.functions[parent]?.bdf;
      if (attachment === undefined || isUnknown(attachment)) throw new Error(`no place for ${formatBdf(fn.bdf)}`);
      expect(attachment.upstream, formatBdf(fn.bdf)).toBe(upstream);
    }
  });
});

describe.skipIf(!hasLspci)("this host", () => {
  const flags = ["", "-v", "-vv", "-vvv"].flatMap((verbosity) =>
    ["", "-n", "-nn"].flatMap((names) =>
      ["", "-D", "-k", "-x", "-xxx", "-xxxx", "-Dkxxxx"].map((more) =>
        [verbosity, names, more].filter((flag) => flag !== ""),
      ),
    ),
  );

  it.each(flags.map((list) => [list.join(" "), list] as const))("lspci %s is read", (_, list) => {
    const whole = lspci("-D", "-vvvnnxxxx") ?? new Uint8Array();
    if (whole.length === 0) return;
    const machine = readLspci(lspci(...list) ?? whole, "here");
    expectAgreement(
      withoutBars(readLspci(whole, "here")),
      withoutBars(machine),
      list.includes("-vvv") ? ["acs", "express"] : [],
    );
  });

  it("a tree of this host is read", () => {
    const list = lspci("-D") ?? new Uint8Array();
    if (list.length === 0) return;
    for (const flag of ["-t", "-tv", "-tvnn"]) {
      const drawn = readLspci(lspci(flag) ?? list, flag);
      expect(drawn.functions.map((fn) => fn.bdf)).toEqual(readLspci(list, "list").functions.map((fn) => fn.bdf));
    }
  });
});
