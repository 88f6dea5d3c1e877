import { describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import { switchCardFor } from "../../src/advice/what-if/switch-card.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { type Bdf, parseBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { bootScenario } from "../policy/machines.ts";

/** Buses: 01 and 02 have a card each, 03 is free; 04 leads to a switch, 05 is inside of it, 06 is free, 07 has a card. */
const text = (parameters: string): string => `
cpu: intel
kernel: 7.2
iommu: off
cmdline: ${parameters}
hostBridges:
  - id: none
    below:
      - rootPort: { at: 01.0, acs: SV- RR- CR- UF- }
        below: [functions: [nvme: { cmb: 16M, acs: RR+ CR+ }, nvme: { acs: RR+ CR+ }]]
      - rootPort: { at: 02.0, acs: SV- RR- CR- UF- }
        below: [functions: [nic: { acs: RR+ CR+ }, nic: { acs: RR+ CR+ }]]
      - rootPort: { at: 03.0, acs: SV- RR- CR- UF- }
      - rootPort: { at: 04.0, acs: SV- RR- CR- UF- }
        below:
          - switch:
            below:
              - port: { at: 00.0, acs: RR+ CR+ }
              - port: { at: 01.0, acs: RR+ CR+ }
                below: [functions: [gpu: { acs: RR+ CR+ }, gpu: { acs: RR+ CR+ }]]
`;

const withAcs = ["01:00.0", "01:00.1", "02:00.0", "02:00.1", "05:00.0", "05:01.0", "07:00.0", "07:00.1"];
const bdf = (address: string): Bdf => parseBdf(address) as Bdf;

/** What became of the redirect bits that firmware left on: functions that lost them, and those of which that is unknown. */
function cleared(machine: Machine): string {
  return withAcs
    .flatMap((name) => {
      const acs = machine.functions.find((fn) => fn.bdf === bdf(name))?.acs;
      if (acs === undefined || acs === null) throw new Error(`no ACS at ${name}`);
      if (isUnknown(acs)) return [`${name}?`];
      return (acs.control & 0x0c) === 0 ? [name] : [];
    })
    .join(" ");
}

const exchange = ["01:00.0=under:00:02.0", "02:00.0=under:00:01.0"];
const toFree = ["01:00.0=under:00:03.0"];
const switchToFree = ["04:00.0=under:00:03.0"];

const cases: readonly (readonly [string, string, readonly string[], string])[] = [
  ["nobody who left", "01:00.0", toFree, ""],
  ["who comes there", "03:00.1", toFree, "01:00.1"],
  ["who stays", "02:00.0;07:00.1", toFree, "02:00.0 07:00.1"],
  ["the one that comes for the one that leaves", "01:00.0", exchange, "02:00.0"],
  ["the same by path", "00:01.0/00.0", exchange, "02:00.0"],
  ["the new place by path", "00:04.0/00.0/00.0/00.1", ["07:00.0=under:05:00.0"], "07:00.1"],
  ["not the old place by path", "00:04.0/00.0/01.0/00.1", ["07:00.0=under:05:00.0"], ""],
  ["bridges as before where a card moves", "05:01.0", ["07:00.0=under:05:00.0"], "05:01.0"],
  ["a bus that was empty", "06:00.0", ["07:00.0=under:05:00.0"], "07:00.0"],
  ["ports of a switch by their new numbers", "04:01.0", switchToFree, "05:01.0"],
  ["nobody by the number that a switch leaves", "07:00.0", switchToFree, ""],
  ["what is behind it by its new number", "06:00.0", switchToFree, "07:00.0"],
  ["a switch that moves, by path", "00:03.0/00.0/01.0/00.0", switchToFree, "07:00.0"],
  ["what comes before the change", "02:00.0", switchToFree, "02:00.0"],
];

describe("a parameter by address names, after a move,", () => {
  test.each(cases)("%s: %s", (_name, entries, move, right) => {
    const parameters = `pci=disable_acs_redir=${entries}`;
    const config = `pci=config_acs=${entries
      .split(";")
      .map((entry) => `xxx00xx@${entry}`)
      .join(";")}`;
    for (const list of [parameters, config]) {
      expect(cleared(askWhatIf(readScenario(text(list), "s.yaml"), { move }, false).after), list).toBe(right);
      // Behind the command line it is the same.
      expect(cleared(askWhatIf(readScenario(text("quiet"), "s.yaml"), { move, append: list }, false).after)).toBe(
        right,
      );
    }
    // A running machine that has been booted without it.
    const { after } = askWhatIf(bootScenario(text("quiet")), { move, append: parameters });
    expect(cleared(after)).toBe(right);
    // A snapshot of the changed machine, and another boot of it, know as much.
    const again = readSnapshot(writeSnapshot(after), "s.json");
    expect(again.renumbered).toEqual(after.renumbered);
    expect(cleared(askWhatIf(again, { kernel: "7.1" }).after)).toBe(right);
  });

  test("what it named at first once all is back", () => {
    const there = askWhatIf(bootScenario(text("quiet")), { move: exchange }).after;
    expect(there.renumbered?.size).toBe(4);
    const back = ["01:00.0=under:00:01.0", "02:00.0=under:00:02.0"];
    const { after } = askWhatIf(there, { move: back, append: "pci=disable_acs_redir=01:00.0" });
    expect(after.renumbered).toBeUndefined();
    expect(cleared(after)).toBe("01:00.0");
  });

  test("what stands behind a switch card by numbers that make room for it", () => {
    const machine = bootScenario(text("pci=disable_acs_redir=08:01.0"));
    const card = switchCardFor(machine, bdf("00:03.0"));
    if (card === undefined) throw new Error("no bus is free");
    const changes = [
      { kind: "switch-card", ...card },
      { kind: "move", device: bdf("01:00.0"), under: card.ports[1] },
    ] as const;
    const after = applyChanges(machine, changes);
    expect(cleared(after)).toBe("05:01.0");
    const at = after.renumbered?.get(bdf("01:00.0"));
    expect(at).toMatchObject({ bus: 6, devfn: 0 });
  });
});

/** The same with numbers left out behind the second root port, as firmware does for slots that take cards at run time. */
function withGap(machine: Machine): Machine {
  const functions = machine.functions.map((fn) =>
    fn.bdf === bdf("00:03.0") && !isUnknown(fn.bridge) && fn.bridge !== null
      ? { ...fn, bridge: { ...fn.bridge, secondary: 0x23, subordinate: 0x23 } }
      : fn,
  );
  return { ...machine, functions };
}

describe("where firmware leaves gaps, after a switch has moved,", () => {
  test.each([
    ["what is behind is unknown by its old number", "05:01.0", "05:01.0?"],
    ["and by any that it may have", "08:00.1", "07:00.1?"],
    ["another function there is not meant", "06:01.0", "05:01.0?"],
    ["a bus that is known to be another's is none", "02:00.0", "02:00.0"],
    ["a root bus is none", "00:01.0", ""],
    ["by path it is known", "00:03.0/00.0/01.0/00.0", "07:00.0"],
  ])("%s: %s", (_name, entry, right) => {
    const machine = withGap(bootScenario(text("quiet")));
    const { after } = askWhatIf(machine, { move: switchToFree, append: `pci=disable_acs_redir=${entry}` });
    expect(cleared(after)).toBe(right);
  });

  test("a card moved alone has the number of its port", () => {
    const machine = withGap(bootScenario(text("pci=disable_acs_redir=23:00.0")));
    expect(cleared(askWhatIf(machine, { move: toFree }).after)).toBe("01:00.0");
  });

  test("a card below a port that hides its numbers may be anywhere", () => {
    const machine = bootScenario(text("quiet"));
    const functions = machine.functions.map((fn) =>
      fn.bdf === bdf("00:03.0") ? { ...fn, bridge: unknown("config space was not read") } : fn,
    );
    const parameters = { move: toFree, append: "pci=disable_acs_redir=09:00.0" };
    const { after } = askWhatIf({ ...machine, functions }, parameters);
    expect(cleared(after)).toBe("01:00.0?");
    expect(after.functions.find((fn) => fn.bdf === bdf("01:00.0"))?.acs).toEqual(unknown("config space was not read"));
  });
});

test("fix of a machine with devices moved names ports by their way from the root bus", () => {
  const { after } = askWhatIf(bootScenario(text("quiet")), { move: ["01:00.0=under:05:00.0"] });
  const { fixes } = advise(after, [{ provider: bdf("01:00.0"), client: bdf("07:00.0") }]);
  const titles = fixes.map(({ title }) => title);
  expect(titles).toContainEqual(expect.stringContaining("disable_acs_redir=0000:00:04.0/00.0/00.0"));
});
