import type { Random } from "../pastes/random.ts";

/** A function of a machine that is made up; what the judge knows of it, in words of its own. */
export interface Fn {
  /** Its name in the scenario, by which it is known wherever it hangs. */
  readonly name: string;
  readonly kind: "root-port" | "switch" | "port" | "bridge" | "nvme" | "nic" | "gpu" | "accel";
  /** Function number in its device. */
  readonly fn: number;
  readonly ids: string;
  /** ACS control as firmware leaves it, `null` without the capability. */
  readonly acs: number | null;
  /** A drive with a memory buffer, which its driver publishes. */
  readonly hasBuffer: boolean;
  readonly virtuals: number;
  /** What is on the bus below a bridge. */
  readonly below: readonly Device[];
}

/** The functions that share a device number. */
export interface Device {
  readonly at: number;
  readonly fns: readonly Fn[];
}

/** A host bridge. */
export interface Root {
  readonly bus: number;
  /** Ids of the function at 00.0 that stands for it, `null`: there is none. */
  readonly host: string | null;
  readonly devices: readonly Device[];
}

export interface Cpu {
  readonly vendor: "GenuineIntel" | "AuthenticAMD" | null;
  readonly family: number;
  /** As a scenario has it. */
  readonly written: string | { readonly vendor: string; readonly family: number; readonly model: number };
}

export type Mode = "off" | "strict" | "lazy" | "passthrough";

/** A machine before its kernel boots. */
export interface Setup {
  readonly roots: readonly Root[];
  readonly cpu: Cpu;
  readonly release: string;
  readonly iommu: Mode;
  readonly parameters: string;
}

/** By the names that `--cpu` takes as well. */
export const CPUS: Readonly<Record<"intel" | "amd-zen" | "amd-pre-zen" | "arm", Cpu>> = {
  intel: { vendor: "GenuineIntel", family: 6, written: "intel" },
  "amd-zen": { vendor: "AuthenticAMD", family: 0x17, written: "amd-zen" },
  "amd-pre-zen": { vendor: "AuthenticAMD", family: 0x15, written: "amd-pre-zen" },
  arm: { vendor: null, family: 0, written: "arm" },
};

const MORE_CPUS: readonly Cpu[] = [
  { vendor: "GenuineIntel", family: 6, written: { vendor: "GenuineIntel", family: 6, model: 85 } },
  { vendor: "GenuineIntel", family: 19, written: { vendor: "GenuineIntel", family: 19, model: 1 } },
  { vendor: "AuthenticAMD", family: 0x19, written: { vendor: "AuthenticAMD", family: 0x19, model: 17 } },
  { vendor: "AuthenticAMD", family: 0x16, written: { vendor: "AuthenticAMD", family: 0x16, model: 48 } },
];

/** Each of them on one side of a change of the rules, or of the boot. */
export const RELEASES: readonly string[] = [
  ...["4.19.5", "4.20.3", "5.2.5", "5.4.100", "5.6.4", "5.7.3", "5.8.9", "5.10.28", "5.17.3", "5.18.3", "5.19.1"],
  ...["6.1.66", "6.10.2", "6.11.11", "6.12.10", "6.12.23", "6.13.11", "6.14.1", "6.18.2", "7.1.1", "7.1.4"],
  ...["7.2.13", "7.3.4"],
];
const USUAL_RELEASES = ["6.1.66", "6.12.90", "7.0.2", "7.2.13", "7.3.4"];

/** On the lists of some releases, below one host bridge only, for any pair, or on none. */
const ZEN = "1022:1450";
const HOSTS = [
  ...["8086:29c0", "8086:29c0", "8086:3c00", "8086:09a2", "8086:2020", ZEN, "1022:14d8", "1ae0:0011"],
  ...["8086:3c01", "8086:2f00", "8086:2f01", "8086:2031", "8086:2032", "8086:2034", "8086:09a3"],
];
const ROOT_PORTS = [
  ...["8086:347a", "1b36:000c", "1022:1483", "8086:2030", "8086:2f02", "10de:2f96", "8086:2033"],
  ...["10de:2f95", "10de:2f97", "10de:2f98", "10de:2f99"],
];
const SWITCHES = ["1000:c012", "10b5:8747", "11f8:4036"];
/** 8086:1521 is isolated by a quirk, however many functions it has. */
const ENDPOINTS = {
  nvme: ["144d:a808", "8086:0a54", "1e0f:0007"],
  nic: ["15b3:1021", "14e4:16d8", "8086:1521", "8086:159b"],
  gpu: ["10de:2330", "1002:7408"],
  accel: ["1da3:1020", "10ee:5000"],
} as const;
const INTEGRATED = [
  ...["8086:0b25", "8086:0cfe", "8086:11fb", "8086:1212", "8086:1216", "8086:4940", "8086:4942", "8086:4944"],
  ...["8086:4946", "8086:4948", "8086:4949", "1022:15e3"],
];
const CONTROLS = [0, 0, 0x1d, 0x1d, 0x1d, 0x5f, 0x04, 0x08, 0x20, 0x11, 0x0d];

