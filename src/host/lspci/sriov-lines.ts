import { type Line, word } from "./line.ts";
import type { FunctionRecord } from "./record.ts";

const initial = word("Initial VFs: ");
const control = word("IOVCtl:");
const offset = word("VF offset: ");
const counts = /^Initial VFs: \d+, Total VFs: (\d{1,5}), Number of VFs: (\d{1,5}),/;
const memoryEnable = /\sMSE([+-])/;
const routing = /^VF offset: (\d{1,5}), stride: (\d{1,5}), Device ID: ([0-9a-f]{4})$/;

/** Reads the control line and the two lines of numbers below an SR-IOV capability. */
export function readSriovLine(line: Line, record: FunctionRecord): void {
  if (line.has(initial)) {
    const [, total, num] = counts.exec(line.text()) ?? [];
    if (total !== undefined && num !== undefined) record.sriovCounts = { totalVfs: Number(total), numVfs: Number(num) };
  } else if (line.has(control)) {
    const sign = memoryEnable.exec(line.text())?.[1];
    if (sign !== undefined) record.sriovMemoryEnable = sign === "+";
  } else if (line.has(offset)) {
    const [, first, stride, device] = routing.exec(line.text()) ?? [];
    if (first === undefined || stride === undefined || device === undefined) return;
    record.sriovRouting = {
      firstVfOffset: Number(first),
      vfStride: Number(stride),
      vfDeviceId: Number.parseInt(device, 16),
    };
  }
}
