import type { Note } from "../machine.ts";
import type { HwlocObjects } from "./objects.ts";
import { isUnreadBridge } from "./root-buses.ts";
import { foreignSystem } from "./system-form.ts";

/** What has to be said once of a file: what hwloc does not write, and what it may have left out. */
export function notesOf(objects: HwlocObjects, file: string): Note[] {
  const { functions, hostBridges } = objects;
  if (functions.length === 0) {
    return [
      { severity: "warning", message: `${file} shows no PCI function`, remedy: "run lstopo --of xml without --no-io" },
    ];
  }
  const notes: Note[] = [
    {
      severity: "warning",
      message: "hwloc's XML has no ACS, port types or BARs: pairs below one bridge are unknown",
      remedy: "give sudo lspci -vvvnn, or a capture",
    },
    {
      severity: "info",
      message:
        "hwloc leaves functions out by default: a device may be missing, and the first one of a root bus, by which " +
        "the kernel knows a host bridge",
      remedy: "run lstopo --of xml --whole-io",
    },
  ];
  if (hostBridges.length === 0) {
    notes.push({
      severity: "warning",
      message: "the file has no bridges: how the functions are connected is unknown",
      remedy: "run lstopo --of xml without --no-bridges",
    });
  }
  const unread = functions.find(isUnreadBridge);
  if (unread !== undefined) {
    notes.push({
      severity: "warning",
      message: "hwloc could not read the registers of a bridge: what is below it is unknown",
      remedy: "run lstopo as root",
      place: unread.place,
    });
  }
  const foreign = foreignSystem(objects);
  if (foreign !== undefined) {
    notes.push({
      severity: "warning",
      message: `the file was written on ${foreign}: the rules are those of Linux`,
      remedy: "give --kernel to ask what Linux would do",
    });
  }
  return notes;
}
