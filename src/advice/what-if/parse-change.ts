import type { Machine } from "../../host/machine.ts";
import { findDevice } from "../../host/select.ts";
import { ACS_LETTERS } from "../../pci/acs.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Change } from "./change.ts";

const ACS_REMEDY = `write 00:04.0.acs=-RR-CR, +SV, =off or =0x1d; the bits are ${ACS_LETTERS.join(", ")}`;

/** Reads `DEVICE.acs=BITS`, as in `00:04.0.acs=-RR-CR`. Throws `usage` for anything else. */
export function parseSet(machine: Machine, text: string): Change {
  const match = /^(.+)\.acs=(.+)$/i.exec(text);
  if (match === null) throw new PeerlaneError("usage", `cannot set '${text}'`, { remedy: ACS_REMEDY });
  const [, name = "", bits = ""] = match;
  return { kind: "acs", device: findDevice(machine, name), ...parseBits(bits) };
}

/** All bits of an ACS control register. */
const ALL_BITS = 0x7f;

function parseBits(text: string): { readonly set: number; readonly clear: number } {
  if (/^off$/i.test(text)) return { set: 0, clear: ALL_BITS };
  if (/^0x[0-9a-f]{1,4}$/i.test(text)) {
    const set = Number.parseInt(text, 16);
    if ((set & ~ALL_BITS) === 0) return { set, clear: ALL_BITS & ~set };
  }
  if (!/^(?:[+-][a-z]{2})+$/i.test(text)) {
    throw new PeerlaneError("usage", `'${text}' names no ACS bits`, { remedy: ACS_REMEDY });
  }
  let set = 0;
  let clear = 0;
  for (const [, sign, letters = ""] of text.matchAll(/([+-])([a-z]{2})/gi)) {
    const position = ACS_LETTERS.indexOf(letters.toUpperCase());
    if (position < 0) throw new PeerlaneError("usage", `ACS has no bit '${letters}'`, { remedy: ACS_REMEDY });
    if (sign === "+") set |= 1 << position;
    else clear |= 1 << position;
  }
  if ((set & clear) !== 0) {
    throw new PeerlaneError("usage", `'${text}' sets and clears the same bit`, { remedy: ACS_REMEDY });
  }
  return { set, clear };
}

/** Reads `DEVICE=under:BRIDGE`, as in `05:00.0=under:02:01.0`. Throws `usage` for anything else. */
export function parseMove(machine: Machine, text: string): Change {
  const match = /^(.+)=under:(.+)$/.exec(text);
  if (match === null) {
    throw new PeerlaneError("usage", `cannot move '${text}'`, {
      remedy:
        "write DEVICE=under:BRIDGE, as 05:00.0=under:02:01.0; the bridge is the port that the device is put below",
    });
  }
  const [, device = "", under = ""] = match;
  return { kind: "move", device: findDevice(machine, device), under: findDevice(machine, under) };
}
