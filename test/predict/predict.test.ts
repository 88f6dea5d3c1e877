import { describe, expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import type { HopLimit } from "../../src/predict/hops.ts";
import type { Loss } from "../../src/predict/losses.ts";
import { type Prediction, predictionsOf } from "../../src/predict/predict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { oneSwitch, pairOf, rootPorts, scenario } from "./machines.ts";

const REDIRECTED = '"SV+ RR+ CR+ UF+"';
const GENOA = "cpu: { vendor: AuthenticAMD, family: 25, model: 17 }\niommu: off";
const XEON = "cpu: { vendor: GenuineIntel, family: 6, model: 143 }\niommu: off";

function predicted(text: string, operation: "write" | "read" = "write", sizeBytes?: number): Prediction {
  const prediction = predictionsOf(pairOf(text, "gpu0", "gpu1")).at(0, 0, operation, sizeBytes);
  if (isUnknown(prediction)) throw new Error(prediction.unknown);
  return prediction;
}

const hopText = ({ kind, at, towards }: HopLimit): string =>
  kind === "link" ? `${at === null ? "" : formatBdf(at).slice(5)} ${towards}` : kind;

/** Two GPUs below a switch: the uplink, both GPUs and how redirection stands are given, MaxPayload is 256. */
const switchOf = (uplink: string, gpu0: string, gpu1: string, acs = "false"): string => `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16, maxPayload: 256 }
      below:
        - switch: { acs: ${acs}, link: ${uplink} }
          below:
            - gpu: { name: gpu0, bar: 16G, link: ${gpu0}, maxReadRequest: 512 }
            - gpu: { name: gpu1, bar: 16G, link: ${gpu1}, maxReadRequest: 512 }`;

describe("The hop with the least holds a pair, in GB/s of writes", () => {
  test.each(
    rows(`
      // what it is                | uplink   | gpu0             | gpu1             | redirect | GB/s  | held by
      all alike, the first         | gen5 x16 | gen5 x16         | gen5 x16         | no       | 56.31 | 04:00.0 up
      a narrow card                | gen5 x16 | gen5 x8 of gen5 x16 | gen5 x16      | no       | 28.16 | 03:00.0 down
      an old card                  | gen5 x16 | gen5 x16         | gen3 x16         | no       | 14.08 | 04:00.0 up
      a slow uplink is not used    | gen2 x16 of gen5 x16 | gen5 x16 | gen5 x16     | no       | 56.31 | 04:00.0 up
      a slow uplink, redirected    | gen2 x16 of gen5 x16 | gen5 x16 | gen5 x16     | yes      | 7.11  | 01:00.0 up
      an idle GPU is taken awake   | gen5 x16 | gen1 x16 of gen5 x16 | gen5 x16     | no       | 56.31 | 04:00.0 up
    `),
  )("%s", (_, uplink, gpu0, gpu1, redirect, gbps, heldBy) => {
    const acs = redirect === "yes" ? REDIRECTED : "false";
    const text = scenario(switchOf(uplink ?? "", gpu0 ?? "", gpu1 ?? "", acs), GENOA);
    const prediction = predicted(text);
    expect(prediction.value).toBeCloseTo(Number(gbps), 1);
    expect(hopText(prediction.bottleneck)).toBe(heldBy);
    expect(prediction.hops).toContain(prediction.bottleneck);
  });

  test("a redirecting switch's uplink carries what acknowledges the data beside it, and of reads the requests", () => {
    const direct = predicted(scenario(oneSwitch("false"), GENOA));
    const redirected = predicted(scenario(oneSwitch(REDIRECTED), GENOA));
    expect(redirected.value).toBeLessThan(direct.value);
    expect(redirected.value).toBeGreaterThan(direct.value * 0.99);
    const read = predicted(scenario(oneSwitch(REDIRECTED), GENOA), "read");
    // 24 bytes of request for 512 of data in two completions of 276.
    expect(predicted(scenario(oneSwitch("false"), GENOA), "read").value / read.value).toBeCloseTo(
      1 + 24 / 552 + 0.006,
      2,
    );
  });

  test("sockets, and root complexes that send small packets on", () => {
    expect(predicted(scenario(rootPorts([0, 1]), GENOA))).toMatchObject({ value: 41.5, low: 38, sure: "measured" });
    expect(hopText(predicted(scenario(rootPorts([0, 1]), GENOA)).bottleneck)).toBe("root-complex");
    const intel = predicted(scenario(rootPorts("one-bridge").replace("- below", "- id: 8086:09a2\n  below"), XEON));
    expect(intel.value).toBeCloseTo(44.8, 1);
    expect(hopText(intel.bottleneck)).toBe("01:00.0 down");
    expect(intel.sure).toBe("assumption");
    expect(intel.high).toBeGreaterThan(56);
  });

  test("few reads in flight", () => {
    const text = scenario(oneSwitch("false"), GENOA).replaceAll("maxReadRequest: 512", "maxReadRequest: 128");
    const prediction = predicted(text, "read");
    expect(hopText(prediction.bottleneck)).toBe("reads-in-flight");
    expect(prediction.value).toBeCloseTo((256 * 128) / prediction.latencyNs.value, 6);
  });
});

test("A root complex of which nothing is published is not named where a link has as little, and its high end is the links'", () => {
  for (const [gpu0, gpu1, at] of [
    ["gen3 x4", "gen5 x16", "01:00.0 down"],
    ["gen5 x16", "gen3 x4", "02:00.0 up"],
  ] as const) {
    const text = scenario(rootPorts("one-bridge"))
      .replace("name: gpu0, bar: 16G, link: gen5 x16", `name: gpu0, bar: 16G, link: ${gpu0}`)
      .replace("name: gpu1, bar: 16G, link: gen5 x16", `name: gpu1, bar: 16G, link: ${gpu1}`);
    for (const operation of ["write", "read"] as const) {
      const prediction = predicted(text, operation);
      expect(hopText(prediction.bottleneck)).toBe(
        operation === "write" ? at : at.replace(/up|down/, (way) => (way === "up" ? "down" : "up")),
      );
      expect(prediction.high).toBe(
        Math.min(...prediction.hops.flatMap((hop) => (hop.kind === "link" ? [hop.high] : []))),
      );
      expect(prediction.high).toBeGreaterThan(prediction.value);
    }
  }
});

describe("What holds a pair back", () => {
  const losses = (text: string, operation: "write" | "read" = "write"): readonly Loss[] =>
    predicted(text, operation).losses;

  test.each(
    rows(`
      // uplink            | gpu0                | gpu1                | redirect | what, at, without it
      gen5 x16             | gen5 x16            | gen5 x16            | no       | -
      gen5 x16             | gen5 x8 of gen5 x16 | gen5 x16            | no       | slow-link 03:00.0 56.3
      gen5 x16             | gen5 x4 of gen5 x16 | gen5 x4 of gen5 x16 | no      | slow-link - 56.3 // either alone gives nothing
      gen5 x16             | gen5 x4 of gen5 x16 | gen5 x8 of gen5 x16 | no      | slow-link 03:00.0 28.2
      gen2 x16 of gen5 x16 | gen5 x16            | gen5 x16            | no       | -
      gen2 x16 of gen5 x16 | gen5 x16            | gen5 x16            | yes      | up-to-the-root-complex - 56.3, slow-link 01:00.0 56.0
      gen5 x16             | gen5 x16            | gen5 x16            | yes      | up-to-the-root-complex - 56.3
    `),
  )("uplink %s, gpu0 %s, gpu1 %s, redirected: %s", (uplink, gpu0, gpu1, redirect, expected) => {
    const acs = redirect === "yes" ? REDIRECTED : "false";
    const found = losses(scenario(switchOf(uplink ?? "", gpu0 ?? "", gpu1 ?? "", acs), GENOA));
    const text = found.map(
      ({ kind, at, gbpsWithout }) => `${kind} ${at === null ? "-" : formatBdf(at).slice(5)} ${gbpsWithout.toFixed(1)}`,
    );
    expect(text.length === 0 ? "-" : text.join(", ")).toBe(expected);
  });

  test("a port that is slower than its card", () => {
    const text = scenario(
      `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen4 x16, maxPayload: 256 }
      below: [ { gpu: { name: gpu0, bar: 16G, link: gen4 x16 of gen5 x16 } } ]
    - rootPort: { at: 02.0, acs: false, link: gen5 x16, maxPayload: 256 }
      below: [ { gpu: { name: gpu1, bar: 16G, link: gen5 x16 } } ]`,
      GENOA,
    );
    expect(losses(text)).toMatchObject([{ kind: "narrow-slot", gbpsWithout: expect.closeTo(56.31, 1) }]);
  });

  describe("MaxPayload, where all on the way could more", () => {
    /** The pair below one switch at 256 bytes, with what each of gpu0, gpu1 and the bridges could. */
    const possible = (gpu0: number | null, gpu1: number | null, bridges: number | null): readonly Loss[] => {
      const machine = readScenario(scenario(oneSwitch("false"), GENOA), "payload.yaml");
      const could = (name: string | undefined): number | null =>
        name === "gpu0" ? gpu0 : name === "gpu1" ? gpu1 : bridges;
      const functions = machine.functions.map((fn): PciFunction => {
        const { express } = fn;
        if (isUnknown(express) || express === null) return fn;
        const bytes = could(deviceNames.find((name) => findDevice(machine, name) === fn.bdf));
        const stated = { ...express.stated, ...(bytes === null ? {} : { possiblePayloadBytes: bytes }) };
        return { ...fn, express: { ...express, stated } };
      });
      const changed = { ...machine, functions };
      const pair = { providers: [findDevice(machine, "gpu0")], clients: [findDevice(machine, "gpu1")] };
      const prediction = predictionsOf(decideAll(changed, pair)).at(0, 0, "write");
      if (isUnknown(prediction)) throw new Error(prediction.unknown);
      return prediction.losses;
    };
    const deviceNames = ["gpu0", "gpu1"];

    test.each([
      [512, 512, 512, 58.83],
      [4096, 512, 1024, 58.83],
      [1024, 1024, 1024, 60.18],
      [256, 512, 512, null],
      [512, 512, 256, null],
      [128, 512, 512, null],
      [null, 512, 512, null],
      [512, 512, null, null],
      [null, null, null, null],
    ])("%s, %s and %s bytes", (gpu0, gpu1, bridges, without) => {
      const expected = without === null ? [] : [{ kind: "small-payload", gbpsWithout: expect.closeTo(without, 1) }];
      expect(possible(gpu0, gpu1, bridges)).toMatchObject(expected);
    });
  });

  test("every loss says what it would be without, and more than it is; the dearest first", () => {
    for (const acs of ["false", REDIRECTED]) {
      for (const gpu0 of ["gen3 x8 of gen5 x16", "gen4 x16 of gen5 x16", "gen5 x16"]) {
        for (const operation of ["write", "read"] as const) {
          const prediction = predicted(
            scenario(switchOf("gen4 x16 of gen5 x16", gpu0, "gen5 x16", acs), GENOA),
            operation,
          );
          const without = prediction.losses.map(({ gbpsWithout }) => gbpsWithout);
          for (const gbps of without) expect(gbps).toBeGreaterThan(prediction.value);
          expect(without).toEqual([...without].sort((a, b) => b - a));
          expect(new Set(prediction.losses.map(({ kind, at }) => `${kind} ${at}`)).size).toBe(without.length);
        }
      }
    }
  });
});

describe("What was assumed is said", () => {
  test.each([
    ["nothing below one switch whose packets are shown", oneSwitch("false"), GENOA, []],
    [
      "packets",
      oneSwitch("false").replace(", maxPayload: 256", ""),
      GENOA,
      ["MaxPayload is not shown: assumed to be 256 bytes"],
    ],
    [
      "a link that sleeps",
      switchOf("gen5 x16", "gen1 x16 of gen5 x16", "gen5 x16"),
      GENOA,
      ["the link of 0000:03:00.0, x16 at 32 GT/s, taken as awake (now 2.5 GT/s, as an idle GPU has it)"],
    ],
    [
      "a root complex of which nothing is published",
      rootPorts("one-bridge"),
      "cpu: amd-zen\niommu: off",
      ["nothing is published of peer traffic through the root complex of AMD Zen, model not given"],
    ],
  ])("%s", (_, hostBridges, more, expected) => {
    const { assumptions, sure } = predicted(scenario(hostBridges, more));
    if (expected.length === 0) expect(assumptions).toEqual([]);
    for (const each of expected) expect(assumptions).toContain(each);
    expect(sure === "assumption").toBe(expected.length > 0);
  });
});

describe("Latency", () => {
  test("counts the bytes of one packet over the slowest link, which is awake", () => {
    const of = (gpu0: string, size: number): number =>
      predicted(scenario(switchOf("gen5 x16", gpu0, "gen5 x16"), GENOA), "write", size).latencyNs.value;
    const [full, idle, slow] = ["gen5 x16", "gen1 x16 of gen5 x16", "gen3 x1 of gen5 x16"].map((gpu0) =>
      of(gpu0, 4096),
    );
    // 256 bytes at 63 GB/s take 4 ns, and at 0.98 GB/s 260.
    expect(full).toBeCloseTo(364, 0);
    expect(idle).toBe(full);
    expect(slow).toBeCloseTo(620, 0);
    expect(of("gen3 x1 of gen5 x16", 64)).toBeCloseTo(425, 0);
  });

  test.each(
    rows(`
      // way                 | write ns | read ns, there and back
      one switch             | 360      | 720
      redirected             | 720      | 1440 // the switch twice
      one host bridge        | 400      | 800
      two sockets            | 450      | 900
    `),
  )("%s", (way, write, read) => {
    const text = {
      "one switch": oneSwitch("false"),
      redirected: oneSwitch(REDIRECTED),
      "one host bridge": rootPorts([0, 0]),
      "two sockets": rootPorts([0, 1]),
    }[way ?? ""];
    const small = (operation: "write" | "read"): number =>
      predicted(scenario(text ?? "", GENOA), operation, 4).latencyNs.value;
    expect(small("write")).toBeCloseTo(Number(write), 0);
    expect(small("read")).toBeCloseTo(Number(read), 0);
  });
});
