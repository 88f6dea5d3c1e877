import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PeerlaneError } from "../../src/pci/error.ts";
import { shellWord } from "../../src/pci/shell-word.ts";
import { writeCpio } from "../../src/vm/cpio.ts";
import { patternAt, writeFreshDisk } from "../../src/vm/fresh-disk.ts";
import { GuestControl } from "../../src/vm/guest-control.ts";
import { guestDrives, refuseUnknownDisks } from "../../src/vm/guest-disks.ts";
import { guestImage } from "../../src/vm/guest-image.ts";
import { parseLdd } from "../../src/vm/node-program.ts";
import { nameControllers } from "../../src/vm/nvme-names.ts";
import { PROGRAM } from "../program.ts";

const root = join(import.meta.dirname, "../..");
const [program, ...first] = PROGRAM;
const scenario = join(root, "examples/one-switch.yaml");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-guest-parts-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the names of controllers", () => {
  const named = (...names: (string | null)[]) =>
    nameControllers(names.map((name, index) => ({ serial: `disk${index}`, name }))).map(
      ({ serial, userName, kernelName }) => `${kernelName} ${userName} ${serial}`,
    );

  test("are those of the scenario where the kernel can have them", () => {
    expect(named("nvme1", "fast", null, "nvme0")).toEqual([
      "nvme0 nvme0 disk3",
      "nvme1 nvme1 disk0",
      "nvme2 fast disk1",
      "nvme3 nvme3 disk2",
    ]);
    expect(named("nvme7", "nvme00")).toEqual(["nvme0 nvme7 disk0", "nvme1 nvme00 disk1"]);
  });

  test("give each controller one number and each number one controller", () => {
    const name = fc.option(fc.constantFrom("nvme0", "nvme1", "nvme2", "nvme3", "nvme9", "a", "b"));
    const names = fc.uniqueArray(name, { maxLength: 8, selector: (each) => each ?? Symbol() });
    fc.assert(
      fc.property(names, (list) => {
        const controllers = nameControllers(list.map((each, index) => ({ serial: `disk${index}`, name: each })));
        expect(controllers.map(({ kernelName }) => kernelName)).toEqual(list.map((_, index) => `nvme${index}`));
        expect(new Set(controllers.map(({ serial }) => serial)).size).toBe(list.length);
        expect(new Set(controllers.map(({ userName }) => userName)).size).toBe(list.length);
      }),
    );
  });
});

describe("a word for the guest's shell", () => {
  test("is read there as it was", () => {
    const word = fc.string({ unit: "binary" }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const line = `printf '%s\\0' ${words.map(shellWord).join(" ")}`;
        expect(execFileSync("sh", ["-c", line], { encoding: "utf8" })).toBe(words.map((each) => `${each}\0`).join(""));
      }),
      { numRuns: 50 },
    );
  });
});

describe("what ldd says", () => {
  test("gives the libraries and the dynamic linker, not the kernel's own", () => {
    const text = `\tlinux-vdso.so.1 (0x00007ffd)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f65)
\tlibnode.so.115 => /opt/my node/libnode.so.115 (0x00007f65)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f66)
`;
    expect(parseLdd(text)).toEqual([
      "/lib/x86_64-linux-gnu/libm.so.6",
      "/opt/my node/libnode.so.115",
      "/lib64/ld-linux-x86-64.so.2",
    ]);
    expect(parseLdd("\tstatically linked\n")).toEqual([]);
  });

  test("of a missing library is an error that names it", () => {
    expect(() => parseLdd("\tlibx.so.1 => not found\n")).toThrow("libx.so.1");
  });
});

describe("the initramfs", () => {
  test("has the folders above each file, once, and files of this machine", () => {
    const big = join(folder, "big");
    writeFileSync(big, patternAt(0, 3 * 2 ** 20));
    const archive = join(folder, "folders");
    writeCpio(archive, [
      { path: "/a/b/c", mode: 0o100644, content: "c" },
      { path: "a/b", mode: 0o040755 },
      { path: "a/big", mode: 0o100755, hostPath: big },
    ]);
    const list = execFileSync("cpio", ["-t", "--quiet", "-F", archive], { encoding: "utf8" });
    expect(list.trim().split("\n")).toEqual(["a", "a/b", "a/b/c", "a/big"]);
    const unpacked = execFileSync("cpio", ["-i", "--quiet", "--to-stdout", "-F", archive, "a/big"], {
      maxBuffer: 2 ** 24,
    });
    expect(unpacked.equals(readFileSync(big))).toBe(true);
  });

  test("holds this Node, peerlane, and what it loads at run time", async () => {
    const entries = await guestImage({
      busybox: "/no/such/busybox",
      init: "",
      environment: { WORDS: "it's two" },
      controllers: nameControllers([{ serial: "disk4", name: "fast" }]),
      extraFiles: [{ guestPath: "/tests/a", content: "a", mode: 0o755 }],
    });
    const paths = entries.map(({ path }) => path);
    for (const path of [
      "bin/node",
      "bin/peerlane",
      "opt/peerlane/dist/cli.cjs",
      "opt/peerlane/node_modules/koffi/package.json",
      "opt/peerlane/node_modules/koffi/src/koffi/index.js",
      "opt/peerlane/node_modules/@koromix/koffi-linux-x64/linux_x64/koffi.node",
    ])
      expect(paths).toContain(path);
    expect(paths.filter((path) => path.includes("musl_"))).toEqual([]);
    expect(paths.some((path) => /\/libc\.so\.6$/.test(path))).toBe(true);
    const text = (path: string) => entries.find((entry) => entry.path === path)?.content;
    expect(text("etc/peerlane/disks")).toBe("disk4 fast\n");
    expect(text("etc/peerlane/environment")).toContain("export WORDS='it'\\''s two'\n");
    expect(entries.find(({ path }) => path === "/tests/a")?.mode).toBe(0o100755);
  });
});

