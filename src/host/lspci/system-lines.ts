import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { type Known, unknown } from "../../pci/known.ts";
import { type GuestOf, guestOfLine } from "../hypervisor.ts";
import type { Cpu, Kernel } from "../machine.ts";
import { parseCpuinfo, unknownCpu } from "../system-files.ts";
import type { Line } from "./line.ts";

/** Longer lines are neither `uname -a` nor a kernel command line (4,096 bytes at most). */
const MAX_BYTES = 4200;

const architectures = /\b(x86_64|aarch64|ppc64le|ppc64|riscv64|s390x|loongarch64|i[3-6]86|armv7l)\b/;
const cpuinfoKey = /^(vendor_id|cpu family|model|model name|CPU implementer|cpu|isa|uarch)\s*:\s*(.*)$/;
const lscpuKey = /^(Architecture|Vendor ID|CPU family|Model|Model name):\s*(.*)$/;
const dmesgTime = /^\[\s*\d+\.\d+\]\s*/;
const groupLine = /^pci ([0-9a-f:.]{12,16}): Adding to iommu group (\d{1,6})$/;
/** No machine has more functions in groups. */
const MAX_GROUPED = 131_072;
const commandLineStart = /^(?:BOOT_IMAGE=|initrd=|root=|ro |console=)/;

/** A value that the text may give once; two different ones cancel each other. */
class Once {
  readonly #what: string;
  #value: string | undefined;
  #isContradicted = false;

  constructor(what: string) {
    this.#what = what;
  }

  set(value: string): void {
    if (this.#value !== undefined && this.#value !== value) this.#isContradicted = true;
    this.#value = value;
  }

  get(missing: string): Known<string> {
    if (this.#isContradicted) return unknown(`the text names two ${this.#what}: give one machine per file`);
    return this.#value ?? unknown(missing);
  }
}

/**
 * Picks what people paste beside `lspci`: `uname -a`, `uname -r`, `/proc/cmdline`, `/proc/cpuinfo`, `lscpu`, and the first
 * lines of `dmesg`.
 */
export class SystemLines {
  readonly #release = new Once("kernels");
  readonly #commandLine = new Once("kernel command lines");
  #architecture: string | undefined;
  /** IOMMU groups by the kernel's messages; of several boots the last. */
  readonly groups: Map<Bdf, number> = new Map();
  #guestOf: GuestOf | null | undefined;
  /** First value of each key. */
  readonly #cpuinfo = new Map<string, string>();
  readonly #lscpu = new Map<string, string>();
  /** What the next line holds, after a shell prompt. */
  #expected: "release" | "command-line" | undefined;

  /** Takes a line that stands outside of all functions. */
  readLine(line: Line): void {
    const length = line.end - line.start;
    if (length === 0 || length > MAX_BYTES || !line.isWhole) return;
    const text = line.text().replace(dmesgTime, "");
    const expected = this.#expected;
    this.#expected = undefined;
    if (expected === "release" && /^\d+\.\d+\S*$/.test(text)) this.#release.set(text);
    else if (expected === "command-line" && text.includes("=")) this.#commandLine.set(text);
    else if (/\buname -r$/.test(text)) this.#expected = "release";
    else if (/\bcat \/proc\/cmdline$/.test(text)) this.#expected = "command-line";
    else this.#readText(text);
  }

  #readText(text: string): void {
    this.#takeGuest(guestOfLine(text));
    const [, address, group] = groupLine.exec(text) ?? [];
    if (address !== undefined) {
      const bdf = parseBdf(address);
      if (bdf !== undefined && this.groups.size < MAX_GROUPED) this.groups.set(bdf, Number(group));
      return;
    }
    const release = /^Linux version (\S+)/.exec(text) ?? /^Linux \S+ (\d+\.\d+\S*) #/.exec(text);
    if (release?.[1] !== undefined) {
      this.#release.set(release[1]);
      if (!text.startsWith("Linux version")) this.#architecture ??= architectures.exec(text)?.[1];
      return;
    }
    const commandLine = /^(?:Kernel command line|Command line): (.*)$/.exec(text)?.[1];
    if (commandLine !== undefined) this.#commandLine.set(commandLine);
    else if (commandLineStart.test(text)) this.#commandLine.set(text);
    else this.#readKey(text);
  }

  /** A name is worth more than a flag, and one `null` decides. */
  #takeGuest(guestOf: GuestOf | null | undefined): void {
    if (guestOf === undefined || this.#guestOf === null) return;
    const isBetter = guestOf === null || this.#guestOf === undefined || this.#guestOf.hypervisor === "unnamed";
    if (isBetter) this.#guestOf = guestOf;
  }

  /** The hypervisor that the text names, `undefined` where it names none. */
  get guestOf(): GuestOf | undefined {
    return this.#guestOf ?? undefined;
  }

  #readKey(text: string): void {
    const [, key, value] = cpuinfoKey.exec(text) ?? [];
    if (key !== undefined && value !== undefined) {
      if (!this.#cpuinfo.has(key)) this.#cpuinfo.set(key, value);
      return;
    }
    const [, name, content] = lscpuKey.exec(text) ?? [];
    if (name !== undefined && content !== undefined && !this.#lscpu.has(name)) this.#lscpu.set(name, content);
  }

  kernel(): Kernel {
    return {
      release: this.#release.get("lspci does not name the kernel: give --kernel, or paste uname -a too"),
      commandLine: this.#commandLine.get("lspci does not show the kernel's command line: paste /proc/cmdline too"),
      config: unknown("lspci does not show the kernel's configuration"),
    };
  }

  cpu(): Cpu {
    if (this.#cpuinfo.size > 0) {
      const text = [...this.#cpuinfo].map(([key, value]) => `${key}\t: ${value}`).join("\n");
      const cpu = parseCpuinfo(text);
      if (typeof cpu.architecture === "string") return cpu;
    }
    return this.#cpuOfLscpu();
  }

  #cpuOfLscpu(): Cpu {
    const none = unknownCpu("lspci does not name the CPU: give --cpu, or paste lscpu too");
    const whole = (text: string | undefined): number | undefined =>
      text !== undefined && /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : undefined;
    return {
      architecture: this.#lscpu.get("Architecture") ?? this.#architecture ?? none.architecture,
      vendor: this.#lscpu.get("Vendor ID") ?? none.vendor,
      family: whole(this.#lscpu.get("CPU family")) ?? none.family,
      model: whole(this.#lscpu.get("Model")) ?? none.model,
      name: this.#lscpu.get("Model name") ?? none.name,
    };
  }
}
