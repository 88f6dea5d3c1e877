import type { z } from "zod";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { jsonText, type Printable } from "../../pci/visible.ts";
import { MAX_CHARACTERS } from "../json/json-text.ts";
import type { Machine } from "../machine.ts";
import { originOf } from "../machine.ts";
import { redact } from "../redaction/redact.ts";
import { type Frame, snapshotCodecs } from "./codecs.ts";
import { SNAPSHOT_SCHEMA } from "./forms.ts";
import { ReasonsTable } from "./reasons-table.ts";

/**
 * Writes a machine as a snapshot: JSON text with one function on a line, without what {@link redact} leaves out. The
 * machine is called `label`, which is written as it is. Throws `bad-input` for a machine with a number that its register
 * could not hold, `too-large` beyond what the reader takes.
 */
export function writeSnapshot(machine: Machine, label?: string): Printable {
  const { source, functions, hostBridges, ...rest } = redact(machine);
  const table = new ReasonsTable();
  const codecs = snapshotCodecs(table);
  const give = <Output>(codec: z.ZodType<Output, unknown>, part: Output, where: string): unknown => {
    const result = codec.safeEncode(part);
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    throw new PeerlaneError("bad-input", `the machine holds a value that no machine has: ${issue?.message ?? ""}`, {
      place: { file: machine.source.name },
      facts: { at: [where, ...(issue?.path ?? [])].map(String).join(".") },
      remedy: "look at what the source says there",
    });
  };
  const frame: Frame = {
    schema: SNAPSHOT_SCHEMA,
    source: { madeOf: originOf({ source }), ...(label === undefined ? {} : { label }) },
    reasons: [],
    ...rest,
    hostBridges: isUnknown(hostBridges) ? hostBridges : [],
    functions: [],
  };
  const encoded = give(codecs.frame, frame, "machine") as Record<string, unknown>;
  const lists = {
    ...(isUnknown(hostBridges)
      ? {}
      : { hostBridges: hostBridges.map((bridge, index) => give(codecs.hostBridge, bridge, `hostBridges.${index}`)) }),
    functions: functions.map((fn, index) => give(codecs.fn, fn, `functions.${index}`)),
  };
  return textOf({ ...encoded, ...lists, reasons: table.texts() }, machine.source.name);
}

/** One member on a line at the top, and in lists there. */
function textOf(snapshot: Readonly<Record<string, unknown>>, file: string): Printable {
  const output = new Output(file);
  let separator = "{\n";
  for (const [key, value] of Object.entries(snapshot)) {
    output.add(`${separator} ${jsonText(key)}: `);
    if (Array.isArray(value) && value.length > 0) {
      value.forEach((member, index) => {
        output.add(`${index === 0 ? "[" : ","}\n  ${jsonText(member)}`);
      });
      output.add("\n ]");
    } else output.add(jsonText(value));
    separator = ",\n";
  }
  output.add("\n}\n");
  return output.whole();
}

/** Gathers text up to what the reader takes. */
class Output {
  readonly #file: string;
  readonly #parts: string[] = [];
  #length = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** U+FFFD is spelled out: bare it means damage to the reader. */
  add(text: string): void {
    const part = text.replaceAll("\uFFFD", "\\ufffd");
    this.#length += part.length;
    if (this.#length > MAX_CHARACTERS) {
      throw new PeerlaneError("too-large", `the snapshot would have more than ${MAX_CHARACTERS} characters`, {
        place: { file: this.#file },
        remedy: "turn off virtual functions that are not in use, and capture again",
      });
    }
    this.#parts.push(part);
  }

  whole(): Printable {
    return this.#parts.join("") as Printable;
  }
}

/** Where the header of gzip (RFC 1952 sec 2.3) names the system that packed it, and its value for none. */
const SYSTEM_OFFSET = 9;
const NO_SYSTEM = 255;

/** Packs a snapshot's text by gzip: the same bytes for the same text, without a time or a system in them. */
export async function compressSnapshot(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  bytes[SYSTEM_OFFSET] = NO_SYSTEM;
  return bytes;
}
