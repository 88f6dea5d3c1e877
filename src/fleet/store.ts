import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parquetReadObjects } from "hyparquet";
import { type ColumnSource, parquetWriteBuffer } from "hyparquet-writer";
import { PeerlaneError } from "../pci/error.ts";
import type { ClassFacts } from "./look.ts";
import type { Fleet, FleetClass, Gathered, GatheredClass, MachineRow, RowState } from "./result.ts";

/*
 * The results of a run as Parquet, for any engine that reads it: a row for each machine, each class, each cause. Same
 * fleet, same bytes: nothing of the run itself is in them.
 */

/** The tables, by the names that queries have for them. */
export const TABLES = ["machines", "classes", "causes"] as const;

/** The file of a table. */
export function tableFile(folder: string, table: (typeof TABLES)[number]): string {
  return join(folder, `${table}.parquet`);
}

/** Facts by the names of their columns. */
const FACTS = [
  ["kernel", "kernel"],
  ["iommu", "iommu"],
  ["functions", "functions"],
  ["gpus", "gpus"],
  ["nics", "nics"],
  ["ssds", "ssds"],
  ["pairs", "pairs"],
  ["direct", "direct"],
  ["host_bridge", "hostBridge"],
  ["not_supported", "notSupported"],
  ["undecided", "undecided"],
] as const satisfies readonly (readonly [string, keyof ClassFacts])[];

/** Writes the three tables, each beside its place and renamed. Throws `operation-failed`. */
export function writeResults(folder: string, fleet: Fleet): void {
  mkdirSync(folder, { recursive: true });
  const tables = { machines: machineColumns(fleet), classes: classColumns(fleet), causes: causeColumns(fleet) };
  for (const table of TABLES) {
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData: tables[table], createdBy: "peerlane" }));
    replaceFile(tableFile(folder, table), bytes);
  }
}

function texts(name: string, data: readonly (string | null)[]): ColumnSource {
  return { name, data: [...data], type: "STRING" };
}

function numbers(name: string, data: readonly number[]): ColumnSource {
  return { name, data: [...data], type: "INT32", nullable: false };
}

function flags(name: string, data: readonly boolean[]): ColumnSource {
  return { name, data: [...data], type: "BOOLEAN", nullable: false };
}

function machineColumns({ rows, classes }: Fleet): ColumnSource[] {
  const outlier = new Set(classes.filter(({ isReference }) => !isReference).map(({ id }) => id));
  const renumbered = new Set(classes.flatMap((one) => one.renumbered));
  return [
    numbers(
      "place",
      rows.map(({ place }) => place),
    ),
    texts(
      "machine",
      rows.map(({ name }) => name),
    ),
    texts(
      "state",
      rows.map(({ state }) => state),
    ),
    texts(
      "reason",
      rows.map(({ reason }) => reason),
    ),
    texts(
      "class",
      rows.map((row) => row.class),
    ),
    texts(
      "numbering",
      rows.map(({ numbering }) => numbering),
    ),
    texts(
      "format",
      rows.map(({ format }) => format),
    ),
    flags(
      "outlier",
      rows.map((row) => row.class !== null && outlier.has(row.class)),
    ),
    flags(
      "renumbered",
      rows.map(({ name, state }) => state === "read" && renumbered.has(name)),
    ),
  ];
}

function classColumns({ classes }: Fleet): ColumnSource[] {
  return [
    texts(
      "class",
      classes.map(({ id }) => id),
    ),
    numbers(
      "machines",
      classes.map(({ members }) => members.length),
    ),
    flags(
      "reference",
      classes.map(({ isReference }) => isReference),
    ),
    texts(
      "nearest",
      classes.map(({ nearest }) => nearest),
    ),
    numbers(
      "first",
      classes.map(({ first }) => first),
    ),
    ...FACTS.map(([name, key]) => {
      const data = classes.map(({ facts }) => facts[key]);
      return key === "kernel" || key === "iommu"
        ? texts(name, data as readonly (string | null)[])
        : numbers(name, data as readonly number[]);
    }),
    { name: "marks", data: classes.map(({ marks }) => bytesOf(marks)), type: "BYTE_ARRAY", statistics: false },
    { name: "example", data: classes.map(({ example }) => example), type: "BYTE_ARRAY", statistics: false },
  ];
}

function causeColumns({ classes }: Fleet): ColumnSource[] {
  const causes = classes.flatMap(({ id, nearest, causes: list, members }) =>
    list.map((cause) => ({ ...cause, id, nearest, machines: members.length })),
  );
  return [
    texts(
      "class",
      causes.map(({ id }) => id),
    ),
    texts(
      "nearest",
      causes.map(({ nearest }) => nearest),
    ),
    texts(
      "cause",
      causes.map(({ kind }) => kind),
    ),
    texts(
      "text",
      causes.map(({ text }) => text),
    ),
    numbers(
      "machines",
      causes.map(({ machines }) => machines),
    ),
  ];
}

