import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFabric, type Fabric } from "../src/fabric/fabric.ts";
import { DELIVERED } from "../src/fabric/outcomes.ts";
import type { Machine } from "../src/host/machine.ts";
import { readScenario } from "../src/host/scenario/scenario-machine.ts";
import { busKeyOf, domainOf } from "../src/pci/bdf.ts";
import type { PciFunction } from "../src/pci/function.ts";
import { isUnknown, type Known } from "../src/pci/known.ts";
import { afterBoot } from "../src/rules/boot-acs.ts";
import { compileSystemC, type FabricState, hasSystemC, SystemCFabric } from "./fabric-systemc.ts";
import { formatSummary, ratios, type Summary, summarize } from "./statistics.ts";
import { goal, type Report } from "./table.ts";

/** Payload of a write, in bytes. */
const LENGTHS = [64, 256] as const;
const ROUNDS = 21;
/** Each side runs at least this long in a round. */
const ROUND_NANOSECONDS = 60e6;
/** The writes go over this much of the target's BAR, again and again. */
const SPAN_BYTES = 2 ** 20;
const GOAL_MILLION = 2;

/** Million TLPs per second of nanoseconds each. */
const MILLION_PER_SECOND = 1e3;

/** From `source` five hops to `target`: inner port, inner switch, port of the outer switch, its neighbour, the BAR. */
const SCENARIO = `
scenario: a switch below a switch
cpu: intel
kernel: 7.2
iommu: off
hostBridges:
  - below:
      - rootPort: { acs: true }
        below:
          - switch: { acs: SV+ UF+ }
            below:
              - switch: { acs: SV+ UF+ }
                below: [ { nic: { name: source } }, nvme, nvme, gpu ]
              - gpu: { bar: 16M, name: target }
              - nvme
              - nvme
`;
const HOPS = 5;

interface Measured {
  readonly lengthBytes: number;
  readonly ours: Summary;
  /** Absent where SystemC is not installed. */
  readonly systemC?: { readonly speed: Summary; readonly ratio: Summary };
}

