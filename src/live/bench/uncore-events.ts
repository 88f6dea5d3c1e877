import { type FileTree, readText } from "../../host/file-tree.ts";
import { type Known, unknown } from "../../pci/known.ts";

/** Where the kernel lists its sources of events (Documentation/ABI/testing/sysfs-bus-event_source-devices*). */
const SOURCES = "sys/bus/event_source/devices";

/** An event of a memory controller, ready for perf_event_open(2). */
export interface UncoreEvent {
  /** The source's name (`uncore_imc_0`). */
  readonly source: string;
  readonly type: number;
  readonly config: bigint;
  readonly config1: bigint;
  /** One CPU of each package that has the controller. */
  readonly cpus: readonly number[];
  readonly direction: "read" | "write";
  readonly bytesPerCount: number;
}

/** Intel's names over the generations: `cas_count_read`, `cas_count_read_sch0`, `data_reads`, `data_read`. */
const intelEvent = /^(?:cas_count|data)_(read|write)s?(?:_sch\d)?$/;

/** AMD PPR for family 19h model 11h and newer, UMC performance monitors: CAS commands, by direction; 64 bytes each. */
const amdEvents = [
  { direction: "read", terms: "event=0x0a,rdwrmask=0x1" },
  { direction: "write", terms: "event=0x0a,rdwrmask=0x2" },
] as const;
const AMD_CAS_BYTES = 64;

const unitBytes: Readonly<Record<string, number>> = { Bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The events that count what memory controllers read and wrote; unknown, with the reason, where there are none. */
export function findDramEvents(tree: FileTree): Known<readonly UncoreEvent[]> {
  const names = (tree.list(SOURCES) ?? []).toSorted();
  const controllers = names.filter((name) => /^uncore_imc(_\d+)?$/.test(name));
  const freeRunning = names.filter((name) => /^uncore_imc_free_running(_\d+)?$/.test(name));
  // The same bytes are counted by both kinds: one is enough.
  for (const events of [
    controllers.flatMap((name) => intelEvents(tree, name)),
    freeRunning.flatMap((name) => intelEvents(tree, name)),
    names.filter((name) => /^amd_umc_\d+$/.test(name)).flatMap((name) => amdEventsOf(tree, name)),
  ]) {
    if (events.length > 0) return events;
  }
  return unknown(
    names.some((name) => name.startsWith("amd_df"))
      ? "this kernel shows no memory controller's counters (amd_umc: AMD Zen 4 or newer with Linux 6.10 or newer)"
      : "this system shows no memory controller's counters (uncore_imc, amd_umc); virtual machines have none",
  );
}

function intelEvents(tree: FileTree, source: string): readonly UncoreEvent[] {
  return (tree.list(`${SOURCES}/${source}/events`) ?? []).toSorted().flatMap((name) => {
    const direction = intelEvent.exec(name)?.[1];
    const folder = `${SOURCES}/${source}/events`;
    const terms = readText(tree, `${folder}/${name}`);
    const scale = Number(readText(tree, `${folder}/${name}.scale`)?.trim());
    const unit = unitBytes[readText(tree, `${folder}/${name}.unit`)?.trim() ?? ""];
    if (direction === undefined || terms === undefined || unit === undefined || !(scale > 0)) return [];
    return event(tree, source, { direction: direction as "read" | "write", terms, bytesPerCount: scale * unit });
  });
}

function amdEventsOf(tree: FileTree, source: string): readonly UncoreEvent[] {
  return amdEvents.flatMap((one) => event(tree, source, { ...one, bytesPerCount: AMD_CAS_BYTES }));
}

interface EventWords {
  readonly direction: "read" | "write";
  /** `event=0x04,umask=0x03`. */
  readonly terms: string;
  readonly bytesPerCount: number;
}

/** One event, or none where a file does not say what it should. */
function event(tree: FileTree, source: string, words: EventWords): readonly UncoreEvent[] {
  const folder = `${SOURCES}/${source}`;
  const type = Number(readText(tree, `${folder}/type`)?.trim());
  const cpus = parseCpuList(readText(tree, `${folder}/cpumask`) ?? "");
  const configs = encodeTerms(words.terms, (field) => readText(tree, `${folder}/format/${field}`));
  if (!Number.isInteger(type) || cpus.length === 0 || configs === undefined) return [];
  const { direction, bytesPerCount } = words;
  return [{ source, type, ...configs, cpus, direction, bytesPerCount }];
}

/**
 * The words of perf_event_attr for the terms of an event. Each field has a format (`config:0-7,32-35`) that says which
 * bits it fills, lowest first. `undefined` for a field without format, or one that fills another word.
 */
export function encodeTerms(
  terms: string,
  formatOf: (field: string) => string | undefined,
): { readonly config: bigint; readonly config1: bigint } | undefined {
  const words = { config: 0n, config1: 0n };
  for (const term of terms.trim().split(",")) {
    const match = /^(\w+)(?:=(0x[0-9a-f]+|\d+))?$/i.exec(term.trim());
    const format = /^(config1?):([\d,-]+)$/.exec(formatOf(match?.[1] ?? "")?.trim() ?? "");
    if (match === null || format === null) return undefined;
    words[format[1] as keyof typeof words] |= spread(BigInt(match[2] ?? 1), format[2] ?? "");
  }
  return words;
}

/** Lays the bits of a value into ranges of bits, lowest first. */
function spread(value: bigint, ranges: string): bigint {
  let rest = value;
  let word = 0n;
  for (const range of ranges.split(",")) {
    const [low = 0, high = low] = range.split("-").map(Number);
    const width = BigInt(high - low + 1);
    word |= (rest & ((1n << width) - 1n)) << BigInt(low);
    rest >>= width;
  }
  return word;
}

/** More CPUs than Linux can have (NR_CPUS of x86) are no list. */
const MAX_CPUS = 8192;

/** `0-1,18` as numbers; empty for what is no such list. */
export function parseCpuList(text: string): readonly number[] {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text.trim())) return [];
  return text
    .trim()
    .split(",")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return last >= MAX_CPUS ? [] : Array.from({ length: Math.max(last - first + 1, 0) }, (_, index) => first + index);
    });
}
