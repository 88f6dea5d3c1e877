import { type Command, Option } from "commander";
import { ArchiveTree } from "../../host/archive.ts";
import { decompress } from "../../host/compression.ts";
import type { Machine } from "../../host/machine.ts";
import { readSysfs } from "../../host/sysfs.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { matrixText } from "../../report/matrix-text.ts";
import { vmBlocks, vmJson, vmText } from "../../report/measured.ts";
import { joinPrintable } from "../../report/printable.ts";
import { matrixBlocks } from "../../report/screen-markdown.ts";
import { PeerRoutes } from "../../routes/peer-routes.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { bootScenario } from "../../vm/boot.ts";
import type { GuestReport } from "../../vm/measured.ts";
import { EXIT } from "../exit-codes.ts";
import { addOutputOptions, type OutputOptions, repeated } from "../options.ts";
import { show } from "../show.ts";
import { parseSize } from "../sizes.ts";
import type { Finish } from "../verb.ts";
import { type BootOptions, withBoot } from "../vm/boot.ts";
import { runVmGuest, type VmGuestOptions } from "../vm/guest.ts";
import { writeOutput } from "../write-output.ts";

/** Options of `vm`. */
export interface VmOptions extends OutputOptions, BootOptions {
  readonly save?: string;
}

/** Its arguments, options and help. */
export function declareVm(command: Command, finish: Finish): void {
  command
    .usage("[options] <scenario> [-- command...]")
    .argument("<scenario>", "a scenario file (YAML); examples/ has some")
    .argument("[command...]", "after --: run this in the guest, which has peerlane, node and busybox")
    .option("--shell", "give a shell in the guest to this terminal")
    .option("--disk <name=file[,rw]>", "a raw image for a controller; its writes are forgotten without ,rw", repeated)
    .addOption(sizeOption("--disk-size", "the size of the other disks, which are fresh", "256M"))
    .addOption(sizeOption("--memory", "memory of the guest with a command or shell", "1G"))
    .option("--cpus <count>", "its CPUs", "1")
    .option("--timeout <seconds>", "give up after this long (a command 600, without one 240, a shell never)")
    .option("--kernel-image <file>", "boot this kernel instead of Debian's")
    .option("--busybox <file>", "use this static busybox instead of Debian's")
    .option("--refresh", "fetch the kernel again even where the cache holds one")
    .option(
      "--save <file>",
      "keep the guest's sysfs and procfs as a .tar.gz, which every verb reads (replaces what is there)",
    );
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (file: string, words: readonly string[], options: VmOptions & VmGuestOptions) => {
      const given = (names: readonly string[]) =>
        names.filter((name) => command.getOptionValueSource(name) === "cli").map(flagOf);
      const isGuest = words.length > 0 || options.shell === true;
      refuseMixture(words, options, given(isGuest ? MATRIX_OPTIONS : GUEST_OPTIONS));
      if (isGuest) {
        finish(await runVmGuest(file, words, options));
      } else {
        finish(await runVm(file, options));
      }
    });
}

