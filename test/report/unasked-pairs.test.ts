import { describe, expect, test } from "vitest";
import { verdictHistory } from "../../src/advice/history.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { matrixDot } from "../../src/drawing/matrix-dot.ts";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import type { Machine } from "../../src/host/machine.ts";
import { withOverrides } from "../../src/host/override.ts";
import { findDevice, selectDevices } from "../../src/host/select.ts";
import { documentMarkdown } from "../../src/report/document-markdown.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { matrixCsv } from "../../src/report/matrix-csv.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { matrixBlocks } from "../../src/report/screen-markdown.ts";
import { peerRoutesOf } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import type { VerdictTable } from "../../src/rules/verdict-table.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { unaskedWay } from "../../src/summary/unasked-pairs.ts";
import { bootScenario, check, exampleText, machineOf } from "../policy/machines.ts";
import { rows } from "../rows.ts";

const server = machineOf("gpu-nic-server.yaml");
const screen = { width: 100, color: false };
const flat = (text: string): string => text.replace(/\s+/g, " ");

function firstLines(machine: Machine, selection = selectDevices(machine, { all: false })): string {
  const lines = matrixText(decideAll(machine, selection), screen).split("\n");
  return flat(lines.slice(0, 8).join(" "));
}

function explained(machine: Machine, a: string, b: string): string {
  const pair = [findDevice(machine, a), findDevice(machine, b)] as const;
  const table = decideAll(machine, { providers: pair, clients: pair });
  return flat(explainText(table, ...pair, screen, peerRoutesOf(table)));
}

describe("Pairs that the kernel refuses and whose drivers do not ask it", () => {
  const old = withOverrides(server, { kernel: "5.15" });

  test("are counted in the first line, by where they go", () => {
    expect(firstLines(old)).toContain(
      "of 136 pairs: 0 direct, 136 not supported (120 of them by drivers that do not ask the kernel: they go through the host bridge all the same)",
    );
  });

  test("are explained with the way that they take", () => {
    const text = explained(old, "gpu0", "mlx5_0");
    expect(text).toContain("by the kernel, which the drivers do not ask: they go through the host bridge all the same");
    expect(text).toContain("↑ root complex ↓ 15:01.0 ↓ 16:00.0 ↓ 17:00.0 ↓ gpu0, arrives in BAR 1 of gpu0");
  });

  test("have a cell of their own in the grid, CSV, SVG, DOT and Markdown, whatever is selected beside them", () => {
    const whole = decideAll(old, selectDevices(old, { all: false }));
    const one = decideAll(old, { providers: [findDevice(old, "gpu0")], clients: [findDevice(old, "mlx5_0")] });
    const cellsOf = (table: VerdictTable): readonly string[] =>
      matrixText(table, { width: 400, color: false }).match(/(?<=^gpu0 .*)[✗·]~?/gm) ?? [];
    expect(cellsOf(one)).toEqual(["✗~"]);
    expect(cellsOf(whole)).toEqual(["✗", "✗", "·", ...Array<string>(15).fill("✗~")]);
    const told = "not supported, and the drivers do not ask";
    expect(flat(matrixText(whole, screen))).toContain(`✗~: ${told} (requests may arrive)`);
    const unaskedIn = (csv: string): readonly (string | undefined)[] => {
      const [head = "", ...lines] = csv.trim().split("\n");
      return lines.map((line) => line.split(",")[head.split(",").indexOf("unasked")]);
    };
    expect(unaskedIn(matrixCsv(one))).toEqual(["yes"]);
    const all = unaskedIn(matrixCsv(whole));
    expect([all.length, all.filter((is) => is === "yes").length]).toEqual([136, 120]);
    for (const table of [one, whole]) expect(matrixSvg(table)).toContain(told);
    expect(matrixDot(whole)).toContain(told);
    expect(documentMarkdown(matrixBlocks(one))).toContain(told);
    expect(flat(matrixText(decideAll(server, selectDevices(server, { all: false })), screen))).not.toContain("✗~");
  });

  /** A pair of a server of which one thing is other. */
  const cases: Readonly<Record<string, (text: string) => string>> = {
    "as it is": (text) => text,
    "an allow-list has it": (text) => text.replace("kernel: 5.15", "kernel: 7.2"),
    "hardware documented to fail": (text) =>
      text
        .replace(/^cpu: .*$/m, "cpu: { vendor: GenuineIntel, family: 6, model: 42 }")
        .replaceAll("8086:09a2", "8086:0100"),
    "hardware of nobody knows what": (text) =>
      text
        .replace(
          /^cpu: .*$/m,
          "cpu: { vendor: CentaurHauls, family: 7, model: 11 }\niommu: { mode: passthrough, kind: intel }",
        )
        .replace("\niommu: passthrough", "")
        .replaceAll("8086:09a2", "1d17:0100"),
    "VFIO on both sides": (text) => text.replaceAll(/driver: (nvidia|mlx5_core)/g, "driver: vfio-pci"),
    "amdgpu asks": (text) => text.replaceAll("10de:2330", "1002:74a1").replaceAll("driver: nvidia", "driver: amdgpu"),
  };

  test.each(
    rows(`
      // the machine                  | way
      as it is                        | thru-host-bridge
      an allow-list has it            | null
      hardware documented to fail     | fails
      hardware of nobody knows what   | unknown
      VFIO on both sides              | unknown  // a program chooses the address
      amdgpu asks                     | null
    `),
  )("%s: %s", (name = "", way) => {
    const text = exampleText("gpu-nic-server.yaml").replace("kernel: 7.2", "kernel: 5.15");
    const machine = bootScenario(cases[name]?.(text) ?? "");
    const [provider, client] = [findDevice(machine, "gpu0"), findDevice(machine, "mlx5_0")];
    expect(String(unaskedWay(decideAll(machine, { providers: [provider], clients: [client] }), 0, 0))).toBe(way);
  });
});

