import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { Answers, answer } from "../../src/answers/answer.ts";
import type { FileTree } from "../../src/host/file-tree.ts";
import { readHwloc } from "../../src/host/hwloc/read-hwloc.ts";
import { guestOfLine, guestOfTree } from "../../src/host/hypervisor.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readNccl } from "../../src/host/nccl/read-nccl.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { unknown } from "../../src/pci/known.ts";
import { virtualMachineOf } from "../../src/platforms/virtual-machine.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { read } from "../host/lspci/support.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { at, bridge, endpoint, hostBridge, ids, machineOf, zen } from "../rules/by-hand.ts";
import { sharedFiles } from "../shared-files.ts";

describe("What a line says of a hypervisor", () => {
  test.each([
    ["flags\t\t: fpu vme hypervisor lahf_lm", "unnamed", "cpuinfo"],
    ["Flags:   fpu vme hypervisor", "unnamed", "lscpu"],
    ["Hypervisor vendor:                    KVM", "KVM", "lscpu"],
    ["Hypervisor vendor:     Microsoft", "Hyper-V", "lscpu"],
    ["Hypervisor vendor:     VMware", "VMware", "lscpu"],
    ["Hypervisor vendor:     horizontal", "unnamed", "lscpu"],
    ["Hypervisor detected: Microsoft Hyper-V", "Hyper-V", "dmesg"],
    ["Hypervisor detected: KVM", "KVM", "dmesg"],
    ["Booting paravirtualized kernel on Xen HVM", "Xen", "dmesg"],
    ["DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2", "QEMU", "dmesg"],
    ["DMI: Amazon EC2 p5.48xlarge/, BIOS 1.0 10/16/2017", "Amazon EC2", "dmesg"],
  ])("%s", (line, hypervisor, shownBy) => {
    expect(guestOfLine(line)).toEqual({ hypervisor, shownBy });
  });

  test.each([
    "flags\t\t: fpu vme vmx lahf_lm",
    "Booting paravirtualized kernel on bare hardware",
    "DMI: Amazon EC2 m5.metal/Not Specified, BIOS 1.0 10/16/2017",
    "DMI: Supermicro SYS-420GP-TNR/X12DPG-OA6, BIOS 1.4 07/11/2022",
    "model name\t: Intel(R) Xeon(R) hypervisor",
    "Virtualization:                       VT-x",
  ])("nothing: %s", (line) => {
    expect(guestOfLine(line)).toBeUndefined();
  });

  test("Xen's first domain drives the real machine, though its processors have the flag", () => {
    const text =
      "Hypervisor vendor:   Xen\nVirtualization type: none\nFlags:  fpu hypervisor\n\n00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]\n";
    expect(virtualMachineOf(read(text))).toBeNull();
    expect(virtualMachineOf(read(text.replace("none", "full")))).toEqual({ hypervisor: "Xen", shownBy: "lscpu" });
  });
});

describe("What a tree shows of a hypervisor", () => {
  const treeOf = (files: Readonly<Record<string, string>>): FileTree => ({
    name: "a copy",
    read: (path) => (files[path] === undefined ? undefined : new TextEncoder().encode(files[path])),
    list: (path) => {
      const names = Object.keys(files).filter((file) => file.startsWith(`${path}/`));
      return names.length === 0 ? undefined : names.map((file) => file.slice(path.length + 1).split("/")[0] ?? "");
    },
    readLink: () => undefined,
  });
  const dmi = (vendor: string, product: string): Record<string, string> => ({
    "sys/class/dmi/id/sys_vendor": `${vendor}\n`,
    "sys/class/dmi/id/product_name": `${product}\n`,
  });
  const flag = { "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu hypervisor\n" };

  test.each<[name: string, files: Record<string, string>, expected: string]>([
    ["nothing", { "proc/cpuinfo": "flags\t\t: fpu vmx\n" }, ""],
    ["the flag", flag, "unnamed cpuinfo"],
    ["DMI over the flag", { ...flag, ...dmi("VMware, Inc.", "VMware20,1") }, "VMware dmi"],
    ["Hyper-V by DMI", dmi("Microsoft Corporation", "Virtual Machine"), "Hyper-V dmi"],
    ["a Surface of Microsoft", dmi("Microsoft Corporation", "Surface Laptop 4"), ""],
    ["EC2", dmi("Amazon EC2", "p4d.24xlarge"), "Amazon EC2 dmi"],
    ["EC2, bare metal", dmi("Amazon EC2", "m5.metal"), ""],
    ["VMBus", { ...flag, "sys/bus/vmbus/devices/guid/id": "0" }, "Hyper-V vmbus"],
    ["Xen", { ...flag, "sys/hypervisor/type": "xen\n", "sys/hypervisor/guest_type": "HVM\n" }, "Xen sys/hypervisor"],
    ["Xen by DMI", { "sys/hypervisor/type": "xen\n", ...dmi("Xen", "HVM domU") }, "Xen dmi"],
    // A copy of /sys alone does not tell its first domain from a guest: both have the type and the flag.
    ["Xen, of one domain or another", { ...flag, "sys/hypervisor/type": "xen\n" }, ""],
    ["EC2, of which the product is not in the copy", { "sys/class/dmi/id/sys_vendor": "Amazon EC2\n" }, ""],
    ["EC2, bare metal, cut", { ...dmi("Amazon EC2", ""), "sys/class/dmi/id/product_name": "m5.met" }, ""],
    ["Xen's first domain", { ...flag, "sys/hypervisor/type": "xen\n", "proc/xen/capabilities": "control_d\n" }, ""],
  ])("%s", (_name, files, expected) => {
    const found = guestOfTree(treeOf(files));
    expect(found === undefined ? "" : `${found.hypervisor} ${found.shownBy}`).toBe(expected);
  });
});