/** `peerlane vm SCENARIO`: boots it and shows the rules' verdicts beside the kernel's own. */
export async function runVm(file: string, options: VmOptions): Promise<number> {
  return withBoot(file, options, async ({ scenario, files, signal, progress, timeoutMs }) => {
    const report = await bootScenario(scenario, { files, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    progress.clear();
    if (report.measured.pairs.length === 0)
      throw new PeerlaneError(
        "unsupported",
        "no device of this machine offers peer memory: the kernel had no pair to decide",
        {
          remedy: "give an NVMe controller a memory buffer: nvme: { cmb: 16M }",
        },
      );
    if (options.save !== undefined) writeOutput(options.save, report.tree);
    return showReport(await machineOf(report, scenario.name), report, options);
  });
}

async function machineOf(report: GuestReport, name: string): Promise<Machine> {
  return readSysfs(new ArchiveTree(await decompress(report.tree, name), name), { format: "archive" });
}

function showReport(machine: Machine, report: GuestReport, options: VmOptions): number {
  const unique = (pick: "provider" | "client") => [...new Set(report.measured.pairs.map((pair) => pair[pick]))];
  const table = decideAll(machine, { providers: unique("provider"), clients: unique("client") });
  const agree = report.measured.pairs.every(
    (pair) =>
      table.mapType(table.providers.indexOf(pair.provider), table.clients.indexOf(pair.client)) === pair.mapType,
  );
  const routes = new PeerRoutes(table);
  show(options, {
    machine,
    json: () => vmJson(table, report.measured),
    text: (screen) =>
      joinPrintable([matrixText(table, screen, undefined, routes), vmText(table, report.measured, screen)]),
    blocks: () => [...matrixBlocks(table, undefined, routes), ...vmBlocks(table, report.measured)],
  });
  return agree ? EXIT.yes : EXIT.no;
}

/** Options that shape the matrix, which a command or a shell does not show. */
const MATRIX_OPTIONS = ["save", "json", "markdown", "width", "color"];
/** Options of the guest in which a command or a shell runs. */
const GUEST_OPTIONS = ["disk", "diskSize", "memory", "cpus"];

function sizeOption(flag: string, description: string, size: string): Option {
  return new Option(`${flag} <size>`, description).argParser(parseSize).default(parseSize(size), size);
}

function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Refuses options that mean nothing together. */
function refuseMixture(words: readonly string[], { shell }: VmGuestOptions, [stray]: readonly string[]): void {
  const [first] = words;
  if (first !== undefined && !process.argv.includes("--"))
    throw new PeerlaneError("usage", `'${first}' is no option of vm`, {
      remedy: `a command for the guest goes after --: peerlane vm SCENARIO -- ${words.join(" ")}`,
    });
  if (first !== undefined && shell === true)
    throw new PeerlaneError("usage", "--shell takes no command", { remedy: "leave out one of them" });
  if (stray === undefined) return;
  if (first === undefined && shell !== true)
    throw new PeerlaneError("usage", `${stray} is for a guest with a command or a shell`, {
      remedy: "add -- COMMAND or --shell, or leave it out: to see decisions the guest's own disks do",
    });
  throw new PeerlaneError("usage", `${stray} is for what vm itself shows, not for ${first ?? "a shell"}`, {
    remedy: first === undefined ? "leave it out" : `options of the command go after it: -- ${first} … ${stray}`,
  });
}

const HELP = `
Needs QEMU (apt-get install qemu-system-x86); fetches Debian's kernel and busybox once, into the cache.
Nothing on this machine is changed: the guest has disks of its own and no network.
Exits with 0 where the kernel decides each pair as the rules do, 1 where not, 4 where the machine did not run;
with a command or a shell, as that exits.

With a command or a shell this Peerlane and its Node run in the guest. A controller that the scenario calls nvme1 is
nvme1 there, the others take the numbers left in the scenario's order; /dev/disk/by-name/NAME is the disk of each.
Disks are fresh and deleted afterwards; the first 64 MiB of nvme0 hold data, each sector with its own number, the rest
is zero. A shell is left by exit, or by Control-] whatever it is doing.

Examples:
  peerlane vm examples/one-switch.yaml
  peerlane vm my-server.yaml --save my-server.tar.gz && peerlane tree my-server.tar.gz
  peerlane vm examples/one-switch.yaml -- peerlane explain nvme0 nvme1
  peerlane vm examples/one-switch.yaml -- sh -c 'hexdump -C /dev/nvme0n1 | head; dmesg | grep -i p2p'
  peerlane vm examples/one-switch.yaml -- peerlane copy nvme0 nvme1 --verify --yes
  truncate -s 256M t.img && peerlane vm examples/one-switch.yaml --disk nvme1=t.img,rw -- peerlane copy nvme0 nvme1 --yes
  peerlane vm examples/one-switch.yaml --shell`;
