import { describe, expect, test } from "vitest";
import { matrixDot } from "../../src/drawing/matrix-dot.ts";
import { matrixScene } from "../../src/drawing/matrix-scene.ts";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import { nameIn } from "../../src/report/device-names.ts";
import { whatIfView } from "../../src/report/what-if.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { labelOf, parseDot } from "./dot.ts";
import { inputOf, largeServer, MACHINES, machineOf } from "./machines.ts";
import { complaintOf, elementsOf, isHere } from "./xml.ts";

const SIGNS = { "bus-addr": "", "thru-host-bridge": "H", "not-supported": "✗", unknown: "?" } as const;

describe.each([...MACHINES, ["500 devices", largeServer(500)] as const])(
  "The matrix of %s as a picture",
  (_, machine) => {
    const { table } = inputOf(machine);
    const svg = matrixSvg(table);
    const scene = matrixScene(table);

    test("is XML, and of SVG's elements", () => {
      const names = new Set(elementsOf(svg).map(({ name }) => name));
      expect(
        [...names].filter((name) => !["svg", "title", "style", "g", "rect", "path", "text"].includes(name)),
      ).toEqual([]);
    });

    test.runIf(isHere("xmllint"))("is XML for xmllint (package libxml2-utils)", () => {
      expect(complaintOf("xmllint", ["--noout", "--nonet", "-"], svg)).toBe("");
    });

    test("has a row or a part of one for each provider, and a column for each client", () => {
      const positions = (lines: typeof scene.rows): readonly number[] =>
        lines.flatMap((line) => line.positions).toSorted((a, b) => a - b);
      expect(positions(scene.rows)).toEqual([...table.providers.keys()]);
      expect(positions(scene.columns)).toEqual([...table.clients.keys()]);
      expect(scene.leftOut).toEqual({ providers: 0, clients: 0 });
    });

    test("says of each pair what the table says", () => {
      for (const [i, row] of scene.rows.entries()) {
        for (const [j, column] of scene.columns.entries()) {
          const cell = scene.cells[i]?.[j];
          const pairs = row.positions.flatMap((k) =>
            column.positions.flatMap((l) => (table.providers[k] === table.clients[l] ? [] : [[k, l] as const])),
          );
          const mapTypes = [...new Set(pairs.map(([k, l]) => table.mapType(k, l)))];
          const [only = null, ...others] = mapTypes;
          expect(cell?.is).toBe(others.length > 0 ? "mixed" : only);
          if (only === null) continue;
          const hops = pairs.flatMap(([k, l]) => table.hops(k, l) ?? []);
          const [least, most] = [Math.min(...hops), Math.max(...hops)];
          const range = hops.length === 0 ? "" : least === most ? String(least) : `${least}–${most}`;
          if (others.length === 0) expect(cell?.text).toBe(`${SIGNS[only]}${only === "not-supported" ? "" : range}`);
        }
      }
    });

    test("draws each cell, and each place once beside its rows", () => {
      const texts = elementsOf(svg).filter(({ name }) => name === "text");
      const cells = texts.filter(
        ({ attributes }) =>
          /^(?:on-|faint$|text$)/.test(attributes["class"] ?? "") && attributes["text-anchor"] === "middle",
      );
      const legend = new Set(
        scene.cells
          .flat()
          .map(({ is }) => is)
          .filter((is) => is !== null),
      ).size;
      expect(cells).toHaveLength(scene.rows.length * scene.columns.length + legend);
      const shown = texts.map(({ text }) => text);
      for (const { place } of scene.rows) expect(shown).toContain(scene.places[place]);
    });

    test("is a graph of the places where devices stand together", () => {
      const { nodes, edges } = parseDot(matrixDot(table));
      expect([...nodes.values()].map((node) => labelOf(node)[0])).toEqual(scene.places);
      expect(edges.length).toBeLessThanOrEqual(200);
    });

    test.runIf(isHere("dot"))("is a graph for dot (package graphviz)", { timeout: 60_000 }, () => {
      expect(complaintOf("dot", ["-Tsvg"], matrixDot(table))).toBe("");
    });
  },
);

describe("A picture of a matrix", () => {
  const server = machineOf("examples/gpu-nic-server.yaml");
  const { table } = inputOf(server);

  test("of a server with eight GPUs is no wider than a screen, and has a cell for each pair", () => {
    const svg = matrixSvg(table);
    expect(Number(elementsOf(svg)[0]?.attributes["width"])).toBeLessThanOrEqual(1400);
    const { rows, columns } = matrixScene(table);
    expect([rows.length, columns.length]).toEqual([table.providers.length, table.clients.length]);
    const names = table.clients.map((bdf) => nameIn(table.topology, bdf));
    expect(columns.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
  });

  test("tells a pair and why when it is pointed at", () => {
    const titles = elementsOf(matrixSvg(table)).filter(({ name }) => name === "title");
    expect(titles.map(({ text }) => text)).toContain(
      "gpu0 → mlx5_0: through the host bridge, 4 hops, PIX\nACS redirects peer requests; the host bridge is on the allow-list of Linux 7.2",
    );
  });

  test("marks what a change would change", () => {
    const machine = { ...server, iommu: { ...server.iommu } };
    const cleared = {
      ...machine,
      functions: machine.functions.map((fn) =>
        fn.acs !== null && "control" in fn.acs ? { ...fn, acs: { ...fn.acs, control: 0 } } : fn,
      ),
    };
    const selection = { providers: table.providers, clients: table.clients };
    const after = decideAll(cleared, selection);
    const view = whatIfView([{ kind: "kernel", release: "7.2" }], table, after);
    const changed = matrixScene(after, view)
      .cells.flat()
      .filter(({ isChanged }) => isChanged);
    expect(changed).toHaveLength(24);
    expect(new Set(changed.map(({ is }) => is))).toEqual(new Set(["bus-addr"]));
  });

  test("of 500 devices has a line for each place, and no pair that is not what its cell says", () => {
    const large = inputOf(largeServer(500)).table;
    const { rows, columns, cells } = matrixScene(large);
    expect(rows.length).toBe(63);
    expect(columns.length).toBe(63);
    expect(cells.flat().filter(({ is }) => is === "mixed")).toEqual([]);
    expect(matrixSvg(large).length).toBeLessThan(2 ** 21);
  });

  test("of 56 devices has a line for those that nothing tells apart", () => {
    const { rows, columns } = matrixScene(inputOf(largeServer(56), true).table);
    expect(rows.flatMap(({ positions }) => positions)).toHaveLength(56);
    expect(rows.map(({ name }) => name)).toContain("2: gpu0 gpu1");
    expect(columns).toHaveLength(3 * 7);
  });

  test("of no pairs says so", () => {
    const none = decideAll(server, { providers: [], clients: [] });
    expect(matrixSvg(none)).toContain("no pair to draw");
    expect(parseDot(matrixDot(none)).nodes.size).toBe(0);
  });
});
