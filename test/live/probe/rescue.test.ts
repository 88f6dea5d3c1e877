import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BlockDevice } from "../../../src/live/block/block-device.ts";
import { formatRescue, isUncertainTarget, parseRescue, type Rescue } from "../../../src/live/probe/rescue-format.ts";
import { listRescues, loadRescue, removeRescue, saveRescue } from "../../../src/live/probe/rescue-store.ts";
import { countForeignBlocks, deviceOf, identityOf } from "../../../src/live/probe/restore.ts";
import { restoreRange, withSavedRange } from "../../../src/live/probe/saved-range.ts";
import { stampedBytes } from "../../../src/live/probe/stamps.ts";
import { stateFolder } from "../../../src/live/state-folder.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { treeOf } from "../tree-of.ts";
import { FakeDisk, FakeMemory, variedBytes } from "./fakes.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-rescue-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const target = {
  name: "nvme1n1",
  identity: "eui.0011223344556677",
  startBytes: 0,
  sizeBytes: 1 << 20,
  attachment: null,
};
const range = { start: 4096, sizeBytes: 65_536 };

function makeFolder(path: string, mode: number): void {
  mkdirSync(path);
  chmodSync(path, mode);
}

function rescueOf(data: Buffer = variedBytes(4096)): Rescue {
  return { target, position: 8192, data };
}