describe("Devices that exist in guests only", () => {
  const gpu = ids("10de:2330");
  const aloneGpu = (domain: string): Machine["functions"][number] =>
    endpoint(`${domain}:00:00.0`, { ...gpu, classCode: 0x030200 });
  const machine = (...more: Machine["functions"]): Machine =>
    machineOf([
      hostBridge("00:00.0", "8086:09a2"),
      bridge("00:01.0", "root-port", 1, ids("8086:352a")),
      endpoint("01:00.0", gpu),
      ...more,
    ]);
  test.each<[name: string, machine: Machine, hypervisor: string | undefined]>([
    ["a server", machine(), undefined],
    ["a server with a smart NIC that shows virtio", machine(endpoint("00:05.0", ids("1af4:1041"))), undefined],
    ["a server of Amazon's with its own NIC", machine(endpoint("00:05.0", ids("1d0f:ec20"))), undefined],
    ["a server with VMD", machine(endpoint("10000:00:00.0", ids("144d:a80a"))), undefined],
    ["QEMU's root port", machine(bridge("00:02.0", "root-port", 2, ids("1b36:000c"))), "QEMU"],
    ["QEMU's subsystem", machine(endpoint("00:1f.2", { subsystem: { vendorId: 0x1af4, deviceId: 0x1100 } })), "QEMU"],
    [
      "QEMU's root port by its name, where ids are hidden",
      machine(
        bridge("00:02.0", "root-port", 2, {
          vendorId: unknown("names only"),
          label: "Red Hat, Inc. QEMU PCIe Root port",
        }),
      ),
      "QEMU",
    ],
    ["VMware's root port", machine(bridge("00:15.0", "root-port", 3, ids("15ad:07a0"))), "VMware"],
    ["Xen's platform device", machine(endpoint("00:03.0", ids("5853:0001"))), "Xen"],
    [
      "Xen's platform device behind what QEMU emulates for it",
      machine(
        endpoint("00:01.1", { subsystem: { vendorId: 0x1af4, deviceId: 0x1100 } }),
        endpoint("00:1f.0", ids("5853:0001")),
      ),
      "Xen",
    ],
    ["VirtualBox's display", machine(endpoint("00:02.0", ids("80ee:beef"))), "VirtualBox"],
    [
      "Hyper-V: each device alone in a domain of a random number",
      machineOf([endpoint("c05b:00:00.0", gpu), endpoint("8ffe:00:02.0", ids("15b3:101a"))]),
      "Hyper-V",
    ],
    ["Azure's GPUs, in domains counted from 1 on", machineOf([aloneGpu("0001"), aloneGpu("0002")]), "Hyper-V"],
    ["one GPU alone in domain 1", machineOf([endpoint("0001:00:00.0", { ...gpu, classCode: 0x030200 })]), undefined],
    [
      "GPUs behind ports of segments of their own",
      machineOf(
        ["0001", "0002"].flatMap((domain) => [
          bridge(`${domain}:00:00.0`, "root-port", 1, ids("8086:352a")),
          endpoint(`${domain}:01:00.0`, { ...gpu, classCode: 0x030200 }),
        ]),
      ),
      undefined,
    ],
    [
      "GPUs alone in segments of another architecture, which may hide their ports",
      machineOf([aloneGpu("0001"), aloneGpu("0002")], { cpu: { ...zen, architecture: "aarch64" } }),
      undefined,
    ],
    ["a 440FX above PCI Express", machineOf([hostBridge("00:00.0", "8086:1237"), endpoint("00:0f.0", gpu)]), "unnamed"],
    [
      "a 440FX of its own time",
      machineOf([hostBridge("00:00.0", "8086:1237"), endpoint("00:0f.0", { ...gpu, express: null })]),
      undefined,
    ],
  ])("%s", (_name, one, hypervisor) => {
    expect(virtualMachineOf(one)?.hypervisor).toBe(hypervisor);
  });

  test("A scenario is what its author says, whatever its ids", () => {
    const scenario = readScenario("hostBridges: [below: [{rootPort: , below: [nvme]}]]", "f");
    expect(virtualMachineOf(scenario)).toBeNull();
    expect(virtualMachineOf(readSnapshot(writeSnapshot(scenario), "f.json"))).toBeNull();
  });
});

