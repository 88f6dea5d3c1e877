import { describe, expect, it } from "vitest";
import { predictSvg } from "../../src/drawing/predict-svg.ts";
import { oneSwitch, pairOf, scenario } from "../predict/machines.ts";
import { elementsOf } from "./xml.ts";

const drawn = predictSvg(pairOf(scenario(oneSwitch("false")), "gpu0", "gpu1"), undefined);
const elements = elementsOf(drawn);
const texts = elements.filter(({ name }) => name === "text").map(({ text }) => text);

describe("the curves of a pair", () => {
  it("are four: writes and reads, many in flight and one at a time, each with its figures", () => {
    const titles = elements.filter(({ name, parent }) => name === "title" && parent?.name === "g");
    expect(titles.map(({ text }) => text.split("\n")[0])).toEqual([
      "writes, many in flight",
      "writes, one at a time",
      "reads, many in flight",
      "reads, one at a time",
    ]);
    for (const { text } of titles) expect(text).toMatch(/\n16 MiB: 5\d\.\d GB\/s$/);
  });

  it("stand over sizes at equal steps for equal factors", () => {
    const [curve] = elements.filter(({ name, parent }) => name === "path" && parent?.name === "g");
    const across = (curve?.attributes["d"] ?? "")
      .slice(1)
      .split("L")
      .map((point) => Number(point.split(",")[0]));
    const steps = across.slice(1).map((x, at) => x - (across[at] ?? 0));
    // Each size is four times the one before, the last sixteen times.
    for (const step of steps.slice(0, -1)) expect(step).toBeCloseTo(steps[0] ?? 0, 0);
    expect(steps.at(-1)).toBeCloseTo(2 * (steps[0] ?? 0), 0);
    expect(texts).toEqual(expect.arrayContaining(["64 B", "16 MiB", "GB/s", "100"]));
  });

  it("are not drawn of a pair of which nothing is known: it says why", () => {
    const redirected = scenario(oneSwitch("SV+ RR+ CR+ UF+"), "cpu: arm\niommu: off");
    const none = predictSvg(pairOf(redirected, "gpu0", "gpu1"), undefined);
    const said = elementsOf(none).map(({ text }) => text);
    expect(said.join(" ")).toContain("writes: not known (");
    expect(none).not.toContain("<g>");
  });
});