describe("a rescue file", () => {
  test("gives back what was saved", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000 }),
        fc.string(),
        fc.option(fc.string({ maxLength: 80 })),
        (data, name, identity) => {
          const rescue = {
            target: { ...target, name, identity, attachment: identity === null ? "boot/7" : null },
            position: 512,
            data: Buffer.from(data),
          };
          const parsed = parseRescue(formatRescue(rescue), "x");
          expect(parsed.target).toEqual(rescue.target);
          expect(parsed.position).toBe(512);
          expect(parsed.data.equals(rescue.data)).toBe(true);
        },
      ),
    );
  });

  test("that was changed in any byte, cut or made longer is refused, or says the same", () => {
    const whole = formatRescue(rescueOf());
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ by;
        let parsed: Rescue;
        try {
          parsed = parseRescue(bytes, "x");
        } catch (error) {
          expect(error).toBeInstanceOf(PeerlaneError);
          return;
        }
        // Only blanks behind the header are not covered by the checksum.
        expect(parsed).toEqual(rescueOf());
      }),
      { numRuns: 2000 },
    );
    for (let length = 0; length < whole.length; length += 97) {
      expect(() => parseRescue(whole.subarray(0, length), "x")).toThrow("no rescue file");
    }
    expect(() => parseRescue(Buffer.concat([whole, Buffer.of(0)]), "x")).toThrow("no rescue file");
  });

  test("of an earlier release, which did not keep the attachment, is read", () => {
    const older = formatRescue(rescueOf());
    const line = older.toString("utf8", 0, 4096).trim().replace('"attachment":null,', "");
    older.fill(" ", 0, 4095);
    older.write(line);
    expect(parseRescue(older, "x")).toEqual(rescueOf());
  });

  test("of any other content is refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), fc.json(), (bytes, json) => {
        expect(() => parseRescue(Buffer.from(bytes), "x")).toThrow(PeerlaneError);
        expect(() => parseRescue(Buffer.from(json.padEnd(4096)), "x")).toThrow(PeerlaneError);
      }),
    );
  });

  test("whose range lies outside of its device is refused", () => {
    const outside = formatRescue({ ...rescueOf(), position: target.sizeBytes - 512 });
    expect(() => parseRescue(outside, "x")).toThrow("outside of its device");
  });

  test("is only its owner's, and whole under its name", async () => {
    const own = join(folder, "own", "state");
    const path = await saveRescue(own, rescueOf());
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(own).mode & 0o777).toBe(0o700);
    expect(readdirSync(own)).toHaveLength(1);
    expect(loadRescue(path).rescue.data.equals(rescueOf().data)).toBe(true);
    writeFileSync(join(own, "half.rescue.part"), "x");
    writeFileSync(join(own, "other.rescue"), "x");
    expect(listRescues(own).map((left) => left.path)).toEqual([path]);
  });

  test("that a run left which was killed while it saved is swept by the next; nothing else is", async () => {
    const own = join(folder, "swept");
    mkdirSync(own, { mode: 0o700 });
    const left = `nvme1n1-0-${"0a".repeat(16)}.rescue.part`;
    const [victim, link] = [join(folder, "victim"), `nvme1n1-0-${"0b".repeat(16)}.rescue.part`];
    writeFileSync(victim, "precious");
    symlinkSync(victim, join(own, link));
    for (const name of [left, "mine.rescue.part"]) writeFileSync(join(own, name), "x", { mode: 0o600 });
    const path = await saveRescue(own, rescueOf());
    expect(readdirSync(own).sort()).toEqual(["mine.rescue.part", link, basename(path)].sort());
    expect(readFileSync(victim, "utf8")).toBe("precious");
  });

  test.each([
    ["is a symbolic link", (own: string) => symlinkSync(folder, own)],
    ["can be written by others", (own: string) => makeFolder(own, 0o777)],
  ])("is not saved to a folder that %s", async (what, prepare) => {
    const own = join(folder, what);
    prepare(own);
    await expect(saveRescue(own, rescueOf())).rejects.toThrow("cannot keep state in");
  });

  test.each([
    ["others can write it", (path: string) => chmodSync(path, 0o666), "others can write it"],
    ["it is a folder", (path: string) => makeFolder(path, 0o700), "no regular file"],
    ["it is a FIFO", (path: string) => execFileSync("mkfifo", [path]), "no regular file"],
  ])("is not relied on where %s", (_, prepare, why) => {
    const path = join(folder, "to-restore");
    rmSync(path, { recursive: true, force: true });
    if (why.startsWith("others")) writeFileSync(path, formatRescue(rescueOf()));
    prepare(path);
    expect(() => loadRescue(path)).toThrow(why);
  });

  test("that was put back is removed itself, not what has its name by then, nor a link to it alone", async () => {
    const own = join(folder, "removed");
    const path = await saveRescue(own, rescueOf());
    symlinkSync(path, join(own, "link"));
    const stored = loadRescue(join(own, "link"));
    expect(stored.path).toBe(path);
    renameSync(path, `${path}.kept`);
    writeFileSync(path, "another");
    removeRescue(stored);
    expect(readFileSync(path, "utf8")).toBe("another");
    renameSync(`${path}.kept`, path);
    removeRescue(stored);
    expect(existsSync(path)).toBe(false);
  });

  test("of a disk without a serial number is uncertain after another boot or attachment", () => {
    const saved = { ...target, identity: null, attachment: "boot/7" };
    expect(isUncertainTarget(saved, saved)).toBe(false);
    expect(isUncertainTarget(saved, { ...saved, attachment: "boot/8" })).toBe(true);
    expect(isUncertainTarget({ ...saved, attachment: null }, { ...saved, attachment: null })).toBe(true);
    expect(isUncertainTarget(target, { ...target, attachment: "boot/9" })).toBe(false);
  });

  test("is kept in the folder of the user's state", () => {
    expect(stateFolder({ XDG_STATE_HOME: "/var/state" })).toBe("/var/state/peerlane");
    expect(stateFolder({ XDG_STATE_HOME: "relative" })).toMatch(/\/\.local\/state\/peerlane$/);
  });

  test("that cannot be written stops the test before it writes to the disk", async () => {
    const disk = new FakeDisk(variedBytes(1 << 20));
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    const writable = { file: disk, target, range, dram: new FakeMemory(8192), folder: join(file, "x") };
    await expect(withSavedRange(writable, () => Promise.reject(new Error("ran")))).rejects.toThrow(
      "cannot keep state in",
    );
  });
});

