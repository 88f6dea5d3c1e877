import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  CLEAN_CONFIG,
  collectScript,
  KEEP_PARAMETERS,
  KEEP_RELEASE,
} from "../../../src/host/collect/collect-script.ts";
import { readLive } from "../../../src/host/live.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { readMachine } from "../../../src/host/read-machine.ts";
import { keptParameters } from "../../../src/host/redaction/command-line.ts";
import { withoutIdentifiers } from "../../../src/host/redaction/config-space.ts";
import { keptRelease, RELEASE_WORDS } from "../../../src/host/redaction/kernel-release.ts";
import { PARAMETER_WORDS, PARAMETERS } from "../../../src/host/redaction/parameters.ts";
import { redact } from "../../../src/host/redaction/redact.ts";
import { MODULES } from "../../../src/host/system-files.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { captureNames, readCapture, readCapturedTree } from "../../machines/captures.ts";
import { formsOf, marksIn } from "../../privacy/find-marks.ts";
import { plantSources } from "../../privacy/planted.ts";

let folder: string;
let script: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-collect-"));
  script = join(folder, "collect.sh");
  writeFileSync(script, collectScript());
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the script prints of a copy of sys/ and proc/. */
function collect(root: string, shell = "sh"): string {
  return execFileSync(shell, [script, root], {
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function unpacked(name: string): string {
  const root = mkdtempSync(join(folder, "root-"));
  execFileSync("tar", ["xzf", readCapture(name).archive, "-C", root]);
  return root;
}

async function read(text: string): Promise<Machine> {
  return (await readMachine([new TextEncoder().encode(text)], { name: "server.txt" })).machine;
}

/** All that both sources show, without the names of files that reasons quote. */
function shown(machine: Machine): unknown {
  const { source: _, notes: __, ...rest } = redact(machine);
  return JSON.parse(
    JSON.stringify({ ...rest, groups: rest.iommu.groupTypes instanceof Map ? [...rest.iommu.groupTypes] : null }),
  );
}

const SAMPLE = captureNames.filter((name, index) => index % 13 === 0 || name === "mixed-acs.intel.strict");

test.for(SAMPLE)("%s: the text says what sysfs does", async (name) => {
  const root = unpacked(name);
  const live = readLive(root);
  const collected = await read(collect(root));
  expect(collected.source.format).toBe("collected");
  expect(shown(collected)).toEqual(shown(live));
  const [before, after] = [live, collected].map((machine) => decideAll(machine));
  expect(after?.providers).toEqual(before?.providers);
  for (let i = 0; i < (before?.providers.length ?? 0); i++) {
    for (let j = 0; j < (before?.clients.length ?? 0); j++) expect(after?.mapType(i, j)).toBe(before?.mapType(i, j));
  }
});

test("modules that decide how drivers share memory, with their parameters; others are not gathered", async () => {
  const root = unpacked("mixed-acs.intel.strict");
  const values = Object.entries(MODULES).flatMap(([module, parameters]) => [
    [`${module}/version`, `${module} 1.2`],
    ...parameters.map((name, index) => [`${module}/parameters/${name}`, `${index}`]),
  ]);
  for (const [file = "", value = ""] of [...values, ["other/parameters/pcie_p2p", "7"]]) {
    mkdirSync(join(root, "sys/module", dirname(file)), { recursive: true });
    writeFileSync(join(root, "sys/module", file), `${value}\n`);
  }
  const text = collect(root);
  const { modules } = (await read(text)).kernel;
  expect(modules).toEqual(readLive(root).kernel.modules);
  expect(modules).toEqual(
    Object.fromEntries(
      Object.entries(MODULES).map(([module, names]) => [
        module,
        { version: `${module} 1.2`, parameters: Object.fromEntries(names.map((name, index) => [name, `${index}`])) },
      ]),
    ),
  );
  expect(text).not.toContain("other");
});

test("bash and dash print the same", () => {
  const root = unpacked("mixed-acs.intel.strict");
  expect(collect(root, "bash")).toBe(collect(root, "dash"));
});

function awk(program: string, input: string, ...options: string[]): string {
  return execFileSync("awk", [...options, program], { input, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
}

describe("config space", () => {
  /** Rows of `od -A n -v -t x1`. */
  const rows = (bytes: Uint8Array): string =>
    Buffer.from(bytes)
      .toString("hex")
      .replaceAll(/(..)/g, " $1")
      .replaceAll(/((?: ..){16})/g, "$1\n");
  const kept = (bytes: Uint8Array): string =>
    awk(CLEAN_CONFIG, rows(bytes))
      .replaceAll(/^[0-9a-f]+:/gm, "")
      .replaceAll(/\s/g, "");

  test("keeps the bytes that a snapshot keeps", () => {
    const tree = readCapturedTree("mixed-acs.intel.strict");
    const names = tree.list("sys/bus/pci/devices") ?? [];
    let count = 0;
    for (const name of names) {
      const link = tree.readLink(`sys/bus/pci/devices/${name}`) ?? "";
      const bytes = tree.read(`sys/${link.replaceAll("../", "")}/config`, 4096);
      if (bytes === undefined || bytes.length === 0) continue;
      count++;
      expect(kept(bytes)).toBe(Buffer.from(withoutIdentifiers(bytes)).toString("hex"));
    }
    expect(count).toBeGreaterThan(4);
  });

  test.for(Array.from({ length: 60 }, (_, seed) => seed))("keeps them in a damaged one too: %i", (seed) => {
    let state = seed * 2654435761 + 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const bytes = new Uint8Array([64, 128, 256, 300, 512, 4096][random(6)] ?? 64);
    const ids = [1, 3, 5, 7, 9, 13, 16, 17, 20, 21, 27, 35, 40];
    bytes.forEach((_, index) => {
      bytes[index] = random(4) === 0 ? (ids[random(ids.length)] ?? 0) : random(3) === 0 ? 0 : random(256);
    });
    bytes[0x06] = random(5) === 0 ? 0 : 0x10;
    bytes[0x0e] = random(4);
    bytes[0x34] = 0x40 + random(12) * 4;
    for (let index = 0x102; index + 1 < bytes.length; index += 4) if (random(3) > 0) bytes[index + 1] = random(16);
    expect(kept(bytes)).toBe(Buffer.from(withoutIdentifiers(bytes)).toString("hex"));
  });

  test("a device that is gone stays all ones", () => {
    expect(kept(new Uint8Array(256).fill(255))).toBe("ff".repeat(256));
  });
});

test.for([
  "7.2",
  "7.2.0-rc3",
  "7.2.12+deb13-cloud-amd64",
  "6.8.0-060800rc7-generic",
  "6.8.0-1015-nvidia-64k",
  "5.14.0-503.35.1.el9_5.x86_64",
  "5.15.0-300.163.18.el9uek.x86_64",
  "6.1.112-122.189.amzn2023.x86_64",
  "6.6.57.1-7.azl3",
  "5.10.0-182.0.95.oe2203sp3.x86_64",
  "6.8.12-4-pve",
  "6.11.5-arch1-1",
  "6.6.51+rpt-rpi-v8",
  "5.15.167.4-microsoft-standard-WSL2",
  "6.6.56+",
  "6.12.0-next-20241128",
  "7.2.12-alice-secrethost01",
  "6.8.0-51-generic-alice",
  "6.8.0-alice-generic",
  "7.2.0+alice@web01",
  "7.2.0_bobs_kernel",
  "alice",
])("the release %s stays as in a snapshot", (release) => {
  expect(awk(KEEP_RELEASE, `${release}\n`, "-v", `words=${RELEASE_WORDS.join(" ")}`).trim()).toBe(keptRelease(release));
});

test.for([
  "intel_iommu=on,sm_on iommu=pt",
  "amd_iommu=fullflush iommu.passthrough=1 iommu.strict=0",
  "pci=realloc,hpmmioprefsize=512M,disable_acs_redir=0000:00:04.0/00.0;pci:10de:2330",
  "pci=config_acs=xx110x1@00:04.0;1@pci:10de:0:0:0",
  "pci=resource_alignment=20@00:04.0;00:05.0 pci=nommconf",
  "pcie_acs_override=downstream,multifunction,id:1022:1453",
  "vfio-pci.ids=10de:2330,15b3:1021 vfio_iommu_type1.allow_unsafe_interrupts=1",
  "root=UUID=12345678-1234-1234-1234-123456789abc ro quiet intel_iommu=on",
  "ip=10.1.2.3::10.1.2.1:255.255.255.0:web01:eth0:off nfsroot=10.9.8.7:/srv/bob iommu=pt",
  "password=hunter2 systemd.hostname=web01 rd.luks.key=/root/key iscsi_initiator=iqn.2024-01.com.corp:web01",
  "iommu=alice intel_iommu=on,web01 vfio-pci.ids=alice,10de:2330",
  "pci=alice,realloc,disable_acs_redir=web01;00:04.0",
  "pci=disable_acs_redir=00:04.0,00:05.0alice",
])("of the command line %s the same stays as in a snapshot", (commandLine) => {
  const kept = awk(
    KEEP_PARAMETERS,
    `${commandLine}\n`,
    "-v",
    `names=${[...PARAMETERS.keys()].join(" ")}`,
    "-v",
    `words=${PARAMETER_WORDS.join(" ")}`,
  );
  expect(kept.trim()).toBe(keptParameters(commandLine));
});

test("no mark that was planted into sysfs is in the text", () => {
  const planted = plantSources();
  try {
    const source = planted.sources.find(({ name }) => name === "folder of sysfs");
    const text = collect(source?.path ?? "");
    const searched = (source?.marks ?? []).map((mark) => ({ mark, forms: formsOf(mark) }));
    expect(searched.length).toBeGreaterThan(10);
    expect(marksIn(Buffer.from(text), searched)).toEqual([]);
    expect(text).toContain("$ lspci -Dnxxxx");
  } finally {
    planted.remove();
  }
});

describe("a text that was changed on its way", () => {
  const changes: readonly (readonly [string, (lines: string[]) => string[]])[] = [
    ["cut at the end", (lines) => lines.slice(0, -200)],
    ["cut in the middle", (lines) => [...lines.slice(0, 60), ...lines.slice(300)]],
    ["one row of config space lost", (lines) => lines.filter((line) => !line.startsWith("100:"))],
    ["one digit changed", (lines) => lines.map((line) => line.replace(/^(100: .*)00$/, "$101"))],
    ["quoted", (lines) => lines.map((line) => `> ${line}`)],
  ];

  test.for(changes)("%s: is a paste, and says so; no verdict becomes another", async ([, change]) => {
    const root = unpacked("mixed-acs.intel.strict");
    const whole = await read(collect(root));
    const changed = await read(change(collect(root).split("\n")).join("\n"));
    expect(changed.source.format).toBe("lspci");
    const truth = decideAll(whole);
    const table = decideAll(changed);
    table.providers.forEach((provider, i) => {
      table.clients.forEach((client, j) => {
        const verdict = table.mapType(i, j);
        const [row, column] = [truth.providers.indexOf(provider), truth.clients.indexOf(client)];
        if (verdict !== "unknown" && row >= 0 && column >= 0) expect(verdict).toBe(truth.mapType(row, column));
      });
    });
  });

  test("without cksum, lines and bytes are counted", async () => {
    const root = unpacked("mixed-acs.intel.strict");
    const small = join(folder, "small.sh");
    writeFileSync(small, collectScript().replace("command -v cksum", "command -v no-such-program"));
    const text = execFileSync("sh", [small, root], {
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(text).toMatch(/collect, wc +\d+ +\d+\n$/);
    expect((await read(text)).source.format).toBe("collected");
    expect((await read(text.replace(/^100:.*\n/m, ""))).source.format).toBe("lspci");
  });

  test("line ends of Windows change nothing", async () => {
    const root = unpacked("mixed-acs.intel.strict");
    const text = collect(root);
    expect((await read(text.replaceAll("\n", "\r\n"))).source.format).toBe("collected");
    expect((await read(`here it is:\n\n${text}\n-- \nalice\n`)).source.format).toBe("collected");
  });
});
