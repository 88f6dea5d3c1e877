import { describe, expect, test } from "vitest";
import { type Rectangle, textPixels } from "../../src/drawing/svg.ts";
import type { Box } from "../../src/drawing/tree-boxes.ts";
import { treeDot } from "../../src/drawing/tree-dot.ts";
import { layOutTree, type PlacedBox } from "../../src/drawing/tree-layout.ts";
import { treeScene } from "../../src/drawing/tree-scene.ts";
import { treeSvg } from "../../src/drawing/tree-svg.ts";
import type { Machine } from "../../src/host/machine.ts";
import { deviceKind, KINDS_OF_INTEREST } from "../../src/pci/device-kind.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { physicalOf } from "../../src/pci/virtual-functions.ts";
import { displayName, shortAddress } from "../../src/report/device-names.ts";
import { linksOf } from "../../src/summary/links.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { labelOf, parseDot } from "./dot.ts";
import { deepChain, inputOf, LINKS, largeServer, MACHINES, machineOf } from "./machines.ts";
import { complaintOf, elementsOf, isHere } from "./xml.ts";

const ALL: readonly (readonly [name: string, machine: Machine])[] = [
  ...MACHINES,
  ["links of all kinds", LINKS],
  ["500 devices", largeServer(500)],
  ["a chain of switches", deepChain(60)],
];

/** What is written in a picture, and what is said when something is pointed at. */
function textsOf(svg: string): readonly string[] {
  return elementsOf(svg)
    .filter(({ name }) => name === "text" || name === "title")
    .map(({ text }) => text);
}

function boxesOf(roots: readonly Box[]): readonly Box[] {
  return roots.flatMap((box) => [box, ...boxesOf(box.below.map((branch) => branch.box))]);
}

/** Devices that people look for, virtual functions left out. */
function devicesOf({ functions }: Machine): readonly string[] {
  return functions
    .filter((fn) => KINDS_OF_INTEREST.includes(deviceKind(fn)) && physicalOf(fn) === undefined)
    .map(displayName);
}

