import { parseBdf } from "../pci/bdf.ts";
import { bytesOf, parseSize } from "../pci/size.ts";
import type { Collector, LineReader } from "./collector.ts";
import { groupOf, HOST } from "./devices.ts";
import { itemsOf, type JsonNode, member, numberOf, textOf } from "./json-at.ts";
import { type Line, placeOf } from "./lines.ts";
import type { MeasuredDevice, MeasuredEntry, ResultPlace } from "./results.ts";

/** `2 ** 10` and so on of fio's binary prefixes, and `1000` and so on of its decimal ones. */
const PREFIXES = ["", "k", "m", "g", "t"];

/** Bytes in `6789MiB/s`, `7119MB/s` or `512B/s`; `undefined` for anything else. */
function rateOf(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)(i?)B\/s$/i.exec(text);
  if (match === null) return;
  return Number(match[1]) * (match[3] === "i" ? 1024 : 1000) ** PREFIXES.indexOf((match[2] ?? "").toLowerCase());
}

const NS_BY_UNIT: Readonly<Record<string, number>> = { nsec: 1, usec: 1000, msec: 1_000_000 };

/** A job of a run, by the line with which fio says what it will do. */
interface Job {
  readonly blockBytes: { readonly read: number | null; readonly write: number | null };
  readonly engine: string;
}

/** A figure of which the disks are not yet known: fio names them last. */
interface Held {
  readonly way: "read" | "write";
  /** The job, or the group. */
  readonly test: string;
  /** Jobs of which it is the figure; `null` for all of the group. */
  readonly jobs: number | null;
  readonly rate: number;
  readonly place: ResultPlace;
  readonly group: string;
  latencyNs: number | null;
}

const NO_DISK: MeasuredDevice = {
  kind: "unknown",
  why: "the output names no disk: the lines below 'Disk stats' are not there",
};

/**
 * Reads what fio prints as text (HOWTO, "Interpreting the output"). The first figure has binary prefixes, the one in
 * brackets decimal ones; fio 2 prints one, as KB/s, and means 1024 bytes (`kb_base`). A figure is the mean of a job, or of
 * all jobs with the same name where it says `jobs=`; of several jobs the line of the group is there too, their sum. The disks
 * are those below `Disk stats`.
 */
export class FioText implements LineReader {
  readonly #out: Collector;
  readonly #jobs = new Map<string, Job>();
  #held: Held[] = [];
  #disks: { readonly name: string; readonly hasParts: boolean }[] = [];
  #isInDisks = false;
  #name: string | null = null;
  #count = 1;
  /** Jobs of each group. */
  readonly #groups = new Map<string, { headings: number; jobs: number }>();
  #group = "0";

  constructor(out: Collector) {
    this.#out = out;
  }

  take(line: Line): boolean {
    return (
      this.#takeJob(line) || this.#takeFigure(line) || this.#takeGroup(line) || this.#takeDisk(line) || isDetail(line)
    );
  }

  leave(): void {
    this.#isInDisks = false;
    this.#flush();
  }

