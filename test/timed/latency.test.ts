import { describe, expect, test } from "vitest";
import { isUnknown } from "../../src/pci/known.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { oneSwitch, rootPorts, scenario, tableOf } from "../predict/machines.ts";
import { fabricOf, flowOf } from "./fabrics.ts";

/** Nanoseconds of 280 bytes, 24 bytes and 276 bytes on x16 at 32 GT/s, at 98 % of its packet rate; whole picoseconds. */
const WRITE = 4.546;
const REQUEST = 0.39;
const ANSWER = 4.481;
/** 512 bytes at the bit rate of x16 at 32 GT/s, as the prediction has them pass into who asked. */
const INTO = 8.125;

describe("One TLP alone takes what stands in src/predict/latency.ts, and its bytes over the slowest link", () => {
  test.each([
    ["a write below one switch", oneSwitch("false"), "0 <- 1", 256, 160 + WRITE + 200],
    ["half of it", oneSwitch("false"), "0 <- 1", 128, 160 + 2.468 + 200],
    ["from x8: it leaves the switch when it does not run dry", oneSwitch("false"), "0 <- 2", 256, 160 + 9.092 + 200],
    ["into x8", oneSwitch("false"), "2 <- 0", 256, 160 + 9.092 + 200],
    ["redirected: two switches and the root complex", oneSwitch('"SV+ RR+ CR+ UF+"'), "0 <- 1", 256, 720.0 + WRITE],
    ["over the root complex", rootPorts("one-bridge"), "0 <- 1", 256, 200 + WRITE + 200],
    ["to the other socket", rootPorts([0, 1]), "0 <- 1", 256, 250 + WRITE + 200],
    ["two packets: the second behind the first", oneSwitch("false"), "0 <- 1", 512, 160 + 2 * WRITE + 200],
    ["a read below one switch", oneSwitch("false"), "0 -> 1", 512, 720 + REQUEST + 2 * ANSWER + INTO],
    ["a read over the root complex", rootPorts("one-bridge"), "0 -> 1", 512, 800 + REQUEST + 2 * ANSWER + INTO],
  ])("%s", (_, hostBridges, flow, sizeBytes, expected) => {
    const names = hostBridges.includes("nic0") ? ["gpu0", "gpu1", "nic0"] : ["gpu0", "gpu1"];
    const table = tableOf(scenario(hostBridges), names);
    const { provider, client, operation } = flowOf(flow);
    const result = fabricOf(table, [flowOf(flow, { sizeBytes, bytes: sizeBytes })]).run({});
    expect(result.flows[0]?.doneNs).toBeCloseTo(expected, 2);
    const prediction = predictionsOf(table).at(Number(provider), client, operation, sizeBytes);
    if (isUnknown(prediction) || sizeBytes > 256 === (operation === "write")) return;
    // The prediction counts data bytes, and the simulation the headers too.
    expect(Math.abs(expected - prediction.latencyNs.value)).toBeLessThan(1.5);
  });

  test("memory of the host: written and read", () => {
    const table = tableOf(scenario(rootPorts("one-bridge")), ["gpu0"]);
    const memory = { gbps: 256 };
    const write = flowOf("host <- 0", { sizeBytes: 256, bytes: 256 });
    // On its own root port: the ends, its bytes on the link, and then no more than the memory's part behind its last one.
    expect(fabricOf(table, [write], { memory }).run({}).flows[0]?.doneNs).toBeCloseTo(200 + WRITE, 2);
    const read = flowOf("host -> 0", { sizeBytes: 512, bytes: 512 });
    // The request, 512 bytes at 256 GB/s, 120 ns of memory, and the completions.
    const expected = 400 + REQUEST + 2 + 120 + 2 * ANSWER + INTO;
    expect(fabricOf(table, [read], { memory }).run({}).flows[0]?.doneNs).toBeCloseTo(expected, 2);
  });
});
