import { describe, expect, test } from "vitest";
import { looksLikeHwloc, readHwloc } from "../../../src/host/hwloc/read-hwloc.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { type Bdf, formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { decide } from "../../../src/rules/verdict-table.ts";
import { parents, topologyXml } from "./support.ts";

function bdf(text: string): Bdf {
  const value = parseBdf(text);
  if (value === undefined) throw new Error(`no address: ${text}`);
  return value;
}

const read = (text: string): Machine => readHwloc(text, "machine.xml");

function functionAt(machine: Machine, text: string): Machine["functions"][number] {
  const fn = machine.functions.find((candidate) => candidate.bdf === bdf(text));
  if (fn === undefined) throw new Error(`no function ${text}`);
  return fn;
}

function device(busId: string, type: string, inside = ""): string {
  return `<object type="PCIDev" pci_busid="${busId}" pci_type="${type}" pci_link_speed="3.938462">${inside}</object>`;
}

function bridge(busId: string, buses: string, inside: string): string {
  return `<object type="Bridge" bridge_type="1-1" depth="1" bridge_pci="${buses}" pci_busid="${busId}" pci_type="0604 [8086:2030] [0000:0000] 04 00" pci_link_speed="0.000000">${inside}</object>`;
}

function hostBridge(buses: string, inside: string): string {
  return `<object type="Bridge" bridge_type="0-1" depth="0" bridge_pci="${buses}">${inside}</object>`;
}

const hostBridgeDevice = (bus: string): string => device(`${bus}:00.0`, "0600 [8086:2020] [8086:0000] 04 00");
const gpu = (busId: string): string => device(busId, "0302 [10de:2330] [10de:16c1] a1 00");
const nic = (busId: string, osDevices = ""): string => device(busId, "0207 [15b3:1021] [15b3:0041] 00 00", osDevices);

/** Two host bridges, the first with two devices below one port. */
const twoHostBridges = (firstBus: string): string => `
${hostBridge("0000:[00-02]", firstBus + bridge("0000:00:01.0", "0000:[01-02]", gpu("0000:01:00.0") + nic("0000:01:00.1")))}
${hostBridge("0000:[40-41]", hostBridgeDevice("0000:40") + bridge("0000:40:01.0", "0000:[41-41]", gpu("0000:41:00.0")))}`;

const intelPackage = `<object type="Package" os_index="0" nodeset="0x1" complete_nodeset="0x1">
<info name="CPUVendor" value="GenuineIntel"/><info name="CPUFamilyNumber" value="6"/>
<info name="CPUModelNumber" value="85"/><info name="CPUModel" value="Intel(R) Xeon(R) Gold"/></object>`;
const linux = (release: string): string => `<info name="OSName" value="Linux"/>
<info name="OSRelease" value="${release}"/><info name="HostName" value="secret-host"/><info name="Architecture" value="x86_64"/>`;

