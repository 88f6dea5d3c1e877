import { describe, expect, test } from "vitest";
import { findDevice } from "../../src/host/select.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { dataPath } from "../../src/predict/crossings.ts";
import { type PathPackets, packetsOf } from "../../src/predict/packets.ts";
import { emittedPayload } from "../../src/predict/platform-limits.ts";
import { rows } from "../rows.ts";
import { pairOf, scenario } from "./machines.ts";

/** Packets of `b` with the memory of `a`, below one switch whose root port has a MaxPayload, or none that is shown. */
function packets(port: string, a: string, b: string, operation: "write" | "read"): PathPackets {
  const text = scenario(`
- below:
    - rootPort: { at: 01.0, acs: false, link: gen4 x16${port} }
      below:
        - switch: { acs: false, link: gen4 x16 }
          below:
            - gpu: { name: a, bar: 16G, link: gen4 x16${a} }
            - nic: { name: b, bar: 16M, link: gen4 x8${b} }`);
  const table = pairOf(text, "a", "b");
  const path = dataPath(table, 0, 0, operation);
  if (isUnknown(path)) throw new Error(path.unknown);
  return packetsOf(table.topology, path, findDevice(table.machine, "b"));
}

const FORMS: Readonly<Record<string, string>> = {
  "-": "",
  "128": ", maxPayload: 128",
  "256": ", maxPayload: 256",
  "512": ", maxPayload: 512",
  ga102: ", id: 10de:2204",
};

describe("Data bytes of a packet", () => {
  test.each(
    rows(`
      // root port | provider | client | of    | value | low | high | sure
      256          | -        | -      | write | 256   | 256 | 256  | specification
      128          | -        | -      | write | 128   | 128 | 128  | specification
      512          | -        | -      | read  | 512   | 512 | 512  | specification
      -            | -        | -      | write | 256   | 128 | 512  | assumption
      -            | 512      | -      | write | 512   | 128 | 512  | assumption
      -            | 256      | 128    | write | 128   | 128 | 128  | assumption
      256          | ga102    | -      | write | 256   | 256 | 256  | specification
      256          | ga102    | -      | read  | 128   | 128 | 128  | measured
      128          | ga102    | -      | read  | 128   | 128 | 128  | measured
      -            | ga102    | -      | read  | 128   | 128 | 128  | measured
    `),
  )("port %s, provider %s, client %s, %s: %s (%s to %s), %s", (port, a, b, operation, value, low, high, sure) => {
    const { payload } = packets(
      FORMS[port ?? ""] ?? "",
      FORMS[a ?? ""] ?? "",
      FORMS[b ?? ""] ?? "",
      operation === "read" ? "read" : "write",
    );
    expect([payload.value, payload.low, payload.high, payload.sure]).toEqual([
      Number(value),
      Number(low),
      Number(high),
      sure,
    ]);
  });
});

describe("Reads", () => {
  test("are as large as MaxReadReq says, and are assumed where it is not shown", () => {
    const shown = packets("", "", ", maxReadRequest: 4096", "read").reads;
    expect(shown?.request).toMatchObject({ value: 4096, low: 4096, high: 4096, sure: "specification" });
    const hidden = packets("", "", "", "read").reads;
    expect(hidden?.request).toMatchObject({ value: 512, low: 256, high: 4096, sure: "assumption" });
    expect(packets("", "", "", "write").reads).toBeNull();
  });

  test.each([
    ["gen3 x8", 32],
    ["gen4 x8", 256],
  ])("with tags that are not shown, a client of %s has %i in flight at least", (link, low) => {
    const text = scenario(`
- below:
    - rootPort: { at: 01.0, acs: false, link: gen4 x16 }
      below:
        - switch: { acs: false, link: gen4 x16 }
          below: [ { gpu: { name: a, bar: 16G, link: gen4 x16 } }, { nic: { name: b, bar: 16M, link: ${link} } } ]`);
    const table = pairOf(text, "a", "b");
    const path = dataPath(table, 0, 0, "read");
    if (isUnknown(path)) throw new Error(path.unknown);
    expect(packetsOf(table.topology, path, findDevice(table.machine, "b")).reads?.tags).toMatchObject({
      value: 256,
      low,
      high: 768,
      sure: "assumption",
    });
  });
});

describe("What a device puts in one packet at most", () => {
  test.each(
    rows(`
      // vendor | device | bytes // the neighbours of each range of ids
      10de      | 21ff   | -
      10de      | 2200   | 128
      10de      | 22ff   | 128
      10de      | 2300   | -
      10de      | 23ff   | -
      10de      | 2400   | 128
      10de      | 25ff   | 128
      10de      | 2600   | -
      10de      | 2330   | - // H100
      10de      | 2684   | - // RTX 4090
      10de      | 2bb1   | - // RTX PRO 6000 Blackwell: 256 by measurement
      1002      | 2200   | -
    `),
  )("%s:%s: %s bytes", (vendor, device, bytes) => {
    const text = scenario(
      `- below:\n    - rootPort: { at: 01.0 }\n      below: [ { gpu: { name: a, id: ${vendor}:${device} } } ]`,
    );
    const { topology, machine } = pairOf(text, "a", "a");
    const emitted = emittedPayload(topology.functionOf(findDevice(machine, "a")));
    expect(emitted?.bytes ?? "-").toBe(bytes === "-" ? "-" : Number(bytes));
  });
});