  #takeJob({ text }: Line): boolean {
    const planned =
      /^\s*(.{1,200}): \(g=(\d{1,6})\): rw=(\w{1,20}), bs=(.{1,200}), ioengine=([\w:./-]{1,100}), iodepth=\d{1,8}$/.exec(
        text,
      );
    if (planned !== null) {
      if (this.#held.length > 0) this.#flush();
      const [, name = "", , , sizes = "", engine = ""] = planned;
      this.#jobs.set(name, { blockBytes: { read: blockOf(sizes, "R"), write: blockOf(sizes, "W") }, engine });
      this.#out.saw("fio");
      return true;
    }
    const heading = /^\s*(.{1,200}): \(groupid=(\d{1,6}), jobs=(\d{1,6})\): err=\s{0,8}(\d{1,6})\b/.exec(text);
    if (heading !== null) {
      const [, name = "", group = "0", jobs = "1"] = heading;
      if (this.#disks.length > 0) this.#flush();
      this.#name = name;
      this.#count = Number(jobs);
      this.#group = group;
      const counted = this.#groups.get(group) ?? { headings: 0, jobs: 0 };
      this.#groups.set(group, { headings: counted.headings + 1, jobs: counted.jobs + Number(jobs) });
      this.#out.saw("fio");
      return true;
    }
    return /^\s*fio-\d[\w.-]{0,40}$|^\s*Starting \d{1,6} (?:process|thread)(?:es|s)?$|^\s*Jobs: \d{1,6} \(f=/.test(
      text,
    );
  }

  #takeFigure(line: Line): boolean {
    const { text } = line;
    const figure = /^\s*(read|write|trim|mixed)\s?: IOPS=\S{1,20}, BW=(\S{1,24}) \((\S{1,24})\)\(/.exec(text);
    const old = /^\s*(read|write)\s?: io=\S{1,20}, bw=(\d{1,15}(?:\.\d{1,6})?)([KMGT]?)B\/s, iops=/.exec(text);
    const way = figure?.[1] ?? old?.[1];
    if (way === undefined) return this.#takeLatency(line);
    if (this.#name === null) {
      this.#out.unread(line, "the line that names the job of fio is not there");
      return true;
    }
    if (way !== "read" && way !== "write") {
      this.#out.leaveOut(`figures of fio for ${way === "trim" ? "trims" : "reads and writes mixed"}`);
      return true;
    }
    const rate = figure === null ? oldRate(old) : rateOf(figure[2] ?? "");
    if (rate === undefined) {
      this.#out.unread(line, "the bandwidth is no rate in bytes");
      return true;
    }
    if (old !== null) this.#out.assume("fio 2 prints KB/s, MB/s and GB/s and means 1024 bytes and its powers");
    const place = placeOf(line, text.search(/bw=/i) + 3);
    this.#hold({ way, test: this.#name, jobs: this.#count, rate, place });
    return true;
  }

  #takeLatency({ text }: Line): boolean {
    const latency = /^\s*c?lat \((nsec|usec|msec)\)\s?: min=.{1,40}, avg=\s{0,8}(\d{1,15}(?:\.\d{1,6})?),/.exec(text);
    const last = this.#held.at(-1);
    if (latency === null || last === undefined) return false;
    // lat is all of it and comes last; clat stands alone where fio did not keep the other.
    last.latencyNs = Number(latency[2]) * (NS_BY_UNIT[latency[1] ?? ""] ?? 1);
    return true;
  }

  #takeGroup(line: Line): boolean {
    const { text } = line;
    const group = /^\s*Run status group (\d{1,6}) \(all jobs\):$/.exec(text)?.[1];
    if (group !== undefined) {
      this.#group = group;
      this.#name = null;
      return true;
    }
    const sum =
      /^\s*(READ|WRITE|TRIM|MIXED): (?:bw=(\S{1,24}) \(\S{1,24}\)|io=\S{1,20}, aggrb=(\d{1,15})([KMGT]?)B\/s),/.exec(
        text,
      );
    if (sum === null) return false;
    const { headings } = this.#groups.get(this.#group) ?? { headings: 0 };
    // Of one heading it repeats what stood there.
    if (headings === 1 || sum[1] === "TRIM" || sum[1] === "MIXED") return true;
    const rate = sum[2] !== undefined ? rateOf(sum[2]) : bytesOf(Number(sum[3]), sum[4] ?? "");
    if (rate === undefined) {
      this.#out.unread(line, "the bandwidth is no rate in bytes");
      return true;
    }
    const way = sum[1] === "READ" ? "read" : "write";
    this.#hold({ way, test: `group ${this.#group}`, jobs: null, rate, place: placeOf(line, text.indexOf("=") + 1) });
    return true;
  }

  #takeDisk({ text }: Line): boolean {
    if (/^\s*Disk stats \(read\/write\):$/.test(text)) {
      this.#isInDisks = true;
      return true;
    }
    const disk = /^\s*([\w!.-]{1,64}): ios=\d{1,15}\/\d{1,15}, /.exec(text)?.[1];
    if (disk === undefined) return false;
    const hasParts = text.includes(" aggrios=");
    if (this.#isInDisks) this.#disks.push({ name: disk.replaceAll("!", "/"), hasParts });
    return true;
  }

