import { ACS_BIT_NAMES } from "../../pci/acs.ts";
import { flagTable, readFlags } from "./flags.ts";
import { type Line, word } from "./line.ts";
import type { FunctionRecord } from "./record.ts";

const capability = word("ACSCap:");
const control = word("ACSCtl:");
const bits = flagTable(...ACS_BIT_NAMES.map(([bit, name]) => [name, bit] as const));

/** Reads `ACSCap: SrcValid+ TransBlk- …` and `ACSCtl: …`; a line with a bit missing gives nothing. */
export function readAcsLine(line: Line, record: FunctionRecord): void {
  if (line.has(capability))
    record.acsCapability = readFlags(line, line.behindSpace(line.start + capability.length), bits);
  else if (line.has(control)) record.acsControl = readFlags(line, line.behindSpace(line.start + control.length), bits);
}
