import { formatBdf } from "../../pci/bdf.ts";
import type { Note } from "../machine.ts";
import { isPlaceholder } from "./function-form.ts";
import type { NcclObjects } from "./objects.ts";

/** So many oddities of one kind are named one by one. */
const MAX_NAMED = 10;

/** What has to be said once of a file: what NCCL does not write, and what in it is no address. */
export function notesOf({ functions, nameless }: NcclObjects, file: string): Note[] {
  const notes: Note[] = nameless.slice(0, MAX_NAMED).map(({ busId, place }) => ({
    severity: "warning",
    message: `'${busId.slice(0, 40)}' is no address of a PCI function: it is left out`,
    remedy: "write it as 0000:3f:00.0",
    place,
  }));
  if (functions.length === 0) {
    return [...notes, { severity: "warning", message: `${file} shows no PCI function with an address` }];
  }
  notes.push({
    severity: "warning",
    message:
      "NCCL's XML has no ACS and leaves out root ports and downstream ports: what it draws is no tree of the kernel's, " +
      "and pairs that hang on it are unknown",
    remedy: "give sudo lspci -vvvnn, or a capture",
  });
  const placeholders = functions.filter(isPlaceholder);
  if (placeholders.length > 0) {
    const names = placeholders.slice(0, MAX_NAMED).map(({ bdf }) => formatBdf(bdf));
    const more = placeholders.length > MAX_NAMED ? ", …" : "";
    notes.push({
      severity: "info",
      message: `the file was drawn by hand: ${names.join(", ")}${more} stand for switches and are no addresses`,
    });
  }
  return notes;
}