  #hold(figure: Omit<Held, "group" | "latencyNs">): void {
    this.#out.makeRoom(this.#held.length + 1, figure.place);
    this.#held.push({ ...figure, group: this.#group, latencyNs: null });
  }

  #flush(): void {
    // Below a device of md or dm its parts are listed as disks too: the data went to the device.
    const whole = this.#disks.filter(({ hasParts }) => hasParts);
    const names = (whole.length > 0 ? whole : this.#disks).map(({ name }) => name);
    const disk = names.length === 0 ? NO_DISK : groupOf(names.map((name) => ({ kind: "block", name })));
    const ways = new Map<string, Set<string>>();
    for (const { test, way } of this.#held) ways.set(test, (ways.get(test) ?? new Set()).add(way));
    for (const held of this.#held) this.#add(held, disk, (ways.get(held.test)?.size ?? 0) > 1);
    this.#held = [];
    this.#disks = [];
    this.#isInDisks = false;
    this.#name = null;
    this.#jobs.clear();
    this.#groups.clear();
  }

  #add({ way, test, group, jobs, rate, latencyNs, place }: Held, disk: MeasuredDevice, opposed: boolean): void {
    const job = this.#jobs.get(test);
    const memory = memoryOf(null, job?.engine);
    if (memory.kind === "host") {
      this.#out.assume("fio's text does not say whose memory it used (iomem=, mem=): memory of the host is assumed");
    }
    const all = this.#groups.get(group)?.jobs ?? jobs;
    const count = jobs === null ? `all ${all ?? ""} jobs together`.replace("  ", " ") : partText(jobs, all ?? jobs);
    this.#out.add({
      tool: "fio",
      test,
      label: job === undefined ? count : `${count}, ${job.engine}`,
      ...endsOf(way === "read", disk, memory),
      operation: way,
      direction: "one-way",
      opposed,
      flows: all,
      bytesPerSecond: rate,
      latencyNs,
      sizeBytes: job?.blockBytes[way] ?? null,
      // Assumed with the memory.
      peer: peerOf(memory),
      place,
      doubts: [],
    });
  }
}

/** `1 job`, `4 jobs`, `1 of 4 jobs`. */
function partText(jobs: number, all: number): string {
  if (jobs < all) return `${jobs} of ${all} jobs`;
  return jobs === 1 ? "1 job" : `${jobs} jobs`;
}

