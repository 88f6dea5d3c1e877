import { SaxesParser, type SaxesTagPlain } from "saxes";
import { type ErrorCode, PeerlaneError, type Place } from "../../pci/error.ts";

/** One element as its start tag shows it. Attributes that are not there are `undefined`. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | undefined>>;
  /** Where its start tag begins. */
  readonly place: Place;
}

/** Takes the elements of a document in its order; each `close` ends the last one that is still open. */
export interface XmlHandler {
  open(element: XmlElement): void;
  close(): void;
}

/** Topology files of the largest machines have some megabytes. */
export const MAX_XML_CHARACTERS: number = 64 * 1024 * 1024;
/** PCI has at most 256 levels of buses, and an element or two per level. */
export const MAX_XML_DEPTH = 512;
/** Elements of these formats have no more than twenty attributes. */
export const MAX_XML_ATTRIBUTES = 256;
/** The largest machines have some hundred thousand; what a reader keeps of each takes a few hundred bytes. */
export const MAX_XML_ELEMENTS: number = 512 * 1024;

/**
 * Reads an XML document without namespaces, DTDs or entities of its own; text between elements is passed over. Throws
 * `PeerlaneError` with file, line and column: `bad-input` where the text is no well-formed XML or declares entities,
 * `too-large` beyond {@link MAX_XML_CHARACTERS}, {@link MAX_XML_DEPTH}, {@link MAX_XML_ELEMENTS} or
 * {@link MAX_XML_ATTRIBUTES}.
 */
export function readXml(text: string, file: string, handler: XmlHandler): void {
  if (text.length > MAX_XML_CHARACTERS) {
    throw new PeerlaneError("too-large", `the XML has more than ${MAX_XML_CHARACTERS / 2 ** 20} Mi characters`, {
      place: { file },
      remedy: "give the topology of one machine",
    });
  }
  const parser = new SaxesParser({ xmlns: false });
  const here = (): Place => ({ file, line: parser.line, column: parser.column + 1 });
  const fail = (code: ErrorCode, message: string, remedy: string): never => {
    throw new PeerlaneError(code, message, { place: here(), remedy });
  };
  let depth = 0;
  let elementCount = 0;
  let attributeCount = 0;
  let start: Place = { file };
  parser.on("error", (error) => fail("bad-input", `not well-formed XML: ${reasonOf(error)}`, "give the whole file"));
  parser.on("doctype", (doctype) => {
    if (doctype.includes("[")) {
      fail(
        "bad-input",
        "the XML declares entities or elements of its own",
        "take the declarations out of <!DOCTYPE …>",
      );
    }
  });
  parser.on("opentagstart", ({ name }) => {
    start = startOfTag(parser, text, file, name);
    elementCount++;
    if (elementCount > MAX_XML_ELEMENTS) {
      fail("too-large", `the XML has more than ${MAX_XML_ELEMENTS} elements`, "give the topology of one machine");
    }
    attributeCount = 0;
  });
  parser.on("attribute", () => {
    attributeCount++;
    if (attributeCount > MAX_XML_ATTRIBUTES) {
      fail(
        "too-large",
        `an element has more than ${MAX_XML_ATTRIBUTES} attributes`,
        "no topology has as many: check the file",
      );
    }
  });
  parser.on("opentag", ({ name, attributes }: SaxesTagPlain) => {
    depth++;
    if (depth > MAX_XML_DEPTH) {
      fail(
        "too-large",
        `elements lie more than ${MAX_XML_DEPTH} levels deep`,
        "no machine has as many: check the file",
      );
    }
    handler.open({ name, attributes, place: start });
  });
  parser.on("closetag", () => {
    depth--;
    handler.close();
  });
  parser.write(text).close();
}

/** The parser has read the name and the one character behind it, which may be the end of the line. */
function startOfTag(parser: SaxesParser, text: string, file: string, name: string): Place {
  const behind = text.charCodeAt(parser.position - 1);
  if (behind === 0x0a || behind === 0x0d) return { file, line: parser.line - 1 };
  return { file, line: parser.line, column: parser.columnIndex - name.length - 1 };
}

/** The parser's own words without its position and full stop. */
function reasonOf(error: Error): string {
  return error.message.replace(/^[\d:]+ /, "").replace(/\.$/, "");
}