/** Functional TLPs per second through five hops, against fabric-systemc.cpp, which must end in the same state. */
export async function benchFabricTlps(): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-bench-"));
  try {
    const program = hasSystemC() ? compileSystemC(folder) : undefined;
    const all: Measured[] = [];
    for (const lengthBytes of LENGTHS) all.push(await measure(lengthBytes, program, folder));
    return report(all);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(lengthBytes: number, program: string | undefined, folder: string): Promise<Measured> {
  const machine = afterBoot(readScenario(SCENARIO, "bench.yaml"));
  const ours = new OurSide(machine, lengthBytes);
  const speed = (nanoseconds: number): number => MILLION_PER_SECOND / nanoseconds;
  // Both sides carry out the same TLPs all the time, or the states would differ.
  const warmUp = 200_000;
  const oursTimes = ours.run(warmUp);
  const times = { ours: [] as number[], systemC: [] as number[] };
  if (program === undefined) {
    for (let round = 0; round < ROUNDS; round++) times.ours.push(ours.run(timesPerRound(oursTimes)));
    return { lengthBytes, ours: summarize(times.ours.map(speed)) };
  }
  const file = join(folder, `fabric-${lengthBytes}.txt`);
  writeFileSync(file, flatFabric(machine, lengthBytes));
  const systemC = new SystemCFabric(program, file);
  try {
    const count = timesPerRound(Math.min(oursTimes, await systemC.run(warmUp)));
    checkEqual(ours.state(), await systemC.state());
    for (let round = 0; round < ROUNDS; round++) {
      times.systemC.push(await systemC.run(count));
      times.ours.push(ours.run(count));
    }
    checkEqual(ours.state(), await systemC.state());
  } finally {
    systemC.close();
  }
  return {
    lengthBytes,
    ours: summarize(times.ours.map(speed)),
    systemC: { speed: summarize(times.systemC.map(speed)), ratio: ratios(times.systemC, times.ours) },
  };
}

function timesPerRound(nanoseconds: number): number {
  return Math.max(1, Math.ceil(ROUND_NANOSECONDS / nanoseconds));
}

/** Our fabric with the writes that are measured. */
class OurSide {
  readonly #fabric: Fabric;
  readonly #requester: number;
  readonly #target: PciFunction;
  readonly #address: number;
  readonly #data: Uint8Array;
  #done = 0;

  constructor(machine: Machine, lengthBytes: number) {
    this.#fabric = createFabric(machine);
    this.#requester = this.#fabric.indexOf(named(machine, "source").bdf);
    this.#target = named(machine, "target");
    this.#address = addressOf(this.#target);
    this.#data = Uint8Array.from({ length: lengthBytes }, (_, index) => index * 7 + 1);
  }

  /** Carries out TLPs; nanoseconds each. */
  run(times: number): number {
    const length = this.#data.length;
    const start = performance.now();
    for (let index = 0; index < times; index++) {
      this.#data[0] = this.#done;
      const address = this.#address + ((this.#done * length) % SPAN_BYTES);
      const outcome = this.#fabric.transact(this.#requester, address, this.#data, 0, length, 0);
      if (outcome !== DELIVERED) throw new Error(`TLP ${this.#done} ended with ${outcome}`);
      this.#done++;
    }
    return ((performance.now() - start) * 1e6) / times;
  }

  state(): FabricState {
    const { up, down } = this.#fabric.counters;
    const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
    const bytes = this.#fabric.barBytes(this.#target.bdf, targetBar(this.#target)).slice(0, SPAN_BYTES);
    let checksum = 0;
    bytes.forEach((byte, offset) => {
      checksum = (checksum + Math.imul(byte, offset + 1)) >>> 0;
    });
    return { checksum, bytesUp: total(up), bytesDown: total(down) };
  }
}

/** Compares bytes and counters; throws where they differ. */
function checkEqual(ours: FabricState, systemC: FabricState): void {
  const [a, b] = [JSON.stringify(ours), JSON.stringify(systemC)];
  if (a !== b) throw new Error(`Peerlane ends in ${a}, SystemC in ${b}`);
}

function known<T>(value: Known<T>): T {
  if (isUnknown(value)) throw new Error(`the benchmark's machine hides nothing: ${value.unknown}`);
  return value;
}

function named(machine: Machine, name: string): PciFunction {
  const fn = machine.functions.find(({ names }) => names.includes(name));
  if (fn === undefined) throw new Error(`no function ${name}`);
  return fn;
}

/** The largest BAR, which is the memory of a GPU. */
function targetBar(fn: PciFunction): number {
  const bars = known(fn.bars).toSorted((a, b) => known(b.sizeBytes) - known(a.sizeBytes));
  return bars[0]?.index ?? 0;
}

function addressOf(fn: PciFunction): number {
  const index = targetBar(fn);
  const bar = known(fn.bars).find((one) => one.index === index);
  const address = bar === undefined ? null : known(bar.busAddress);
  if (address === null) throw new Error("the target's BAR has no address");
  return address;
}

/**
 * The machine and the writes as fabric-systemc.cpp reads them, numbers with white space between them: the functions
 * (index above or -1, 1 for a port, command, ACS control, secondary and subordinate bus, own bus), the claims (function,
 * BAR or -1 for a window, start, size), then requester, first address, span, payload.
 */
function flatFabric(machine: Machine, lengthBytes: number): string {
  const { topology } = createFabric(machine);
  const functions = machine.functions.map((fn, index) => {
    const bridge = known(fn.bridge);
    const type = known(fn.express)?.type;
    const domain = domainOf(fn.bdf) * 0x100;
    const buses = bridge === null ? [-1, -1] : [domain + bridge.secondary, domain + bridge.subordinate];
    const isPort = type === "root-port" || type === "downstream-port";
    const registers = [known(fn.command), known(fn.acs)?.control ?? 0];
    return [topology.parent[index], isPort ? 1 : 0, ...registers, ...buses, busKeyOf(fn.bdf)].join(" ");
  });
  const claims = machine.functions.flatMap((fn, index) => [
    ...known(fn.bars)
      .filter(({ kind }) => kind === "memory")
      .map((bar) => `${index} ${bar.index} ${known(bar.busAddress)} ${known(bar.sizeBytes)}`),
    ...known(known(fn.bridge)?.windows ?? [])
      .filter(({ kind }) => kind !== "io")
      .map(({ start, size }) => `${index} -1 ${start} ${size}`),
  ]);
  const requester = topology.indexOf(named(machine, "source").bdf);
  const writes = `${requester} ${addressOf(named(machine, "target"))} ${SPAN_BYTES} ${lengthBytes}`;
  return `${[functions.length, ...functions, claims.length, ...claims, writes].join("\n")}\n`;
}

function report(all: readonly Measured[]): Report {
  return {
    title: "Functional TLPs",
    about:
      `Million writes per second and core through ${HOPS} hops (port, switch, port, port of the neighbour, BAR), median ` +
      `(least–most) of ${ROUNDS} rounds in which the sides take turns. Bytes move, every link counts. The peer, ` +
      "bench/fabric-systemc.cpp (g++ -O2), is the same fabric in SystemC TLM-2.0 with blocking transport, built from the " +
      "same registers; both carry out the same writes, and their bytes and counters are compared. Ratios are of the same round.",
    header: ["payload", "Peerlane", "SystemC", "ratio"],
    rows: all.map(({ lengthBytes, ours, systemC }) => [
      `${lengthBytes} bytes`,
      formatSummary(ours, 2),
      systemC === undefined ? "not installed" : formatSummary(systemC.speed, 2),
      systemC === undefined ? "" : formatSummary(systemC.ratio, 2),
    ]),
    goals: all.map(({ lengthBytes, ours }) =>
      goal(
        `at least ${GOAL_MILLION} million TLPs per second and core through ${HOPS} hops (${lengthBytes} bytes)`,
        ours.median >= GOAL_MILLION,
        `${ours.median.toFixed(2)} million`,
      ),
    ),
  };
}