/** Lines of fio with figures that are not looked at: latencies in parts, percentiles, CPU, depths. */
function isDetail({ text }: Line): boolean {
  return /^\s*(?:slat|clat|lat|bw|iops|cpu|IO depths|submit|complete|issued|latency|\|)\s{0,12}(?:\(|:|rwts?: |percentiles| \d{1,3}\.\d)/.test(
    text,
  );
}

function oldRate(match: RegExpExecArray | null): number | undefined {
  return match === null ? undefined : Number(match[2]) * 1024 ** PREFIXES.indexOf((match[3] ?? "").toLowerCase());
}

/** The block size of one way in `(R) 4096B-4096B, (W) 128KiB-128KiB, (T) …`, or in `4K-4K/128K-128K/…` of fio 2, where it is one. */
function blockOf(sizes: string, way: "R" | "W"): number | null {
  const old = /^(\d{1,9}[KMG]?)-(\d{1,9}[KMG]?)\/(\d{1,9}[KMG]?)-(\d{1,9}[KMG]?)\//.exec(sizes);
  if (old !== null) {
    const [least, most] = way === "R" ? [old[1], old[2]] : [old[3], old[4]];
    return least === most ? (parseSize(least ?? "") ?? null) : null;
  }
  const match = new RegExp(`\\(${way}\\) ([\\d.]{1,12})(Ki|Mi|Gi)?B-([\\d.]{1,12}(?:Ki|Mi|Gi)?B)`).exec(sizes);
  if (match === null || `${match[1]}${match[2] ?? ""}B` !== match[3]) return null;
  return bytesOf(Number(match[1]), (match[2] ?? "").slice(0, 1)) ?? null;
}

/** cuFile moves data between disks and memory of GPUs. */
function isGpuEngine(engine: string | undefined): boolean {
  return engine === "libcufile";
}

function memoryOf(option: string | null, engine: string | undefined): MeasuredDevice {
  if (isGpuEngine(engine) || option === "cudamalloc") return { kind: "unknown", why: "a GPU: fio does not say which" };
  const path = /^mmap(?:shared|huge)?:(.{1,4096})$/.exec(option ?? "")?.[1];
  if (path === undefined) return HOST;
  const bdf = parseBdf(/\/([0-9a-f:.]{7,16})\/p2pmem\/allocate$/.exec(path.replaceAll("\\", ""))?.[1] ?? "");
  return bdf === undefined ? { kind: "file", path } : { kind: "bdf", bdf };
}

/** Files from which memory of devices is mapped: `p2pmem/allocate` of sysfs, and `/dev/p2pmem0` of kernels with that driver. */
function peerOf(memory: MeasuredDevice): MeasuredEntry["peer"] {
  if (memory.kind === "bdf") return "on";
  if (memory.kind === "file") return memory.path.startsWith("/dev/p2pmem") ? "on" : "unknown";
  return memory.kind === "host" ? "off" : "unknown";
}

/** A disk writes into memory what is read from it, and reads from memory what is written. */
function endsOf(
  isRead: boolean,
  disk: MeasuredDevice,
  memory: MeasuredDevice,
): Pick<MeasuredEntry, "from" | "to" | "mover"> {
  return isRead ? { from: disk, to: memory, mover: "from" } : { from: memory, to: disk, mover: "to" };
}

/**
 * Adds what `fio --output-format=json` printed, or one object of its `jobs` out of a document that was cut. False where the
 * value is neither. `bw_bytes` is bytes in a second (`bw`, in releases without it, KiB), latencies are nanoseconds.
 */
export function addFioJson(root: JsonNode, placeAt: (at: number) => ResultPlace, out: Collector): boolean {
  const isDocument = textOf(member(root, "fio version")) !== undefined && Array.isArray(member(root, "jobs")?.value);
  const isJob = textOf(member(root, "jobname")) !== undefined && member(root, "read", "iops") !== undefined;
  if (!isDocument && !isJob) return false;
  out.saw("fio");
  const names = itemsOf(member(root, "disk_util")).flatMap((disk) => textOf(member(disk, "name")) ?? []);
  const ends = new JsonEnds(names);
  const byGroup = new Map<number, JsonJob[]>();
  for (const node of isDocument ? itemsOf(member(root, "jobs")) : [root]) {
    const job = jobOf(node, root, ends);
    const members = byGroup.get(job.group);
    if (members === undefined) byGroup.set(job.group, [job]);
    else members.push(job);
  }
  for (const [group, members] of byGroup) addGroup(group, members, placeAt, out);
  return true;
}

/** A job of fio's JSON: a thread, or with `group_reporting` all of a group together. */
interface JsonJob {
  readonly node: JsonNode;
  readonly name: string;
  readonly group: number;
  readonly rw: string | null;
  readonly disk: MeasuredDevice;
  readonly memory: MeasuredDevice;
  /** Of how many threads its figures are. */
  readonly threads: number;
  readonly sizeBytes: number | null;
}

/** Disks and memory of jobs, made once for each text that names them: jobs often share one. */
class JsonEnds {
  readonly #names: readonly string[];
  readonly #disks = new Map<string | null, MeasuredDevice>();
  readonly #memories = new Map<string, MeasuredDevice>();

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  disk(file: string | null): MeasuredDevice {
    const disk = this.#disks.get(file) ?? diskOf(file, this.#names);
    this.#disks.set(file, disk);
    return disk;
  }

  memory(option: string | null, engine: string | undefined): MeasuredDevice {
    const key = isGpuEngine(engine) ? "a GPU" : (option ?? "");
    const memory = this.#memories.get(key) ?? memoryOf(option, engine);
    this.#memories.set(key, memory);
    return memory;
  }
}

function jobOf(node: JsonNode, root: JsonNode, ends: JsonEnds): JsonJob {
  const option = (key: string): string | null =>
    textOf(member(node, "job options", key)) ?? textOf(member(root, "global options", key)) ?? null;
  const isTogether =
    member(node, "job options", "group_reporting") !== undefined ||
    member(root, "global options", "group_reporting") !== undefined;
  return {
    node,
    name: textOf(member(node, "jobname")) ?? "fio",
    group: numberOf(member(node, "groupid")) ?? 0,
    rw: option("rw") ?? option("readwrite"),
    disk: ends.disk(option("filename")),
    memory: ends.memory(option("mem") ?? option("iomem"), option("ioengine") ?? undefined),
    threads: isTogether ? Number(/^\d{1,6}$/.exec(option("numjobs") ?? "")?.[0] ?? "1") : 1,
    sizeBytes: parseSize(option("bs") ?? option("blocksize") ?? "") ?? null,
  };
}

/** Adds the jobs of a group, and of several their sum for each way, where they used the same disk and memory. */
function addGroup(group: number, jobs: readonly JsonJob[], placeAt: (at: number) => ResultPlace, out: Collector): void {
  const threads = jobs.reduce((sum, job) => sum + job.threads, 0);
  const sums = new Sums();
  for (const job of jobs) {
    const { node, name, rw, disk, memory, sizeBytes } = job;
    const figures = (["read", "write"] as const).flatMap((way) => {
      const side = member(node, way);
      const isUsed = (numberOf(member(side, "io_bytes")) ?? numberOf(member(side, "total_ios")) ?? 0) > 0;
      return side !== undefined && isUsed ? [{ way, side }] : [];
    });
    for (const { way, side } of figures) {
      const exact = member(side, "bw_bytes");
      const coarse = member(side, "bw");
      const rate = numberOf(exact) ?? (numberOf(coarse) ?? Number.NaN) * 1024;
      if (!Number.isFinite(rate)) {
        out.missing(placeAt(side.at), "the figures of a job of fio have no bandwidth");
        continue;
      }
      const part = partText(job.threads, threads);
      const error = numberOf(member(node, "error")) ?? 0;
      const entry: MeasuredEntry = {
        tool: "fio",
        test: name,
        label: rw === null ? part : `${part}, ${rw}`,
        ...endsOf(way === "read", disk, memory),
        operation: way,
        direction: "one-way",
        opposed: figures.length > 1,
        flows: threads,
        bytesPerSecond: rate,
        // What fio was told not to measure is 0.
        latencyNs: numberOf(member(side, "lat_ns", "mean")) || numberOf(member(side, "clat_ns", "mean")) || null,
        sizeBytes,
        peer: peerOf(memory),
        place: placeAt((exact ?? coarse ?? side).at),
        doubts: error > 0 ? [`the job ended with error ${error}`] : [],
      };
      out.add(entry);
      sums.add(entry, rate);
    }
  }
  for (const { entry, rate, count } of sums.ofSeveral()) {
    out.add({
      ...entry,
      test: `group ${group}`,
      label: `${count} jobs together`,
      bytesPerSecond: rate,
      latencyNs: null,
    });
  }
}

/** What the figures of a group come to, for each way between the same two ends. */
class Sums {
  readonly #byEnds = new Map<
    MeasuredDevice,
    Map<MeasuredDevice, { entry: MeasuredEntry; rate: number; count: number }>
  >();

  add(entry: MeasuredEntry, rate: number): void {
    const byTo = this.#byEnds.get(entry.from) ?? new Map();
    this.#byEnds.set(entry.from, byTo);
    const sum = byTo.get(entry.to) ?? { entry, rate: 0, count: 0 };
    byTo.set(entry.to, { entry: sum.entry, rate: sum.rate + rate, count: sum.count + 1 });
  }

  ofSeveral(): readonly { readonly entry: MeasuredEntry; readonly rate: number; readonly count: number }[] {
    return [...this.#byEnds.values()].flatMap((byTo) => [...byTo.values()].filter(({ count }) => count > 1));
  }
}

function diskOf(file: string | null, names: readonly string[]): MeasuredDevice {
  const files = file === null ? [] : file.split(":");
  const disks = files.map((path) => /^\/dev\/([\w!./-]{1,64})$/.exec(path)?.[1]);
  if (disks.length > 0 && disks.every((name) => name !== undefined)) {
    return groupOf(disks.map((name) => ({ kind: "block", name: name ?? "" })));
  }
  if (names.length > 0) return groupOf(names.map((name) => ({ kind: "block", name })));
  if (file !== null) return groupOf(files.map((path) => ({ kind: "file", path })));
  return { kind: "unknown", why: "the output names no disk and no file" };
}
