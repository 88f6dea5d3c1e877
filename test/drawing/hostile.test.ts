import { describe, expect, test } from "vitest";
import { matrixDot } from "../../src/drawing/matrix-dot.ts";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import { predictSvg } from "../../src/drawing/predict-svg.ts";
import { treeDot } from "../../src/drawing/tree-dot.ts";
import { treeSvg } from "../../src/drawing/tree-svg.ts";
import type { Machine } from "../../src/host/machine.ts";
import { visible } from "../../src/pci/visible.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { labelOf, parseDot } from "./dot.ts";
import { inputOf, machineOf } from "./machines.ts";
import { complaintOf, elementsOf, isHere } from "./xml.ts";

const server = machineOf("examples/gpu-nic-server.yaml");

/** The table of one pair of its machine. */
function pairOf({ machine, providers, clients }: VerdictTable): VerdictTable {
  const at = clients.findIndex((client) => client !== providers[0]);
  return decideAll(machine, { providers: providers.slice(0, 1), clients: clients.slice(at, at + 1) });
}

/** The server with a text in every place that a reader takes from its source. */
function planted(text: string): Machine {
  return {
    ...server,
    source: { ...server.source, name: text },
    kernel: { ...server.kernel, commandLine: text },
    cpu: { ...server.cpu, name: text },
    functions: server.functions.map((fn) => ({
      ...fn,
      names: fn.names.length === 0 ? [] : [`${text}${fn.names[0]}`],
      label: text,
      driver: text,
    })),
  };
}

describe.each([
  ["a script", "<script>alert(1)</script>"],
  ["the end of CDATA", "]]><x/>"],
  ["the end of an attribute", `" onload="x`],
  ["apostrophes", "' x='"],
  ["an entity", "&lt;&#60;&amp;&x;"],
  ["escapes of DOT", '\\N\\"\\l\\'],
  ["a label of DOT that is HTML", "<<b>x</b>>"],
  ["control characters", "\u0000\u001b[2J\n\r\t\u009b"],
  ["another order", "\u202egpj.\u2066x\u200f"],
  ["what XML has not", "\uffff\ud800\ufffe"],
  ["letters of both directions", "שלום abc مرحبا"],
  ["a thousand letters", "w".repeat(1000)],
])("%s in the texts of a source", (_, text) => {
  const input = inputOf(planted(text));

  test.each([
    ["a tree", () => treeSvg(input)],
    ["a matrix", () => matrixSvg(input.table)],
    ["a pair's curves", () => predictSvg(pairOf(input.table), undefined)],
  ] as const)("is text in the picture of %s", (__, draw) => {
    const svg = draw();
    const elements = elementsOf(svg);
    expect(new Set(elements.map(({ name }) => name))).toEqual(
      new Set(["svg", "title", "style", "rect", "path", "g", "text"].filter((name) => svg.includes(`<${name}`))),
    );
    const attributes = elements.flatMap((element) => Object.values(element.attributes));
    expect(attributes.filter((value) => value.includes(text))).toEqual([]);
    const [title] = elements.filter(({ name }) => name === "title");
    // Beginnings: what is too long is cut.
    expect(title?.text.slice(0, 8)).toBe(visible(text).slice(0, 8));
  });

  test.runIf(isHere("xmllint"))("is XML for xmllint (package libxml2-utils)", () => {
    for (const svg of [treeSvg(input), matrixSvg(input.table), predictSvg(pairOf(input.table), undefined)]) {
      expect(complaintOf("xmllint", ["--noout", "--nonet", "-"], svg)).toBe("");
    }
  });

  test.each([
    ["a tree", () => treeDot(input)],
    ["a matrix", () => matrixDot(input.table)],
  ] as const)("is text in the graph of %s", (__, draw) => {
    const dot = draw();
    const labels = [...parseDot(dot).nodes.values()].flatMap(labelOf);
    expect(labels.filter((label) => label.includes(visible(text))).length).toBeGreaterThan(3);
  });

  test.runIf(isHere("dot"))("is a graph for dot (package graphviz)", () => {
    // Fonts that miss a letter are no fault of a graph.
    const ofFonts = /^.*(?:too small for label|Pango-WARNING).*\n?|^\n/gm;
    for (const dot of [treeDot(input), matrixDot(input.table)]) {
      expect(complaintOf("dot", ["-Tsvg"], dot).replaceAll(ofFonts, "")).toBe("");
    }
  });
});