describe("In a guest the verdict is its kernel's, and the path is the host's", () => {
  const memory: Bar = {
    index: 0,
    kind: "memory",
    is64Bit: true,
    prefetchable: true,
    busAddress: busAddr(2 ** 40),
    physAddress: physAddr(2 ** 40),
    sizeBytes: 2 ** 37,
    fromEnhancedAllocation: false,
  };
  const passedThrough = machineOf(
    [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, ids("1b36:000c")),
      endpoint("01:00.0", { ...ids("10de:2330"), bars: [memory] }),
      bridge("00:02.0", "root-port", 2, ids("1b36:000c")),
      endpoint("02:00.0", ids("15b3:1021")),
      bridge("00:03.0", "root-port", 3, ids("1b36:000c")),
      endpoint("03:00.0", ids("1b36:0010")),
      bridge("00:04.0", "root-port", 4, ids("1b36:000c")),
      endpoint("04:00.0", ids("1af4:1041")),
    ],
    { cpu: zen, guestOf: { hypervisor: "KVM", shownBy: "lscpu" } },
  );

  test("of two devices that were passed through, and of one beside an emulated one", () => {
    for (const client of ["02:00.0", "03:00.0"]) {
      const said = answer(passedThrough, at("01:00.0"), at(client));
      expect(said.mapType).toBe("thru-host-bridge");
      expect(said.gates.map(({ kind, effect }) => `${kind} ${effect}`)).toContain("virtual-machine warns");
      const why = "the path is the host's: this is a virtual machine (KVM; shown by lscpu)";
      expect(said.hardware.write).toEqual({ outcome: "unknown", why, facts: [] });
      expect(said.hardware.read).toEqual({ outcome: "unknown", why, facts: [] });
      const table = decideAll(passedThrough, { providers: [at("01:00.0")], clients: [at(client)] });
      expect(new PeerRoutes(table).at(0, 0)).toMatchObject({ write: { unknown: why }, read: { unknown: why } });
    }
  });

  test("and of two emulated ones, what is known of the emulator holds, and nothing of the processor", () => {
    const said = answer(passedThrough, at("03:00.0"), at("04:00.0"));
    expect(said.gates.map(({ kind }) => kind)).not.toContain("virtual-machine");
    expect(said.hardware.write).toMatchObject({ outcome: "works", facts: ["qemu-root-complex"] });
  });

  test("a snapshot keeps that it is a guest", () => {
    expect(readSnapshot(writeSnapshot(passedThrough), "guest.json").guestOf).toEqual(passedThrough.guestOf);
  });
});

describe("Machines that we have", () => {
  test.each(captureNames)("%s, which QEMU made, is a guest, in which everything is emulated", (name) => {
    const machine = readCapturedMachine(name);
    expect(virtualMachineOf(machine)).not.toBeNull();
    const table = decideAll(machine);
    const answers = new Answers(table);
    for (let i = 0; i < table.providers.length; i++) {
      for (let j = 0; j < table.clients.length; j++) {
        expect(answers.gates(i, j).map(({ kind }) => kind)).not.toContain("virtual-machine");
      }
    }
  });

  test("none of the shared ones, which are real, is a guest", () => {
    const texts = sharedFiles("machines/lspci").map((path) => readLspci(readFileSync(path), path));
    const topologies = sharedFiles("machines/hwloc").filter((path) => path.endsWith(".xml"));
    const found = [...texts, ...topologies.map((path) => readHwloc(readFileSync(path, "utf8"), path))];
    expect(found.map(virtualMachineOf).filter((one) => one !== null)).toEqual([]);
  });

  test("of the shared topologies of NCCL and RCCL those of Azure, and RCCL's own of guests, are", () => {
    const paths = [...sharedFiles("machines/nccl"), ...sharedFiles("machines/rccl")].filter((path) =>
      path.endsWith(".xml"),
    );
    const guests = paths.filter((path) => virtualMachineOf(readNccl(readFileSync(path, "utf8"), path)) !== null);
    expect(guests).toEqual(paths.filter((path) => /azure|vm/.test(basename(path))));
  });
});
