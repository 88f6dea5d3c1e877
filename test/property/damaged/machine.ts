import { type Printed, pastedMachine } from "../pastes/pasted-machine.ts";
import type { Random } from "../pastes/random.ts";

/** A function of a machine that is printed as files, with what `lspci` does not print of it. */
export interface Made extends Printed {
  readonly above: Made | null;
  /** The physical function of a virtual one. */
  readonly physical: Made | null;
  readonly virtuals: number;
  /** Function number of its first virtual function. */
  readonly firstVirtual: number;
  readonly decodes: boolean;
  readonly hasBar: boolean;
}

/** What a machine is beside its functions, with the kernel's rules that follow: written out here, and taken from nowhere. */
export interface Setting {
  readonly release: string;
  /** Text of `/proc/cpuinfo`, up to the processor's name. */
  readonly cpu: { readonly vendor: string; readonly family: number; readonly model: number; readonly name: string };
  readonly iommu: "off" | "strict" | "passthrough";
  readonly hasP2pdma: boolean;
}

export interface MadeMachine extends Setting {
  readonly functions: readonly Made[];
}

/** Of kernel.org: of vendors it is known how they build theirs. */
const RELEASES = ["7.2.13", "6.12.107", "6.1.66", "5.10.28"] as const;
const CPUS = [
  { vendor: "GenuineIntel", family: 6, model: 85, name: "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz" },
  { vendor: "GenuineIntel", family: 6, model: 106, name: "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz" },
  { vendor: "AuthenticAMD", family: 25, model: 17, name: "AMD EPYC 9654 96-Core Processor" },
  { vendor: "AuthenticAMD", family: 23, model: 49, name: "AMD EPYC 7742 64-Core Processor" },
  { vendor: "AuthenticAMD", family: 21, model: 2, name: "AMD Opteron(tm) Processor 6380" },
] as const;

export function madeMachine(random: Random): MadeMachine {
  const cpu = random.pick(CPUS);
  // An AMD processor has no root complex of Intel: these ids are no part's.
  const isAmd = cpu.vendor === "AuthenticAMD";
  const iommu = random.pick(["off", "strict", "passthrough"] as const);
  const functions: Made[] = [];
  const madeOf = new Map<Printed, Made>();
  let group = 0;
  const pasted = pastedMachine(random);
  for (const printed of pasted) {
    const isFirst = printed.kind === "endpoint" && printed.fn === 0;
    const made: Made = {
      ...printed,
      ids: isAmd && printed.kind !== "endpoint" ? printed.ids.replace("8086:", "1022:") : printed.ids,
      above: printed.above === null ? null : (madeOf.get(printed.above) as Made),
      group: iommu === "off" ? null : group++,
      physical: null,
      firstVirtual: pasted.filter(({ bus, device }) => bus === printed.bus && device === printed.device).length,
      virtuals: isFirst && random.chance(15) ? 1 + random.below(2) : 0,
      decodes: random.chance(92),
      hasBar: printed.kind === "endpoint" && random.chance(92),
    };
    madeOf.set(printed, made);
    functions.push(made);
    for (let vf = 0; vf < made.virtuals; vf++) {
      functions.push({
        ...made,
        fn: made.firstVirtual + vf,
        physical: made,
        virtuals: 0,
        acs: null,
        decodes: false,
        hasBar: true,
        memoryAt: made.memoryAt + 0x10000 * (vf + 1),
        group: iommu === "off" ? null : group++,
      });
    }
  }
  return {
    functions: functions.sort((a, b) => a.bus - b.bus || a.device - b.device || a.fn - b.fn),
    release: random.pick(RELEASES),
    cpu,
    iommu,
    hasP2pdma: random.chance(90),
  };
}

/** Ids by which the kernel lets peers through a host bridge, by the release of a {@link Setting}. */
function allowedIds(release: string): readonly string[] {
  const skylake = ["8086:2020", "8086:2030"];
  return release.startsWith("5.10") ? skylake : [...skylake, "8086:09a2"];
}

const chainOf = (from: Made): readonly Made[] => (from.above === null ? [from] : [from, ...chainOf(from.above)]);

/**
 * What the kernel decides for a pair, walked on its own by the rules of docs/rules.md: nothing of Peerlane's is used.
 * `functions` are those that the kernel sees.
 */
export function judge(machine: MadeMachine, provider: Made, client: Made): string {
  const { functions, cpu, release } = machine;
  const ups = chainOf(provider);
  const others = chainOf(client);
  const meeting = ups.find((fn) => others.includes(fn));
  if (meeting !== undefined) {
    const path = [...ups.slice(0, ups.indexOf(meeting) + 1), ...others.slice(0, others.indexOf(meeting))];
    if (!path.some(({ acs }) => acs !== null && (acs & 0x2c) !== 0)) return "bus-addr";
  }
  if (cpu.vendor === "AuthenticAMD" && cpu.family >= 0x17) return "thru-host-bridge";
  const isAllowed = (bus: number): boolean => {
    const [first] = functions.filter((fn) => fn.bus === bus && fn.above === null);
    if (first === undefined) return false;
    const isAt0 = first.device === 0 && first.fn === 0;
    if (!isAt0 && (first.kind !== "root-port" || release.startsWith("5.10"))) return false;
    return allowedIds(release).includes(first.ids);
  };
  const roots = new Set([ups, others].map((chain) => chain.at(-1)?.bus ?? 0));
  return [...roots].every(isAllowed) ? "thru-host-bridge" : "not-supported";
}

/** Kinds of gates that hang on who asks, by driver: whether a machine has what such a gate is about is all that is judged. */
export const GATES_OF_DRIVERS: readonly string[] = [
  "iommu-translates",
  "kernel-without-p2pdma",
  "registers-only",
  "no-peer-dma",
];

/** Kinds of gates that these machines are not made for: what a provider has for peers, and drivers that let no peer in. Tables of test/answers and test/pci are about those. */
export const NOT_MADE: readonly string[] = ["registers-only", "no-peer-dma"];

/** What may stop or spoil a transfer beside the verdict, by kinds of gates. */
export function gatesOf({ functions, iommu, hasP2pdma }: MadeMachine, provider: Made, client: Made): readonly string[] {
  const isGuest = functions.some(({ ids }) => ids.startsWith("1b36:"));
  return [
    ...(hasP2pdma ? [] : ["kernel-without-p2pdma"]),
    ...(isGuest ? ["virtual-machine"] : []),
    ...(provider.hasBar ? [] : ["bar-missing"]),
    ...(provider.decodes || provider.physical !== null || !provider.hasBar ? [] : ["memory-decode-off"]),
    // A driver that is bound has not turned it on, and no other will.
    ...(provider.driver === null
      ? []
      : bridgesTo(provider, client)
          .filter(({ decodes }) => !decodes)
          .map(() => "bridge-decode-off")),
    ...(iommu === "strict" ? ["iommu-translates"] : []),
  ];
}

/** The bridges above one end and not above the other. */
function bridgesTo(from: Made, other: Made): readonly Made[] {
  const chain = (fn: Made): readonly Made[] => (fn.above === null ? [] : [fn.above, ...chain(fn.above)]);
  const shared = chain(other);
  return chain(from).filter((fn) => !shared.includes(fn));
}