describe("disks of the guest", () => {
  const controllers = nameControllers([
    { serial: "disk1", name: "nvme0" },
    { serial: "disk2", name: "nvme1" },
  ]);
  const at = (number: 0 | 1) => controllers[number] ?? { serial: "", name: null };

  test("are fresh, the first with data, unless they are given", () => {
    const fresh = mkdtempSync(join(folder, "fresh-"));
    const drive = guestDrives(controllers, {}, { folder: fresh, freshBytes: 2 ** 20 });
    expect(drive(at(0))).toMatchObject({ driver: "raw", "file.filename": join(fresh, "disk1.img") });
    expect(readFileSync(join(fresh, "disk1.img")).equals(patternAt(0, 2 ** 20))).toBe(true);
    expect(statSync(join(fresh, "disk2.img"))).toMatchObject({ size: 2 ** 20, blocks: 0 });
  });

  test("that are given are only read, unless they may be written", () => {
    const path = join(folder, "given,1.img");
    writeFileSync(path, Buffer.alloc(512));
    const places = { folder: mkdtempSync(join(folder, "given-")), freshBytes: 512 };
    expect(guestDrives(controllers, { nvme1: { path } }, places)(at(1))).toMatchObject({ snapshot: "on" });
    const others = { folder: mkdtempSync(join(folder, "given-")), freshBytes: 512 };
    const writable = guestDrives(controllers, { nvme1: { path, isWritable: true } }, others)(at(1));
    expect(writable).toEqual({ driver: "raw", "file.driver": "file", "file.filename": path });
  });

  test("are refused where they are no images, and for controllers that are not there", () => {
    const places = { folder: mkdtempSync(join(folder, "refused-")), freshBytes: 512 };
    const odd = join(folder, "odd.img");
    writeFileSync(odd, "odd");
    expect(() => guestDrives(controllers, { nvme0: { path: odd } }, places)).toThrow(
      "whole number of 512-byte sectors",
    );
    expect(() => guestDrives(controllers, { nvme0: { path: "/dev/null" } }, places)).toThrow("no disk image");
    expect(() => refuseUnknownDisks(controllers, { nvme2: {} })).toThrow("no NVMe controller 'nvme2'");
  });

  test("hold the number of each sector", () => {
    const path = join(folder, "stamped.img");
    writeFreshDisk(path, { sizeBytes: 3 * 2 ** 20, filledBytes: 2 ** 20 + 512 });
    const disk = readFileSync(path);
    expect(disk.subarray(2 ** 20, 2 ** 20 + 21).toString()).toBe("peerlane sector 2048 ");
    expect(disk.subarray(2 ** 20 + 512).every((byte) => byte === 0)).toBe(true);
    const sectors = new Set(Array.from({ length: 2049 }, (_, i) => disk.toString("hex", i * 512 + 64, (i + 1) * 512)));
    expect(sectors.size).toBe(2049);
  });
});

describe("what a guest says on its control port", () => {
  /** The control's answer to these pieces, and how often it was told of the start. */
  const follow = (...pieces: string[]): { exitCode: () => number; starts: number } => {
    let starts = 0;
    const control = new GuestControl(() => {
      starts++;
    });
    const port = new Duplex({ read() {} });
    control.follow(port);
    for (const piece of pieces) port.emit("data", Buffer.from(piece));
    return { exitCode: () => control.exitCode("the console"), starts };
  };

  test("is read in whatever pieces it comes", () => {
    const { exitCode, starts } = follow("@sta", "rted\n@ex", "it 3", "7\n");
    expect([exitCode(), starts]).toEqual([37, 1]);
  });

  test.for([
    ["nothing", [""], "before it was up"],
    ["a start alone", ["@started\n"], "before its command did"],
    ["a failure", ["@failed not all NVMe controllers came up\n"], "not all NVMe controllers came up"],
  ] as const)("is an error with the console where it is %s", ([, pieces, message]) => {
    const { exitCode } = follow(...pieces);
    expect(exitCode).toThrow(PeerlaneError);
    expect(exitCode).toThrow(message);
    expect(exitCode).toThrow("the console");
  });
});

describe("peerlane vm with a command", () => {
  test.for([
    [["peerlane", "probe"], "goes after --"],
    [["--json", "--", "ls"], "--json is for what vm itself shows"],
    [["--save", "x", "--", "ls"], "--save is for what vm itself shows"],
    [["--shell", "--", "ls"], "--shell takes no command"],
    [["--shell"], "needs a terminal"],
    [["--disk", "nvme0=x"], "--disk is for a guest"],
    [["--disk-size", "1G"], "--disk-size is for a guest"],
    [["--disk", "nvme0", "--", "ls"], "is no disk"],
    [["--disk", "a=b", "--disk", "a=c", "--", "ls"], "two disks for a"],
    [["--memory", "3", "--", "ls"], "from 512M"],
    [["--memory", "much", "--", "ls"], "a size is"],
    [["--cpus", "0", "--", "ls"], "from 1 to 64"],
    [["--timeout", "soon", "--", "ls"], "is no timeout"],
  ] as const)("refuses %j", ([args, message]) => {
    const { status, stderr } = spawnSync(program, [...first, "vm", scenario, ...args], {
      encoding: "utf8",
    });
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
