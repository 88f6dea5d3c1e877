import { describe, expect, test } from "vitest";
import { Answers } from "../../src/answers/answer.ts";
import { findDevice, selectDevices } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { nameIn, shortAddress } from "../../src/report/device-names.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { treeText } from "../../src/report/tree-text.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { FIVE_MACHINES, machineOf, WIDTHS } from "./five-machines.ts";

const MACHINES = Object.entries(FIVE_MACHINES);

describe.each(MACHINES)("The matrix of %s", (_, file) => {
  const machine = machineOf(file);
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const screen = (width: number): string =>
    matrixText(table, { width, color: false }, undefined, new PeerRoutes(table));

  test.each(WIDTHS)("in %i columns", (width) => {
    expect(screen(width)).toMatchSnapshot();
  });

  test.each(WIDTHS)("says in its first lines of %i columns how many pairs are what", (width) => {
    const first = screen(width).split("\n").slice(0, 12).join("\n");
    expect(first).toMatch(
      /^of \d+ pairs?: \d+ direct(?:, \d+ (?:through the host bridge \((?:this works|these work), slower\)|not supported|unknown))*$/m,
    );
  });

  test.each(WIDTHS)("names no two places alike in %i columns, and cuts no device", (width) => {
    const text = screen(width);
    const places =
      text.match(/^ {2}(?:host bridge|switch|bridge) [^,\n]+(?:, (?:ports? [\d:., ]+(?:and \d+ more)?))?/gm) ?? [];
    expect(new Set(places).size).toBe(places.length);
    expect(text.slice(text.indexOf("\ndevice"))).not.toContain("…");
  });

  test.each(WIDTHS)("has each pair with its hops in %i columns", (width) => {
    expect(cellsOf(screen(width), table)).toEqual(expectedCells(table));
  });
});

describe.each(MACHINES)("The tree of %s", (_, file) => {
  const machine = machineOf(file);
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
  const screen = (width: number): string => treeText(input, { width, color: false });
  const widths = [80, 120, 200, Number.POSITIVE_INFINITY];

  test.each(widths)("in %d columns", (width) => {
    expect(screen(width)).toMatchSnapshot();
  });

  test.each([60, 100, ...widths])("has each function with its link in %d columns, and cuts nothing", (width) => {
    const text = screen(width);
    expect(text).not.toContain("…");
    const lines = text.split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    const shown = lines.flatMap((line) => /^[│ ]*[├└]─(\S+) .*?(x\d+ \S+GT\/s|$)/.exec(line)?.slice(1).join(" ") ?? []);
    expect(shown).toEqual(
      [...table.topology.preorder].map((index) => {
        const fn = table.topology.functionAt(index);
        const express = isUnknown(fn.express) ? null : fn.express;
        const link = express === null || isUnknown(express.linkStatus) ? null : express.linkStatus;
        return `${shortAddress(fn)} ${link === null ? "" : `x${link.width} ${link.speedGTps}GT/s`}`;
      }),
    );
  });

  test.each([80, 120, 200])(
    "says in its first lines of %d columns which ports redirect and which links are slow",
    (width) => {
      const first = screen(width).split("\n").slice(0, 12).join("\n");
      expect(first).toMatch(/^\d+ functions below \d+ host bridges?: \d+ /m);
      expect(first).toMatch(/^ACS: /m);
      expect(first).toMatch(/^\d+ links?[:,]/m);
    },
  );
});

describe.each(MACHINES)("A pair of %s, explained", (_, file) => {
  const machine = machineOf(file);
  const [a, b] = selectDevices(machine, { all: false }).clients;
  if (a === undefined || b === undefined) throw new Error("fewer than two devices");
  const table = decideAll(machine, { providers: [a, b], clients: [a, b] });
  const screen = (width: number): string => explainText(table, a, b, { width, color: false }, new PeerRoutes(table));

  test("in 100 columns", () => {
    expect(screen(100)).toMatchSnapshot();
  });

  test.each([60, 80, 120])("has each hop, and cuts nothing in %i columns", (width) => {
    const text = screen(width);
    expect(text).not.toMatch(/…$/m);
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(width);
    const path = text.split("\n").flatMap((line) => /^ {2}[↑↷↓] (\S+)/.exec(line)?.[1] ?? []);
    expect(path).toEqual(new Answers(table).at(0, 1).path.map(formatBdf));
  });
});

test("What is said in other words of the two directions is said of each", () => {
  const machine = machineOf("examples/gpu-nic-server.yaml");
  const [a, b] = [findDevice(machine, "gpu0"), findDevice(machine, "mlx5_7")];
  const table = decideAll(machine, { providers: [a, b], clients: [a, b] });
  const text = explainText(table, a, b, { width: 200, color: false }, new PeerRoutes(table));
  expect(text).toContain("mlx5_7 reaches memory of gpu0: through the host bridge");
  // The NIC has registers only: nobody reaches memory of it.
  expect(text).not.toContain("reach each other's memory");
  expect(text).not.toContain("reaches memory of mlx5_7");
  expect(text).toContain("⇅ host bridge 0000:15 (NUMA 0) to host bridge 0000:b7 (NUMA 1)");
  expect(text).toContain("across NUMA nodes 0 and 1");
  expect(text).toContain("into gpu0: does not ask the kernel");
  expect(text).toContain("into mlx5_7: unknown: nothing was read of how nvidia would reach memory of mlx5_core");
});

/** Cells by provider and client, read from a screen: `gpu0 mlx5_0 H4`; a row `…gpu7` is that of all below the one above it. */
function cellsOf(screen: string, table: VerdictTable): readonly string[] {
  const providers = table.providers.map((bdf) => nameIn(table.topology, bdf));
  const cells: string[] = [];
  let heads: readonly string[] | undefined;
  let above = "";
  for (const line of screen.split("\n")) {
    // The place of an unknown pair belongs to its cell.
    const [name = "", ...row] = line.replaceAll(/ (?=PIX|PXB|PHB|NODE|SYS)/g, "_").split(/ +/);
    if (name === "provider") heads = row;
    else if (name.startsWith("cells")) break;
    else if (heads !== undefined && name !== "") {
      const last = name.replace("…", "");
      const rows = last === name ? [name] : providers.slice(providers.indexOf(above) + 1, providers.indexOf(last) + 1);
      cells.push(...rows.flatMap((one) => (heads ?? []).map((head, at) => `${one} ${head} ${row[at] ?? "nothing"}`)));
      above = last;
    }
  }
  return cells.sort();
}

function expectedCells(table: VerdictTable): readonly string[] {
  return table.providers
    .flatMap((provider, i) =>
      table.clients.map((client, j) => {
        const hops = table.hops(i, j) ?? "";
        const texts = {
          "bus-addr": `${hops}`,
          "thru-host-bridge": `H${hops}`,
          "not-supported": "✗",
          unknown: `?${hops}_PHB`,
        };
        const text = provider === client ? "·" : texts[table.mapType(i, j)];
        return `${nameIn(table.topology, provider)} ${nameIn(table.topology, client)} ${text}`;
      }),
    )
    .sort();
}
