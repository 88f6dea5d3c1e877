import type { Machine } from "../../host/machine.ts";
import { ACS_REDIRECT_BITS, type Acs, PCI_ACS_SV, PCI_ACS_UF } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { readEntries } from "../../rules/kernel-parameters.ts";
import { rowsOf } from "../../rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../../rules/kernels/kernel-release.ts";
import type { Idea } from "./idea.ts";
import { type ParameterEdit, parameterSteps, setpciSteps } from "./steps.ts";

/** What an x86 kernel takes (`COMMAND_LINE_SIZE`), and the least that any architecture takes today. */
const COMMAND_LINE_SIZE = 2048;

/** A function that redirects, with its ACS registers. */
export interface RedirectingFunction {
  readonly device: Bdf;
  readonly acs: Acs;
}

/** The ways to stop functions from redirecting peer requests: by parameter, by parameter and bit, at run time, in firmware. */
export function acsIdeas(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly Idea[] {
  if (redirecting.length === 0) return [];
  return [
    disableIdea(machine, redirecting),
    ...configIdea(machine, redirecting),
    runTimeIdea(redirecting),
    ...firmwareIdea(machine, redirecting),
  ];
}

function names(redirecting: readonly RedirectingFunction[]): string {
  return redirecting.map(({ device }) => formatBdf(device)).join(", ");
}

function disableIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): Idea {
  const edit = editList(
    machine,
    "disable_acs_redir",
    redirecting.map(({ device }) => formatBdf(device)),
  );
  return {
    kind: "kernel-parameter",
    title: edit.add,
    changes: [{ kind: "parameters", text: edit.add }],
    lasting: "from-next-boot",
    steps: parameterSteps(edit),
    cautions: parameterCautions(machine, edit),
  };
}

/** `config_acs` keeps what keeps guests apart otherwise: it clears redirection and leaves source validation and the like on. */
function configIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly Idea[] {
  const { release } = machine.kernel;
  const running = isUnknown(release) ? undefined : parseKernelRelease(release);
  const rows = running === undefined ? [] : rowsOf(running).rows;
  if (rows.length === 0 || rows.some(({ configAcs }) => configAcs === "unknown-parameter")) return [];
  const edit = editList(
    machine,
    "config_acs",
    redirecting.map(({ device, acs }) => `${configFlags(acs)}@${formatBdf(device)}`),
  );
  return [
    {
      kind: "kernel-parameter",
      title: edit.add,
      changes: [{ kind: "parameters", text: edit.add }],
      lasting: "from-next-boot",
      steps: parameterSteps(edit),
      cautions: [
        ...parameterCautions(machine, edit),
        "unlike disable_acs_redir it keeps source validation and upstream forwarding as they are",
      ],
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

/** The kernel takes the last list of its kind only, so new entries join those that are there and are read. */
function editList(
  machine: Machine,
  name: "disable_acs_redir" | "config_acs",
  entries: readonly string[],
): ParameterEdit {
  const { commandLine } = machine.kernel;
  const present = isUnknown(commandLine) ? [] : readEntries(commandLine, name);
  const kept = present.filter((entry) => !entries.includes(entry));
  return {
    add: `pci=${name}=${[...entries, ...kept].join(";")}`,
    replaces: present.length === 0 ? null : `pci=${name}=${present.join(";")}`,
  };
}

function parameterCautions(machine: Machine, edit: ParameterEdit): readonly string[] {
  const { commandLine } = machine.kernel;
  const length = edit.add.length + (isUnknown(commandLine) ? 0 : commandLine.length);
  return [
    ...(isUnknown(commandLine)
      ? ["the source does not show the kernel's command line: this takes it to have no pci= parameters of its own"]
      : []),
    ...(length > COMMAND_LINE_SIZE
      ? [`with it the command line has ${length} characters; kernels take ${COMMAND_LINE_SIZE}`]
      : []),
    "addresses change when devices are added or moved: look again after that",
    ...(isUnknown(machine.kernel.release)
      ? ["on Linux 6.11, 6.12 to 6.12.22, 6.13 to 6.13.10, 6.14 and 6.14.1 it leaves on what firmware had turned on"]
      : []),
  ];
}

function runTimeIdea(redirecting: readonly RedirectingFunction[]): Idea {
  const clear = redirecting.map(({ device, acs }) => ({ device, bits: acs.control & ACS_REDIRECT_BITS }));
  return {
    kind: "run-time",
    title: `clear the redirect bits of ${names(redirecting)} with setpci`,
    changes: clear.map(({ device, bits }) => ({ kind: "acs", device, set: 0, clear: bits })),
    lasting: "until-reboot",
    steps: setpciSteps(clear),
    cautions: [
      "IOMMU groups stay as they were formed at boot, so a guest may be given a device that is no longer isolated",
      "the kernel remembers its verdict for each pair: load the provider's driver anew (or boot) before the pair is used",
    ],
  };
}

/** Only where it is sure that firmware set the bits: without an IOMMU the kernel turns none on. */
function firmwareIdea(machine: Machine, redirecting: readonly RedirectingFunction[]): readonly Idea[] {
  if (machine.iommu.mode !== "off") return [];
  return [
    {
      kind: "firmware-setting",
      title: "turn ACS off in firmware setup",
      changes: redirecting.map(({ device, acs }) => ({
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
