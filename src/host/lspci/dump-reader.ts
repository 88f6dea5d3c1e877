import { PeerlaneError } from "../../pci/error.ts";
import type { Machine } from "../machine.ts";
import { readAcsLine, readLooseAcsLine } from "./acs-lines.ts";
import { noteOrder, readCapabilityTitle, readDeniedLine } from "./capability-line.ts";
import { composeMachine } from "./compose.ts";
import { readFunctionLine, readKernelLine } from "./function-lines.ts";
import { FunctionTable } from "./function-table.ts";
import { isGapLine } from "./gap-line.ts";
import { behindBullet, readGroupMark, readHeaderLine } from "./header-line.ts";
import { readHexLine } from "./hex-line.ts";
import { hexDigit, type Line, word } from "./line.ts";
import { MachineRecord, readMachineLine, readSlotLine } from "./machine-form.ts";
import type { FunctionRecord } from "./record.ts";
import { SystemLines } from "./system-lines.ts";
import { TreeReader } from "./tree.ts";
import { isDetailLine } from "./wrapped-lines.ts";

const UPPER_A = 0x41;
const UPPER_C = 0x43;
const UPPER_D = 0x44;
const UPPER_K = 0x4b;
const LETTERS_FROM = 0x41;
const SMALL_LETTERS_FROM = 0x61;
const BACKSLASH = 0x5c;
const BACKTICK = 0x60;
const BAR = 0x7c;

/** As many as tell lines of one kind from others: `Capabilities: [148 v`. */
const LINE_START_BYTES = 20;

const orphan = word("Capabilities: [");
const program = word("lspci ");
/** `lspci -vvv -s 01:00.0`, `lspci -d 10de: -vvv`. */
const selection = /\blspci (?:.*\s)?-[a-zA-Z]*[sd](?:\s|$|[0-9a-f:*])/;

/** How a record's lines end, which tells whether more may have followed. */
type Ending = "blank" | "next-function" | "gap" | "end-of-text";

/**
 * Reads the lines of a text one by one and keeps what they tell of each function. The layout decides little, since
 * pasting changes it: a line is known by its first words and by the lines before it, not by its indentation.
 */
export class DumpReader {
  readonly #file: string;
  readonly #table: FunctionTable;
  readonly #tree = new TreeReader();
  readonly #system = new SystemLines();
  #record: FunctionRecord | undefined;
  #machineRecord: MachineRecord | undefined;
  /** A record that a blank line has ended: what comes behind it shows whether it was whole. */
  #ended: FunctionRecord | undefined;
  /** A blank line was the last one. */
  #isBlankBefore = false;
  /** That line is of spaces, as the product data of some cards holds them: a line further in than the record's first goes on. */
  #isBlankOfSpaces = false;
  /** How far in the open record begins. */
  #indentation = 0;
  /** Its other lines begin further in. */
  #isIndented = false;
  /** The open record has lines beyond its first. */
  #hasDetails = false;
  /** Each line of the text is followed by a blank one, as some web pages paste: blank lines then end nothing. */
  #isDoubleSpaced = false;
  #hasOrphans = false;
  /** The group that a heading of a listing of groups names, until something else than functions follows. */
  #headingGroup = -1;
  #begun = 0;
  #firstOddLine: { readonly number: number; readonly text: string } | undefined;

  constructor(file: string) {
    this.#file = file;
    this.#table = new FunctionTable(file);
  }

  /** How many functions have begun so far, repeated ones too. */
  get functionsBegun(): number {
    return this.#begun + this.#tree.nodes.size;
  }

