import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { type GuestOf, guestOfLine } from "../hypervisor.ts";
import { type IommuSigns, iommuBySigns } from "../iommu-mode.ts";
import type { Cpu, Iommu, IommuKind, Kernel } from "../machine.ts";
import { parseCpuinfo, unknownCpu } from "../system-files.ts";
import type { Line } from "./line.ts";

/** Longer lines are neither `uname -a` nor a kernel command line (4,096 bytes at most). */
const MAX_BYTES = 4200;

const architectures = /\b(x86_64|aarch64|ppc64le|ppc64|riscv64|s390x|loongarch64|i[3-6]86|armv7l)\b/;
/** Distributions end their releases with it: `6.12.9+bpo-arm64`, `5.14.0-427.el9.x86_64`. */
const architectureOfRelease = /[-.](amd64|x86_64|arm64|aarch64)(?=$|[-.+_])/;
/** The kernel of 64-bit ARM names the processor (MIDR_EL1) behind the number of the one that boots. */
const bootOfArm64 = /^Booting Linux on physical CPU 0x[0-9a-f]+ \[0x[0-9a-f]{8}\]/;
const cpuinfoKey = /^(vendor_id|cpu family|model|model name|CPU implementer|cpu|isa|uarch)\s*:\s*(.*)$/;
const lscpuKey = /^(Architecture|Vendor ID|CPU family|Model|Model name):\s*(.*)$/;
const dmesgTime = /^\[\s*\d+\.\d+\]\s*/;
const groupLine =
  /^(?:pci ([0-9a-f:.]{12,16}): Adding to iommu group|iommu: Adding device ([0-9a-f:.]{12,16}) to group) (\d{1,6})$/;
/** What the kernel logs of its IOMMU, whether there is one or not. */
const domainLine = /^iommu: Default domain type: (Passthrough|Translated)\b/;
const flushLine = /^iommu: DMA domain TLB invalidation policy: (strict|lazy) mode\b/;
/** What the drivers log once they use one. */
const driverLines: readonly (readonly [RegExp, IommuKind])[] = [
  [/^DMAR: Intel\(R\) Virtualization Technology for Directed I\/O/, "intel"],
  [/^(?:pci [0-9a-f:.]{12,16}: )?AMD-Vi: Found IOMMU/, "amd"],
];
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
  readonly #iommuDriver = new Once("kinds of IOMMU");
  readonly #domainType = new Once("domain types");
  readonly #flushPolicy = new Once("invalidation policies");
  #architecture: string | undefined;
  #isArm64Booted = false;
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
    const [, newer, older, group] = groupLine.exec(text) ?? [];
    const address = newer ?? older;
    if (address !== undefined) {
      const bdf = parseBdf(address);
      if (bdf !== undefined && this.groups.size < MAX_GROUPED) this.groups.set(bdf, Number(group));
      return;
    }
    if (this.#takeIommu(text)) return;
    if (bootOfArm64.test(text)) {
      this.#isArm64Booted = true;
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

  #takeIommu(text: string): boolean {
    const domain = domainLine.exec(text)?.[1];
    const flush = flushLine.exec(text)?.[1];
    const driver = driverLines.find(([pattern]) => pattern.test(text))?.[1];
    if (domain !== undefined) this.#domainType.set(domain);
    if (flush !== undefined) this.#flushPolicy.set(flush);
    if (driver !== undefined) this.#iommuDriver.set(driver);
    return domain !== undefined || flush !== undefined || driver !== undefined;
  }

  /** What the text says of the IOMMU; `namesGroups` where its functions have some. */
  iommu(namesGroups: boolean): Iommu {
    const text = (once: Once): string | undefined => {
      const value = once.get("");
      return isUnknown(value) ? undefined : value;
    };
    const kind = text(this.#iommuDriver) as IommuKind | undefined;
    const domain = text(this.#domainType);
    const flush = text(this.#flushPolicy) as "strict" | "lazy" | undefined;
    const hasGroups = namesGroups || this.groups.size > 0;
    const inUse = hasGroups ? "the text has its groups" : kind === undefined ? undefined : "by the kernel's log";
    const signs: IommuSigns = {
      kernel: this.kernel(),
      cpu: this.cpu(),
      remedy: "give --iommu, or paste the kernel's log (dmesg) too",
      ...(inUse === undefined ? {} : { inUse }),
      ...(kind === undefined ? {} : { kind }),
      ...(domain === undefined ? {} : { domainType: domain === "Passthrough" ? "passthrough" : "translated" }),
      ...(flush === undefined ? {} : { flushPolicy: flush }),
    };
    return { ...iommuBySigns(signs), groupTypes: unknown("lspci does not show the types of IOMMU groups") };
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

  #architectureOfKernel(): string | undefined {
    if (this.#isArm64Booted) return "aarch64";
    const release = this.#release.get("");
    const name = isUnknown(release) ? undefined : architectureOfRelease.exec(release)?.[1];
    if (name === undefined) return undefined;
    return name === "amd64" || name === "x86_64" ? "x86_64" : "aarch64";
  }

  #cpuOfLscpu(): Cpu {
    const none = unknownCpu("lspci does not name the CPU: give --cpu, or paste lscpu too");
    const whole = (text: string | undefined): number | undefined =>
      text !== undefined && /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : undefined;
    return {
      architecture:
        this.#lscpu.get("Architecture") ?? this.#architecture ?? this.#architectureOfKernel() ?? none.architecture,
      vendor: this.#lscpu.get("Vendor ID") ?? none.vendor,
      family: whole(this.#lscpu.get("CPU family")) ?? none.family,
      model: whole(this.#lscpu.get("Model")) ?? none.model,
      name: this.#lscpu.get("Model name") ?? none.name,
    };
  }
}
