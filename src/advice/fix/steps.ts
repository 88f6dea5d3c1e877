import type { Machine } from "../../host/machine.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { BootLoader } from "../boot-loaders/boot-loaders.ts";
import { type CommandLineChange, type LoaderCommands, parameterCommands } from "../boot-loaders/parameter-commands.ts";
import type { ParameterEdit } from "./command-line-edit.ts";
import type { Idea, IdeaStep, Pair, Step } from "./idea.ts";

/** The steps of an idea as people carry them out; of what each boot loader wants elsewhere, `bootLoader`'s come first. */
export function stepsOf(idea: Idea, pairs: readonly Pair[], bootLoader: BootLoader | null): readonly Step[] {
  const edits = idea.steps.filter(isEdit);
  const ofParameters = edits.length === 0 ? [] : [...nameSteps(edits), ...loaderSteps(edits, bootLoader)];
  const first = idea.steps.findIndex(isEdit);
  const steps = idea.steps.flatMap((step, index) => {
    if (index === first) return ofParameters;
    return isEdit(step) ? [] : [step];
  });
  return [...steps, ...lookSteps(idea, edits, pairs)];
}

function isEdit(step: IdeaStep): step is ParameterEdit {
  return "sets" in step;
}

function wordsOf({ add, addByIds }: ParameterEdit): readonly string[] {
  return (addByIds ?? add).split(" ");
}

/** A parameter that can be written in two ways. */
function nameSteps(edits: readonly ParameterEdit[]): readonly Step[] {
  return edits.flatMap(({ add, addByIds }) =>
    addByIds === null
      ? []
      : [
          {
            where:
              "by ids, or by address: both hit the same functions today; later such ones as well, or what has the address",
            lines: [addByIds, add],
          },
        ],
  );
}

function loaderSteps(edits: readonly ParameterEdit[], bootLoader: BootLoader | null): readonly Step[] {
  const isLikely = (step: LoaderCommands): boolean => step.bootLoader === bootLoader;
  const all = parameterCommands(changeOf(edits));
  return [...all.filter(isLikely), ...all.filter((step) => !isLikely(step))].map(
    ({ bootLoader: name, ...step }): Step => (name === null ? step : { ...step, bootLoader: name }),
  );
}

/** Several edits, each thought of for the command line that those before it leave, as one. */
function changeOf(edits: readonly ParameterEdit[]): CommandLineChange {
  let kept: readonly ParameterEdit[] = [];
  const removes: string[] = [];
  for (const edit of edits) {
    const isOurs = (word: string): boolean => kept.some((other) => namesOf(other).includes(word));
    removes.push(...edit.removes.filter((word) => !isOurs(word) && !removes.includes(word)));
    kept = [...kept.filter((other) => !namesOf(other).some((word) => edit.removes.includes(word))), edit];
  }
  return { adds: kept.flatMap(wordsOf), removes };
}

/** The words of an edit, as its command line is foretold and as it is proposed. */
function namesOf({ sets, add }: ParameterEdit): readonly string[] {
  return [...sets.split(" "), ...add.split(" ")];
}

/** How to see that it took: commands for after the boot, or right away. */
function lookSteps(idea: Idea, edits: readonly ParameterEdit[], [pair]: readonly Pair[]): readonly Step[] {
  const written = idea.changes.flatMap((change) =>
    change.kind === "acs" && idea.kinds.includes("run-time") ? [change.device] : [],
  );
  if (edits.length === 0 && written.length === 0) return [];
  // A move gives devices addresses that nobody knows before.
  const isMoved = idea.changes.some(({ kind }) => kind === "move" || kind === "switch-card");
  const functions = isMoved ? [] : [...new Set([...edits.flatMap((edit) => edit.functions), ...written])];
  const ids = isMoved ? [] : [...new Set(edits.flatMap((edit) => edit.ids))];
  const names = [...new Set(edits.flatMap(wordsOf).map((word) => word.replace(/=.*/s, "")))];
  const lines = [
    ...names.map((name) => `grep -o '${name}=[^ ]*' /proc/cmdline`),
    ...ids.map((own) => `lspci -vvvd ${own} | grep ACSCtl`),
    ...(functions.length === 0 ? [] : [acsCommand(functions.map(formatBdf))]),
    ...(pair === undefined || isMoved
      ? []
      : [`peerlane explain ${formatBdf(pair.provider)} ${formatBdf(pair.client)}`]),
  ];
  return [{ where: edits.length === 0 ? "to see that it took, as root" : "after the boot, as root", lines }];
}

/** The ACS control of functions: ReqRedir, CmpltRedir and EgressCtrl are to have a `-`. */
function acsCommand(functions: readonly string[]): string {
  return forEach(functions, (port) => `lspci -vvvs ${port} | grep ACSCtl`);
}

/** One command for each function, in one line. */
function forEach(functions: readonly string[], command: (port: string) => string): string {
  const [only = "", ...others] = functions;
  return others.length === 0 ? command(only) : `for port in ${functions.join(" ")}; do ${command('"$port"')}; done`;
}

/** Functions of which the same bits are cleared, by these bits. */
function byBits(clear: readonly ClearedBits[]): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>();
  for (const { device, bits } of clear) found.set(bits, [...(found.get(bits) ?? []), formatBdf(device)]);
  return found;
}

/** Bits of a function's ACS control register that are to be cleared. */
interface ClearedBits {
  readonly device: Bdf;
  readonly bits: number;
}

/** `setpci` lines that clear bits of the ACS control register and leave the others, now and at each boot. */
export function setpciSteps(machine: Machine, clear: readonly ClearedBits[]): readonly Step[] {
  const topology = topologyOf(machine);
  const hex4 = (value: number): string => value.toString(16).padStart(4, "0");
  const register = (bits: number): string => `ECAP_ACS+0x6.w=0000:${hex4(bits)}`;
  // A card that has come to this address since is left alone.
  const selected = (device: Bdf): string => {
    const { vendorId, deviceId } = topology.functionOf(device);
    const isNamed = !isUnknown(vendorId) && !isUnknown(deviceId);
    return `-s ${formatBdf(device)}${isNamed ? ` -d ${hex4(vendorId)}:${hex4(deviceId)}` : ""}`;
  };
  const unit = [
    "[Unit]",
    "Description=Clear ACS redirect bits before drivers of the root file system are loaded",
    "DefaultDependencies=no",
    "Before=systemd-modules-load.service systemd-udev-trigger.service sysinit.target shutdown.target",
    "Conflicts=shutdown.target",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=yes",
    ...clear.map(({ device, bits }) => `ExecStart=setpci ${selected(device)} ${register(bits)}`),
    "[Install]",
    "WantedBy=sysinit.target",
  ];
  return [
    {
      where: "shell, as root",
      lines: [...byBits(clear)].map(([bits, ports]) => forEach(ports, (port) => `setpci -s ${port} ${register(bits)}`)),
    },
    {
      where: "at each boot, as root: a unit of systemd",
      lines: [
        `printf '%s\\n' ${unit.map((line) => `'${line}'`).join(" \\\n  ")} \\\n  > /etc/systemd/system/peerlane-acs.service`.split(
          "\n",
        ),
        "systemctl daemon-reload",
        "systemctl enable peerlane-acs.service",
      ].flat(),
    },
  ];
}