describe("a range that a test overwrites", () => {
  const original = variedBytes(1 << 20);

  async function spoil(fails: boolean, fault?: ConstructorParameters<typeof FakeDisk>[2]) {
    const own = mkdtempSync(join(folder, "run-"));
    const disk = new FakeDisk(Buffer.from(original), null, fault);
    const writable = { file: disk, target, range, dram: new FakeMemory(24_576), folder: own };
    const run = withSavedRange(writable, async () => {
      expect(listRescues(own)).toHaveLength(1);
      disk.data.fill(0xee, range.start, range.start + range.sizeBytes);
      if (fails) throw new Error("the test failed");
      return "done";
    });
    return { run, disk, own };
  }

  test("is as it was afterwards, and the rescue file is gone", async () => {
    const { run, disk, own } = await spoil(false);
    expect(await run).toBe("done");
    expect(disk.data.equals(original)).toBe(true);
    expect(readdirSync(own)).toEqual([]);
  });

  test("is as it was also where the test fails", async () => {
    const { run, disk, own } = await spoil(true);
    await expect(run).rejects.toThrow("the test failed");
    expect(disk.data.equals(original)).toBe(true);
    expect(readdirSync(own)).toEqual([]);
  });

  test.each(["write", "sync"] as const)(
    "stays in the rescue file where %s fails, which the error names",
    async (what) => {
      const { run, own } = await spoil(false, (io) => (io.what === what ? { bytes: 0, errno: "EIO" } : null));
      const error: PeerlaneError = await run.then(
        () => expect.unreachable(),
        (reason) => reason,
      );
      const [left] = listRescues(own);
      expect(error.message).toContain("could not be put back");
      expect(error.remedy).toContain(`--restore ${left?.path}`);
      expect(left?.rescue.data.equals(original.subarray(4096, 4096 + 65_536))).toBe(true);
    },
  );

  test("that reads otherwise than it was written is not called restored", async () => {
    const disk = new FakeDisk(Buffer.from(original));
    const dram = new FakeMemory(8192, { leave: (bytes) => Buffer.alloc(bytes.length) });
    const saved = { position: 0, data: variedBytes(8192), path: "f" };
    await expect(restoreRange(disk, dram, saved)).rejects.toThrow("reads other data");
  });
});

describe("a range is put back", () => {
  const device = (changes: Partial<BlockDevice>): BlockDevice => ({
    kind: "device",
    name: "nvme1n1",
    path: "/dev/nvme1n1",
    number: "259:1",
    sizeBytes: target.sizeBytes,
    logicalBlockBytes: 512,
    disk: { name: "nvme1n1", startBytes: 0 },
    functions: [],
    madeOf: [],
    identity: target.identity,
    ...changes,
  });

  const identify = (one: BlockDevice) => identityOf(treeOf({}), one);

  test("on the same device under any name, and on no other", () => {
    const renamed = device({ name: "nvme7n1" });
    const others = [
      device({ identity: "eui.ff" }),
      device({ identity: null }),
      device({ sizeBytes: 512 }),
      device({ disk: { name: "nvme1n1", startBytes: 512 } }),
    ];
    expect(deviceOf([...others, renamed], rescueOf(), "f", identify)).toBe(renamed);
    expect(() => deviceOf(others, rescueOf(), "f", identify)).toThrow("is not here");
  });

  test("by name where a disk has no serial number", () => {
    const nameless = { ...rescueOf(), target: { ...target, identity: null } };
    const same = device({ identity: null });
    expect(deviceOf([device({ identity: null, name: "nvme2n1" }), same], nameless, "f", identify)).toBe(same);
    expect(() => deviceOf([device({})], nameless, "f", identify)).toThrow("is not here");
  });
});

test("blocks that somebody else has written since are told from the saved ones and from what a probe leaves", () => {
  const saved = variedBytes(8192);
  const leaves: ((block: Buffer, address: number) => void)[] = [
    () => {},
    (block) => block.fill(0),
    (block) => block.fill(0xff),
    (block, address) =>
      block.set(stampedBytes(Buffer.from("anotherrun"), block.length, { kind: "peer", round: 3, address })),
  ];
  const block = fc.record({ leave: fc.nat(leaves.length - 1), foreignByte: fc.option(fc.nat(511)) });
  fc.assert(
    fc.property(fc.array(block, { minLength: 16, maxLength: 16 }), (blocks) => {
      const now = Buffer.from(saved);
      for (const [index, { leave, foreignByte }] of blocks.entries()) {
        const part = now.subarray(index * 512, (index + 1) * 512);
        leaves[leave]?.(part, index * 512);
        if (foreignByte !== null) part[foreignByte] = (part[foreignByte] ?? 0) ^ 0x5a;
      }
      expect(countForeignBlocks(now, saved)).toBe(blocks.filter(({ foreignByte }) => foreignByte !== null).length);
    }),
  );
});

test("files of a real run stay readable", async () => {
  const path = await saveRescue(folder, rescueOf());
  expect(readFileSync(path, "utf8")).toContain('"schema":"peerlane.rescue/1"');
});
