import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Answers } from "../../src/answers/answer.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { pairJson } from "../../src/report/json.ts";
import type { MatrixJson } from "../../src/report/json-types.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { printableMatrix } from "../../src/report/printable.ts";
import { routeJson } from "../../src/report/route-json.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { wholePairs } from "./whole-pairs.ts";

const root = join(import.meta.dirname, "../..");

function scenario(text: string): Machine {
  return afterBoot(scenarioMachine(parseScenario(text, "test")));
}

const server = scenario(readFileSync(join(root, "examples/gpu-nic-server.yaml"), "utf8"));
const guestText = "test/cases/texts/guest-passthrough.txt";

const MACHINES: readonly (readonly [name: string, machine: Machine])[] = [
  ["a recorded machine", readCapturedMachine("mixed-acs.intel.strict")],
  ["a server with eight GPUs", server],
  ["a server with 24 SSDs", scenario(readFileSync(join(root, "test/report/machines/ssd-server.yaml"), "utf8"))],
  ["a text of a guest", readLspci(readFileSync(join(root, guestText)), guestText)],
];

function tableOf(machine: Machine, all = false): VerdictTable {
  return decideAll(machine, selectDevices(machine, { all }));
}

function jsonOf(table: VerdictTable): MatrixJson {
  const expectedGroups = expectedIommuGroups(table.machine, table.topology);
  return matrixJson({ table, expectedGroups }, new PeerRoutes(table));
}

describe.each(MACHINES)("The pairs of %s as JSON", (_, machine) => {
  const table = tableOf(machine, true);
  const matrix = jsonOf(table);
  const pairs = wholePairs(matrix);
  const positions = table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => (provider === client ? [] : [{ i, j }])),
  );

  test("are each provider with each client but itself", () => {
    expect(pairs).toHaveLength(positions.length);
    expect(pairs.filter(({ provider, client }) => provider === client)).toEqual([]);
  });

  test("say with the tables what the answers say", () => {
    const answers = new Answers(table);
    const routes = new PeerRoutes(table);
    for (const [index, { i, j }] of positions.entries()) {
      const answer = answers.routed(i, j, routes, false);
      const { locality: _locality, fixes: _fixes, ...said } = pairJson(answer, table.topology);
      const { locality, route, text: _text, ...shown } = pairs[index] as (typeof pairs)[number];
      expect(shown).toEqual(said);
      expect(locality).toBe(answer.locality.word);
      if (route !== null) expect(route).toEqual(routeJson(answer.routing as NonNullable<typeof answer.routing>));
      else if (answer.routing !== null)
        expect(answer.routing).toMatchObject({ write: { differs: null }, read: { differs: null } });
    }
  });

  test("point at each entry of the tables, and nothing stands there twice", () => {
    const pointed = (pick: (pair: MatrixJson["pairs"][number]) => readonly number[]): readonly number[] =>
      [...new Set(matrix.pairs.flatMap(pick))].sort((a, b) => a - b);
    const { reasons, hidden, gates, routes } = matrix;
    expect(pointed(({ reason }) => [reason])).toEqual([...reasons.keys()]);
    expect(pointed((pair) => pair.hidden ?? [])).toEqual([...hidden.keys()]);
    expect(pointed((pair) => pair.gates ?? [])).toEqual([...gates.keys()]);
    expect(pointed(({ route }) => (route === undefined ? [] : [route]))).toEqual([...routes.keys()]);
    const plain = reasons.map(({ pairs: _pairs, ...rest }) => rest);
    for (const entries of [plain, hidden, gates, routes]) {
      expect(new Set(entries.map((entry) => JSON.stringify(entry))).size).toBe(entries.length);
    }
    expect(reasons.reduce((sum, one) => sum + one.pairs, 0)).toBe(pairs.length);
  });

  test("are a line each", () => {
    const text = printableMatrix({ ...matrix, whatIf: undefined });
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(matrix)));
    const lines = text.split("\n").filter((line) => line.startsWith('  {"provider":'));
    expect(lines.map((line) => JSON.parse(line.replace(/,$/, "")) as unknown)).toEqual(matrix.pairs);
  });
});