/** Makes a machine of few functions that has most of what the rules tell apart. */
export function madeSetup(random: Random): Setup {
  const isUsual = random.chance(50);
  const cpu = random.pick([...Object.values(CPUS), ...MORE_CPUS, CPUS.intel, CPUS.intel]);
  return {
    roots: new Maker(random, cpu).roots(),
    cpu,
    release: random.pick(isUsual ? USUAL_RELEASES : RELEASES),
    iommu: random.pick(["off", "off", "strict", "lazy", "passthrough"]),
    parameters: "",
  };
}

class Maker {
  readonly #random: Random;
  readonly #portsHaveAcs: boolean;
  readonly #hosts: readonly string[];
  #count = 0;

  constructor(random: Random, { vendor, family }: Cpu) {
    this.#random = random;
    // The first Zen has that host bridge, and no other processor.
    this.#hosts = HOSTS.filter((ids) => ids !== ZEN || (vendor === "AuthenticAMD" && family >= 0x17));
    this.#portsHaveAcs = random.chance(75);
  }

  roots(): readonly Root[] {
    const random = this.#random;
    const buses = [0x00, 0x40, 0x80].slice(0, random.pick([1, 1, 2, 2, 2, 3]));
    return buses.map((bus) => {
      // On Sapphire Rapids and its successors an accelerator is at 00.0 of some root buses.
      const first = bus !== 0 && random.chance(25) ? INTEGRATED : this.#hosts;
      const host = random.chance(bus === 0 ? 90 : 40) ? random.pick(first) : null;
      const devices: Device[] = [];
      const ids = random.pick(ROOT_PORTS);
      let at = host === null && random.chance(60) ? 0 : 1;
      if (random.chance(20)) {
        const kind = random.pick(["accel", "nic"] as const);
        devices.push({ at: at++, fns: [this.#fn(kind, 0, { ids: random.pick(INTEGRATED) })] });
      }
      for (let left = 1 + random.below(3); left > 0; left--) {
        const fns = random.chance(15) ? [0, 1] : [0];
        devices.push({ at: at++, fns: fns.map((fn) => this.#port("root-port", fn, ids, 0)) });
      }
      return { bus, host, devices };
    });
  }

  #fn(kind: Fn["kind"], fn: number, parts: Partial<Fn>): Fn {
    const name = `${kind === "root-port" ? "rp" : kind === "port" ? "dp" : kind}${this.#count++}`;
    return { name, kind, fn, ids: "1234:0001", acs: null, hasBuffer: false, virtuals: 0, below: [], ...parts };
  }

  #port(kind: "root-port" | "port", fn: number, ids: string, depth: number): Fn {
    const random = this.#random;
    const hasAcs = this.#portsHaveAcs && random.chance(kind === "root-port" ? 75 : 65);
    return this.#fn(kind, fn, { ids, acs: hasAcs ? random.pick(CONTROLS) : null, below: this.#link(depth) });
  }

  /** What is at the end of a link: nothing, a card, a switch, a bridge to conventional PCI. */
  #link(depth: number): readonly Device[] {
    const random = this.#random;
    const roll = random.below(100);
    if (roll < 18) return [];
    if (roll < 24 && depth === 0) return [this.#conventional()];
    if (roll < (depth === 0 ? 58 : 30 - 8 * depth)) return [this.#switch(depth)];
    return [this.#card()];
  }

  #card(): Device {
    const random = this.#random;
    const kind = random.pick(["nvme", "nvme", "nic", "gpu", "accel"] as const);
    const ids = random.pick(ENDPOINTS[kind]);
    const count = random.chance(22) ? 2 : 1;
    const fns = Array.from({ length: count }, (_, fn) => {
      const acs = count > 1 && random.chance(50) ? random.pick([0, 0x0c, 0x0c, 0x04]) : null;
      const virtuals = count === 1 && random.chance(8) ? 1 + random.below(2) : 0;
      return this.#fn(kind, fn, { ids, acs, virtuals, hasBuffer: kind === "nvme" && random.chance(60) });
    });
    return { at: 0, fns };
  }

  #switch(depth: number): Device {
    const random = this.#random;
    const ids = random.pick(SWITCHES);
    const isOfFunctions = random.chance(12);
    const ports = Array.from({ length: 2 + random.below(2) }, (_, index): Device => {
      // Two ports may be functions of one device.
      const fns = [this.#port("port", 0, ids, depth + 1)];
      if (isOfFunctions) fns.push(this.#port("port", 1, ids, depth + 1));
      return { at: index, fns };
    });
    const up = this.#fn("switch", 0, { ids, below: ports });
    const beside = random.chance(8) ? [this.#fn("accel", 1, { ids: "10b5:87d0" })] : [];
    return { at: 0, fns: [up, ...beside] };
  }

  #conventional(): Device {
    const cards = Array.from({ length: 1 + this.#random.below(2) }, (_, index): Device => {
      return { at: 1 + index, fns: [this.#fn("nic", 0, { ids: "8086:100e" })] };
    });
    return { at: 0, fns: [this.#fn("bridge", 0, { ids: "1b36:000e", below: cards })] };
  }
}
