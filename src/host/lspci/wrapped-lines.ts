import { isGapLine } from "./gap-line.ts";
import { readBdf, readGroupMark } from "./header-line.ts";
import { hexDigit, isSpace, Line, word } from "./line.ts";

const SPACE = 0x20;
const TAB = 0x09;
const MINUS = 0x2d;
const TAB_COLUMNS = 8;
/** No mailer wraps lines narrower than 60 columns, of which marks of quotes and lists may take some. */
const LEAST_COLUMNS = 56;
/** Two names of 255 bytes and what stands around them fit; a line goes on to grow by no more. */
const MAX_JOINED = 2048;

/** How a line of `lspci` that a mailer may have wrapped goes on. */
interface Kind {
  /** What the line begins with, one of them. */
  readonly begins: readonly Uint8Array[];
  /** True where `next`, at the beginning of the next line, is the rest of `text`. */
  readonly goesOn: (text: string, next: string) => boolean;
  /** Columns that the line has at least where it was wrapped, its indentation left out; 0 where the rest shows itself. */
  readonly leastColumns: number;
}

const flagNames =
  "I/O Mem BusMaster SpecCycle MemWINV VGASnoop ParErr Stepping SERR FastB2B DisINTx SrcValid TransBlk ReqRedir CmpltRedir UpstreamFwd EgressCtrl DirectTrans";
const flagStart = new RegExp(`^(?:${flagNames.replaceAll(" ", "|")})[+-](?: |$)`);