describe("what a file shows", () => {
  const machine = read(topologyXml(intelPackage + twoHostBridges(hostBridgeDevice("0000:00")), linux("6.12.9-amd64")));

  test("the tree, the ids and the class", () => {
    expect(parents(machine)).toEqual({
      "0000:00:00.0": "root",
      "0000:00:01.0": "root",
      "0000:01:00.0": "0000:00:01.0",
      "0000:01:00.1": "0000:00:01.0",
      "0000:40:00.0": "root",
      "0000:40:01.0": "root",
      "0000:41:00.0": "0000:40:01.0",
    });
    expect(functionAt(machine, "01:00.0")).toMatchObject({
      vendorId: 0x10de,
      deviceId: 0x2330,
      subsystem: { vendorId: 0x10de, deviceId: 0x16c1 },
      revision: 0xa1,
      classCode: 0x030200,
      attachment: { upstream: bdf("00:01.0"), rootBus: 0 },
    });
    expect(functionAt(machine, "00:01.0")).toMatchObject({
      headerType: 1,
      bridge: { primary: 0, secondary: 1, subordinate: 2 },
    });
  });

  test("the CPU and the kernel, and not the host's name", () => {
    expect(machine.cpu).toEqual({
      architecture: "x86_64",
      vendor: "GenuineIntel",
      family: 6,
      model: 85,
      name: "Intel(R) Xeon(R) Gold",
    });
    expect(machine.kernel.release).toBe("6.12.9-amd64");
    expect(JSON.stringify(machine)).not.toContain("secret-host");
  });

  test("what XML of hwloc never has is unknown and names the way out", () => {
    const fn = functionAt(machine, "41:00.0");
    for (const field of ["acs", "express", "bars", "command", "sriov", "iommuGroup", "driver", "p2pmem"] as const) {
      const value = fn[field];
      expect(isUnknown(value) && value.unknown).toContain("give sudo lspci -vvvnn, or a capture");
    }
    expect(functionAt(machine, "00:01.0").subsystem).toHaveProperty("unknown");
    expect(machine.iommu.kind).toHaveProperty("unknown");
    expect(machine.functionsMayBeMissing).toContain("lspci -nn");
  });

  test("hwloc 2 keeps the words on the system in the machine and writes no programming interface", () => {
    const inMachine = topologyXml(`${linux("5.15.0")}${hostBridge("0000:[00-00]", hostBridgeDevice("0000:00"))}`)
      .replace('version="3.0"', 'version="2.0"')
      .replace("04 00", "04");
    const old = read(inMachine);
    expect(old.kernel.release).toBe("5.15.0");
    expect(old.cpu.architecture).toBe("x86_64");
    expect(functionAt(old, "00:00.0").classCode).toBe(0x060000);
  });
});

describe("names", () => {
  const osDevice = (name: string, type: number): string =>
    `<object type="OSDev" name="${name}" osdev_type="${type}"><info name="Address" value="00:11:22:33:44:55"/></object>`;
  const named = (version: string, ...osDevices: string[]): readonly string[] => {
    const xml = topologyXml(hostBridge("0000:[00-00]", nic("0000:00:05.0", osDevices.join("")))).replace(
      "3.0",
      version,
    );
    return functionAt(read(xml), "00:05.0").names;
  };

  test("in hwloc 2 a number says what an OS device is", () => {
    expect(named("2.0", osDevice("eth0", 2), osDevice("mlx5_0", 3), osDevice("sda", 0), osDevice("cuda0", 5))).toEqual([
      "mlx5_0",
      "eth0",
    ]);
  });

  test("in hwloc 3 bits say it", () => {
    expect(
      named("3.0", osDevice("ib0", 16), osDevice("mlx5_0", 48), osDevice("nvme0n1", 1), osDevice("card1", 4)),
    ).toEqual(["nvme0n1", "mlx5_0", "ib0", "card1"]);
  });
});

describe("domains of 32 bits", () => {
  test("are read, with bridges of their own", () => {
    const inside = bridge("10000:e0:02.0", "10000:[e1-e1]", nic("10000:e1:00.0"));
    const machine = read(topologyXml(hostBridge("10000:[e0-e1]", inside)));
    expect(parents(machine)).toEqual({ "10000:e0:02.0": "root", "10000:e1:00.0": "10000:e0:02.0" });
  });
});

describe("NUMA nodes", () => {
  const inObject = (type: string, nodes: string): Machine => {
    const inside = hostBridge("0000:[00-00]", hostBridgeDevice("0000:00"));
    return read(topologyXml(`<object type="${type}" complete_nodeset="${nodes}">${inside}</object>`));
  };

  test("a host bridge at a part of the machine with one node has that node", () => {
    const machine = inObject("Package", "0x00000002");
    expect(functionAt(machine, "00:00.0").numaNode).toBe(1);
    expect(machine.hostBridges).toMatchObject([{ rootBus: 0, numaNode: 1 }]);
    expect(functionAt(inObject("L3Cache", "0x0,0x00000001"), "00:00.0").numaNode).toBe(0);
  });

  test("at the machine, or at a part with all or several nodes, it is unknown", () => {
    expect(functionAt(inObject("Group", "0x00000003"), "00:00.0").numaNode).toHaveProperty("unknown");
    const atMachine = read(topologyXml(hostBridge("0000:[00-00]", hostBridgeDevice("0000:00"))));
    expect(functionAt(atMachine, "00:00.0").numaNode).toHaveProperty("unknown");
  });

  test("a set without end names no node", () => {
    expect(functionAt(inObject("Group", "0xf...f"), "00:00.0").numaNode).toHaveProperty("unknown");
  });
});

