import { describe, expect, test } from "vitest";
import { findNearest, type Nearest, type NearestSearch, nearestQuestions } from "../../src/advice/find-nearest.ts";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { nameIn } from "../../src/report/device-names.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { rows } from "../rows.ts";

const hidden = unknown("hidden by the test");

function scenario(text: string): Machine {
  return afterBoot(scenarioMachine(parseScenario(text, "nearest.yaml")));
}

/** Two sockets. On the first a switch with two GPUs and two NICs, and behind one of its ports another with a GPU; on the second a GPU on a port of its own. */
const BELOW = `
hostBridges:
  - numaNode: 0
    id: 8086:29c0
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below:
              - gpu: { name: gpu0, bar: 64G }
              - nic: { name: mlx5_0 }
              - gpu: { name: gpu1, bar: 64G }
              - nic: { name: mlx5_1 }
              - switch: {}
                below: [gpu: { name: gpu2, bar: 64G }]
      - rootPort: { at: 02.0 }
        below: [nvme: { name: nvme0 }]
  - bus: 0x80
    numaNode: 1
    id: 8086:29c0
    below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: gpu3, bar: 64G }]
      - rootPort: { at: 02.0 }
        below: [nvme: { name: nvme1 }]
`;
const zen = scenario(`cpu: amd-zen\nkernel: "7.2"\niommu: off\n${BELOW}`);
/** A host bridge that is on no allow-list. */
const refused = scenario(`cpu: intel\nkernel: "7.2"\niommu: off\n${BELOW}`);
/** The kernel turns redirect on in all ports. */
const redirected = scenario(`cpu: amd-zen\nkernel: "7.2"\niommu: passthrough\n${BELOW}`);

function withFunctions(machine: Machine, isMeant: (fn: PciFunction) => boolean, parts: Partial<PciFunction>): Machine {
  return { ...machine, functions: machine.functions.map((fn) => (isMeant(fn) ? { ...fn, ...parts } : fn)) };
}

function named(...names: readonly string[]): (fn: PciFunction) => boolean {
  return (fn) => fn.names.some((name) => names.includes(name));
}

/** NICs of which nobody read how the one's driver reaches memory of a GPU, and the other's may not while the IOMMU translates. */
const drivers = (iommu: string): Machine =>
  scenario(`cpu: amd-zen
kernel: "7.2"
iommu: ${iommu}
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: "SV+ RR+ CR+ UF+" }
            below:
              - gpu: { name: gpu0, id: 10de:2330, bar: 64G, driver: nvidia }
              - nic: { name: eno1, id: 8086:1521, bar: 1M, driver: igb }
              - switch: { id: 1000:c030, portId: 1000:c030, acs: "SV+ RR+ CR+ UF+" }
                below: [nic: { name: mlx5_0, id: 15b3:1021, bar: 1M, driver: mlx5_core }]
      - rootPort: { at: 02.0, id: 1022:14ab }
        below: [nic: { name: eno2, id: 8086:1521, bar: 1M, driver: igb }]
      - rootPort: { at: 03.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - gpu: { name: amd0, id: 1002:74a1, bar: 64G, driver: amdgpu }
              - gpu: { name: gpu1, id: 10de:2330, bar: 64G, driver: nvidia }
              - nic: { name: mlx5_1, id: 15b3:1021, bar: 1M, driver: mlx5_core }
`);

const machines: Readonly<Record<string, Machine>> = {
  zen,
  refused,
  redirected,
  "ACS hidden": withFunctions(refused, ({ bridge }) => bridge !== null, { acs: hidden }),
  "ACS hidden above gpu0": withFunctions(
    zen,
    (fn) => fn.bdf === zen.functions.find(({ bridge, bdf }) => bridge !== null && isAbove(zen, bdf, "gpu0"))?.bdf,
    { acs: hidden },
  ),
  "CPU hidden": { ...refused, cpu: { ...refused.cpu, vendor: hidden, family: hidden, model: hidden } },
  "tree hidden": {
    ...refused,
    functions: refused.functions.filter(({ bridge }) => bridge === null).map((fn) => ({ ...fn, attachment: hidden })),
    hostBridges: hidden,
  },
  "drivers, translated": drivers("strict"),
  "drivers, untranslated": drivers("passthrough"),
  "mlx5_0 decodes nothing, gpu0 neither": withFunctions(zen, named("mlx5_0", "gpu0"), { command: 0 }),
};

/** Whether a downstream port is directly above a device. */
function isAbove({ functions }: Machine, port: number, name: string): boolean {
  const device = functions.find(named(name));
  const bridge = functions.find(({ bdf }) => bdf === port)?.bridge;
  if (device === undefined || bridge === null || bridge === undefined || isUnknown(bridge)) return false;
  return bridge.secondary === (device.bdf >>> 8) % 256;
}

function search(machine: Machine, words: string): NearestSearch {
  return findNearest(machine, nearestQuestions(machine, words === "" ? [] : words.split(" ")));
}

