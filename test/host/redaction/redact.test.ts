import { describe, expect, it } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { leftOut } from "../../../src/host/redaction/left-out.ts";
import { sourceTitle } from "../../../src/host/redaction/names-of-source.ts";
import { redact } from "../../../src/host/redaction/redact.ts";
import { compressSnapshot, writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import type { Capability } from "../../../src/pci/capability.ts";
import { unknown } from "../../../src/pci/known.ts";
import { parsePciParameters } from "../../../src/rules/kernel-parameters.ts";
import { captureNames, readCapturedMachine } from "../../machines/captures.ts";

/** What must not be found in a capture, in the ways that machines write it. */
const SECRETS = [
  "web01.example.com",
  "web01",
  "alice",
  "0c:42:a1:2b:3c:4d",
  "0c-42-a1-2b-3c-4d",
  "0c42a12b3c4d",
  "0c42:a103:002b:3c4d",
  "00-e0-4c-ff-fe-68-00-01",
  "S4EWNX0R123456",
  "192.168.7.9",
  "3a4f5b6c-1111-2222-3333-444455556666",
];

const serial: Capability = {
  space: "extended",
  id: 3,
  version: 1,
  offset: 0x148,
  name: "Device Serial Number",
  decoded: { serial: "00-e0-4c-ff-fe-68-00-01" },
};
const productData: Capability = {
  ...serial,
  space: "standard",
  name: "Vital Product Data",
  decoded: { SN: "S4EWNX0R123456" },
};

const base = readCapturedMachine("one-switch.intel.strict");
const named: Machine = {
  ...base,
  source: { format: "archive", name: "/home/alice/web01.example.com.tar.gz" },
  kernel: {
    ...base.kernel,
    commandLine:
      'BOOT_IMAGE=/vmlinuz root=UUID=3a4f5b6c-1111-2222-3333-444455556666 ip=192.168.7.9:::web01:eth0 intel_iommu=on "pci=disable_acs_redir=00:04.0;00:05.0" systemd.hostname=web01 disable_acs_redir=x iommu.strict=1',
  },
  functions: base.functions.map((fn, index) => ({
    ...fn,
    names: index === 1 ? ["mlx5_0", "enp3s0f0np0", "enx0c42a12b3c4d", "web01-data", "alice"] : fn.names,
    label: index === 2 ? "Ethernet 0c:42:a1:2b:3c:4d / 0c-42-a1-2b-3c-4d / 0c42:a103:002b:3c4d" : fn.label,
    capabilities: index === 3 ? [serial, productData] : fn.capabilities,
    numaNode: index === 4 ? unknown("/home/alice/web01.example.com.tar.gz has no numa_node") : fn.numaNode,
  })),
  notes: [
    {
      severity: "info",
      message: "two dumps in /home/alice/web01.example.com.tar.gz, and in alice/notes.txt",
      remedy: "read /home/alice/web01.example.com.tar.gz alone",
      place: { file: "/home/alice/web01.example.com.tar.gz", line: 3 },
    },
  ],
};

describe("A capture", () => {
  it("holds no serial number, MAC address, host name or path", async () => {
    const text = writeSnapshot(named);
    for (const secret of SECRETS) expect(text.toLowerCase()).not.toContain(secret.toLowerCase());
    const packed = Buffer.from(await compressSnapshot(text)).toString("latin1");
    for (const secret of SECRETS) expect(packed).not.toContain(secret);
  });

  it("says by kind and number what is left out", () => {
    expect(leftOut(named)).toEqual([
      "3 names of devices",
      "5 kernel parameters or values",
      "1 label in part",
      "1 note in part",
    ]);
    expect(leftOut({ ...base, kernel: { ...base.kernel, release: "7.2.0-alice", commandLine: "iommu=pt" } })).toEqual([
      "words in the kernel's release",
    ]);
  });

  it("keeps what the rules and a reader need", () => {
    const { kernel, functions } = redact(named);
    expect(kernel.commandLine).toBe(
      'intel_iommu=on "pci=disable_acs_redir=00:04.0;00:05.0" disable_acs_redir=… iommu.strict=1',
    );
    expect(functions[1]?.names).toEqual(["mlx5_0", "enp3s0f0np0"]);
    expect(functions[3]?.capabilities).toEqual([
      { ...serial, decoded: {} },
      { ...productData, decoded: {} },
    ]);
  });

  it("means the same to the kernel's own parser of pci= parameters", () => {
    const commandLines = [
      String(named.kernel.commandLine),
      "pci=realloc,disable_acs_redir=00:04.0,00:05.0 quiet",
      "root=/dev/sda1 pci=config_acs=xx110x1@00:04.0;1@00:05.0",
      'x="a b" pci=disable_acs_redir=pci:10de:2330; y',
    ];
    for (const commandLine of commandLines) {
      const machine = { ...named, kernel: { ...named.kernel, commandLine } };
      expect(parsePciParameters(String(redact(machine).kernel.commandLine))).toEqual(parsePciParameters(commandLine));
    }
  });

  it.each(captureNames.filter((_, index) => index % 10 === 0))(
    "of %s keeps every name that its kernel gave",
    (name) => {
      const machine = readCapturedMachine(name);
      expect(redact(machine).functions.map((fn) => fn.names)).toEqual(machine.functions.map((fn) => fn.names));
    },
  );
});

describe("What was read", () => {
  it.each<[title: string, source: Machine["source"]]>([
    ["this host", { format: "sysfs", name: "this host" }],
    ["sysfs", { format: "sysfs", name: "/srv/web01" }],
    ["text of lspci", { format: "lspci", name: "zeus.txt" }],
    ["text of lspci", { format: "lspci", name: "standard input" }],
    ["scenario", { format: "scenario", name: "server.yaml" }],
    ["snapshot (text of lspci)", { format: "snapshot", madeOf: "lspci", name: "server.json" }],
    ["snapshot (archive of sysfs)", { format: "snapshot", madeOf: "archive", name: "snapshot" }],
    ["snapshot (sysfs)", { format: "snapshot", madeOf: "sysfs", name: "web01.json.gz" }],
  ])("is named by its kind: %s", (title, source) => {
    expect(sourceTitle(source)).toBe(title);
  });
});
