import { describe, expect, test } from "vitest";
import { findDevice } from "../../../src/host/select.ts";
import { choosePools } from "../../../src/live/pools/choose-pools.ts";
import { chooseProvider } from "../../../src/live/pools/choose-provider.ts";
import { type MemoryPool, readPools } from "../../../src/live/pools/memory-pool.ts";
import { type PermittedPool, permitPool } from "../../../src/live/pools/pool-use.ts";
import { requirePools, whatIsMissing } from "../../../src/live/pools/preflight.ts";
import { realSystem } from "../../../src/live/system-calls.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { unknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../../machines/captures.ts";
import { treeOf } from "../tree-of.ts";

const machine = readCapturedMachine("two-host-bridges.intel.off");
const pci = { "sys/bus/pci/devices/0000:00:00.0/class": "0x060000" };

function mappable(pools: readonly MemoryPool[]): MemoryPool[] {
  return pools.map((pool) => ({ ...pool, mapping: "possible" }));
}

function permitted(pools: readonly MemoryPool[]): PermittedPool[] {
  return mappable(pools).flatMap((pool) => permitPool(pool, { allowUnpublished: false }) ?? []);
}

describe("the pools of a host", () => {
  const [first, second] = machine.functions.filter(({ p2pmem }) => p2pmem !== null).map(({ bdf }) => formatBdf(bdf));

  test("show free space of now and who mapped it", () => {
    const tree = treeOf({
      [`sys/bus/pci/devices/${first}/p2pmem/available`]: "4096\n",
      [`sys/bus/pci/devices/${first}/p2pmem/allocate`]: "",
      "proc/12/comm": "fio\n",
      "proc/12/maps": [
        `7f0000000000-7f0000100000 rw-s 00000000 00:15 1 /sys/devices/pci0000:00/0000:00:04.0/${first}/p2pmem/allocate`,
        `7f0000200000-7f0000300000 rw-s 00000000 00:15 1 /sys/devices/pci0000:00/0000:00:04.0/${first}/p2pmem/allocate`,
        "7f0000400000-7f0000500000 r--p 00000000 00:15 1 /usr/lib/x/p2pmem/allocated",
      ].join("\n"),
      "proc/self/maps": "",
    });
    const [pool, other] = readPools(tree, machine);
    expect(pool).toMatchObject({
      availableBytes: 4096,
      published: true,
      mapping: "no-permission",
    });
    expect(pool?.users()).toEqual([{ pid: 12, command: "fio", sizeBytes: 2 * 1024 * 1024 }]);
    expect(other).toMatchObject({ mapping: "not-offered" });
    expect(other?.users()).toEqual([]);
    expect(second).toBeDefined();
  });
});

describe("what a host lacks", () => {
  const pools = readPools(treeOf(pci), machine);

  test("is nothing where a pool can be mapped", () => {
    expect(whatIsMissing(treeOf(pci), machine, mappable(pools))).toEqual([]);
    expect(() => requirePools(treeOf(pci), machine, mappable(pools))).not.toThrow();
  });

  test("is sysfs in a container without it", () => {
    expect(whatIsMissing(treeOf({}), machine, [])[0]?.what).toMatch(/container without sysfs/);
  });

  test("is P2PDMA where the kernel is built without it", () => {
    const without = { ...machine, kernel: { ...machine.kernel, config: {} } };
    expect(whatIsMissing(treeOf(pci), without, [])[0]?.what).toMatch(/built without CONFIG_PCI_P2PDMA/);
  });

  test("is a provider, and perhaps P2PDMA where the configuration is hidden", () => {
    const hidden = { ...machine, kernel: { ...machine.kernel, config: unknown("no /proc/config.gz") } };
    expect(whatIsMissing(treeOf(pci), hidden, [])[0]?.what).toMatch(/no device .* CONFIG_PCI_P2PDMA/);
    const shown = { ...machine, kernel: { ...machine.kernel, config: { CONFIG_PCI_P2PDMA: "y" } } };
    expect(whatIsMissing(treeOf(pci), shown, [])[0]?.what).toBe("no device of this host offers peer memory");
  });

  test("is a newer kernel where only drivers get peer memory", () => {
    const old = pools.map((pool): MemoryPool => ({ ...pool, mapping: "not-offered" }));
    expect(whatIsMissing(treeOf(pci), machine, old)[0]?.remedy).toMatch(/6\.2/);
  });

  test("is permission, and the error says how to get it", () => {
    const denied = pools.map((pool): MemoryPool => ({ ...pool, mapping: "no-permission" }));
    expect(() => requirePools(treeOf(pci), machine, denied)).toThrow(
      expect.objectContaining({ code: "environment", remedy: expect.stringMatching(/sudo/) }),
    );
  });
});

describe("the provider for a copy", () => {
  const pools = permitted(readPools(treeOf(pci), machine));
  const [provider] = pools.map((pool) => pool.provider);
  const disks = machine.functions.filter(({ classCode }) => classCode === 0x010802).map(({ bdf }) => bdf);

  test("is the nearest whose memory the kernel maps for every client", () => {
    const near = disks.slice(0, 1);
    const choice = chooseProvider(machine, pools, near);
    expect(choice.mapTypes).toHaveLength(1);
    expect(choice.mapTypes).not.toContain("not-supported");
  });

  test("is the one that the user names", () => {
    if (provider === undefined) throw new Error("no provider");
    const host = { tree: treeOf(pci), machine, pools, system: realSystem };
    const named = choosePools(host, { allowUnpublished: false }, [[provider]]);
    expect(chooseProvider(machine, named, [provider]).pool.provider).toBe(provider);
  });

  test("of several as near is the one with most free memory, and the others are named", () => {
    const twice = pools.slice(0, 1);
    const [only] = twice;
    if (only === undefined) throw new Error("no pool");
    expect(chooseProvider(machine, twice, [only.provider]).ties).toEqual([]);
  });

  test("is none where the kernel maps no memory for a client, and the error says what helps", () => {
    const table = decideAll(machine, { providers: pools.map((pool) => pool.provider), clients: disks });
    const far = disks.find((_, j) => pools.some((_pool, i) => table.mapType(i, j) === "not-supported"));
    if (far === undefined) throw new Error("no such pair");
    const foreign = pools.filter((_, i) => table.mapType(i, disks.indexOf(far)) === "not-supported");
    expect(() => chooseProvider(machine, foreign, [far])).toThrow(
      expect.objectContaining({ code: "no-path", remedy: expect.stringMatching(/peerlane fix/) }),
    );
  });

  test("that is named and has no pool is refused", () => {
    const nic = findDevice(machine, "00:00.0");
    const host = { tree: treeOf(pci), machine, pools, system: realSystem };
    expect(() => choosePools(host, { allowUnpublished: true }, [[nic]])).toThrow(/0000:00:00\.0 has no peer memory/);
    expect(() => chooseProvider(machine, [], disks)).toThrow(/the kernel maps no peer memory of this host/);
  });
});
