import type { Random } from "./random.ts";

/** A function of a machine that is printed: what `lspci` says of it, and nothing that Peerlane has decoded. */
export interface Printed {
  readonly bus: number;
  readonly device: number;
  readonly fn: number;
  readonly kind: "host" | "system" | "root-port" | "upstream" | "downstream" | "endpoint" | "conventional";
  readonly className: string;
  readonly name: string;
  /** `8086:29c0`. */
  readonly ids: string;
  /** The function above, `null` on a root bus. */
  readonly above: Printed | null;
  /** Buses below a bridge. */
  readonly secondary: number;
  subordinate: number;
  /** Where its BAR is, or its window. */
  readonly memoryAt: number;
  readonly subsystem: number;
  /** ACS control, `null` without the capability. */
  readonly acs: number | null;
  /** Offsets of its capabilities, by what they are. */
  readonly hasMsi: boolean;
  readonly hasAer: boolean;
  readonly hasSerial: boolean;
  readonly driver: string | null;
  readonly group: number | null;
}

/** Machines for Linux 7.2 on an Intel CPU: 8086:09a2, 2030 and 2032 are on its list of host bridges, the others are not. */
const HOSTS = ["8086:29c0", "8086:09a2", "8086:9999", "8086:2020"] as const;
const ROOT_PORTS = ["8086:347a", "8086:2030", "8086:a70d", "1b36:000c"] as const;
const ENDPOINTS = [
  [
    "Non-Volatile memory controller [0108]",
    "Samsung Electronics Co Ltd NVMe SSD Controller SM981/PM981/PM983",
    "144d:a808",
    "nvme",
  ],
  ["3D controller [0302]", "NVIDIA Corporation GH100 [H100 SXM5 80GB]", "10de:2330", "nvidia"],
  ["Ethernet controller [0200]", "Mellanox Technologies MT2910 Family [ConnectX-7]", "15b3:1021", "mlx5_core"],
  [
    "Processing accelerators [1200]",
    "Advanced Micro Devices, Inc. [AMD/ATI] Aldebaran/MI200 [Instinct MI250X/MI250]",
    "1002:7408",
    "amdgpu",
  ],
] as const;
const ACS_CONTROLS = [0, 0x1d, 0x1d, 0x05, 0x10, 0x20, 0x5f] as const;

/** A machine of one to three root buses, in order of address. */
export function pastedMachine(random: Random): readonly Printed[] {
  const functions: Printed[] = [];
  const printsDrivers = random.chance(80);
  const printsGroups = random.chance(50);
  const hasAcs = random.chance(80);
  let group = 0;
  const add = (
    parts: Partial<Printed> & Pick<Printed, "bus" | "device" | "kind" | "className" | "name" | "ids" | "above">,
    driver: string | null,
  ): Printed => {
    const isExpress = parts.kind !== "host" && parts.kind !== "conventional";
    const made: Printed = {
      fn: 0,
      secondary: 0,
      subordinate: 0,
      memoryAt: 0xc0000000 + parts.bus * 0x200000 + (parts.fn ?? 0) * 0x100000,
      subsystem: parts.bus,
      acs:
        isExpress && hasAcs && parts.kind !== "upstream" && random.chance(parts.kind === "endpoint" ? 25 : 70)
          ? random.pick(ACS_CONTROLS)
          : null,
      hasMsi: random.chance(80),
      hasAer: isExpress && random.chance(85),
      hasSerial: isExpress && random.chance(40),
      driver: printsDrivers && driver !== null && (parts.kind !== "endpoint" || random.chance(80)) ? driver : null,
      group: printsGroups ? group++ : null,
      ...parts,
    };
    functions.push(made);
    return made;
  };
  const endpoints = (bus: number, device: number, above: Printed | null): void => {
    const [className, name, ids, driver] = random.pick(ENDPOINTS);
    const count = random.chance(25) ? 2 : 1;
    for (let fn = 0; fn < count; fn++) add({ bus, device, fn, kind: "endpoint", className, name, ids, above }, driver);
  };
  const rootBuses = [0x00, 0x40, 0x80].slice(0, 1 + random.below(3));
  for (const rootBus of rootBuses) {
    let last = rootBus;
    const port = (
      bus: number,
      device: number,
      above: Printed | null,
      kind: "root-port" | "upstream" | "downstream",
      ids: string,
    ): Printed => {
      const secondary = ++last;
      const name =
        kind === "root-port"
          ? "Example Corporation Root Port of the Family"
          : "Broadcom / LSI PEX880xx PCIe Gen 4 Switch";
      return add(
        { bus, device, kind, className: "PCI bridge [0604]", name, ids, above, secondary, subordinate: secondary },
        "pcieport",
      );
    };
    const end = (bridge: Printed): void => {
      bridge.subordinate = last;
    };
    const withSwitch = (above: Printed): void => {
      const up = port(above.secondary, 0, above, "upstream", "1000:c012");
      for (let slot = 0; slot < 2 + random.below(2); slot++) {
        const down = port(up.secondary, slot, up, "downstream", "1000:c012");
        endpoints(down.secondary, 0, down);
        end(down);
      }
      end(up);
    };
    if (rootBus === 0 || random.chance(60)) {
      const isSystem = rootBus !== 0 && random.chance(50);
      const ids = rootBus === 0 ? "8086:29c0" : random.pick(HOSTS);
      add(
        isSystem
          ? {
              bus: rootBus,
              device: 0,
              kind: "system",
              className: "System peripheral [0880]",
              name: "Intel Corporation Ice Lake Memory Map/VT-d",
              ids,
              above: null,
            }
          : {
              bus: rootBus,
              device: 0,
              kind: "host",
              className: "Host bridge [0600]",
              name: "Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller",
              ids,
              above: null,
            },
        null,
      );
    }
    const tops = 1 + random.below(3);
    const ids = random.pick(ROOT_PORTS);
    for (let top = 0; top < tops; top++) {
      const root = port(rootBus, 1 + 2 * top, null, "root-port", ids);
      if (random.chance(40)) withSwitch(root);
      else endpoints(root.secondary, 0, root);
      end(root);
    }
    if (random.chance(30)) {
      add(
        {
          bus: rootBus,
          device: 0x1f,
          kind: "conventional",
          className: "ISA bridge [0601]",
          name: "Intel Corporation LPC Controller",
          ids: "8086:2918",
          above: null,
        },
        null,
      );
    }
  }
  return functions.sort((a, b) => a.bus - b.bus || a.device - b.device || a.fn - b.fn);
}

