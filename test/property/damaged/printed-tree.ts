import { type Registers, space } from "../../pci/config.ts";
import { Files } from "./files.ts";
import type { Made, MadeMachine } from "./machine.ts";

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
/** `0000:41:00.1`. */
export const nameOf = ({ bus, device, fn }: Made): string => `0000:${hex(bus, 2)}:${hex(device, 2)}.${fn}`;

const TYPES: Readonly<Partial<Record<Made["kind"], number>>> = {
  endpoint: 0,
  "root-port": 4,
  upstream: 5,
  downstream: 6,
  system: 9,
};
const isBridge = ({ secondary }: Made): boolean => secondary > 0;
const classOf = ({ className }: Made): number => Number.parseInt(className.slice(-5, -1), 16) << 8;

/** The folder of a function below `sys/devices`. */
export function folderOf(fn: Made): string {
  const above = fn.above === null ? `sys/devices/pci0000:${hex(fn.bus, 2)}` : folderOf(fn.above);
  return `${above}/${nameOf(fn)}`;
}

/** Config space by the registers of the specification, written on its own. */
function configOf(fn: Made): Uint8Array {
  const [vendor = 0, device = 0] = fn.ids.split(":").map((digits) => Number.parseInt(digits, 16));
  const type = TYPES[fn.kind];
  const isVirtual = fn.physical !== null;
  const registers: Record<number, Registers[number]> = {
    0: isVirtual ? 0xffffffff : vendor + device * 0x10000,
    4: (type === undefined ? 0 : 0x00100000) + (isVirtual ? 4 : fn.decodes ? 6 : 4),
    8: classOf(fn) * 0x100 + 1,
    14: [isBridge(fn) ? 1 : 0, 1],
  };
  if (isBridge(fn)) {
    registers[0x18] = fn.bus + fn.secondary * 0x100 + fn.subordinate * 0x10000;
    const base = Math.floor(fn.memoryAt / 0x10000) & 0xfff0;
    registers[0x20] = base + (base + 0x10) * 0x10000;
  } else if (fn.hasBar && !isVirtual) registers[0x10] = fn.memoryAt + 4;
  if (type === undefined) return space(256, registers);
  registers[0x34] = [0x40, 1];
  const second = fn.hasMsi ? 0x80 : 0;
  registers[0x40] = (0x10 + second * 0x100 + ((type << 4) | 2) * 0x10000) >>> 0;
  registers[0x44] = 0x8022;
  registers[0x4c] = 0x00400d03;
  registers[0x50] = 0x10830040;
  if (second > 0) registers[0x80] = 0x00860005;
  const extended: [offset: number, id: number, ...words: number[]][] = [];
  if (fn.hasAer) extended.push([0x100, 0x01, 0, 0, 0x00462030]);
  else if (fn.acs !== null || fn.hasSerial || fn.virtuals > 0) extended.push([0x100, 0x0b, 0x02010001, 0x1234]);
  if (fn.acs !== null) extended.push([0x148, 0x0d, 0x7f + fn.acs * 0x10000]);
  if (fn.hasSerial) extended.push([0x160, 0x03, 0x11223344, 0x55667788]);
  if (fn.virtuals > 0)
    extended.push([0x180, 0x10, 0, 9, 0x00080008, fn.virtuals, 0x00010000 + offsetOf(fn), 0x2331_0000]);
  extended.forEach(([offset, id, ...words], index) => {
    registers[offset] = (id + 0x10000 + (extended[index + 1]?.[0] ?? 0) * 0x100000) >>> 0;
    words.forEach((word, at) => {
      registers[offset + 4 + 4 * at] = word;
    });
  });
  return space(4096, registers);
}

/** Routing id of the first virtual function, relative to that of its physical one. */
function offsetOf(fn: Made): number {
  return fn.firstVirtual - fn.fn;
}

function resourceOf(fn: Made): string {
  const line = (start: number, end: number, flags: number): string =>
    [start, end, flags].map((value) => `0x${hex(value, 16)}`).join(" ");
  const count = isBridge(fn) ? 17 : 13;
  const lines = new Array<string>(count).fill(line(0, 0, 0));
  if (isBridge(fn)) lines[14] = line(fn.memoryAt, fn.memoryAt + 0x1fffff, 0x200);
  else if (fn.hasBar) lines[0] = line(fn.memoryAt, fn.memoryAt + (fn.physical === null ? 0xfffff : 0xffff), 0x140204);
  return `${lines.join("\n")}\n`;
}