/** What lspci prints at the beginning of lines below a function's first one. */
const keywords =
  /^(?:Control|Status|Latency|Interrupt|NUMA node|IOMMU group|Region \d|Expansion ROM at|\[virtual\] |Bus|(?:I\/O|Memory|Prefetchable memory) behind bridge|Memory (?:at|window)|I\/O (?:ports at|window)|Secondary status|BridgeCtl|Capabilities|Kernel (?:driver|modules)|Driver in use|Flags|Subsystem|DeviceName|Physical Slot|!!! |(?:Dev|Lnk|Slt|Root|Bridge)(?:Cap|Ctl|Sta|Cmd)\d?|UE(?:Sta|Msk|Svrt)|CE(?:Sta|Msk)|AERCap|HeaderLog|ErrorSrc|(?:ACS|ARI|ATS|PASID|PRI|IOV|Dpc|DPC|PTM|L1Sub|CXL|FLT|TPH)(?:Cap|Ctl|Sta)\d?|Initial VFs|VF (?:offset|Migration)|Supported Page Size|BAR \d|Vector table|PBA|Address|Masking|Entry|PrimaryProperties|SecondaryProperties|Base|MaxOffset|Caps|Arb|Ctrl|VC\d|Slot #|Compliance|Retimer|AtomicOps(?:Cap|Ctl)|Port (?:Vector|Arb))(?:[ :]|$)|^(?:Transmission margin|EqualizationPhase|Product Name|Read-only fields|End$)/;
/** Of these, what no other program prints. */
const ownKeywords =
  /^(?:Capabilities: \[|Control: I\/O|Status: Cap|Region \d: |Bus: primary=|(?:I\/O|Memory|Prefetchable memory) behind bridge:|Secondary status:|BridgeCtl:|(?:Dev|Lnk|Slt|Root)(?:Cap|Ctl|Sta)2?:|UE(?:Sta|Msk|Svrt):|CE(?:Sta|Msk):|AERCap:|HeaderLog:|(?:ACS|IOV|ATS|PASID|PRI)(?:Cap|Ctl|Sta):|Initial VFs: |VF offset: |BAR \d: current|Kernel (?:driver in use|modules):)/;

/** True for a line that `lspci` prints below a function's first one, and nothing else does. */
export function isDetailLine(line: Line): boolean {
  return ownKeywords.test(line.text(line.start, Math.min(line.end, line.start + 40)));
}

/** Prompts of shells, marks of fences, times of kernel messages, and what a listing of another kind begins with. */
const foreign =
  /^(?:[$#%>] |\[[^\]]*@|\[\s*\d+\.\d+\]|[\w.-]+@[\w.-]+[:~ ]|PS [A-Z]:|[`~]{3}|<\/?[a-z]+>|Slot:|Device:|Linux (?:version|\S+ \d)|BOOT_IMAGE=|-\[|-\+-\[|\+-|\\-|`-|\||={3}|#)/;
const anyKeyword = /^[A-Za-z][\w ./()-]{0,40}:(?:\s|$)/;
const hexLine = /^[0-9a-f]{2,3}: [0-9a-f]{2}(?: |$)/;

const idsAtEnd = /(?:\[[0-9a-f]{4}:[0-9a-f]{4}\]|(?:^|: )[0-9a-f]{4}:[0-9a-f]{4})$/;
const openParenthesis = /\((?:rev|prog-if)[^)]*$/;

/** A first line: what may follow names, ids, revision and interface, in this order. */
function headGoesOn(text: string, next: string): boolean {
  if (/ "/.test(text)) return /^(?:"|-[rp][0-9a-f]{2}\b)/.test(next) || (text.match(/"/g) ?? []).length % 2 === 1;
  if (openParenthesis.test(text)) return true;
  if (/\(prog-if [0-9a-f]{2}(?: \[.*\])?\)$/.test(text)) return false;
  if (/\(rev [0-9a-f]{2}\)$/.test(text)) return next.startsWith("(prog-if");
  if (idsAtEnd.test(text)) return /^\((?:rev|prog-if)/.test(next);
  return namesGoOn(text, next);
}

function namesGoOn(text: string, next: string): boolean {
  return !idsAtEnd.test(text) && !anyKeyword.test(next) && !keywords.test(next);
}

function kind(begins: readonly string[], goesOn: Kind["goesOn"], indentation?: number): Kind {
  const leastColumns = indentation === undefined ? 0 : LEAST_COLUMNS - indentation * TAB_COLUMNS;
  return { begins: begins.map(word), goesOn, leastColumns };
}

const firstLine = kind([], headGoesOn, 0);
const treeLine = kind([], namesGoOn, 0);

/** The kinds of lines that something is read from. */
const kinds: readonly Kind[] = [
  kind(["Control: I/O", "ACSCap:", "ACSCtl:"], (_, next) => flagStart.test(next)),
  kind(["Flags: "], (_, next) => /^[a-z0-9]|^IRQ |^(?:NUMA|IOMMU) [a-z]/.test(next) && !next.includes(":")),
  kind(["Subsystem: "], namesGoOn, 1),
  kind(["Bus: primary="], (_, next) => /^(?:secondary|subordinate|sec-latency|latency)=/.test(next)),
  kind(["I/O behind bridge:", "Memory behind bridge:", "Prefetchable memory behind bridge:"], (_, next) =>
    /^(?:\[(?:size=|disabled|\d\d-bit)|[0-9a-f]{4,16}(?:[-\s]|$)|None)/.test(next),
  ),
  kind(["Region ", "[virtual]", "Memory at ", "I/O ports at ", "Expansion ROM at "], (_, next) =>
    /^(?:\((?:32-bit|64-bit|low-1M|type)|(?:non-)?prefetchable\)|\[(?:size=|disabled|virtual|enhanced)|[0-9a-f]{4,16}(?: |$)|<)/.test(
      next,
    ),
  ),
  kind(["Capabilities: ["], (_, next) => !keywords.test(next), 1),
  kind(["LnkCap:", "LnkSta:"], (_, next) =>
    /^(?:Speed|Width|ASPM|Exit|Latency|L0s|L1|<|\(|x\d|\d|not|unknown)/.test(next),
  ),
  kind(["Initial VFs: "], (_, next) =>
    /^(?:VFs: \d|Total VFs|Number of|of VFs|\d+,|Function|Dependency|Link: |\d\d$)/.test(next),
  ),
  kind(["VF offset: "], (_, next) => /^(?:stride:|Device ID|ID: |[0-9a-f]+(?:,|$))/.test(next)),
  kind(["BAR "], (_, next) => /^(?:size: |supported: |current |\d+[KMGTPE]B|<unknown>)/.test(next)),
  kind(["PrimaryProperties: "], (_, next) => /^(?:memory|I\/O|space|non-prefetchable|prefetchable)/.test(next)),
  kind(["ATSCap:", "ATSCtl:", "PASIDCap:", "PASIDCtl:", "PRICtl:"], (_, next) => !keywords.test(next), 3),
];
/** By first letter. */
const kindsByLetter = new Map<number, (readonly [begins: Uint8Array, kind: Kind])[]>();
for (const one of kinds) {
  for (const text of one.begins) {
    const letter = text[0] ?? 0;
    kindsByLetter.set(letter, [...(kindsByLetter.get(letter) ?? []), [text, one]]);
  }
}
/** What the drawing of a tree begins with. */
const drawing = new Set([..."-+\\|`"].map((letter) => letter.charCodeAt(0)));
const treeName = /^[-+\\|` ].*\d\.\d {2}\S/;

/**
 * Puts lines together again that a mailer has wrapped: a line of `lspci` that something is read from is held until the
 * next one shows that it is not its rest. What is no line of `lspci` passes through, and so does a text that nobody
 * wrapped: no line of it is the rest of another.
 */
export class LineJoiner {
  readonly #onLine: (line: Line) => void;
  readonly #held = new Line();
  readonly #buffer = new Uint8Array(MAX_JOINED);
  #kind: Kind | undefined;

  constructor(onLine: (line: Line) => void) {
    this.#onLine = onLine;
  }

  take(line: Line): void {
    if (this.#kind !== undefined) {
      if (this.#isRest(line, this.#kind)) {
        this.#append(line);
        return;
      }
      this.flush();
    }
    this.#kind = line.isWhole ? kindOf(line) : undefined;
    if (this.#kind === undefined) this.#onLine(line);
    else this.#hold(line);
  }

  /** Hands over the line that is held. */
  flush(): void {
    if (this.#kind === undefined) return;
    this.#kind = undefined;
    this.#onLine(this.#held);
  }

  #hold(line: Line): void {
    const held = this.#held;
    this.#buffer.set(line.bytes.subarray(line.rawStart, line.end));
    held.bytes = this.#buffer;
    held.rawStart = 0;
    held.start = line.start - line.rawStart;
    held.end = line.end - line.rawStart;
    held.number = line.number;
    held.isWhole = true;
    held.isTooLong = false;
    held.pieces = 1;
  }

  #isRest(line: Line, { goesOn, leastColumns }: Kind): boolean {
    const held = this.#held;
    const length = line.end - line.start;
    if (length === 0 || line.isTooLong || held.end + 1 + length > MAX_JOINED) return false;
    if (line.start - line.rawStart > held.start + TAB_COLUMNS) return false;
    if (isFirstLine(line) || isGapLine(line)) return false;
    const next = line.text();
    if (leastColumns === 0) return goesOn(held.text(), next);
    if (columns(held) + 1 + firstWordLength(line) <= leastColumns) return false;
    return readGroupMark(line) === undefined && !hexLine.test(next) && !foreign.test(next) && goesOn(held.text(), next);
  }

  /** A mailer breaks at a space, or behind a hyphen within a word. */
  #append(line: Line): void {
    const held = this.#held;
    const isHyphen = this.#buffer[held.end - 1] === MINUS && this.#buffer[held.end - 2] !== SPACE;
    if (!isHyphen) this.#buffer[held.end++] = SPACE;
    this.#buffer.set(line.bytes.subarray(line.start, line.end), held.end);
    held.end += line.end - line.start;
    held.isWhole = line.isWhole;
    held.pieces++;
  }
}

function kindOf(line: Line): Kind | undefined {
  const first = line.byte(line.start);
  if (line.end - line.rawStart > MAX_JOINED / 2 || line.isTooLong) return undefined;
  if (hexDigit(first) >= 0 && isFirstLine(line)) return firstLine;
  for (const [begins, found] of kindsByLetter.get(first) ?? []) if (line.has(begins)) return found;
  const mark = readGroupMark(line);
  if (mark !== undefined) return mark.next < line.end ? firstLine : undefined;
  return drawing.has(first) && treeName.test(line.text()) ? treeLine : undefined;
}

/** True where the line begins a function: with an address, or a path of `-PP`, and a space. */
function isFirstLine(line: Line): boolean {
  if (hexDigit(line.byte(line.start)) < 0) return false;
  return readBdf(line, line.start) !== undefined && (line.byte(line.next) === SPACE || line.byte(line.next) === 0x2f);
}

function firstWordLength(line: Line): number {
  let end = line.start;
  while (end < line.end && !isSpace(line.bytes, end)) end++;
  return end - line.start;
}

/** The columns that a line takes, tabs included. */
function columns(line: Line): number {
  let count = 0;
  for (let at = line.rawStart; at < line.end; at++) {
    const byte = line.bytes[at] ?? 0;
    if (byte === TAB) count += TAB_COLUMNS - (count % TAB_COLUMNS);
    else if ((byte & 0xc0) !== 0x80) count++;
  }
  return count;
}