const hex = (value: number, digits = 2): string => value.toString(16).padStart(digits, "0");
/** `41:00.1`. */
export const addressOf = ({ bus, device, fn }: Printed): string => `${hex(bus)}:${hex(device)}.${fn}`;
const isBridge = ({ secondary }: Printed): boolean => secondary > 0;

const FLAGS = ["SrcValid", "TransBlk", "ReqRedir", "CmpltRedir", "UpstreamFwd", "EgressCtrl", "DirectTrans"];
const flags = (value: number): string => FLAGS.map((name, bit) => `${name}${(value >> bit) & 1 ? "+" : "-"}`).join(" ");
const TYPES: Partial<Record<Printed["kind"], string>> = {
  system: "Root Complex Integrated Endpoint",
  "root-port": "Root Port (Slot+)",
  upstream: "Upstream Port",
  downstream: "Downstream Port (Slot+)",
  endpoint: "Endpoint",
};

function expressLines(fn: Printed): string[] {
  const hasSlot = fn.kind === "root-port" || fn.kind === "downstream";
  const hasLink = fn.kind !== "system";
  return [
    `\tCapabilities: [40] Express (v2) ${TYPES[fn.kind]}, MSI 00`,
    "\t\tDevCap:\tMaxPayload 512 bytes, PhantFunc 0, Latency L0s <4us, L1 <4us",
    "\t\t\tExtTag+ AttnBtn- AttnInd- PwrInd- RBE+ FLReset- SlotPowerLimit 75W",
    "\t\tDevCtl:\tCorrErr+ NonFatalErr+ FatalErr+ UnsupReq-",
    "\t\t\tRlxdOrd+ ExtTag+ PhantFunc- AuxPwr- NoSnoop+",
    "\t\t\tMaxPayload 256 bytes, MaxReadReq 4096 bytes",
    "\t\tDevSta:\tCorrErr+ NonFatalErr- FatalErr- UnsupReq+ AuxPwr- TransPend-",
    ...(hasLink
      ? [
          "\t\tLnkCap:\tPort #8, Speed 16GT/s, Width x16, ASPM L0s L1, Exit Latency L0s <1us, L1 <4us",
          "\t\t\tClockPM- Surprise- LLActRep- BwNot- ASPMOptComp+",
          "\t\tLnkCtl:\tASPM Disabled; RCB 64 bytes, Disabled- CommClk+",
          "\t\t\tExtSynch- ClockPM- AutWidDis- BWInt- AutBWInt-",
          "\t\tLnkSta:\tSpeed 16GT/s, Width x16",
          "\t\t\tTrErr- Train- SlotClk+ DLActive- BWMgmt- ABWMgmt-",
        ]
      : []),
    ...(hasSlot
      ? [
          "\t\tSltCap:\tAttnBtn- PwrCtrl- MRL- AttnInd- PwrInd- HotPlug- Surprise-",
          "\t\t\tSlot #1, PowerLimit 75W; Interlock- NoCompl+",
          "\t\tSltCtl:\tEnable: AttnBtn- PwrFlt- MRL- PresDet- CmdCplt- HPIrq- LinkChg-",
          "\t\t\tControl: AttnInd Unknown, PwrInd Unknown, Power- Interlock-",
          "\t\tSltSta:\tStatus: AttnBtn- PowerFlt- MRL- CmdCplt- PresDet+ Interlock-",
          "\t\t\tChanged: MRL- PresDet- LinkState+",
        ]
      : []),
    ...(fn.kind === "root-port"
      ? [
          "\t\tRootCap: CRSVisible+",
          "\t\tRootCtl: ErrCorrectable- ErrNon-Fatal- ErrFatal- PMEIntEna+ CRSVisible+",
          "\t\tRootSta: PME ReqID 0000, PMEStatus- PMEPending-",
        ]
      : []),
    "\t\tDevCap2: Completion Timeout: Range ABCD, TimeoutDis+ NROPrPrP- LTR+",
    "\t\t\t 10BitTagComp+ 10BitTagReq+ OBFF Not Supported, ExtFmt- EETLPPrefix-",
    "\t\t\t EmergencyPowerReduction Not Supported, EmergencyPowerReductionInit-",
    "\t\tDevCtl2: Completion Timeout: 50us to 50ms, TimeoutDis- LTR- 10BitTagReq- OBFF Disabled,",
    ...(hasLink
      ? [
          "\t\tLnkCap2: Supported Link Speeds: 2.5-16GT/s, Crosslink- Retimer+ 2Retimers+ DRS-",
          "\t\tLnkCtl2: Target Link Speed: 16GT/s, EnterCompliance- SpeedDis-",
          "\t\t\t Transmit Margin: Normal Operating Range, EnterModifiedCompliance- ComplianceSOS-",
          "\t\t\t Compliance Preset/De-emphasis: -6dB de-emphasis, 0dB preshoot",
          "\t\tLnkSta2: Current De-emphasis Level: -3.5dB, EqualizationComplete+ EqualizationPhase1+",
        ]
      : []),
  ];
}

