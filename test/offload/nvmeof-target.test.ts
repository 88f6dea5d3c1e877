import { describe, expect, it } from "vitest";
import { findProvider } from "../../src/advice/find-provider.ts";
import { NvmeController } from "../../src/devices/nvme/controller.ts";
import { NvmeDriver } from "../../src/devices/nvme/driver.ts";
import { RdmaNic } from "../../src/devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../../src/devices/rdma/remote-host.ts";
import { poolOf } from "../../src/devices/system.ts";
import type { OwnBackend, SystemOptions } from "../../src/devices/system-options.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { enableP2p } from "../../src/memory/enable-p2p.ts";
import type { PeerMemoryChoice } from "../../src/offload/io-memory.ts";
import { NvmeOfTarget } from "../../src/offload/nvmeof-target.ts";
import type { TrafficReport } from "../../src/offload/traffic-report.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import {
  type Bench,
  bdfOf,
  benchOf,
  emulatedMachine,
  isSame,
  machineOf,
  pattern,
  serverMachine,
  wrapped,
} from "../devices/machines.ts";

const lengthBytes = 64 * 1024;
const io = { key: 1, offset: 4096, block: 8, lengthBytes };

interface TargetBench extends Bench {
  readonly host: RemoteHost;
  readonly controller: NvmeController;
  connect(peerMemory?: PeerMemoryChoice, seed?: number): ReturnType<NvmeOfTarget["connect"]>;
  refusal(): ReturnType<NvmeOfTarget["refusal"]>;
}

function targetOf(machine: Machine, options: SystemOptions = {}, nicName = "nic0"): TargetBench {
  const bench = benchOf(machine, options);
  const { system, fn } = bench;
  const controller = new NvmeController(system, fn("nvme0"), { namespaceBytes: 2 ** 22 });
  const drive = new NvmeDriver(system, controller);
  const nic = new RdmaNic(system, fn(nicName));
  const host = new RemoteHost(2 ** 20);
  host.memory.write(io.offset, pattern(lengthBytes));
  return {
    ...bench,
    host,
    controller,
    connect: (peerMemory = "auto", seed = 0) =>
      new NvmeOfTarget(system, { nic, drive, peerMemory, seed }).connect(host),
    refusal: () => new NvmeOfTarget(system, { nic, drive }).refusal(),
  };
}

function linkOf({ links }: TrafficReport, bdf: number): readonly [number, number] {
  const link = links.find(({ fn }) => fn === bdf);
  return [link?.upBytes ?? 0, link?.downBytes ?? 0];
}

describe("an NVMe-oF target with peer memory below its switch", () => {
  const bench = targetOf(serverMachine());
  const { fn, host, controller, connect } = bench;

  it("takes the nearest provider when the queue is made, and nothing passes DRAM or the root complex", () => {
    const queue = connect();
    expect(queue.chosen).toMatchObject({ source: "peer" });
    const report = queue.write(io);
    expect(report).toMatchObject({
      outcome: "done",
      driverSaw: "success",
      fabricSaw: "delivered",
      bytesMatch: true,
      buffer: { source: "peer", provider: fn("cmb0") },
    });
    expect(isSame(controller.namespace.slice(io.block * 512, lengthBytes), pattern(lengthBytes))).toBe(true);
    const { traffic } = report;
    expect(traffic).toMatchObject({ dramReadBytes: 0, dramWrittenBytes: 0, rootComplexBytes: 0, rootPortBytes: 0 });
    // In from the NIC, and out again to the drive that reads it.
    expect(traffic.switches).toEqual([{ fn: fn("switch"), bytes: 2 * lengthBytes }]);
    expect(linkOf(traffic, fn("nic0"))).toEqual([lengthBytes, 0]);
    expect(linkOf(traffic, fn("cmb0"))).toEqual([lengthBytes, lengthBytes]);
    expect(linkOf(traffic, fn("nvme0"))).toEqual([0, lengthBytes]);
    expect(traffic.control.dramBytes).toBeGreaterThan(0);
  });

  it("brings blocks to the host the same way", () => {
    controller.namespace.write(io.block * 512, pattern(lengthBytes, 5));
    const report = connect().read(io);
    expect(report).toMatchObject({ outcome: "done", traffic: { dramReadBytes: 0, dramWrittenBytes: 0 } });
    expect(isSame(host.memory.slice(io.offset, lengthBytes), pattern(lengthBytes, 5))).toBe(true);
    expect(linkOf(report.traffic, fn("nic0"))).toEqual([0, lengthBytes]);
  });

  it("passes all of it through DRAM, twice, without peer memory", () => {
    const report = connect("off").write(io);
    expect(report).toMatchObject({ outcome: "done", buffer: { source: "ram", why: "off" } });
    expect(report.traffic).toMatchObject({ dramReadBytes: lengthBytes, dramWrittenBytes: lengthBytes });
    expect(report.traffic.rootPortBytes).toBe(2 * lengthBytes);
  });

  it("falls back to RAM for what the chosen memory has no room for, and says so", () => {
    const queue = connect();
    const pool = poolOf(bench.system, fn("cmb0"));
    const rest = pool.alloc(pool.availableBytes);
    expect(queue.write(io)).toMatchObject({ outcome: "done", buffer: { source: "ram", why: "pool-full" } });
    if (rest !== null) pool.free(rest);
    expect(queue.write(io).buffer).toEqual({ source: "peer", provider: fn("cmb0") });
  });

  it("gives every buffer back", () => {
    const pool = poolOf(bench.system, fn("cmb0"));
    const before = [pool.availableBytes, bench.system.ram.availableBytes];
    connect().write(io);
    connect("off").read(io);
    expect([pool.availableBytes, bench.system.ram.availableBytes]).toEqual(before);
  });

  it("tells a wrong key of the host", () => {
    expect(connect().write({ ...io, key: 9 })).toMatchObject({
      outcome: "device-error",
      driverSaw: "remote-access-error",
    });
  });
});