const meet = (a: Rectangle, b: Rectangle): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe.each(ALL)("The tree of %s as a picture", (_, machine) => {
  const input = inputOf(machine);
  const svg = treeSvg(input);
  const scene = treeScene(input);
  const layout = layOutTree(scene, 100);

  test("is XML, and of SVG's elements", () => {
    const names = new Set(elementsOf(svg).map(({ name }) => name));
    expect([...names].filter((name) => !["svg", "title", "style", "g", "rect", "path", "text"].includes(name))).toEqual(
      [],
    );
  });

  test.runIf(isHere("xmllint"))("is XML for xmllint (package libxml2-utils)", () => {
    expect(complaintOf("xmllint", ["--noout", "--nonet", "-"], svg)).toBe("");
  });

  test("has boxes that do not overlap, in regions that do not", () => {
    const overlapping = (shapes: readonly Rectangle[]): readonly Rectangle[] =>
      shapes.filter((one, at) => shapes.slice(at + 1).some((other) => meet(one, other)));
    expect(overlapping(layout.boxes)).toEqual([]);
    expect(overlapping(layout.regions)).toEqual([]);
    const isInside = ({ x, y, width, height }: PlacedBox): boolean =>
      layout.regions.some(
        (region) =>
          region.x < x && region.y < y && x + width < region.x + region.width && y + height < region.y + region.height,
      );
    expect(layout.boxes.filter((box) => !isInside(box))).toEqual([]);
    for (const { x, y, width, height } of layout.regions) {
      expect([x >= 0, y >= 100, x + width <= layout.width, y + height <= layout.height]).not.toContain(false);
    }
  });

  test("has texts that fit their boxes", () => {
    for (const { lines, width, height } of layout.boxes) {
      for (const { name, what, y, notes } of lines) {
        const room = width - 10 - 8;
        expect(textPixels(name, { isBold: true }) + textPixels(what, { size: 10.5 })).toBeLessThanOrEqual(room);
        for (const note of notes) {
          expect(textPixels(note.text, { size: 10.5 })).toBeLessThanOrEqual(room);
          expect(note.y).toBeLessThan(height);
        }
        expect(y).toBeLessThan(height);
      }
    }
  });

  test("leads to each box from the one above it", () => {
    const boxes = boxesOf(scene.regions.flatMap(({ roots }) => roots));
    expect(layout.boxes).toHaveLength(boxes.length);
    expect(layout.branches).toHaveLength(boxes.reduce((sum, { below }) => sum + below.length, 0));
    const placeOf = new Map(layout.boxes.map((placed) => [placed.box, placed]));
    for (const { branch, to } of layout.branches) {
      const end = placeOf.get(branch.box);
      expect([to.x, end !== undefined && end.y < to.y && to.y < end.y + end.height]).toEqual([end?.x, true]);
    }
  });

  test("has each device of interest, in sight or where something is pointed at", () => {
    const texts = textsOf(svg).join("\n");
    const boxes = boxesOf(scene.regions.flatMap(({ roots }) => roots));
    // A chain that is cut is counted.
    if (boxes.some(({ lines }) => lines.some(({ notes }) => notes.includes("not drawn")))) return;
    expect(devicesOf(machine).filter((name) => !texts.includes(name))).toEqual([]);
  });

  test("is as a graph what it is as a picture", () => {
    const { nodes, edges, clusters } = parseDot(treeDot(input));
    const boxes = boxesOf(scene.regions.flatMap(({ roots }) => roots));
    expect(nodes.size).toBe(boxes.length);
    expect(edges).toHaveLength(layout.branches.length);
    expect(clusters).toHaveLength(scene.regions.filter(({ name }) => name !== "").length);
    const labels = [...nodes.values()].map((attributes) => labelOf(attributes)[0]?.replace(/ \([^)]*\)$/, ""));
    expect(labels.toSorted()).toEqual(boxes.map(({ lines }) => lines[0]?.name).toSorted());
  });

  test.runIf(isHere("dot"))("is a graph for dot (package graphviz)", { timeout: 60_000 }, () => {
    expect(complaintOf("dot", ["-Tsvg"], treeDot(input))).toBe("");
  });
});