/** Little-endian, whatever this machine is. */
function bytesOf(marks: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(marks.length * 4);
  const view = new DataView(bytes.buffer);
  marks.forEach((mark, at) => {
    view.setUint32(at * 4, mark, true);
  });
  return bytes;
}

function marksOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length >> 2 }, (_, at) => view.getUint32(at * 4, true));
}

function replaceFile(path: string, bytes: Uint8Array): void {
  const part = `${path}.part`;
  try {
    const file = openSync(part, "w", 0o666);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, path);
  } catch (cause) {
    throw new PeerlaneError("operation-failed", `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * What runs have written, put together: the shards of one fleet, or one run alone. Throws `not-found` for a folder without
 * results and `bad-input` for results that are none, or of two fleets.
 */
export async function readResults(folders: readonly string[]): Promise<Gathered> {
  const rows = new Map<number, MachineRow>();
  const classes = new Map<
    string,
    { facts: ClassFacts; marks: Uint32Array; first: number; example: Uint8Array | null }
  >();
  for (const folder of folders) {
    for (const row of await readTable(folder, "machines")) {
      const machine = machineRow(row, folder);
      if (rows.has(machine.place)) {
        throw new PeerlaneError(
          "bad-input",
          `${folder} has a machine at place ${machine.place}, and so has another shard`,
          {
            remedy: "name each shard of one fleet once",
          },
        );
      }
      rows.set(machine.place, machine);
    }
    for (const row of await readTable(folder, "classes")) {
      const { id, ...own } = classRow(row, folder);
      const there = classes.get(id);
      if (there === undefined || own.first < there.first) classes.set(id, own);
    }
  }
  const sorted = [...rows.values()].sort((a, b) => a.place - b.place);
  const members = new Map<string, MachineRow[]>();
  for (const row of sorted) {
    if (row.class === null) continue;
    const list = members.get(row.class) ?? [];
    members.set(row.class, list);
    list.push(row);
  }
  return {
    rows: sorted,
    classes: new Map(
      [...classes].map(([id, { facts, marks, first, example }]): [string, GatheredClass] => [
        id,
        {
          ...{ facts, marks, first, members: members.get(id) ?? [] },
          example:
            example === null ? null : { index: first, name: "snapshot", source: { kind: "bytes", bytes: example } },
        },
      ]),
    ),
  };
}

type TableRow = Readonly<Record<string, unknown>>;

async function readTable(folder: string, table: (typeof TABLES)[number]): Promise<readonly TableRow[]> {
  const path = tableFile(folder, table);
  if (!existsSync(path)) {
    throw new PeerlaneError("not-found", `there is no ${path}`, {
      remedy: "peerlane fleet SOURCES --output FOLDER writes it",
    });
  }
  const bytes = readFileSync(path);
  try {
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    return (await parquetReadObjects({ file, utf8: false })) as readonly TableRow[];
  } catch (cause) {
    throw new PeerlaneError("bad-input", `${path} is no Parquet that can be read`, {
      remedy: "write it again: peerlane fleet SOURCES --output FOLDER",
      cause,
    });
  }
}

function machineRow(row: TableRow, folder: string): MachineRow {
  const state = textAt(row, "state", folder) as RowState;
  return {
    place: numberAt(row, "place", folder),
    name: textAt(row, "machine", folder) ?? "",
    state,
    class: textAt(row, "class", folder),
    numbering: textAt(row, "numbering", folder),
    format: textAt(row, "format", folder),
    reason: textAt(row, "reason", folder),
  };
}

function classRow(row: TableRow, folder: string): Pick<FleetClass, "id" | "facts" | "marks" | "first" | "example"> {
  const facts = Object.fromEntries(
    FACTS.map(([name, key]) => [
      key,
      key === "kernel" || key === "iommu" ? textAt(row, name, folder) : numberAt(row, name, folder),
    ]),
  ) as unknown as ClassFacts;
  const marks = row["marks"];
  const example = row["example"] ?? null;
  if (!(marks instanceof Uint8Array) || !(example === null || example instanceof Uint8Array)) throw otherTable(folder);
  return {
    id: textAt(row, "class", folder) ?? "",
    facts,
    marks: marksOf(marks),
    first: numberAt(row, "first", folder),
    example,
  };
}

function textAt(row: TableRow, name: string, folder: string): string | null {
  const value = row[name] ?? null;
  if (value !== null && typeof value !== "string") throw otherTable(folder);
  return value;
}

function numberAt(row: TableRow, name: string, folder: string): number {
  const value = row[name];
  if (typeof value !== "number") throw otherTable(folder);
  return value;
}

function otherTable(folder: string): PeerlaneError {
  return new PeerlaneError("bad-input", `the tables in ${folder} are not those of peerlane fleet`, {
    remedy: "write them again: peerlane fleet SOURCES --output FOLDER",
  });
}
