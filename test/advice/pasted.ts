import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { BootLoader } from "../../src/advice/boot-loaders/boot-loaders.ts";
import { type Advice, advise } from "../../src/advice/fix/advise.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevices } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** Commands of boot loaders that write down how they were called, and do nothing. */
const FAKES = ["update-grub", "grub-mkconfig", "grub2-mkconfig", "grubby", "rpm-ostree", "kernel-install"].concat(
  "proxmox-boot-tool",
  "kernelstub",
  "talosctl",
  "systemctl",
);

/** Three root ports that redirect, each above two functions: with `pairs` of 1 the first is meant, with 2 the first two. */
export function machineWith(commandLine: string, ports = 3): Machine {
  const below = ["04.0", "05.0", "06.0"].slice(0, ports).map(
    (at) => `      - rootPort: { at: ${at} }
        below: [functions: [nvme: { cmb: 16M }, nvme]]
`,
  );
  const head = `kernel: 7.2\ncpu: intel\niommu: strict\ncmdline: ${JSON.stringify(commandLine)}`;
  return afterBoot(qemuMachineOf(`${head}\nhostBridges:\n  - below:\n${below.join("")}`, "pasted.yaml"));
}

/** What is advised for the functions of the first one, two or three ports. */
export function adviceFor(machine: Machine, bootLoader: BootLoader, ports = 1): Advice {
  const functions = findDevices(machine, "nvme") as Bdf[];
  const pairs = Array.from({ length: ports }, (_, index) => ({
    provider: functions[2 * index] as Bdf,
    client: functions[2 * index + 1] as Bdf,
  }));
  return advise(machine, pairs, { bootLoader: { name: bootLoader, why: "the test says so" } });
}

/** The lines below a title of the first fix that has it, as they stand on the screen: with what they are indented by. */
export function printedBlock(advice: Advice, title: string): string {
  const lines = String(documentText(fixBlocks(advice, { isWhole: true }), { width: 80, color: false })).split("\n");
  const start = lines.findIndex((line) => line.startsWith(`    ${title}`));
  if (start < 0) throw new Error(`nothing is printed below '${title}'`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("      "));
  return lines.slice(start + 1, end).join("\n");
}

/** A root folder of its own, in which pasted commands find the files that they name. */
export class Root {
  readonly path: string = mkdtempSync(join(tmpdir(), "peerlane-pasted-"));
  readonly #fakes: string;

  /** `whenDone` takes what removes the folder. */
  constructor(
    files: Readonly<Record<string, string>>,
    fakes: readonly string[] = FAKES,
    whenDone: (remove: () => void) => void = onTestFinished,
  ) {
    whenDone(() => rmSync(this.path, { recursive: true, force: true }));
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    this.#fakes = join(this.path, "fakes");
    for (const name of fakes) {
      this.write(
        `fakes/${name}`,
        `#!/bin/sh\nprintf '%s' "${name}" >> "${this.path}/called"\nfor word; do printf ' [%s]' "$word" >> "${this.path}/called"; done\necho >> "${this.path}/called"\n`,
      );
      chmodSync(join(this.#fakes, name), 0o755);
    }
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }

  /** How the commands of boot loaders were called, a line for each: `grubby [--update-kernel=ALL] [--args=…]`. */
  get called(): readonly string[] {
    return existsSync(join(this.path, "called")) ? this.read("called").trimEnd().split("\n") : [];
  }

  /** Pastes commands into a shell; one that fails or complains is an error. */
  paste(commands: string, shell: string, environment: Readonly<Record<string, string>> = {}): string {
    const inRoot = commands.replaceAll(/(?<![\w.])\/(?=(?:etc|boot|proc|lib)\/)/g, `${this.path}/`);
    const { PATH = "" } = process.env;
    const { stdout, stderr, status } = spawnSync(shell, ["-e"], {
      input: `${inRoot}\n`,
      encoding: "utf8",
      env: { PATH: `${this.#fakes}${delimiter}${PATH}`, LC_ALL: "C", ...environment },
    });
    if (status !== 0 || stderr !== "") throw new Error(`${shell} ended with ${status}: ${stderr}\n${inRoot}`);
    return stdout;
  }

  /**
   * The words that GRUB hands to the kernel: its files read in the order in which `grub-mkconfig` of Debian reads them, and
   * the line that it writes into a script read as a script.
   */
  grubWords(): readonly string[] {
    const script = `set -e
      for file in /etc/default/grub /etc/default/grub.d/*.cfg; do if [ -e "$file" ]; then . "$file"; fi; done
      printf '%s\\n' "linux /vmlinuz root=/dev/sda1 ro \${GRUB_CMDLINE_LINUX} \${GRUB_CMDLINE_LINUX_DEFAULT}"`;
    const words = this.paste(
      `${script} > '${this.path}/grub.cfg'\neval "set -- $(cat '${this.path}/grub.cfg')"\nprintf '%s\\n' "$@"`,
      "sh",
    );
    return words.trimEnd().split("\n").slice(4);
  }
}