  /** Takes the next line. Throws `bad-input` and `too-large` as `FunctionTable.add` does. */
  readLine(line: Line): void {
    if (line.isTooLong) {
      this.#noteOdd(line);
      return;
    }
    if (line.start === line.end) {
      if (!this.#isDoubleSpaced) this.#headingGroup = -1;
      // Without a line end it may be the indentation of a line that was cut.
      if (line.isWhole && !this.#isBlankBefore) this.#isBlankOfSpaces = line.start > line.rawStart;
      if (line.isWhole) this.#isBlankBefore = true;
      this.#endMachineRecord();
      return;
    }
    const isTaken = this.#record === undefined ? false : this.#readWithin(line, this.#record);
    if (!isTaken) {
      if (this.#ended !== undefined) this.#settle(!isDetailLine(line));
      this.#readOutside(line);
    }
    this.#isBlankBefore = false;
  }

  /** Ends the text. Throws `bad-input` where it showed no function. */
  finish(): Machine {
    this.#end(this.#isBlankBefore ? "blank" : "end-of-text");
    this.#settle(true);
    if (this.#table.size === 0 && this.#tree.nodes.size === 0) throw this.#noDevice();
    return composeMachine(this.#file, this.#table, this.#tree, this.#system, this.#begun === this.#table.size);
  }

  /** Tries a line as one of the open record; false sends it on to where lines outside of records are tried. */
  #readWithin(line: Line, record: FunctionRecord): boolean {
    const isFurtherIn = line.start - line.rawStart > this.#indentation;
    const mayGoOn = this.#isBlankOfSpaces && isFurtherIn && !isEndOfCode(line) && line.find(program) < 0;
    if (!this.#isBlankBefore || mayGoOn) return this.#readCounted(line, record);
    if (this.#hasDetails && !this.#isDoubleSpaced) {
      this.#end("blank");
      return false;
    }
    if (this.#readCounted(line, record)) {
      this.#isDoubleSpaced = true;
      return true;
    }
    if (!this.#isDoubleSpaced) this.#end("blank");
    return false;
  }

  #readCounted(line: Line, record: FunctionRecord): boolean {
    return this.#readDetail(line, record) && this.#count(line, record);
  }

  /** Most lines of a text are refused here by their first letter, without being read. */
  #readDetail(line: Line, record: FunctionRecord): boolean {
    const first = line.byte(line.start);
    // A digit (lspci prints small ones): a hex line, or the next function.
    if (hexDigit(first) >= 0 && (first < LETTERS_FROM || first >= SMALL_LETTERS_FROM)) {
      return readHexLine(line, record) && this.#take();
    }
    if (!line.isWhole && first !== UPPER_K) return false;
    if (first === UPPER_C && readCapabilityTitle(line, record)) return this.#take();
    if ((first === UPPER_K || first === UPPER_D) && readKernelLine(line, record)) return this.#take();
    if (first === UPPER_A && record.readCapabilityLine !== readAcsLine && readLooseAcsLine(line, record))
      return this.#take();
    noteOrder(line, record);
    if (!record.isHeadDone) return (readFunctionLine(line, record) || readDeniedLine(line, record)) && this.#take();
    // What is below a capability: letters, but for the drawings of a tree and the marks of a gap.
    if (first < LETTERS_FROM || first === BACKSLASH || first === BACKTICK || first === BAR) return false;
    if (isGapLine(line)) return false;
    record.readCapabilityLine?.(line, record);
    return true;
  }

  #take(): true {
    this.#hasDetails = true;
    return true;
  }

  /** Counts a line of the open record: where several end alike, they may have been cut. */
  #count(line: Line, record: FunctionRecord): true {
    const isFurtherIn = line.start - line.rawStart > this.#indentation;
    if (record.lineCount === 1) this.#isIndented = isFurtherIn;
    record.lineCount += line.pieces;
    // What a mailer broke off begins at the edge.
    if (!this.#isIndented) record.printedLines += line.pieces;
    else if (isFurtherIn) record.printedLines++;
    else return true;
    let start = 0;
    for (let at = line.start; at < line.start + LINE_START_BYTES; at++) start = Math.imul(start, 31) + line.byte(at);
    record.lastLineStart = start;
    return true;
  }

  /** A line that begins something, or belongs to nothing. */
  #readOutside(line: Line): void {
    if (this.#machineRecord?.readLine(line) === true) return;
    const begun = this.#readFirstLine(line);
    if (begun !== undefined) {
      this.#begin(begun, line);
      return;
    }
    const slot = readSlotLine(line);
    if (slot !== undefined) {
      this.#end("next-function");
      this.#machineRecord = new MachineRecord(slot);
      this.#begun++;
    } else if (isGapLine(line)) {
      this.#end(this.#isBlankBefore ? "blank" : "gap");
    } else if (this.#tree.readLine(line)) {
      this.#end("next-function");
      this.#table.checkCount(this.#tree.size, line.number);
    } else {
      this.#readOther(line);
    }
  }

  #readFirstLine(line: Line): FunctionRecord | undefined {
    const mark = readGroupMark(line);
    const at = mark?.next ?? behindBullet(line);
    if (hexDigit(line.byte(at)) < 0) {
      this.#headingGroup = mark !== undefined && at === line.end ? mark.group : -1;
      return undefined;
    }
    const record = readHeaderLine(line, at) ?? readMachineLine(line);
    const group = mark?.group ?? this.#headingGroup;
    if (record === undefined) this.#headingGroup = -1;
    else if (group >= 0) {
      record.iommuGroup = group;
      record.isGroupListed = true;
    }
    return record;
  }

  #begin(record: FunctionRecord, line: Line): void {
    this.#begun++;
    this.#end("next-function");
    this.#tree.readPath(record.bridgesAbove, record.bdf, line.number);
    this.#record = record;
    this.#indentation = line.start - line.rawStart;
    this.#hasDetails = false;
  }

  /** Text around the dumps; within a verbose record it is one of the many lines that tell nothing. */
  #readOther(line: Line): void {
    if (line.find(program) >= 0 && selection.test(line.text())) this.#table.facts.isSelection = true;
    if (this.#record !== undefined && this.#record.verbosity !== "plain") {
      this.#hasDetails = true;
      return;
    }
    this.#system.readLine(line);
    if (this.#record !== undefined) return;
    this.#noteOdd(line);
    if (line.has(orphan) && !this.#hasOrphans) {
      this.#hasOrphans = true;
      this.#table.note(
        "the line belongs to no function: what it says, and the lines like it, is left out",
        line.number,
        "paste the whole output of lspci, with the first line of each function",
      );
    }
  }

