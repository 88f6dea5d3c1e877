import { expect, test } from "vitest";
import { findNearest, nearestQuestions } from "../../src/advice/find-nearest.ts";
import { nearestText } from "../../src/report/nearest.ts";
import { nearestJson } from "../../src/report/nearest-json.ts";
import { machineOf } from "./five-machines.ts";

const machine = machineOf("examples/small-bar-gpu.yaml");
const search = findNearest(machine, nearestQuestions(machine, ["gpu:nic"]));

test("find says of each choice whose link or BAR is less than it could be, below its row", () => {
  expect(
    String(nearestText(search, { width: 100, color: false }))
      .split("\n")
      .slice(-6),
  ).toEqual([
    "nearest to card0",
    "       nearest  path                                  where",
    "  NIC  mlx5_0   through the host bridge, 4 hops, PHB  host bridge 00",
    "    card0: BAR 1 is 256 MiB of 32 GiB",
    "    mlx5_0: x8 8GT/s of x16 8GT/s, and both ends can more",
    "",
  ]);
});

test("and in JSON once of each device", () => {
  expect(nearestJson(search).reduced).toEqual([
    {
      device: { bdf: "0000:02:00.0", name: "card0" },
      link: null,
      bar: { barIndex: 1, sizeBytes: 2 ** 28, possibleBytes: 2 ** 35 },
    },
    {
      device: { bdf: "0000:03:00.0", name: "mlx5_0" },
      link: {
        at: "0000:03:00.0",
        is: "slow",
        status: { width: 8, speedGTps: 8 },
        deviceCan: { width: 16, speedGTps: 8 },
        bothCan: { width: 16, speedGTps: 8 },
      },
      bar: null,
    },
  ]);
});
