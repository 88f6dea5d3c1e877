import type { Scatterlist } from "../dma/scatterlist.ts";
import type { Route, RouteOutcome } from "../fabric/route.ts";
import { type DmaAddr, formatAddress, PAGE_BYTES, type PhysAddr } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { noEntry } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import type { LabMachine } from "./lab-machine.ts";
import type { SegmentKind } from "./list-kinds.ts";
import { type LabOutcome, type Mishap, worse } from "./outcome.ts";

/** Lists up to this length are moved whole; of longer ones, the start of one segment and the end of the next are. */
const WHOLE_SEGMENTS = 64;
const END_BYTES = 64;
const WORD_BYTES = 4;

/** A part of a segment that is moved. */
interface Part {
  readonly offset: number;
  readonly length: number;
}

/** What the device did in one direction. */
export interface Transferred {
  readonly outcome: LabOutcome;
  readonly mishap: Mishap | null;
}

/** The bytes of a list, moved by the device and compared where they belong. */
export class Transfer {
  readonly #machine: LabMachine;
  readonly #list: Scatterlist;
  readonly #kinds: readonly SegmentKind[];
  /** The part of even segments that is moved, and that of odd ones. */
  readonly #parts: readonly [Part, Part];
  /** Bytes as they are to be, and as they are found: as words too, a word of the pattern each. */
  readonly #data: Uint8Array;
  readonly #dataWords: Uint32Array;
  readonly #seen: Uint8Array;
  readonly #seenWords: Uint32Array;

  constructor(machine: LabMachine, list: Scatterlist, kinds: readonly SegmentKind[]) {
    this.#machine = machine;
    this.#list = list;
    this.#kinds = kinds;
    const whole = { offset: 0, length: PAGE_BYTES };
    const start = { offset: 0, length: END_BYTES };
    const end = { offset: PAGE_BYTES - END_BYTES, length: END_BYTES };
    this.#parts = kinds.length <= WHOLE_SEGMENTS ? [whole, whole] : [start, end];
    const [{ length }] = this.#parts;
    this.#dataWords = new Uint32Array(length / WORD_BYTES);
    this.#data = new Uint8Array(this.#dataWords.buffer);
    this.#seenWords = new Uint32Array(length / WORD_BYTES);
    this.#seen = new Uint8Array(this.#seenWords.buffer);
  }

  /** Bytes of peer memory that are moved in one direction. */
  get peerBytes(): number {
    return this.peerSegments * this.#data.length;
  }

  /** Segments of peer memory. */
  get peerSegments(): number {
    return this.#kinds.filter((kind) => kind !== "r").length;
  }