describe("the CPU and the kernel, where a file is no help", () => {
  const amdPackage = intelPackage.replace("GenuineIntel", "AuthenticAMD").replace('"6"', '"25"');

  test("packages that differ make it unknown", () => {
    const { cpu } = read(topologyXml(intelPackage + amdPackage, linux("6.1")));
    expect(cpu.vendor).toEqual({ unknown: "the file names several CPU vendors: GenuineIntel, AuthenticAMD" });
    expect(cpu.model).toBe(85);
  });

  test("a release of another system than Linux is none", () => {
    const { kernel, notes } = read(
      topologyXml(hostBridge("0000:[00-00]", gpu("0000:00:02.0")), linux("14.1").replace("Linux", "FreeBSD")),
    );
    expect(kernel.release).toEqual({
      unknown: "the file is of FreeBSD, and the rules are those of Linux: give --kernel",
    });
    expect(notes.at(-1)?.message).toContain("FreeBSD");
  });

  test("a file without PCI says so", () => {
    const { functions, notes } = read(topologyXml(intelPackage));
    expect(functions).toEqual([]);
    expect(notes).toMatchObject([{ severity: "warning", remedy: "run lstopo --of xml without --no-io" }]);
  });
});

describe("verdicts", () => {
  const intel = (firstBus: string, release: string): Machine =>
    read(topologyXml(intelPackage + twoHostBridges(firstBus), linux(release)));
  const whole = intel(hostBridgeDevice("0000:00"), "5.10.0");

  test("a pair below one bridge hangs on ACS, and so does a function with itself", () => {
    for (const client of ["01:00.1", "01:00.0"]) {
      const verdict = decide(whole, bdf("01:00.0"), bdf(client));
      expect(verdict).toMatchObject({ mapType: "unknown", reason: "acs-hidden", distance: null });
      expect(verdict.hops).toBe(client === "01:00.0" ? 0 : 2);
      expect(verdict.hidden).toEqual(["hwloc's XML has no ACS: give sudo lspci -vvvnn, or a capture"]);
    }
  });

  test("a pair below two host bridges hangs on CPU and allow-list, and both are in the file", () => {
    expect(decide(whole, bdf("01:00.0"), bdf("41:00.0"))).toMatchObject({
      mapType: "thru-host-bridge",
      reason: "host-bridge-allowed",
    });
  });

  test.for(["5.8", "5.10", "6.1", "6.12", "7.3"])(
    "where hwloc left out 00.0 it is unknown by the rules of %s",
    (release) => {
      const filtered = intel("", release);
      expect(decide(filtered, bdf("01:00.0"), bdf("41:00.0"))).toMatchObject({
        mapType: "unknown",
        reason: "host-bridge-hidden",
      });
    },
  );

  test("on AMD Zen the host bridge does not matter", () => {
    const zen = read(
      topologyXml(
        intelPackage.replace("GenuineIntel", "AuthenticAMD").replace('"6"', '"25"') + twoHostBridges(""),
        linux("6.12"),
      ),
    );
    expect(decide(zen, bdf("01:00.0"), bdf("41:00.0"))).toMatchObject({
      mapType: "thru-host-bridge",
      reason: "cpu-allowed",
      hops: 4,
    });
  });
});

describe("what is not in the file", () => {
  const { release } = read(topologyXml("", linux("6.12"))).kernel;
  test.each([
    ["the system's name", '<info name="OSRelease" value="6.12"/>', "the file names no kernel release: give --kernel"],
    ["the release", '<info name="OSName" value="Linux"/>', "the file names no kernel release: give --kernel"],
  ])("%s leaves the kernel unknown", (_name, infos, reason) => {
    expect(release).toBe("6.12");
    expect(read(topologyXml("", infos)).kernel.release).toEqual({ unknown: reason });
  });

  test("the family of a CPU is unknown where it is 0", () => {
    const cpu = read(topologyXml(intelPackage.replace('"6"', '"0"'))).cpu;
    expect(cpu).toMatchObject({ vendor: "GenuineIntel", family: { unknown: expect.any(String) as string } });
  });

  test("ids of all ones are of a device that was gone", () => {
    const gone = device("0000:01:00.0", "ffff [ffff:ffff] [ffff:ffff] ff ff");
    const [, fn] = read(
      topologyXml(hostBridge("0000:[00-01]", bridge("0000:00:01.0", "0000:[01-01]", gone))),
    ).functions;
    for (const field of ["vendorId", "deviceId", "classCode", "bridge"] as const)
      expect(fn?.[field]).toMatchObject({ unknown: expect.any(String) as string });
  });

  test("a file of several machines is refused with the place of the second", () => {
    const machine = '<object type="Machine" os_index="0"></object>\n';
    expect(() => read(topologyXml("").replace("</topology>", `${machine}</topology>`))).toThrow("several machines");
  });
});

