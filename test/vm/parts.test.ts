import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { writeCpio } from "../../src/vm/cpio.ts";
import { mirrorIn } from "../../src/vm/debian-packages.ts";
import { PROBE_PROGRAM, PROBE_SOURCE_SHA256 } from "../../src/vm/guest/probe.ts";
import { parseReport } from "../../src/vm/measured.ts";
import { qemuMachine } from "../../src/vm/qemu.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-vm-parts-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("the guest's probe", () => {
  test("was compiled from the source beside it", () => {
    const source = readFileSync(join(import.meta.dirname, "../../src/vm/guest/probe.c"));
    expect(createHash("sha256").update(source).digest("hex")).toBe(PROBE_SOURCE_SHA256);
  });

  test("is an ELF program that asks for its arguments", () => {
    const program = join(folder, "probe");
    writeFileSync(program, gunzipSync(Buffer.from(PROBE_PROGRAM, "base64")), { mode: 0o755 });
    expect(spawnSync(program).status).toBe(2);
    expect(spawnSync(program, ["/no/such/file", "/dev/null"], { encoding: "utf8" }).stdout).toBe("open-memory=-2\n");
  });
});

describe("the initramfs", () => {
  test("is unpacked by cpio as it was packed", () => {
    const archive = join(folder, "archive");
    const content = new TextEncoder().encode("hello");
    writeCpio(archive, [
      { path: "bin", mode: 0o040755 },
      { path: "bin/a", mode: 0o100755, content },
    ]);
    execFileSync("cpio", ["-id", "-F", archive], { cwd: folder, stdio: "ignore" });
    expect(readFileSync(join(folder, "bin/a"), "utf8")).toBe("hello");
    expect(existsSync(join(folder, "TRAILER!!!"))).toBe(false);
  });
});

describe("the mirror of Debian", () => {
  test.for([
    ["deb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian"],
    [
      "# deb http://old.example/debian x\nTypes: deb\nURIs: https://mirror.example/debian/\nSuites: trixie\n",
      "https://mirror.example/debian",
    ],
    ["deb http://security.example/debian-security bookworm-security main\n", undefined],
    ["", undefined],
  ] as const)("is taken from apt's sources (%#)", ([text, mirror]) => {
    expect(mirrorIn(text)).toBe(mirror);
  });
});

describe("the QEMU machine of a scenario", () => {
  const machine = (text: string) =>
    qemuMachine(parseScenario(`cpu: amd-zen\nhostBridges:\n  - below:\n${text}`, "t.yaml"));

  test("has the IOMMU before every other device", () => {
    const { arguments: args, commandLine } = qemuMachine(
      parseScenario("cpu: intel\niommu: strict\nhostBridges:\n  - below:\n      - nvme: { at: 06.0 }\n", "t.yaml"),
    );
    expect(args.filter((word) => word !== "-device")[4]).toMatch(/^intel-iommu/);
    expect(commandLine).toContain("intel_iommu=on");
  });

  test.for([
    ["a GPU", "      - gpu: { at: 06.0 }\n", "it has no gpu"],
    [
      "a switch with ACS",
      "      - rootPort:\n        below:\n          - switch: { acs: true }\n            below: [nvme]\n",
      "no ACS",
    ],
    ["a root port of another make", "      - rootPort: { id: 8086:1234 }\n", "8086:1234"],
    [
      "ACS that firmware has turned on",
      "      - rootPort: { at: 04.0, acs: RR+ CR+ }\n        below: [nvme]\n",
      "firmware leaves it off",
    ],
    [
      "a switch of another make",
      "      - rootPort:\n        below:\n          - switch: { id: 10b5:8796, acs: false }\n            below: [nvme]\n",
      "its switch is 104c:8232",
    ],
    [
      "an endpoint on the root bus of an expander",
      "      - nvme\n  - bus: 0x40\n    id: none\n    below: [nvme: { at: 00.0 }]\n",
      "bridges only",
    ],
    [
      "NVMe on a conventional bus",
      "      - rootPort:\n        below:\n          - bridge:\n            below: [nvme]\n",
      "PCIe only",
    ],
  ])("%s is refused by name, with its place", ([, text, message]) => {
    expect(() => machine(text ?? "")).toThrow(PeerlaneError);
    expect(() => machine(text ?? "")).toThrow(message);
  });
});

describe("a guest's report", () => {
  const head = "@peerlane 1\n@kernel 7.2.12\n";
  const tree = "@tree\nAAAA\n@end\n";
  const self = "@pair 0000:03:00.0 0000:03:00.0\n@io write=4096 read=4096\n@decision map=3 dist=0\n";

  test("gives map type, hops and what the kernel named", () => {
    const other =
      "@pair 0000:03:00.0 0000:04:00.0\n@io write=-22 read=-22\n@decision map=2 dist=4\n@log [    5.1] nvme 0000:04:00.0: to disable ACS redirect for this path, add the kernel parameter: pci=disable_acs_redir=0000:00:04.0;0000:00:05.0\n";
    const { measured } = parseReport(head + self + other + tree, "7.2.22");
    expect(measured.pairs[1]).toMatchObject({
      mapType: "not-supported",
      hops: 4,
      write: -22,
      acsRedirect: [0x20, 0x28],
    });
  });

  test.for([
    ["that never started", "garbage"],
    ["that is cut short", head + self],
    ["without a decision", `${head}@pair 0000:03:00.0 0000:03:00.0\n@io open-memory=-2\n${tree}`],
    ["with a damaged tree", `${head}${self}@tree\n!!\n@end\n`],
  ] as const)("%s is refused", ([, text]) => {
    expect(() => parseReport(text, "7.2.22")).toThrow(PeerlaneError);
  });
});
