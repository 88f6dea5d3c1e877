import { Addresses } from "../../host/addresses.ts";
import { type Machine, topologyOf } from "../../host/machine.ts";
import { ACS_REDIRECT_BITS, type Acs, PCI_ACS_SV, PCI_ACS_UF } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { acsParameters } from "../../rules/acs-parameters.ts";
import { bootControl, bootWorlds } from "../../rules/boot-acs.ts";
import { readEntries } from "../../rules/kernel-parameters.ts";
import { rowsOf } from "../../rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../../rules/kernels/kernel-release.ts";
import { allOfTheirIds, whyByAddress } from "./by-ids.ts";
import { editPciList, type ParameterEdit } from "./command-line-edit.ts";
import type { Idea } from "./idea.ts";
import { setpciSteps } from "./steps.ts";

/** What an x86 kernel takes (`COMMAND_LINE_SIZE`), and the least that any architecture takes today. */
const COMMAND_LINE_SIZE = 2048;

/** A function that redirects, with its ACS registers. */
export interface RedirectingFunction {
  readonly device: Bdf;
  readonly acs: Acs;
}

/** How parameters name a function. */
interface Naming {
  readonly nameOf: (device: Bdf) => string;
  readonly cautionOf: (machine: Machine, edit: ParameterEdit) => string;
}

const byAddress: Naming = {
  nameOf: formatBdf,
  cautionOf: (machine, { functions }) => {
    const why = whyByAddress(machine, functions);
    const by = why === null ? "" : `by address, as ${why}; `;
    return `${by}addresses change when devices are added or moved: look again after that`;
  },
};

/** By the way from the root bus (`pci_dev_str_match_path`, Linux 4.20 and newer), as bus numbers are given anew after a move. */
export function byPath(machine: Machine): Naming {
  const topology = topologyOf(machine);
  const addresses = new Addresses(machine, topology);
  const step = (index: number): string => {
    const { devfn } = addresses.of(topology.functionAt(index));
    return `${(devfn >> 3).toString(16).padStart(2, "0")}.${devfn & 7}`;
  };
  const nameOf = (device: Bdf): string => {
    const index = topology.indexOf(device);
    const above = topology.bridgesAbove(index);
    const top = above.at(-1) ?? index;
    if (!topology.isOnRootBus(top)) return formatBdf(device);
    const below = [...above.slice(0, -1).toReversed(), ...(above.length > 0 ? [index] : [])];
    return [formatBdf(topology.functionAt(top).bdf), ...below.map(step)].join("/");
  };
  const caution = "ports are named by their way from the root bus, as bus numbers may change with the move";
  return { nameOf, cautionOf: () => caution };
}

/**
 * The ways to stop functions from redirecting peer requests, what lasts first: by parameter, by parameter and bit, in
 * firmware, at run time.
 */
export function acsIdeas(
  machine: Machine,
  redirecting: readonly RedirectingFunction[],
  naming: Naming = machine.renumbered === undefined ? byAddress : byPath(machine),
): readonly Idea[] {
  if (redirecting.length === 0) return [];
  return [
    disableIdea(machine, redirecting, naming),
    ...configIdea(machine, redirecting, naming),
    ...firmwareIdea(machine, redirecting),
    runTimeIdea(machine, redirecting),
  ];
}

function names(redirecting: readonly RedirectingFunction[]): string {
  return redirecting.map(({ device }) => formatBdf(device)).join(", ");
}

function disableIdea(machine: Machine, redirecting: readonly RedirectingFunction[], naming: Naming): Idea {
  const entries = redirecting.map(({ device }) => ({ device, text: naming.nameOf(device) }));
  const edit = editPciList(machine, "disable_acs_redir", entries, naming === byAddress);
  return {
    kinds: ["kernel-parameter"],
    title: edit.sets,
    ...byIdsOf(edit),
    changes: [{ kind: "parameters", text: edit.sets }],
    lasting: "from-next-boot",
    steps: [edit],
    cautions: parameterCautions(machine, edit, naming),
  };
}

/**
 * `disable_acs_redir` by ids alone where those hit more functions that redirect than `redirecting`: every port of one kind of
 * switch at once, in one entry, which is clean where pairs beside these are to be direct too. None where ids hit these
 * alone, as then {@link acsIdeas} has it, where a source may leave functions out, and where `config_acs` sets what it clears.
 */
export function allOfIdsIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly Idea[] {
  const hit = allOfTheirIds(
    machine,
    redirecting.map(({ device }) => device),
  );
  const [first, ...more] = hit?.others ?? [];
  const { commandLine } = machine.kernel;
  const isSet = !isUnknown(commandLine) && readEntries(commandLine, "config_acs").length > 0;
  if (hit === null || first === undefined || isSet) return [];
  const entries = hit.ids.map((ids) => ({ device: first, text: `pci:${ids}` }));
  const list = editPciList(machine, "disable_acs_redir", entries, false);
  const edit: ParameterEdit = { ...list, ids: hit.ids, functions: [] };
  const others = more.length === 0 ? `${formatBdf(first)} too` : `${more.length + 1} functions more`;
  const naming: Naming = {
    nameOf: formatBdf,
    cautionOf: () => `by ids it clears redirection at ${others}, and at such functions that are added later`,
  };
  return [
    {
      kinds: ["kernel-parameter"],
      title: edit.sets,
      changes: [{ kind: "parameters", text: edit.sets }],
      lasting: "from-next-boot",
      steps: [edit],
      cautions: parameterCautions(machine, edit, naming),
    },
  ];
}