describe("places that hwloc may have wrong", () => {
  const places = (xml: string): Record<string, string> => parents(read(topologyXml(xml)));

  test("a bus on which only virtual functions may be is no root bus for certain", () => {
    const root = hostBridge("0000:[e7-e7]", device("0000:e7:00.0", "0b40 [8086:4940] [8086:0000] 40 00"));
    const virtual = hostBridge("0000:[e8-e8]", device("0000:e8:00.0", "0b40 [8086:4941] [8086:0000] 40 00"));
    expect(places(root + virtual)).toEqual({ "0000:e7:00.0": "root", "0000:e8:00.0": "hidden" });
  });

  test("a bus with a bridge, or with a kind of function that no lower one has, is a root bus", () => {
    const low = hostBridge("0000:[00-00]", gpu("0000:00:02.0"));
    const other = hostBridge("0000:[10-10]", nic("0000:10:00.0"));
    const ports = hostBridge("0000:[20-21]", gpu("0000:20:00.0") + bridge("0000:20:01.0", "0000:[21-21]", ""));
    expect(Object.values(places(low + other + ports))).toEqual(["root", "root", "root", "root"]);
  });

  test("where a bridge could not be read only bus 0 and the bridges' own buses count", () => {
    const unread = device("0000:01:00.0", "0604 [10b5:8747] [0000:0000] ff 00");
    const inside = bridge("0000:00:01.0", "0000:[01-09]", unread + nic("0000:05:00.0"));
    const apart = hostBridge("0000:[20-20]", bridge("0000:20:00.0", "0000:[21-21]", gpu("0000:21:00.0")));
    expect(places(hostBridge("0000:[00-09]", inside) + apart)).toEqual({
      "0000:00:01.0": "root",
      "0000:01:00.0": "0000:00:01.0",
      "0000:05:00.0": "hidden",
      "0000:20:00.0": "hidden",
      "0000:21:00.0": "0000:20:00.0",
    });
  });

  test("virtual functions on a bus beyond their bridge's first are below that bridge", () => {
    const inside = bridge("0000:00:01.0", "0000:[01-02]", nic("0000:01:00.0") + nic("0000:02:00.1"));
    expect(places(hostBridge("0000:[00-02]", inside))).toMatchObject({ "0000:02:00.1": "0000:00:01.0" });
  });

  test("of functions on such a bus are hidden where nothing shows that they are virtual: a bridge may be missing", () => {
    const alone = bridge("0000:00:01.0", "0000:[01-02]", gpu("0000:01:00.0") + nic("0000:02:00.0"));
    expect(places(hostBridge("0000:[00-02]", alone))).toMatchObject({ "0000:02:00.0": "hidden" });
    // The upstream port of a switch was taken out, and its downstream ports were left.
    const ports =
      bridge("0000:02:00.0", "0000:[03-03]", nic("0000:03:00.0")) + bridge("0000:02:01.0", "0000:[04-04]", "");
    expect(places(hostBridge("0000:[00-04]", bridge("0000:00:01.0", "0000:[01-04]", ports)))).toMatchObject({
      "0000:02:00.0": "hidden",
      "0000:03:00.0": "0000:02:00.0",
    });
  });
});