/** `mlx5_0 mlx5_1: bus-addr 4 PIX`, with what may be as near behind `?`. */
function shown({ table: { topology } }: NearestSearch, { nearest, reach, perhaps }: Nearest): string {
  const names = (bdfs: readonly number[]): string => bdfs.map((bdf) => nameIn(topology, bdf as never)).join(" ");
  const open = perhaps.length === 0 ? "" : ` ? ${names(perhaps.map(({ device }) => device))}`;
  if (isUnknown(nearest)) return `unknown${open}`;
  if (reach === null) return "none";
  const works = reach.works === true ? "" : reach.works === null ? ", open" : ", does not work";
  return `${names(nearest)}: ${reach.mapType} ${reach.hops} ${reach.locality.word}${works}${open}`;
}

describe("The nearest of a device", () => {
  test.each(
    rows(`
      // machine              | of   | among | nearest
      zen                     | gpu0 | nic   | mlx5_0 mlx5_1: bus-addr 4 PIX         // all that are as near
      zen                     | gpu2 | nic   | mlx5_0 mlx5_1: bus-addr 6 PXB
      zen                     | gpu0 | gpu   | gpu1: bus-addr 4 PIX                  // fewer hops before more
      zen                     | gpu2 | gpu   | gpu0 gpu1: bus-addr 6 PXB
      zen                     | gpu3 | gpu   | gpu0 gpu1: thru-host-bridge 6 SYS
      zen                     | gpu3 | nvme  | nvme1: thru-host-bridge 4 PHB
      zen                     | gpu0 | nvme  | nvme0: thru-host-bridge 6 PHB         // the same hops and another socket
      zen                     | mlx5_0 | gpu | gpu0 gpu1: bus-addr 4 PIX
      // what works before what does not, however near
      refused                 | gpu0 | gpu   | gpu1: bus-addr 4 PIX
      refused                 | gpu3 | nvme  | nvme1: not-supported 4 PHB, does not work
      refused                 | gpu0 | nvme  | nvme0: not-supported 6 PHB, does not work
      redirected              | gpu0 | nic   | mlx5_0 mlx5_1: thru-host-bridge 4 PIX
      // hidden ACS: where none works for sure the place tells
      ACS hidden              | gpu0 | nic   | mlx5_0 mlx5_1: unknown 4 PIX, open
      ACS hidden              | gpu2 | gpu   | gpu0 gpu1: unknown 6 PXB, open
      ACS hidden              | gpu3 | gpu   | gpu0 gpu1: not-supported 6 SYS, does not work
      // supported either way, and direct or not: another that is direct for sure is taken, this one told
      ACS hidden above gpu0   | mlx5_0 | gpu | gpu1: bus-addr 4 PIX ? gpu0
      ACS hidden above gpu0   | gpu2 | nic   | mlx5_0 mlx5_1: bus-addr 6 PXB
      ACS hidden above gpu0   | gpu0 | nic   | mlx5_0 mlx5_1: unknown 4 PIX          // works, direct or not
      CPU hidden              | gpu0 | nic   | mlx5_0 mlx5_1: bus-addr 4 PIX
      CPU hidden              | gpu3 | nvme  | nvme1: unknown 4 PHB, open
      tree hidden             | gpu0 | nic   | unknown
      // a gate that blocks
      mlx5_0 decodes nothing, gpu0 neither | mlx5_0 | gpu | gpu1: bus-addr 4 PIX
      mlx5_0 decodes nothing, gpu0 neither | gpu0   | nic | mlx5_0 mlx5_1: bus-addr 4 PIX, does not work
      // drivers of which nothing was read work for nobody, nor do they hide what is blocked
      drivers, translated     | gpu0 | eno*   | eno1: thru-host-bridge 4 PIX, open
      drivers, translated     | gpu0 | mlx5_0 | mlx5_0: thru-host-bridge 6 PXB, does not work
      drivers, translated     | gpu0 | [em]*[02] | mlx5_0: thru-host-bridge 6 PXB, does not work ? eno2
      drivers, untranslated   | gpu0 | nic    | mlx5_0: thru-host-bridge 6 PXB ? eno1
      drivers, untranslated   | gpu1 | nic    | mlx5_1: bus-addr 4 PIX
      // what is direct by the verdict alone after what is direct
      drivers, translated     | mlx5_1 | gpu  | gpu1: bus-addr 4 PIX
      drivers, untranslated   | mlx5_1 | gpu  | amd0 gpu1: bus-addr 4 PIX
      drivers, translated     | mlx5_1 | amd0 | amd0: bus-addr 4 PIX
    `),
  )("on %s of %s among %s: %s", (name, of = "", among = "", expected) => {
    const found = search(machines[name as string] as Machine, `${of}:${among}`);
    const [answer] = found.answers;
    expect(answer?.found.map((one) => shown(found, one))).toEqual([expected]);
  });

  test("no other is nearer in one thing and as near in the others, on any captured machine", () => {
    let looked = 0;
    for (const name of captureNames) {
      const machine = readCapturedMachine(name);
      const { table, answers } = findNearest(machine, nearestQuestions(machine, []));
      for (const { question, found } of answers) {
        for (const { device, nearest, reach } of found) {
          if (isUnknown(nearest) || reach === null || reach.works !== true || reach.mapType === "unknown") continue;
          const j = table.clients.indexOf(device);
          const rank = (i: number): readonly number[] => [
            table.mapType(i, j) === "bus-addr" ? 0 : 1,
            table.hops(i, j) ?? -1,
          ];
          const own = rank(table.providers.indexOf(nearest[0] as never));
          for (const other of question.among.devices) {
            const i = table.providers.indexOf(other);
            if (other === device || nearest.includes(other) || table.distance(i, j) === -1) continue;
            const [path = 0, hops = 0] = rank(i);
            const isNearer = path < (own[0] ?? 0) || (path === own[0] && hops < (own[1] ?? 0));
            if (isNearer) expect(`${name} ${formatBdf(device)} ${formatBdf(other)}`).toBe("blocked by a gate");
            looked++;
          }
        }
      }
    }
    expect(looked).toBeGreaterThan(100);
  });
});