describe("the provider of a queue", () => {
  it("is the one that the rules find", () => {
    for (const iommu of ["off", "passthrough", "strict"] as const) {
      for (const acs of ["false", "true"]) {
        for (const cpu of ["cpu: amd-zen", "cpu: intel"]) {
          const machine = serverMachine(iommu, acs, cpu);
          for (const nicName of ["nic0", "nic1"]) {
            const { connect, refusal } = targetOf(machine, {}, nicName);
            // Of a drive that reaches no memory at all the namespace is not enabled.
            const chosen = refusal() === null ? connect().chosen : { source: "ram" as const };
            const clients = [bdfOf(machine, nicName), bdfOf(machine, "nvme0")];
            const found = findProvider(machine, clients).chosen;
            const owner = chosen.source === "peer" ? [chosen.pool.owner] : [];
            expect(isUnknown(found) ? found : found.filter((one) => owner.includes(one) || owner.length === 0)).toEqual(
              owner,
            );
          }
        }
      }
    }
  });

  it("is chosen by the seed among those that are as near", () => {
    const machine = machineOf(`
  - below:
      - rootPort:
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - nvme: { cmb: 1M, name: cmb0 }
              - nvme: { cmb: 1M, name: cmb1 }
              - nvme: { name: nvme0 }
              - nic: { name: nic0 }`);
    const { connect } = targetOf(machine);
    const owners = Array.from({ length: 16 }, (_, seed) => {
      const { chosen } = connect("auto", seed);
      return chosen.source === "peer" ? chosen.pool.owner : null;
    });
    expect(new Set(owners)).toEqual(new Set([bdfOf(machine, "cmb0"), bdfOf(machine, "cmb1")]));
    expect(connect("auto", 3).chosen).toEqual(connect("auto", 3).chosen);
  });

  it("is RAM where only the NIC cannot reach it, or takes no peer memory", () => {
    const machine = serverMachine("off", "false", "cpu: intel");
    expect(targetOf(machine, {}, "nic1").connect().chosen).toEqual({ source: "ram", why: "no-provider" });
    const near = targetOf(machine);
    const far = targetOf(machine, {}, "nic1");
    expect(far.connect({ provider: far.fn("cmb0") }).chosen).toEqual({ source: "ram", why: "no-provider" });
    expect(near.connect({ provider: near.fn("cmb0") }).chosen).toMatchObject({ source: "peer" });
    const refusing = targetOf(machine, { backend: (fn) => (fn === near.fn("nic0") ? "refusing" : undefined) });
    expect(refusing.connect().chosen).toEqual({ source: "ram", why: "client-refuses" });
    expect(refusing.connect().write(io)).toMatchObject({ outcome: "done", buffer: { why: "client-refuses" } });
    // A back end of one's own that says so, whatever its name.
    const own: OwnBackend = {
      name: "mine",
      open: ({ named }) => wrapped(named("direct"), { name: "mine", takesPeers: false }),
    };
    const mine = targetOf(machine, { backend: (fn) => (fn === near.fn("nic0") ? own : undefined) });
    expect(mine.connect().chosen).toEqual({ source: "ram", why: "client-refuses" });
  });
});