const AER = [
  "\tCapabilities: [100 v2] Advanced Error Reporting",
  "\t\tUESta:\tDLP- SDES- TLP- FCP- CmpltTO- CmpltAbrt- UnxCmplt- RxOF- MalfTLP- ECRC- UnsupReq- ACSViol-",
  "\t\tUEMsk:\tDLP- SDES- TLP- FCP- CmpltTO- CmpltAbrt- UnxCmplt- RxOF- MalfTLP- ECRC- UnsupReq- ACSViol-",
  "\t\tUESvrt:\tDLP+ SDES+ TLP- FCP+ CmpltTO- CmpltAbrt- UnxCmplt- RxOF+ MalfTLP+ ECRC- UnsupReq- ACSViol-",
  "\t\tCESta:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr-",
  "\t\tCEMsk:\tRxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+",
  "\t\tAERCap:\tFirst Error Pointer: 00, ECRCGenCap+ ECRCGenEn- ECRCChkCap+ ECRCChkEn-",
  "\t\t\tMultHdrRecCap- MultHdrRecEn- TLPPfxPres- HdrLogCap-",
  "\t\tHeaderLog: 00000000 00000000 00000000 00000000",
];

/** The first line of a function, as `lspci -nn` prints it. */
export function headOf(fn: Printed): string {
  const [vendor = "", device = ""] = fn.ids.split(":");
  return `${addressOf(fn)} ${fn.className}: ${fn.name} [${vendor}:${device}] (rev 01)${isBridge(fn) ? " (prog-if 00 [Normal decode])" : ""}`;
}

