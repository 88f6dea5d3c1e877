import { ACS_BIT_NAMES } from "../../pci/acs.ts";
import { flagTable, readFlags } from "./flags.ts";
import { type Line, word } from "./line.ts";
import { type FunctionRecord, NOT_SEEN } from "./record.ts";

const capability = word("ACSCap:");
const control = word("ACSCtl:");
const bits = flagTable(...ACS_BIT_NAMES.map(([bit, name]) => [name, bit] as const));

/** Reads `ACSCap: SrcValid+ TransBlk- …` and `ACSCtl: …`; a line with a bit missing gives nothing. */
export function readAcsLine(line: Line, record: FunctionRecord): void {
  if (line.has(capability)) {
    if (record.acsCapability !== NOT_SEEN) record.isGlued = true;
    record.acsCapability = readFlags(line, line.behindSpace(line.start + capability.length), bits);
  } else if (line.has(control)) {
    if (record.acsControl !== NOT_SEEN) record.isGlued = true;
    record.acsControl = readFlags(line, line.behindSpace(line.start + control.length), bits);
  }
}

/**
 * Reads the same lines where no title of the capability is open, as `grep ACSCtl` leaves them; false for other lines.
 * Among other capabilities they show that lines are missing.
 */
export function readLooseAcsLine(line: Line, record: FunctionRecord): boolean {
  if (!line.has(capability) && !line.has(control)) return false;
  if (record.showsCapabilities) record.hasLostLines = true;
  else {
    record.isAcsLoose = true;
    readAcsLine(line, record);
  }
  return true;
}