describe("A picture of a tree", () => {
  test("of a server with eight GPUs is no wider than a screen, and names all without folding", () => {
    const machine = machineOf("examples/gpu-nic-server.yaml");
    const svg = treeSvg(inputOf(machine));
    const width = Number(elementsOf(svg)[0]?.attributes["width"]);
    expect(width).toBeLessThanOrEqual(1400);
    const shown = elementsOf(svg)
      .filter(({ name }) => name === "text")
      .map(({ text }) => text);
    for (const name of devicesOf(machine)) expect(shown).toContain(name);
    expect(shown).toEqual(expect.arrayContaining(["NUMA node 0", "NUMA node 1", "switch", "x16 32GT/s"]));
  });

  test("has each link with what it runs at, and draws those that could do more in another way", () => {
    const { table } = inputOf(LINKS);
    const links = linksOf(table.topology);
    const layout = layOutTree(treeScene(inputOf(LINKS)), 0);
    const drawn = layout.branches.flatMap(({ branch: { link } }) => (link === null ? [] : [link.is]));
    expect(drawn.toSorted()).toEqual(links.map(({ is }) => is).toSorted());
    expect(drawn).toEqual(expect.arrayContaining(["slow", "idle-gpu", "held-by-port", "full"]));
    const svg = treeSvg(inputOf(LINKS));
    const lines = elementsOf(svg).filter(({ name }) => name === "path");
    const countOf = (look: string): number =>
      lines.filter(({ attributes }) => attributes["class"] === `none ${look}-line`).length;
    // Those of the legend are among them.
    expect([countOf("slow"), countOf("held")]).toEqual([2 + 1, 1 + 1]);
    expect(textsOf(svg)).toEqual(
      expect.arrayContaining(["x8 8GT/s", "of x16 32GT/s", "link slower than both of its ends can"]),
    );
  });

  test("tells virtual functions with the physical one", () => {
    expect(textsOf(treeSvg(inputOf(LINKS))).filter((text) => text.includes("8 virtual functions"))).not.toEqual([]);
    expect(devicesOf(LINKS)).toHaveLength(4);
    const boxes = boxesOf(treeScene(inputOf(LINKS)).regions.flatMap(({ roots }) => roots));
    expect(boxes.filter(({ kind }) => KINDS_OF_INTEREST.includes(kind as never))).toHaveLength(4);
  });

  test.each([
    ["redirects", "redirects"],
    ["hidden", "hidden"],
  ] as const)("marks a port whose ACS %s", (acs, kind) => {
    const whole = readCapturedMachine("nested-switches.intel.strict");
    const functions = whole.functions.map((fn) => ({ ...fn, acs: { unknown: "not shown" } }));
    const machine = acs === "hidden" ? { ...whole, functions } : whole;
    const { branches } = layOutTree(treeScene(inputOf(machine)), 0);
    expect(branches.filter(({ branch }) => branch.port?.acs === kind).length).toBeGreaterThan(0);
  });

  test("folds devices that differ in names alone, and no others", () => {
    const machine = largeServer(500);
    const scene = treeScene(inputOf(machine));
    const boxes = boxesOf(scene.regions.flatMap(({ roots }) => roots));
    expect(boxes.filter(({ isPile }) => isPile).reduce((sum, { count }) => sum + count, 0)).toBeGreaterThan(400);
    const names = boxes.flatMap(({ details }) => details).join("\n");
    expect(devicesOf(machine).filter((name) => !names.includes(name))).toEqual([]);
    // One SSD at half its width is told apart.
    const slowed = machine.functions.map((fn) => {
      const { express } = fn;
      if (displayName(fn) !== "nvme7" || isUnknown(express) || express === null) return fn;
      return { ...fn, express: { ...express, linkStatus: { speedGTps: 8, width: 2 } } };
    });
    const apart = boxesOf(treeScene(inputOf({ ...machine, functions: slowed })).regions.flatMap(({ roots }) => roots));
    expect(apart.filter(({ lines }) => lines[0]?.name === "nvme7")).toHaveLength(1);
    expect(boxes.filter(({ lines }) => lines[0]?.name === "nvme7")).toEqual([]);
  });

  test("of 500 devices, and of a chain of switches, stays a picture", () => {
    for (const machine of [largeServer(500), deepChain(60)]) {
      const svg = treeSvg(inputOf(machine));
      expect(svg.length).toBeLessThan(2 ** 20);
      expect(elementsOf(svg).length).toBeLessThan(20_000);
    }
    const deepest = boxesOf(treeScene(inputOf(deepChain(60))).regions.flatMap(({ roots }) => roots));
    expect(deepest.length).toBeLessThan(20);
    expect(deepest.flatMap(({ lines }) => lines.map(({ name }) => name))).toContainEqual(
      expect.stringMatching(/^\d+ more$/),
    );
  });

  test("of a machine without functions says what it is of", () => {
    const machine = { ...LINKS, functions: [], hostBridges: [] };
    expect(textsOf(treeSvg(inputOf(machine)))).toContain("links.yaml");
    expect(parseDot(treeDot(inputOf(machine))).nodes.size).toBe(0);
  });

  test("names each port by its address", () => {
    const input = inputOf(MACHINES[0]?.[1] as Machine);
    const ports = layOutTree(treeScene(input), 0).branches.flatMap(({ branch: { port } }) =>
      port === null ? [] : [port.name],
    );
    const bridges = new Set(input.table.topology.functions.map(shortAddress));
    expect(ports.length).toBe(22);
    expect(ports.filter((name) => !bridges.has(name))).toEqual([]);
  });
});