describe("a namespace with peer memory that its drive cannot use is not enabled: EINVAL, and which device fails", () => {
  const intel = serverMachine("off", "false", "cpu: intel");

  it("a named provider beyond the drive's reach", () => {
    const { connect, fn } = targetOf(intel);
    expect(() => connect({ provider: fn("cmb1") })).toThrow(
      `the namespace is not enabled: EINVAL: ${formatBdf(fn("nvme0"))} cannot reach the peer memory of ${formatBdf(fn("cmb1"))}`,
    );
  });

  it("a named provider without published memory", () => {
    const { connect, fn, system } = targetOf(intel);
    expect(() => connect({ provider: fn("gpu0") })).toThrow(`${formatBdf(fn("gpu0"))} has no published peer memory`);
    poolOf(system, fn("cmb0")).publish(false);
    expect(() => connect({ provider: fn("cmb0") })).toThrow(`${formatBdf(fn("cmb0"))} has no published peer memory`);
  });

  it("`auto` without memory within the drive's reach", () => {
    const { connect, fn, system } = targetOf(intel);
    poolOf(system, fn("cmb0")).publish(false);
    expect(() => connect()).toThrow(`EINVAL: no published peer memory is within reach of ${formatBdf(fn("nvme0"))}`);
    expect(connect("off").write(io)).toMatchObject({ outcome: "done", buffer: { source: "ram", why: "off" } });
  });

  it("a drive whose mapping takes no peer memory", () => {
    const { fn } = targetOf(intel);
    const refusing = targetOf(intel, { backend: (one) => (one === fn("nvme0") ? "refusing" : undefined) });
    expect(() => refusing.connect()).toThrow(`EINVAL: what maps for ${formatBdf(fn("nvme0"))} takes no peer memory`);
  });

  it("is enabled by memory that was registered after the system was built", () => {
    const { connect, fn, system } = targetOf(intel);
    poolOf(system, fn("cmb0")).remove("wait");
    expect(() => connect()).toThrow("no published peer memory");
    enableP2p(system.maps, intel, fn("gpu0"), 1, { sizeBytes: 2 ** 21 });
    expect(connect().write(io)).toMatchObject({ outcome: "done", buffer: { source: "peer", provider: fn("gpu0") } });
  });
});

describe("peer memory on other ways", () => {
  it.each(["passthrough", "strict", "lazy"] as const)(
    "goes through the root complex where ACS redirects: %s",
    (iommu) => {
      const { connect } = targetOf(serverMachine(iommu, "true"));
      const report = connect().write(io);
      expect(report).toMatchObject({ outcome: "done", bytesMatch: true, buffer: { source: "peer" } });
      expect(report.traffic).toMatchObject({
        dramReadBytes: 0,
        dramWrittenBytes: 0,
        rootComplexBytes: 2 * lengthBytes,
      });
    },
  );

  it("is told by the drive that it cannot be read where the root complex takes writes only", () => {
    const machine = serverMachine("passthrough", "true");
    const report = targetOf(machine, { rootComplex: "writes-only" }).connect().write(io);
    expect(report).toMatchObject({
      outcome: "device-error",
      driverSaw: "data-transfer-error",
      fabricSaw: "unsupported-request",
    });
  });

  it.each(["strict", "lazy"] as const satisfies readonly IommuMode[])(
    "loses data in silence below the emulator's switch: %s",
    (iommu) => {
      const { connect, controller } = targetOf(emulatedMachine(iommu));
      const report = connect().write(io);
      expect(report).toMatchObject({
        outcome: "silent-loss",
        driverSaw: "success",
        fabricSaw: "iommu-fault",
        bytesMatch: false,
        buffer: { source: "peer" },
      });
      expect(report.failures.map(({ kind }) => kind)).toContain("write");
      expect(isSame(controller.namespace.slice(io.block * 512, lengthBytes), new Uint8Array(lengthBytes))).toBe(true);
    },
  );

  it("is told by the drive where devices learn of reads that fail", () => {
    const report = targetOf(emulatedMachine("strict"), { failedReads: "reported" }).connect().write(io);
    expect(report).toMatchObject({
      outcome: "device-error",
      driverSaw: "data-transfer-error",
      fabricSaw: "iommu-fault",
    });
  });
});
