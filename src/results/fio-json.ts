import { parseSize } from "../pci/size.ts";
import type { Collector } from "./collector.ts";
import { groupOf } from "./devices.ts";
import { endsOf, isGpuEngine, memoryOf, partText, peerOf } from "./fio-ends.ts";
import { itemsOf, type JsonNode, member, numberOf, textOf } from "./json-at.ts";
import type { MeasuredDevice, MeasuredEntry, ResultPlace } from "./results.ts";

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
  readonly mayBeCached: boolean;
}

const CACHED =
  "fio was not told to use direct I/O (direct=1): the page cache of the host may have had a part of the data";

/** Engines that have no page cache between them and the disk, whatever `direct` is. */
const PAST_THE_CACHE = /^(?:libcufile|io_uring_cmd|external:|spdk)/;

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
    // Of a job that was cut out of its document, the options of all jobs are not there.
    mayBeCached:
      member(root, "jobs") !== undefined &&
      option("direct") !== "1" &&
      option("buffered") !== "0" &&
      !PAST_THE_CACHE.test(option("ioengine") ?? ""),
  };
}

/** Adds the jobs of a group, and of several their sum for each way and memory, from or to all disks that they used. */
function addGroup(group: number, jobs: readonly JsonJob[], placeAt: (at: number) => ResultPlace, out: Collector): void {
  const threads = jobs.reduce((sum, job) => sum + job.threads, 0);
  const sums = new Sums();
  const isPart = jobs.length > 1;
  for (const job of jobs) {
    const { node, name, rw, disk, memory, sizeBytes, mayBeCached } = job;
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
        flows: isPart ? threads : disksOf(disk).length,
        ...(isPart ? { isPart } : {}),
        bytesPerSecond: rate,
        // What fio was told not to measure is 0.
        latencyNs: numberOf(member(side, "lat_ns", "mean")) || numberOf(member(side, "clat_ns", "mean")) || null,
        sizeBytes,
        peer: peerOf(memory),
        place: placeAt((exact ?? coarse ?? side).at),
        doubts: [...(error > 0 ? [`the job ended with error ${error}`] : []), ...(mayBeCached ? [CACHED] : [])],
      };
      out.add(entry);
      if (isPart) sums.add(entry, rate, disk, memory);
    }
  }
  for (const entry of sums.entries(`group ${group}`)) out.add(entry);
}

/** All that a group read or wrote with one memory. */
interface Sum {
  readonly entry: MeasuredEntry;
  readonly memory: MeasuredDevice;
  readonly way: "read" | "write";
  readonly disks: Map<string, MeasuredDevice>;
  rate: number;
  count: number;
}

/** What the figures of a group come to, for each way and memory. */
class Sums {
  readonly #sums: Sum[] = [];

  add(entry: MeasuredEntry, rate: number, disk: MeasuredDevice, memory: MeasuredDevice): void {
    const way = entry.operation === "read" ? "read" : "write";
    let sum = this.#sums.find((each) => each.way === way && each.memory === memory);
    if (sum === undefined) {
      sum = { entry, memory, way, disks: new Map(), rate: 0, count: 0 };
      this.#sums.push(sum);
    }
    for (const each of disksOf(disk)) sum.disks.set(nameOf(each), each);
    sum.rate += rate;
    sum.count++;
  }

  entries(test: string): readonly MeasuredEntry[] {
    return this.#sums.map(({ entry: { isPart, ...entry }, memory, way, disks, rate, count }) => ({
      ...entry,
      ...endsOf(way === "read", groupOf([...disks.values()]), memory),
      test,
      label: count === 1 ? "1 job" : `${count} jobs together`,
      opposed: this.#sums.some((other) => other.way !== way && [...other.disks.keys()].some((disk) => disks.has(disk))),
      flows: disks.size,
      bytesPerSecond: rate,
      latencyNs: null,
    }));
  }
}

function nameOf(disk: MeasuredDevice): string {
  return disk.kind === "block" ? `/dev/${disk.name}` : disk.kind === "file" ? disk.path : disk.kind;
}

function disksOf(disk: MeasuredDevice): readonly MeasuredDevice[] {
  return disk.kind === "group" ? disk.members : [disk];
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
