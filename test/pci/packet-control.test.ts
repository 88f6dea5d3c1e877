import { describe, expect, test } from "vitest";
import type { ExpressRegisters, PciExpress } from "../../src/pci/express.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { isPacketSize, packetControlOf } from "../../src/pci/packet-control.ts";
import { rows } from "../rows.ts";

const capability = (parts: Partial<PciExpress>): PciExpress => ({
  type: "endpoint",
  version: 2,
  slotImplemented: false,
  slotNumber: null,
  linkCapable: null,
  linkStatus: null,
  registers: unknown("a text"),
  ...parts,
});

describe("What Device Control says of packets", () => {
  test.each(
    rows(`
      // control | capabilities | MaxPayload | possible | MaxReadReq | relaxed | tags
      0x0000     | 0x0          | 128        | 128      | 128        | off     | off
      0x2810     | 0x1          | 128        | 256      | 512        | on      | off
      0x2936     | 0x8001       | 256        | 256      | 512        | on      | on
      0x5140     | 0x2          | 512        | 512      | 4096       | off     | on
      0x50a0     | 0x5          | 4096       | 4096     | 4096       | off     | off
      0x60c0     | 0x6          | ?          | ?        | ?          | off     | off
      0x70e0     | 0x7          | ?          | ?        | ?          | off     | off
    `),
  )("%s and %s", (control, capabilities, ...expected) => {
    const registers = { deviceControl: Number(control), deviceCapabilities: Number(capabilities) } as ExpressRegisters;
    const found = packetControlOf(capability({ registers, stated: { maxPayloadBytes: 1024 } }));
    const { maxPayloadBytes, possiblePayloadBytes, maxReadRequestBytes, relaxedOrdering, extendedTags } = found;
    const cells = [maxPayloadBytes, possiblePayloadBytes, maxReadRequestBytes, relaxedOrdering, extendedTags];
    expect(
      cells.map((cell) => (isUnknown(cell) ? "?" : cell === true ? "on" : cell === false ? "off" : String(cell))),
    ).toEqual(expected);
  });

  test("a text states some of it, and the rest is hidden for its reason", () => {
    const hidden = unknown("a text");
    expect(packetControlOf(capability({ stated: { maxReadRequestBytes: 4096, extendedTags: false } }))).toEqual({
      maxPayloadBytes: hidden,
      possiblePayloadBytes: hidden,
      maxReadRequestBytes: 4096,
      relaxedOrdering: hidden,
      extendedTags: false,
    });
  });

  test("sizes of packets", () => {
    expect([64, 128, 192, 256, 4096, 8192, -1, Number.NaN].filter(isPacketSize)).toEqual([128, 256, 4096]);
  });
});