describe("refusals name the place", () => {
  function refusal(text: string): PeerlaneError {
    try {
      read(text);
    } catch (error) {
      if (error instanceof PeerlaneError) return error;
      throw error;
    }
    throw new Error("the text was read");
  }
  const good = topologyXml(hostBridge("0000:[00-00]", gpu("0000:00:02.0")));

  test.for([
    ["cut off", good.slice(0, 300), "bad-input", /not well-formed XML/],
    ["no XML", "00:00.0 Host bridge: Intel", "bad-input", /not well-formed XML/],
    ["empty", "", "bad-input", /must contain a root element/],
    ["another root", "<machine/>", "bad-input", /first element is <machine>/],
    ["hwloc 1", good.replace(' version="3.0"', ""), "unsupported", /version 1/],
    ["hwloc 4", good.replace('version="3.0"', 'version="4.0"'), "unsupported", /version '4.0'/],
    ["no address", good.replace("0000:00:02.0", "0000:00:42.0"), "bad-input", /pci_busid '0000:00:42.0'/],
    ["no ids", good.replace("0302 [10de:2330]", "GPU"), "bad-input", /pci_type 'GPU/],
    ["no buses", good.replace("0000:[00-00]", "0000:[05-00]"), "bad-input", /bridge_pci '0000:\[05-00\]'/],
    ["another bus", good.replace("0000:[00-00]", "0000:[05-05]"), "bad-input", /host bridge with the root bus 0000:05/],
    ["an entity", good.replace('"hwloc2.dtd"', '"hwloc2.dtd" [<!ENTITY a "b">]'), "bad-input", /declares entities/],
    ["an unknown entity", good.replace("0x00000003", "&lol;"), "bad-input", /undefined entity/],
    [
      "too many attributes",
      `<topology ${Array.from({ length: 300 }, (_, index) => `a${index}="" `).join("")}>`,
      "too-large",
      /256 attributes/,
    ],
    ["too deep", `<topology version="3.0">${"<object>".repeat(600)}`, "too-large", /512 levels/],
  ] as const)("%s", ([, text, code, message]) => {
    const error = refusal(text);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.place?.file).toBe("machine.xml");
    expect(error.place?.line).toBeGreaterThan(0);
    expect(error.place?.column).toBeGreaterThan(0);
    expect(error.remedy).toBeDefined();
  });

  test("the line and column are those where the element begins", () => {
    const lines = good.replace("0000:00:02.0", "zero").split("\n");
    const line = lines.findIndex((text) => text.includes("zero")) + 1;
    const column = (lines[line - 1] ?? "").indexOf('<object type="PCIDev"') + 1;
    expect(refusal(lines.join("\n")).place).toEqual({ file: "machine.xml", line, column });
  });

  test("a function in two places is refused with both", () => {
    const twice = topologyXml(hostBridge("0000:[00-00]", `${gpu("0000:00:02.0")}\n${gpu("0000:00:02.0")}`));
    expect(refusal(twice).message).toMatch(/0000:00:02.0 is in the file twice, first on line 5/);
  });

  test("a text beyond 64 Mi characters is refused before it is read", () => {
    expect(refusal(" ".repeat(64 * 1024 * 1024 + 1))).toMatchObject({ code: "too-large" });
  });
});

test("a hundred thousand devices are read", () => {
  let inside = "";
  for (let index = 0; index < 100_000; index++) {
    const [domain, rest] = [Math.floor(index / 8192), index % 8192];
    inside += hostBridge(
      `${domain.toString(16).padStart(4, "0")}:[${(rest >> 5).toString(16).padStart(2, "0")}-ff]`,
      gpu(formatBdf((domain * 0x10000 + (rest >> 5) * 0x100 + (rest & 31) * 8) as Bdf)),
    );
  }
  const machine = read(topologyXml(inside));
  expect(machine.functions).toHaveLength(100_000);
  expect(topologyOf(machine).functions).toHaveLength(100_000);
});

test("an hwloc file is known by its first element", () => {
  expect(
    looksLikeHwloc('\uFEFF<?xml version="1.0"?>\n<!-- a > b -->\n<!DOCTYPE topology SYSTEM "hwloc2.dtd">\n<topology>'),
  ).toBe(true);
  expect(looksLikeHwloc("<!-- <topology> -->")).toBe(false);
  expect(looksLikeHwloc("<system><topology/></system>")).toBe(false);
  expect(looksLikeHwloc("00:00.0 Host bridge")).toBe(false);
  expect(looksLikeHwloc(`${"<!---->".repeat(9000)}<topolog`)).toBe(false);
});