  /** Keeps the first line that nothing begins with, for the error that there may have to be. */
  #noteOdd(line: Line): void {
    if (this.#table.size > 0) return;
    this.#firstOddLine ??= { number: line.number, text: line.text(line.start, Math.min(line.end, line.start + 60)) };
  }

  #end(ending: Ending): void {
    this.#endMachineRecord();
    const record = this.#record;
    if (record === undefined) return;
    this.#record = undefined;
    if (ending === "blank" && !this.#isDoubleSpaced) this.#ended = record;
    else this.#table.add(record, { isComplete: ending === "next-function" });
  }

  /** A blank line ends nothing by itself: lines of a function behind it may be the record's own, or another's. */
  #settle(isComplete: boolean): void {
    const record = this.#ended;
    this.#ended = undefined;
    if (record === undefined) return;
    if (!isComplete) this.#table.facts.hasInnerBlanks = true;
    this.#table.add(record, { isComplete });
  }

  #endMachineRecord(): void {
    if (this.#machineRecord === undefined) return;
    this.#table.add(this.#machineRecord.finish(), { isComplete: true });
    this.#machineRecord = undefined;
  }

  #noDevice(): PeerlaneError {
    const odd = this.#firstOddLine;
    if (this.#tree.strayLine !== undefined) {
      throw new PeerlaneError("bad-input", "lines of lspci -t that begin in the middle of a tree, or were wrapped", {
        place: { file: this.#file, line: this.#tree.strayLine },
        remedy:
          "paste the tree from its first line on, '-[0000:00]-+-00.0 …', as it was printed: run sudo lspci -vvvnn; lspci -tv",
      });
    }
    const found = odd === undefined ? "the text is empty" : `line ${odd.number} reads '${odd.text}'`;
    return new PeerlaneError("bad-input", `no device in what should be the output of lspci: ${found}`, {
      place: { file: this.#file, ...(odd === undefined ? {} : { line: odd.number }) },
      remedy:
        "expected lines like '00:1c.0 PCI bridge: …' or '-[0000:00]-+-00.0': run sudo lspci -vvvnn (with -PP at most, without -P and -M)",
    });
  }
}
const ENDS_OF_CODE = ["{", "```", "~~~", "</"].map(word);

/** The mark that ends code in a wiki, Markdown or HTML; behind blanks it stands where each line of a paste has some at its end. */
function isEndOfCode(line: Line): boolean {
  return ENDS_OF_CODE.some((mark) => line.has(mark));
}