/** What is asked, as `of > among`. */
function asked(machine: Machine, words: string): readonly string[] {
  return search(machine, words).answers.map(({ question: { of, among } }) => `${of.name} > ${among.name}`);
}

describe("What words ask", () => {
  test.each(
    rows(`
      // words       | questions
                     | gpu > nic, gpu > nvme, nic > gpu, nvme > gpu
      gpu            | gpu > nic, gpu > nvme
      GPU            | gpu > nic, gpu > nvme
      nic            | nic > gpu                           // neither NICs nor these SSDs have memory for peers
      gpu0           | gpu0 > gpu, gpu0 > nic, gpu0 > nvme // of one device its own class, too
      gpu:0          | gpu:0 > gpu, gpu:0 > nic, gpu:0 > nvme
      gpu[01]        | gpu[01] > nic, gpu[01] > nvme
      gpu0 mlx5_0    | gpu0 > gpu, gpu0 > nic, gpu0 > nvme, mlx5_0 > gpu
      gpu:nic        | gpu > nic, nic > gpu
      gpu:gpu        | gpu > gpu
      gpu0:nic       | gpu0 > nic                          // each NIC has gpu0 as its nearest
      gpu*:mlx5_0    | mlx5_0 > gpu*
      03:00.0:nic    | 03:00.0 > nic
      nic:03:00.0    | 03:00.0 > nic
      nic:nvme       | nic > nvme, nvme > nic              // asked by name: answered by the path alone
    `),
  )("'%s': %s", (words = "", questions) => {
    expect(asked(zen, words).join(", ")).toBe(questions);
  });

  test("neither side has memory: the path is told, and that it has none", () => {
    const [answer] = search(zen, "nic:nvme").answers;
    expect(answer?.found[0]?.reach?.memory).toBe("none");
  });

  test("a machine of one class is asked for its own", () => {
    const storage = scenario(`cpu: amd-zen
kernel: "7.2"
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [nvme: { cmb: 64M }, nvme: {}, nvme: {}]
`);
    const found = search(storage, "");
    expect(found.answers.map(({ question }) => `${question.of.name} > ${question.among.name}`)).toEqual([
      "nvme > nvme",
    ]);
    expect(found.answers[0]?.found.map(({ nearest }) => (isUnknown(nearest) ? [] : nearest).length)).toEqual([2, 1, 1]);
  });

  test.each([
    ["gpu9", "unknown-device"],
    ["gpu:accel", "unknown-device"],
    ["nmve", "unknown-device"],
  ])("%s is an error", (words, code) => {
    expect(() => nearestQuestions(zen, [words])).toThrow(expect.objectContaining({ code }));
  });

  test("virtual functions stand for nothing of their own beside their physical one", () => {
    const nic = zen.functions.find(named("mlx5_0"));
    if (nic === undefined) throw new Error("no mlx5_0");
    const virtual = [1, 2].map((at) => ({
      ...nic,
      bdf: (nic.bdf + at) as never,
      names: [],
      physicalFunction: nic.bdf,
    }));
    const machine = { ...zen, functions: [...zen.functions, ...virtual].sort((a, b) => a.bdf - b.bdf) };
    const found = search(machine, "gpu0:nic");
    expect(found.virtual).toBe(2);
    expect(found.answers[0]?.found.map((one) => shown(found, one))).toEqual(["mlx5_0 mlx5_1: bus-addr 4 PIX"]);
    const own = search(machine, `gpu0:${formatBdf(virtual[0]?.bdf as never)}`);
    expect(own.answers.map(({ question }) => question.among.devices.length)).toEqual([1]);
  });
});