/** 125 devices, eight below each switch; ACS redirects in every downstream port, and the IOMMU translates. */
function largeServer(): string {
  const kinds = [
    "gpu: { id: 10de:2330, bar: 128G, name: gpuN, driver: nvidia, link: gen5 x16 }",
    "nic: { id: 15b3:1021, bars: { 0: 32M }, name: mlx5_N, driver: mlx5_core, link: gen5 x16 }",
    "nvme: { id: 1344:51c3, bars: { 0: 16K }, cmb: 64M, name: nvmeN, driver: nvme, link: gen4 x4 }",
  ];
  const devices = Array.from({ length: 125 }, (_, at) =>
    `              - ${kinds[at % 3]}`.replace("N", `${(at / 3) | 0}`),
  );
  const bridges = Array.from({ length: 16 }, (_, bridge) => [
    `  - bus: 0x${(32 * (bridge % 8)).toString(16)}`,
    `    segment: ${bridge >> 3}`,
    "    id: 1022:14a4",
    `    numaNode: ${bridge >> 3}`,
    "    below:",
    "      - rootPort: { at: 01.0, id: 1022:14ab }",
    "        below:",
    "          - switch: { id: 1000:c030, portId: 1000:c030 }",
    "            below:",
    ...devices.slice(8 * bridge, 8 * bridge + 8),
  ]);
  const head = [
    "scenario: 125 devices",
    "cpu: amd-zen",
    'kernel: "7.2"',
    "iommu: { mode: lazy, kind: amd }",
    "hostBridges:",
  ];
  return [...head, ...bridges.flat()].join("\n");
}

test("15,000 pairs take less than 3 MB, and what they have in common next to nothing", () => {
  const matrix = jsonOf(tableOf(scenario(largeServer()), true));
  expect(matrix.pairs).toHaveLength(125 * 124);
  const bytesOf = (value: object): number => Buffer.byteLength(printableMatrix(value));
  const { pairs, devices, ...shared } = matrix;
  expect((bytesOf({ pairs }) / pairs.length) * 15_000).toBeLessThan(2.9e6);
  expect(bytesOf(shared)).toBeLessThan(100_000);
});

describe("The lines for jq in docs/json.md", () => {
  const page = readFileSync(join(root, "docs/json.md"), "utf8");
  const filters = [...page.matchAll(/peerlane matrix --json \| jq -r '(.*)'$/gm)].map(([, filter = ""]) => filter);
  const matrix = jsonOf(tableOf(readCapturedMachine("mixed-acs.intel.strict")));
  const blocked = jsonOf(tableOf({ ...server, functions: server.functions.map((fn) => ({ ...fn, command: 0 })) }));

  /** What each line prints, without jq. */
  const says: readonly (readonly [what: string, json: MatrixJson, lines: (json: MatrixJson) => readonly string[]])[] = [
    [
      "count pairs by their verdict",
      matrix,
      ({ pairs }) => {
        const mapTypes = [...new Set(pairs.map(({ mapType }) => mapType))].sort();
        return mapTypes.map((type) => `${pairs.filter(({ mapType }) => mapType === type).length} ${type}`);
      },
    ],
    [
      "list who reaches whom",
      matrix,
      ({ pairs }) =>
        pairs
          .filter(({ mapType }) => mapType === "bus-addr")
          .map((pair) => `${pair.providerName ?? pair.provider} → ${pair.clientName ?? pair.client}`),
    ],
    [
      "say why others do not",
      matrix,
      ({ pairs, reasons }) =>
        pairs
          .filter(({ mapType }) => mapType !== "bus-addr")
          .map(({ provider, client, reason }) => `${provider} → ${client}: ${reasons[reason]?.text}`),
    ],
    [
      "name what stops transfers",
      blocked,
      ({ pairs, gates }) =>
        pairs.flatMap(({ provider, client, gates: places = [] }) =>
          places
            .map((place) => gates[place])
            .filter((gate) => gate?.effect === "blocks")
            .map((gate) => `${provider} → ${client}: ${gate?.message}`),
        ),
    ],
  ];

  test("are as many as are tried here", () => {
    expect(filters).toHaveLength(says.length);
  });

  test.each(says.map((entry, index) => [...entry, filters[index] ?? ""] as const))("%s", (_, json, lines, filter) => {
    const expected = lines(json);
    expect(expected).not.toEqual([]);
    const { error, stdout, stderr } = spawnSync("jq", ["-r", filter], {
      input: printableMatrix(json),
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    });
    // Without jq the tables alone are held to what the line is for.
    if (error !== undefined && "code" in error && error.code === "ENOENT") return;
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual(expected);
  });
});
