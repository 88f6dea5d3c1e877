import { bytesOf, parseSize } from "../pci/size.ts";
import type { Collector, LineReader } from "./collector.ts";
import { groupOf } from "./devices.ts";
import { endsOf, memoryOf, partText, peerOf } from "./fio-ends.ts";
import { type Line, placeOf } from "./lines.ts";
import type { MeasuredDevice, ResultPlace } from "./results.ts";

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

const ONE_OF_DISKS: MeasuredDevice = {
  kind: "unknown",
  why: "several groups of jobs and several disks: fio's text does not say which group used which (--output-format=json does)",
};

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
    const all = groupOf(names.map((name) => ({ kind: "block", name })));
    const disk = names.length === 0 ? NO_DISK : names.length > 1 && this.#groups.size > 1 ? ONE_OF_DISKS : all;
    if (this.#groups.size > 1) {
      this.#out.assume("groups of jobs of fio ran one after the other, as with stonewall, and not at once");
    }
    const ways = new Map<string, Set<string>>();
    for (const { test, way } of this.#held) ways.set(test, (ways.get(test) ?? new Set()).add(way));
    for (const held of this.#held) {
      this.#add(held, { disk, count: names.length }, (ways.get(held.test)?.size ?? 0) > 1);
    }
    this.#held = [];
    this.#disks = [];
    this.#isInDisks = false;
    this.#name = null;
    this.#jobs.clear();
    this.#groups.clear();
  }

  #add(
    { way, test, group, jobs, rate, latencyNs, place }: Held,
    { disk, count: disks }: { readonly disk: MeasuredDevice; readonly count: number },
    opposed: boolean,
  ): void {
    const job = this.#jobs.get(test);
    const memory = memoryOf(null, job?.engine);
    if (memory.kind === "host") {
      this.#out.assume("fio's text does not say whose memory it used (iomem=, mem=): memory of the host is assumed");
    }
    const all = this.#groups.get(group)?.jobs ?? jobs;
    const isPart = jobs !== null && (this.#groups.get(group)?.headings ?? 1) > 1;
    const count = jobs === null ? `all ${all ?? ""} jobs together`.replace("  ", " ") : partText(jobs, all ?? jobs);
    this.#out.add({
      tool: "fio",
      test,
      label: job === undefined ? count : `${count}, ${job.engine}`,
      ...endsOf(way === "read", disk, memory),
      operation: way,
      direction: "one-way",
      opposed,
      flows: isPart ? all : Math.max(1, disks),
      ...(isPart ? { isPart } : {}),
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