describe("What the vendor does not support", () => {
  const strict = afterBoot(withOverrides(server, { kernel: "6.8", iommu: "strict" }));

  test("is not told to work, and stands above", () => {
    const text = firstLines(strict);
    expect(text).toContain("(16 of them work, slower; 120 not supported by the vendor of the drivers, below)");
    expect(text).toContain("not supported by the vendor (120 pairs: 64 GPU → NIC, 56 GPU → GPU): the IOMMU translates");
    expect(explained(strict, "gpu0", "mlx5_0")).toContain("; not supported by the vendor of the drivers (below)");
  });

  test("does not pass a policy", () => {
    const { results } = check(strict, "policy: p\nrequire: [{ provider: gpu, client: nic, path: supported }]");
    expect(results.map(({ outcome }) => outcome)).toEqual(["unknown"]);
  });
});

describe("What may be blocked is so on every screen", () => {
  const vfio = bootScenario(
    exampleText("gpu-nic-server.yaml").replace("name: gpu6, driver: nvidia", "name: gpu6, driver: vfio-pci"),
  );

  test("where the kernel may not be built for it", () => {
    const pair = { providers: [findDevice(vfio, "gpu6")], clients: [findDevice(vfio, "mlx5_6")] };
    expect(firstLines(vfio, pair)).toContain(
      "of 1 pair: 0 direct, 1 through the host bridge; 1 of these may be blocked",
    );
    expect(explained(vfio, "gpu6", "mlx5_6")).toMatch(/mlx5_6 reaches memory of gpu6: .*, distance 4; perhaps blocked/);
    const { results } = check(vfio, "policy: p\nrequire: [{ provider: gpu6, client: mlx5_6, path: supported }]");
    expect(results.map(({ outcome }) => outcome)).toEqual(["unknown"]);
  });

  test("whatever pairs stand beside it", () => {
    const pair = { providers: [findDevice(server, "mlx5_0")], clients: [findDevice(server, "nvme0")] };
    expect(firstLines(server, pair)).toContain("1 through the host bridge; 1 of these may be blocked (below)");
    expect(matrixText(decideAll(server, pair), screen)).toContain("mlx5_0    H6!?");
  });
});

test("a list that the kernel reads otherwise stands above the counts, and is not to be set", () => {
  const typo = askWhatIf(server, { append: "pci=disable_acs_redir=17:00.0,17:01.0" }).after;
  expect(firstLines(typo)).toMatch(/the kernel reads '17:01.0' as an option of its own and ignores it.* of 136 pairs:/);
});

test("the history of a pair has a row of its own where what blocks it changes", () => {
  const machine = bootScenario(
    exampleText("gpu-nic-server.yaml")
      .replaceAll("driver: nvidia", "driver: vfio-pci")
      .replace("kernel: 7.2", "kernel: 6.8"),
  );
  const entries = verdictHistory(machine, findDevice(machine, "gpu0"), findDevice(machine, "mlx5_0"));
  expect(
    entries
      .filter(({ verdict }) => verdict.mapType === "thru-host-bridge")
      .map(
        ({ from, blockedBy }) => `${from} ${blockedBy?.kind} ${blockedBy?.doubt === undefined ? "sure" : "perhaps"}`,
      ),
  ).toEqual(["5.18 no-peer-dma sure", "6.19 no-peer-dma perhaps"]);
});