/** The machine as sysfs and procfs show it to root, with the kernel's configuration below `boot`. */
export function printedTree({ functions, release, cpu, iommu, hasP2pdma }: MadeMachine): Files {
  const files = new Files("a printed tree");
  for (const folder of ["sys/bus/pci/devices", "sys/kernel/iommu_groups", "sys/class/iommu"]) files.folder(folder);
  for (const fn of functions) {
    const folder = folderOf(fn);
    const up = "../".repeat(folder.split("/").length - 1);
    files.link(`sys/bus/pci/devices/${nameOf(fn)}`, `../../../${folder.slice(4)}`);
    files.file(`${folder}/config`, configOf(fn));
    files.file(`${folder}/resource`, resourceOf(fn));
    const [vendor = "", device = ""] = fn.ids.split(":");
    const texts = {
      vendor: `0x${vendor}`,
      device: `0x${device}`,
      class: `0x${hex(classOf(fn), 6)}`,
      numa_node: fn.bus < 0x40 ? "0" : "12",
      dma_mask_bits: fn.kind === "endpoint" ? "64" : "32",
      enable: "1",
      uevent: `${fn.driver === null ? "" : `DRIVER=${fn.driver}\n`}PCI_CLASS=${hex(classOf(fn), 6).toUpperCase()}\nPCI_SLOT_NAME=${nameOf(fn)}`,
    };
    for (const [name, text] of Object.entries(texts)) files.file(`${folder}/${name}`, `${text}\n`);
    if (fn.driver !== null) files.link(`${folder}/driver`, `${up}bus/pci/drivers/${fn.driver}`);
    if (fn.physical !== null) files.link(`${folder}/physfn`, `../${nameOf(fn.physical)}`);
    if (fn.group === null) continue;
    files.link(`${folder}/iommu_group`, `${up}kernel/iommu_groups/${fn.group}`);
    const group = `sys/kernel/iommu_groups/${fn.group}`;
    files.file(`${group}/type`, iommu === "strict" ? "DMA\n" : "identity\n");
    files.link(`${group}/devices/${nameOf(fn)}`, `../../../../${folder.slice(4)}`);
  }
  if (iommu !== "off") files.link(`sys/class/iommu/${cpu.vendor === "AuthenticAMD" ? "ivhd0" : "dmar0"}`, "../../x");
  files.file("proc/cpuinfo", cpuinfoOf(cpu));
  files.file("proc/version", `Linux version ${release} (someone@example) (gcc 14.2.0) #1 SMP\n`);
  files.file("proc/sys/kernel/osrelease", `${release}\n`);
  files.file(
    "proc/cmdline",
    `BOOT_IMAGE=/vmlinuz root=UUID=1 ro quiet pci=disable_acs_redir=0000:00:1d.0;pci:1000:c012 ${iommu === "passthrough" ? "iommu=pt" : "iommu.strict=1"}\n`,
  );
  files.file("proc/iomem", iomemOf(functions));
  files.file(`boot/config-${release}`, configTextOf(hasP2pdma));
  return files;
}

function cpuinfoOf({ vendor, family, model, name }: MadeMachine["cpu"]): string {
  const one = (number: number): string =>
    [
      `processor\t: ${number}`,
      `vendor_id\t: ${vendor}`,
      `cpu family\t: ${family}`,
      `model\t\t: ${model}`,
      `model name\t: ${name}`,
      "stepping\t: 7",
      "flags\t\t: fpu vme de pse tsc msr pae mce cx8 apic sep mtrr",
      "",
      "",
    ].join("\n");
  return one(0) + one(1);
}

function iomemOf(functions: readonly Made[]): string {
  const buses = [...new Set(functions.filter(({ above }) => above === null).map(({ bus }) => bus))];
  const windows = buses.map((bus) => {
    const start = 0xc0000000 + bus * 0x200000;
    return `${hex(start, 8)}-${hex(start + 0x7ffffff, 8)} : PCI Bus 0000:${hex(bus, 2)}`;
  });
  return `00001000-0009ffff : System RAM\n${windows.join("\n")}\n`;
}

/** Some lines of a configuration in their order, with much between them. */
function configTextOf(hasP2pdma: boolean): string {
  const others = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) =>
      index % 3 === 0 ? `# CONFIG_${name}_${index} is not set` : `CONFIG_${name}_${index}=m`,
    );
  return [
    "#",
    "# Automatically generated file; DO NOT EDIT.",
    "#",
    ...others("GENERAL", 40),
    "CONFIG_ZONE_DEVICE=y",
    ...others("NET", 60),
    "CONFIG_PCI=y",
    "CONFIG_PCIEPORTBUS=y",
    hasP2pdma ? "CONFIG_PCI_P2PDMA=y" : "# CONFIG_PCI_P2PDMA is not set",
    ...others("DRIVERS", 80),
    "CONFIG_INTEL_IOMMU=y",
    "# CONFIG_IOMMU_DEFAULT_PASSTHROUGH is not set",
    "CONFIG_EXT4_FS=y",
    "CONFIG_PROC_FS=y",
    "CONFIG_SYSFS=y",
    ...others("CRYPTO", 40),
    "# end of Kernel hacking",
    "",
  ].join("\n");
}
