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

/** Payloads of writes, in bytes; `isAnew`: a port's ACS control register is written before each, so that no route holds. */
const WORK = [
  { lengthBytes: 64, isAnew: false },
  { lengthBytes: 256, isAnew: false },
  { lengthBytes: 64, isAnew: true },
] as const;
const ROUNDS = 21;
/** Each side runs at least this long in a round. */
const ROUND_NANOSECONDS = 60e6;
/** The writes go over this much of the target's BAR, again and again. */
const SPAN_BYTES = 2 ** 20;
const GOAL_MILLION = 2;
const GOAL_RATIO = 1;

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

interface Work {
  readonly lengthBytes: number;
  readonly isAnew: boolean;
}

interface Measured extends Work {
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
    for (const work of WORK) all.push(await measure(work, program, folder));
    return report(all);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(work: Work, program: string | undefined, folder: string): Promise<Measured> {
  const machine = afterBoot(readScenario(SCENARIO, "bench.yaml"));
  const { lengthBytes, isAnew } = work;
  const ours = new OurSide(machine, work);
  const speed = (nanoseconds: number): number => MILLION_PER_SECOND / nanoseconds;
  // Both sides carry out the same TLPs all the time, or the states would differ.
  const warmUp = 200_000;
  const oursTimes = ours.run(warmUp);
  const times = { ours: [] as number[], systemC: [] as number[] };
  if (program === undefined) {
    for (let round = 0; round < ROUNDS; round++) times.ours.push(ours.run(timesPerRound(oursTimes)));
    return { ...work, ours: summarize(times.ours.map(speed)) };
  }
  const file = join(folder, `fabric-${lengthBytes}.txt`);
  writeFileSync(file, flatFabric(machine, lengthBytes));
  const systemC = new SystemCFabric(program, file);
  try {
    const count = timesPerRound(Math.min(oursTimes, await systemC.run(warmUp, isAnew)));
    checkEqual(ours.state(), await systemC.state());
    for (let round = 0; round < ROUNDS; round++) {
      times.systemC.push(await systemC.run(count, isAnew));
      times.ours.push(ours.run(count));
    }
    checkEqual(ours.state(), await systemC.state());
  } finally {
    systemC.close();
  }
  return {
    ...work,
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
  readonly #isAnew: boolean;
  readonly #written: PciFunction;
  #done = 0;
  #offset = 0;

  constructor(machine: Machine, { lengthBytes, isAnew }: Work) {
    this.#fabric = createFabric(machine);
    this.#requester = this.#fabric.indexOf(named(machine, "source").bdf);
    this.#target = named(machine, "target");
    this.#address = addressOf(this.#target);
    this.#isAnew = isAnew;
    this.#written = portOf(machine, this.#target);
    this.#data = Uint8Array.from({ length: lengthBytes }, (_, index) => index * 7 + 1);
  }

  /** Carries out TLPs; nanoseconds each. */
  run(times: number): number {
    const length = this.#data.length;
    const control = known(this.#written.acs)?.control ?? 0;
    const start = performance.now();
    for (let index = 0; index < times; index++) {
      this.#data[0] = this.#done;
      const address = this.#address + this.#offset;
      if (this.#isAnew) this.#fabric.setAcsControl(this.#written.bdf, control);
      const outcome = this.#fabric.transact(this.#requester, address, this.#data, 0, length, 0);
      if (outcome !== DELIVERED) throw new Error(`TLP ${this.#done} ended with ${outcome}`);
      this.#done++;
      this.#offset += length;
      if (this.#offset === SPAN_BYTES) this.#offset = 0;
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

/** The port above a function. */
function portOf(machine: Machine, fn: PciFunction): PciFunction {
  const { topology } = createFabric(machine);
  return topology.functionAt(topology.parentOf(topology.indexOf(fn.bdf)) ?? -1);
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
 * BAR or -1 for a window, start, size), then requester, first address, span, payload, and the
 * port whose register is written.
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
  const target = named(machine, "target");
  const port = topology.indexOf(portOf(machine, target).bdf);
  const writes = `${requester} ${addressOf(target)} ${SPAN_BYTES} ${lengthBytes} ${port}`;
  return `${[functions.length, ...functions, claims.length, ...claims, writes].join("\n")}\n`;
}

function report(all: readonly Measured[]): Report {
  return {
    title: "Functional TLPs",
    about:
      `Million writes per second and core through ${HOPS} hops (port, switch, port, port of the neighbour, BAR), median ` +
      `(least–most) of ${ROUNDS} rounds in which the sides take turns. Bytes move, every link counts. The peer, ` +
      "bench/fabric-systemc.cpp (g++ -O2), is the same fabric in SystemC TLM-2.0 with blocking transport, built from the " +
      "same registers; both carry out the same writes, and their bytes and counters are compared. Peerlane decides a route " +
      "once and remembers it until a register changes, SystemC decides it for each write; in the last row a port's ACS " +
      "control register is written before each, so that both do. Ratios are of the same round.",
    header: ["payload", "Peerlane", "SystemC", "ratio"],
    rows: all.map(({ lengthBytes, isAnew, ours, systemC }) => [
      `${lengthBytes} bytes${isAnew ? ", each after a register" : ""}`,
      formatSummary(ours, 2),
      systemC === undefined ? "not installed" : formatSummary(systemC.speed, 2),
      systemC === undefined ? "" : formatSummary(systemC.ratio, 2),
    ]),
    goals: all
      .filter(({ isAnew }) => !isAnew)
      .flatMap(({ lengthBytes, ours, systemC }) => [
        goal(
          `at least ${GOAL_MILLION} million TLPs per second and core through ${HOPS} hops (${lengthBytes} bytes)`,
          ours.median >= GOAL_MILLION,
          `${ours.median.toFixed(2)} million`,
        ),
        ...(systemC === undefined
          ? []
          : [
              goal(
                `at least SystemC's speed (${lengthBytes} bytes)`,
                systemC.ratio.median >= GOAL_RATIO,
                `${systemC.ratio.median.toFixed(2)} times`,
              ),
            ]),
      ]),
  };
}