function byIdsOf({ setsByIds }: ParameterEdit): Pick<Idea, "titleByIds"> {
  return setsByIds === null ? {} : { titleByIds: setsByIds };
}

/** `config_acs` keeps what keeps guests apart otherwise: it clears redirection and leaves source validation and the like on. */
function configIdea(machine: Machine, redirecting: readonly RedirectingFunction[], naming: Naming): readonly Idea[] {
  const { release } = machine.kernel;
  const running = isUnknown(release) ? undefined : parseKernelRelease(release);
  const rows = running === undefined ? [] : rowsOf(running).rows;
  if (rows.length === 0 || rows.some(({ configAcs }) => configAcs === "unknown-parameter")) return [];
  const entries = redirecting.map(({ device, acs }) => ({
    device,
    text: `${configFlags(acs)}@${naming.nameOf(device)}`,
  }));
  const edit = editPciList(machine, "config_acs", entries, naming === byAddress);
  return [
    {
      kinds: ["kernel-parameter"],
      title: edit.sets,
      ...byIdsOf(edit),
      changes: [{ kind: "parameters", text: edit.sets }],
      lasting: "from-next-boot",
      steps: [edit],
      cautions: [...parameterCautions(machine, edit, naming), "bit by bit, the others stay as set"],
    },
  ];
}

/** Seven flags, the last one bit 0: `0` clears, `1` sets, `x` leaves what firmware set. */
function configFlags({ capability, control }: Acs): string {
  const flag = (bit: number): string => {
    if ((capability & bit & ACS_REDIRECT_BITS) !== 0) return "0";
    const isKept = (capability & control & bit & (PCI_ACS_SV | PCI_ACS_UF)) !== 0;
    return isKept ? "1" : "x";
  };
  return [6, 5, 4, 3, 2, 1, 0].map((position) => flag(1 << position)).join("");
}

function parameterCautions(machine: Machine, edit: ParameterEdit, { cautionOf }: Naming): readonly string[] {
  const { commandLine } = machine.kernel;
  const removed = edit.removes.reduce((sum, word) => sum + word.length + 1, 0);
  const length = edit.add.length + (isUnknown(commandLine) ? 0 : commandLine.length + 1 - removed);
  return [
    ...(isUnknown(commandLine)
      ? ["the source does not show the kernel's command line: this takes it to have no pci= parameters of its own"]
      : []),
    ...(length > COMMAND_LINE_SIZE
      ? [`with it the command line has ${length} characters; kernels take ${COMMAND_LINE_SIZE}`]
      : []),
    edit.addByIds === null ? cautionOf(machine, edit) : "by ids it also hits such functions that are added later",
    ...(isUnknown(machine.kernel.release)
      ? ["on Linux 6.11, 6.12 to 6.12.22, 6.13 to 6.13.10, 6.14 and 6.14.1 it leaves on what firmware had turned on"]
      : []),
  ];
}

function runTimeIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): Idea {
  const clear = redirecting.map(({ device, acs }) => ({ device, bits: acs.control & ACS_REDIRECT_BITS }));
  return {
    kinds: ["run-time"],
    title: `clear the redirect bits of ${names(redirecting)} with setpci`,
    changes: clear.map(({ device, bits }) => ({ kind: "acs", device, set: 0, clear: bits })),
    lasting: "until-reboot",
    steps: setpciSteps(machine, clear),
    cautions: [
      "a guest may get a device no longer isolated: IOMMU groups stay those of the last boot",
      "reload the provider's driver: the kernel keeps its verdict of a pair",
      "setpci is refused under lockdown (Secure Boot)",
    ],
  };
}

/** Without an IOMMU the kernel turns no bits on but those that its command line sets: the others are firmware's. */
function firmwareIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly Idea[] {
  if (machine.iommu.mode !== "off") return [];
  return [
    {
      kinds: ["firmware-setting"],
      title: "turn ACS off in firmware setup",
      changes: setByFirmware(machine, redirecting).map(({ device, acs }) => ({
        kind: "acs",
        device,
        set: 0,
        clear: acs.control & ACS_REDIRECT_BITS,
      })),
      lasting: "from-next-boot",
      steps: [
        {
          where: "firmware setup",
          lines: ["set 'ACS', 'ACS Enable' or 'PCIe ACS Support' to Disabled; its name and place differ by vendor"],
        },
      ],
      cautions: ["firmware may turn ACS off at other ports as well"],
    },
  ];
}

/** Those of which a boot turns no redirect bit on that firmware left off: a setting of the command line would. */
function setByFirmware(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly RedirectingFunction[] {
  const topology = topologyOf(machine);
  const parameters = acsParameters(machine);
  const { worlds } = bootWorlds(machine);
  return redirecting.filter(({ device, acs: { capability, control } }) => {
    const asks = parameters.asksOf(topology.functionOf(device));
    if (isUnknown(asks)) return false;
    return worlds.every((world) => (bootControl(world, asks, capability, 0) & control & ACS_REDIRECT_BITS) === 0);
  });
}