  /** Puts bytes into the list's memory, as their owner. */
  fill(salt: number): void {
    this.#eachPart((segment, { offset, length }) => {
      const { store, at } = this.#machine.placeOf(this.#physOf(segment));
      store.write(at + offset, this.#pattern(salt, segment, offset, length));
    });
  }

  /** The first segment whose memory does not hold the bytes that {@link fill} or the device put there; -1 for none. */
  firstDifference(salt: number): number {
    let first = -1;
    this.#eachPart((segment, part) => {
      if (first < 0 && !this.#holds(salt, segment, part)) first = segment;
    });
    return first;
  }

  /** The device reads the list and compares what it got. */
  read(salt: number): Transferred {
    return this.#move("read", salt, (segment, part) => this.#isSeen(salt, segment, part));
  }

  /** The device writes the list; bytes that go through a bounce buffer can be compared only after unmap. */
  write(salt: number, isBounced: boolean): Transferred {
    return this.#move("write", salt, (segment, part) => {
      return (isBounced && this.#kinds[segment] === "r") || this.#holds(salt, segment, part);
    });
  }

  #move(direction: "read" | "write", salt: number, isThere: (segment: number, part: Part) => boolean): Transferred {
    const { device, fabric, requester } = this.#machine;
    const issues = 2 ** device.maskBits;
    let outcome: LabOutcome = "right";
    let mishap: Mishap | null = null;
    const cursor = new EntryCursor(this.#list);
    this.#eachPart((segment, part) => {
      const dmaAddress = cursor.addressOf(segment, part.offset);
      const isAddress = Number.isSafeInteger(dmaAddress) && dmaAddress >= 0;
      // A device with fewer address bits than it is given drops the upper ones.
      const address = (isAddress ? dmaAddress % issues : 0) as DmaAddr;
      const bytes =
        direction === "write"
          ? this.#pattern(salt, segment, part.offset, part.length)
          : this.#seen.fill(0).subarray(0, part.length);
      const ended = isAddress ? fabric[direction](requester, address, bytes) : "not-issued";
      const here = ended === "delivered" ? (isThere(segment, part) ? "right" : null) : outcomeOfRoute(ended);
      if (here === "right") return;
      if (mishap !== null && (here !== null || outcome === "wrong-address")) {
        outcome = worse(outcome, here ?? outcome);
        return;
      }
      const route = fabric.route({
        requester,
        kind: direction,
        address,
        lengthBytes: part.length,
        addressType: "untranslated",
      });
      const reached = isUnknown(route) ? null : this.#reached(route);
      const expected = this.#expected(segment, part.offset);
      // Delivered, and yet not there: to another place, or nowhere.
      const found = here ?? (reached === null || reached === expected ? "lost" : "wrong-address");
      outcome = worse(outcome, found);
      mishap ??= {
        direction,
        segment,
        kind: this.#kinds[segment] ?? "r",
        dmaAddress: address,
        routeOutcome: ended,
        expected,
        reached,
        hops: isUnknown(route) ? [] : route.hops,
      };
    });
    return { outcome, mishap };
  }

  #eachPart(visit: (segment: number, part: Part) => void): void {
    const [even, odd] = this.#parts;
    for (let segment = 0; segment < this.#kinds.length; segment++) visit(segment, segment % 2 === 0 ? even : odd);
  }

  #holds(salt: number, segment: number, { offset, length }: Part): boolean {
    const { store, at } = this.#machine.placeOf(this.#physOf(segment));
    store.read(at + offset, this.#seen, 0, length);
    return this.#isSeen(salt, segment, { offset, length });
  }

  /** Whether what was found is what is to be there. */
  #isSeen(salt: number, segment: number, { offset, length }: Part): boolean {
    this.#pattern(salt, segment, offset, length);
    const [wanted, seen] = [this.#dataWords, this.#seenWords];
    for (let index = 0; index < length / WORD_BYTES; index++) if (wanted[index] !== seen[index]) return false;
    return true;
  }

  #physOf(segment: number): PhysAddr {
    return (this.#list.phys[segment] ?? noEntry(segment)) as PhysAddr;
  }

  /** Bytes that no other segment, offset or salt has: a word each, mixed of the three. */
  #pattern(salt: number, segment: number, offset: number, length: number): Uint8Array {
    const words = this.#dataWords;
    const base = Math.imul(segment + 1, 0x9e3779b1) ^ salt;
    for (let index = 0; index < length / WORD_BYTES; index++) {
      words[index] = base ^ Math.imul(offset + index * WORD_BYTES + 1, 0x85ebca6b);
    }
    return length === this.#data.length ? this.#data : this.#data.subarray(0, length);
  }

  #expected(segment: number, offset: number): string {
    const { at, owner } = this.#machine.placeOf(this.#physOf(segment));
    return placeText(owner, at + offset);
  }

  #reached({ target }: Route): string | null {
    if (target === null || target.kind === "interrupt") return null;
    return target.kind === "dram" ? placeText(null, target.phys) : placeText(target.fn, target.offset, target.bar);
  }
}

/** Where parts of segments are on the DMA side, whose entries are in order and may be longer than segments. */
class EntryCursor {
  readonly #list: Scatterlist;
  #entry = 0;
  #entryStart = 0;
  #segment = 0;
  #segmentStart = 0;

  constructor(list: Scatterlist) {
    this.#list = list;
  }

  /** The address of a byte of a segment; segments are asked for in order. -1 where the DMA side ends before it. */
  addressOf(segment: number, offset: number): number {
    const { lengths, dmaAddress, dmaLengths, dmaCount } = this.#list;
    for (; this.#segment < segment; this.#segment++)
      this.#segmentStart += lengths[this.#segment] ?? noEntry(this.#segment);
    const at = this.#segmentStart + offset;
    while (this.#entry < dmaCount && at >= this.#entryStart + (dmaLengths[this.#entry] ?? noEntry(this.#entry))) {
      this.#entryStart += dmaLengths[this.#entry] ?? noEntry(this.#entry);
      this.#entry++;
    }
    return this.#entry < dmaCount ? (dmaAddress[this.#entry] ?? noEntry(this.#entry)) + (at - this.#entryStart) : -1;
  }
}

function outcomeOfRoute(outcome: RouteOutcome): LabOutcome {
  return outcome === "lost" ? "lost" : "fault";
}

function placeText(owner: Bdf | null, at: number, bar = 0): string {
  return owner === null ? `DRAM ${formatAddress(at)}` : `BAR ${bar} of ${formatBdf(owner)} + ${formatAddress(at)}`;
}
