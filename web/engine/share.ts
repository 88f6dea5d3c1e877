import type { Machine } from "../../src/host/machine.ts";
import { sourceTitle } from "../../src/host/redaction/names-of-source.ts";
import { redact } from "../../src/host/redaction/redact.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { packed } from "../state/packed.ts";

/** A machine without what names anybody, as a link holds it. */
export function shareText(machine: Machine): Promise<string> {
  const title = sourceTitle(machine.source);
  return packed(new TextEncoder().encode(writeSnapshot(redact(machine, title), title)));
}
