import { describe, expect, test } from "vitest";
import { type CheckedFile, checkPath } from "../../../src/live/bench/check.ts";
import { resolveJob } from "../../../src/live/bench/job.ts";
import type { IoResult } from "../../../src/live/block/direct-file.ts";
import { mapSystemMemory, type TransferMemory } from "../../../src/live/memory/transfer-memory.ts";
import type { ReadWrite } from "../../../src/measured/bench.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";

const [provider = 0 as never, client = 0 as never] = [parseBdf("0000:03:00.0"), parseBdf("0000:04:00.0")];
const PATH = {
  provider: { bdf: provider, name: "nvme0", link: null },
  clients: [{ bdf: client, name: "nvme1", link: null, mapType: "bus-addr", hops: 4 }],
} as const;
const BYTES = 65_536;

/** A disk in memory; `peerIo` stands for what I/O through peer memory does. */
function diskOf(
  peerIo: (verb: "read" | "write", disk: Buffer, memory: TransferMemory) => IoResult,
  isPeer: (memory: TransferMemory) => boolean,
  dram: () => string | null = () => null,
): CheckedFile & { readonly disk: Buffer } {
  const disk = Buffer.from(Array.from({ length: BYTES }, (_, index) => (index * 7) % 251));
  const io = async (verb: "read" | "write", memory: TransferMemory, offset: number, length: number) => {
    if (isPeer(memory)) return peerIo(verb, disk, memory);
    const errno = dram();
    if (errno !== null) return { bytes: 0, errno };
    if (verb === "read") memory.store(offset, disk.subarray(0, length));
    else memory.load(offset, disk.subarray(0, length));
    return { bytes: length, errno: null };
  };
  return {
    disk,
    file: {
      kind: "file",
      path: "/data",
      sizeBytes: BYTES,
      inode: 1,
      fileSystem: "8:0",
      made: null,
      device: null,
      logicalBlockBytes: 512,
      modified: "0",
    },
    read: (memory, offset, length) => io("read", memory, offset, length),
    write: (memory, offset, length) => io("write", memory, offset, length),
  };
}

const whole = { bytes: BYTES, errno: null };

async function check(
  rw: ReadWrite,
  peerIo: (verb: "read" | "write", disk: Buffer, memory: TransferMemory) => IoResult,
  dram?: () => string | null,
) {
  const job = resolveJob({ rw, bs: BYTES }, { name: "data", sizeBytes: BYTES, logicalBlockBytes: 512 });
  const memory = await mapSystemMemory(2 * BYTES);
  memory.store(BYTES, Buffer.alloc(BYTES, "written "));
  const file = diskOf(peerIo, (other) => other === memory, dram);
  try {
    return await checkPath(file, { name: "peer", memory, readsAt: 0, writesAt: BYTES }, job, PATH);
  } finally {
    memory.release();
  }
}

const right = (verb: "read" | "write", disk: Buffer, memory: TransferMemory): IoResult => {
  if (verb === "read") memory.store(0, disk);
  else memory.load(BYTES, disk);
  return whole;
};

describe("the check of a path", () => {
  test.for<ReadWrite>(["read", "write", "randrw"])("passes where %s moves the right data", async (rw) => {
    expect(await check(rw, right)).toBeNull();
  });

  test.for<ReadWrite>(["read", "write", "randrw"])("finds where %s reports success and moves nothing", async (rw) => {
    const fault = await check(rw, () => whole);
    expect(fault).toMatchObject({ outcome: "loses-data", remedy: expect.stringContaining("peerlane probe") });
    if (rw === "read") expect(fault?.what).toContain("nothing arrived");
  });

  test("says from which byte on the data is wrong", async () => {
    const fault = await check("read", (verb, disk, memory) => {
      right(verb, disk, memory);
      memory.store(4096, Buffer.alloc(100, 0xff));
      return whole;
    });
    expect(fault?.what).toContain("wrong from byte 4096 of 65536");
  });

  test.for(["EINVAL", "EREMOTEIO"])("says that the kernel refuses where %s comes back", async (errno) => {
    expect(await check("read", () => ({ bytes: 0, errno }))).toMatchObject({
      outcome: "refused",
      remedy: expect.stringContaining("peerlane explain 0000:03:00.0 0000:04:00.0"),
    });
  });

  test("is a failure for any other error and for a short read", async () => {
    expect(await check("read", () => ({ bytes: 0, errno: "EIO" }))).toMatchObject({ outcome: "failed" });
    const short = await check("read", () => ({ bytes: 512, errno: null }));
    expect(short).toMatchObject({ outcome: "failed", what: expect.stringContaining("512 of 65536") });
  });

  test("throws where DRAM fails as well", async () => {
    await expect(check("read", right, () => "EIO")).rejects.toThrow(/through DRAM: EIO/);
  });

  test("throws where the data changes all the time", async () => {
    let changes = 0;
    const changing = (verb: "read" | "write", disk: Buffer, memory: TransferMemory): IoResult => {
      right(verb, disk, memory);
      disk.writeUInt32LE(++changes);
      return whole;
    };
    await expect(check("read", changing)).rejects.toThrow(/changes while it is checked/);
    expect(changes).toBe(3);
  });
});