/** What `lspci -vvvnn` prints of a function, without the blank line behind it. */
export function recordOf(fn: Printed): readonly string[] {
  const isExpress = fn.kind !== "host" && fn.kind !== "conventional";
  const base = fn.memoryAt;
  return [
    headOf(fn),
    `\tSubsystem: Example Corporation Device [1234:${hex(fn.subsystem, 4)}]`,
    "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR+ FastB2B- DisINTx+",
    `\tStatus: Cap${isExpress ? "+" : "-"} 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-`,
    "\tLatency: 0, Cache Line Size: 64 bytes",
    ...(fn.group === null ? [] : [`\tIOMMU group: ${fn.group}`]),
    ...(isBridge(fn)
      ? [
          `\tBus: primary=${hex(fn.bus)}, secondary=${hex(fn.secondary)}, subordinate=${hex(fn.subordinate)}, sec-latency=0`,
          "\tI/O behind bridge: 0000f000-00000fff [disabled] [32-bit]",
          `\tMemory behind bridge: ${hex(base, 8)}-${hex(base + 0x1fffff, 8)} [size=2M] [32-bit]`,
          "\tPrefetchable memory behind bridge: 00000000fff00000-00000000000fffff [disabled] [64-bit]",
          "\tSecondary status: 66MHz- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- <SERR- <PERR-",
          "\tBridgeCtl: Parity+ SERR+ NoISA- VGA- VGA16+ MAbort- >Reset- FastB2B-",
          "\t\tPriDiscTmr- SecDiscTmr- DiscTmrStat- DiscTmrSERREn-",
        ]
      : fn.kind === "endpoint"
        ? [`\tRegion 0: Memory at ${hex(base, 8)} (64-bit, non-prefetchable) [size=1M]`]
        : []),
    ...(isExpress ? expressLines(fn) : []),
    ...(isExpress && fn.hasMsi
      ? ["\tCapabilities: [80] MSI: Enable+ Count=1/1 Maskable- 64bit+", "\t\tAddress: 00000000fee00000  Data: 0000"]
      : []),
    ...(fn.hasAer ? AER : []),
    ...(fn.acs === null
      ? []
      : [
          "\tCapabilities: [148 v1] Access Control Services",
          `\t\tACSCap:\t${flags(0x7f)}`,
          `\t\tACSCtl:\t${flags(fn.acs)}`,
        ]),
    ...(fn.hasSerial ? ["\tCapabilities: [160 v1] Device Serial Number 00-00-00-00-00-00-00-00"] : []),
    ...(fn.driver === null ? [] : [`\tKernel driver in use: ${fn.driver}`, `\tKernel modules: ${fn.driver}`]),
  ];
}

/** What `lspci -t` draws, `-tv` with names. */
export function treeOf(functions: readonly Printed[], withNames: boolean): readonly string[] {
  const below = (above: Printed | null, bus: number): readonly Printed[] =>
    functions.filter((fn) => fn.above === above && fn.bus === bus);
  const draw = (fn: Printed): string[] => {
    const own = `${hex(fn.device)}.${fn.fn}`;
    if (!isBridge(fn)) return [`${own}${withNames ? `  ${fn.name}` : ""}`];
    const buses = fn.subordinate > fn.secondary ? `${hex(fn.secondary)}-${hex(fn.subordinate)}` : hex(fn.secondary);
    return join(`${own}-[${buses}]-`, below(fn, fn.secondary));
  };
  const join = (stem: string, list: readonly Printed[]): string[] => {
    if (list.length === 0) return [`${stem}-`];
    if (list.length === 1) {
      const [first = "", ...rest] = draw(list[0] as Printed);
      return [`${stem}---${first}`, ...rest.map((line) => " ".repeat(stem.length + 3) + line)];
    }
    return list.flatMap((fn, index) => {
      const isLast = index === list.length - 1;
      const [first = "", ...rest] = draw(fn);
      const lead = index === 0 ? `${stem}-+-` : `${" ".repeat(stem.length + 1)}${isLast ? "\\-" : "+-"}`;
      const next = `${" ".repeat(stem.length + 1)}${isLast ? "  " : "| "}`;
      return [lead + first, ...rest.map((line) => next + line)];
    });
  };
  const roots = [...new Set(functions.filter(({ above }) => above === null).map(({ bus }) => bus))];
  if (roots.length === 1) return join(`-[0000:${hex(roots[0] ?? 0)}]`, below(null, roots[0] ?? 0));
  return roots.flatMap((bus, index) => {
    const isLast = index === roots.length - 1;
    const [first = "", ...rest] = join(`[0000:${hex(bus)}]`, below(null, bus));
    const lead = index === 0 ? "-+-" : isLast ? " \\-" : " +-";
    return [lead + first, ...rest.map((line) => `${isLast ? "   " : " | "}${line}`)];
  });
}
