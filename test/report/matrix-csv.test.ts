import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Answers } from "../../src/answers/answer.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { csvText } from "../../src/report/csv.ts";
import { matrixCsv } from "../../src/report/matrix-csv.ts";
import { MAP_TYPE_WORDS } from "../../src/report/reasons.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";

const root = join(import.meta.dirname, "../..");
const serverFile = "examples/gpu-nic-server.yaml";
const server = afterBoot(scenarioMachine(parseScenario(readFileSync(join(root, serverFile), "utf8"), serverFile)));

function tableOf(machine: Machine): VerdictTable {
  return decideAll(machine, selectDevices(machine, { all: true }));
}

/** Rows of a text by RFC 4180, strictly: whatever is not of its grammar is an error. */
function parsed(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  for (let row: string[] = []; cell.lastIndex < text.length; ) {
    const found = cell.exec(text);
    if (found === null) throw new Error(`no CSV at ${cell.lastIndex}`);
    row.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? "");
    if (found[3] === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

describe("A cell", () => {
  test.each([
    ["a text", "nvme0", "nvme0"],
    ["a number, below 0 too", -1, "-1"],
    ["nothing", null, ""],
    ["a comma", "a,b", '"a,b"'],
    ["quotes", 'a "b"', '"a ""b"""'],
    ["a formula", "=HYPERLINK(0)", "'=HYPERLINK(0)"],
    ["a formula with quotes", '=cmd|"/c calc"!A0', `"'=cmd|""/c calc""!A0"`],
    ["a sum", "+1", "'+1"],
    ["a negative sum", "-1+1", "'-1+1"],
    ["a function of Lotus", "@SUM(1)", "'@SUM(1)"],
    ["a wide formula", "＝1", "'＝1"],
    ["a formula behind blanks", "  =1", "'  =1"],
    ["a tab, which some take off", "\t=1", "\\t=1"],
    ["a line end", "a\r\nb", "a\\r\\nb"],
    ["what hides itself", "a\u202eb\u0000", "a\\u202eb\\x00"],
  ])("with %s", (_, cell, shown) => {
    expect(csvText(["head"], [[cell]])).toBe(`head\r\n${shown}\r\n`);
  });
});

describe.each([
  ["a recorded machine", readCapturedMachine("mixed-acs.intel.strict")],
  ["a server with eight GPUs", server],
])("The pairs of %s as CSV", (_, machine) => {
  const table = tableOf(machine);
  const [head = [], ...rows] = parsed(matrixCsv(table));

  test("are a row each, with a cell for each name in the head", () => {
    const { providers, clients } = table;
    const pairs = providers.flatMap((provider) => clients.filter((client) => client !== provider));
    expect(rows).toHaveLength(pairs.length);
    expect(rows.filter((row) => row.length !== head.length)).toEqual([]);
  });

  test("say what the answers say", () => {
    const answers = new Answers(table);
    const shown = rows.map((row) => Object.fromEntries(row.map((cell, at) => [head[at], cell])));
    const expected = table.providers.flatMap((provider, i) =>
      table.clients.flatMap((client, j) => {
        if (provider === client) return [];
        const { mapType, distance, hops, locality, acsRedirect, hardware, gates } = answers.at(i, j);
        const names = [provider, client].map((bdf) => table.topology.functionOf(bdf).names[0] ?? "");
        return [
          {
            provider: formatBdf(provider),
            client: formatBdf(client),
            providerName: names[0],
            clientName: names[1],
            verdict: MAP_TYPE_WORDS[mapType],
            distance: String(distance),
            hops: String(hops),
            locality: locality.word,
            acsRedirect: acsRedirect.map(formatBdf).join("; "),
            gates: gates
              .map(({ effect, doubt, message }) => {
                const blocks = doubt === undefined ? "blocked" : "perhaps blocked";
                return `${effect === "blocks" ? blocks : "mind"}: ${message}`;
              })
              .join("; "),
            hardwareWrite: `${hardware.write.outcome}: ${hardware.write.why}`,
            hardwareRead: `${hardware.read.outcome}: ${hardware.read.why}`,
          },
        ];
      }),
    );
    expect(shown).toMatchObject(expected);
    expect(shown.every(({ reason }) => reason !== "")).toBe(true);
  });
});

test("Names of a source are no formulas", () => {
  const functions = server.functions.map((fn) => ({ ...fn, names: fn.names.map((name) => `=HYPERLINK("${name}")`) }));
  const text = matrixCsv(tableOf({ ...server, functions }));
  expect(text).toContain(`"'=HYPERLINK(""gpu0"")"`);
  expect(text).not.toMatch(/(?:^|,)"?=/m);
});
