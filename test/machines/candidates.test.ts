import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { Answers } from "../../src/answers/answer.ts";
import { type Machine, topologyOf } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { unknownCpu } from "../../src/host/system-files.ts";
import { unknown } from "../../src/pci/known.ts";
import { chooseRules } from "../../src/rules/kernels/choose-rules.ts";
import { decideAll, VerdictTable } from "../../src/rules/verdict-table.ts";
import { at } from "../rules/by-hand.ts";
import { sharedFiles } from "../shared-files.ts";
import { agreed, type CandidateCpu, CandidateJudge } from "./candidates.ts";
import { captureNames, readCapturedMachine } from "./captures.ts";

/**
 * Whatever all releases, CPUs and ACS bits that a source leaves possible agree on is answered, and nothing else: every
 * recorded machine and every text of `../shared/machines`, without its kernel and CPU, held against a judge that tries all
 * of them.
 */

const noKernel = unknown("the kernel was taken out");
const noCpu = unknownCpu("the CPU was taken out");
/** Where nothing on the machine shows whose CPU it has. */
const ANY: readonly CandidateCpu[] = ["zen", "other"];

/** CPUs that follow from what only one make has, looked up by hand. */
const CPUS: Readonly<Record<string, readonly CandidateCpu[]>> = {
  // Data fabric 1022:14ad to 14b4 and root complexes 1022:14a4: EPYC 9004.
  "esc8000a-e12.md": ["zen"],
  // 8086:3405, the I/O hub of X58: Core i7 or Xeon 5500.
  "tree-asus-p6t6.txt": ["other"],
  // 1022:1100 to 1103: Athlon 64.
  "broken-ecaps.txt": ["other"],
  "40intel64-2g2n4c+pcilocality.tar.bz2": ["other"],
  "40intel64-2g2n4c+pcilocality.xml": ["other"],
  "nvidiaDGX2.xml": ["other"],
  "tree-PCI-X.txt": ["other"],
};

interface Tally {
  pairs: number;
  known: number;
  readonly faults: string[];
}

/** Holds the table of a machine's pairs to the judge, both ways. */
function hold(name: string, machine: Machine, tally: Tally): void {
  const topology = topologyOf(machine);
  // Each with each, whether it has memory to offer or not.
  const { clients } = selectDevices(machine, { all: false });
  const rules = chooseRules(machine);
  const table = new VerdictTable(machine, { providers: clients, clients }, rules, topology);
  const judge = new CandidateJudge(machine, topology, CPUS[name] ?? ANY);
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client) return;
      const right = agreed(judge, rules.candidates, "5.10", [topology.indexOf(provider), topology.indexOf(client)]);
      const verdict = table.at(i, j);
      tally.pairs++;
      if (verdict.mapType !== "unknown") tally.known++;
      const said =
        verdict.mapType === "unknown" ? undefined : { mapType: verdict.mapType, from: verdict.releases?.from };
      if (JSON.stringify(said) !== JSON.stringify(right)) {
        tally.faults.push(
          `${name} ${provider.toString(16)} → ${client.toString(16)}: ${JSON.stringify(said)}, not ${JSON.stringify(right)} (${verdict.reason})`,
        );
      }
    });
  });
}

const share = ({ pairs, known }: Tally): string =>
  `${known} of ${pairs} pairs known (${Math.round((100 * known) / pairs)} %)`;

test("Recorded machines without kernel and CPU: known is what all candidates agree on, with its releases", () => {
  const tally: Tally = { pairs: 0, known: 0, faults: [] };
  for (const name of captureNames) {
    const machine = readCapturedMachine(name);
    hold(
      name,
      { ...machine, kernel: { release: noKernel, commandLine: noKernel, config: noKernel }, cpu: noCpu },
      tally,
    );
  }
  console.info(`recorded machines: ${share(tally)}`);
  expect(tally.faults).toEqual([]);
  expect(tally.known).toBeGreaterThan(0);
  expect(tally.known).toBeLessThan(tally.pairs);
});

const files = ["lspci", "hwloc", "nccl", "rccl", "writeups"].flatMap((folder) => sharedFiles(`machines/${folder}`));

async function read(path: string): Promise<Machine> {
  const { machine } = await readMachine([new Uint8Array(readFileSync(path))], { name: basename(path) });
  return machine;
}

test.runIf(files.length > 0)(
  "Real texts without kernel and CPU: known is what all candidates agree on, with its releases",
  async () => {
    const tally: Tally = { pairs: 0, known: 0, faults: [] };
    for (const path of files) {
      const machine = await read(path);
      hold(
        basename(path),
        { ...machine, kernel: { release: noKernel, commandLine: noKernel, config: noKernel }, cpu: noCpu },
        tally,
      );
    }
    console.info(`real texts: ${share(tally)}`);
    expect(tally.faults).toEqual([]);
  },
);

/** What `nvidia-smi topo -m` of the same text says, by the order of the devices. */
const SERVER = ["01:00.0", "41:00.0", "c1:00.0", "e1:00.0", "21:00.0", "21:00.1", "81:00.0"];
const TOPO = `
  X    NODE SYS  SYS  NODE NODE SYS
  NODE X    SYS  SYS  NODE NODE SYS
  SYS  SYS  X    NODE SYS  SYS  NODE
  SYS  SYS  NODE X    SYS  SYS  NODE
  NODE NODE SYS  SYS  X    PIX  SYS
  NODE NODE SYS  SYS  PIX  X    SYS
  SYS  SYS  NODE NODE SYS  SYS  X`;

const server = files.find((path) => basename(path) === "esc8000a-e12.md");

test.runIf(server !== undefined)(
  "A server with two EPYC, as somebody wrote it up: all pairs through the host bridge on 5.10 and newer, each where nvidia-smi has it",
  async () => {
    const machine = await read(server ?? "");
    const all = SERVER.map(at);
    // The GPUs and the cards, of the one with two functions the first.
    const chosen = all.filter((bdf) => bdf !== at("21:00.1"));
    const table = new VerdictTable(
      machine,
      { providers: chosen, clients: chosen },
      chooseRules(machine),
      topologyOf(machine),
    );
    const pairs = chosen.flatMap((a, i) => chosen.flatMap((b, j) => (a === b ? [] : [table.at(i, j)])));
    expect(pairs).toHaveLength(30);
    for (const { mapType, releases } of pairs) {
      expect({ mapType, releases }).toEqual({ mapType: "thru-host-bridge", releases: { from: "5.10", to: null } });
    }
    const answers = new Answers(decideAll(machine, { providers: all, clients: all }));
    const places = all.map((_, i) => all.map((__, j) => (i === j ? "X" : answers.locality(i, j).word)));
    expect(places).toEqual(
      TOPO.trim()
        .split("\n")
        .map((line) => line.trim().split(/ +/)),
    );
  },
);
