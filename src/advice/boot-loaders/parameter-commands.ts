import { BOOT_LOADER_NAMES, type BootLoader } from "./boot-loaders.ts";
import { asPattern, isPlain, quotedForGrub } from "./shell-words.ts";

/** What is to become of a kernel's command line. */
export interface CommandLineChange {
  /** Words to put there. */
  readonly adds: readonly string[];
  /** Words that stand there now, as `/proc/cmdline` has them, and have to go. */
  readonly removes: readonly string[];
}

/** Commands for one boot loader. */
export interface LoaderCommands {
  /** `null`: by hand, whatever the boot loader is. */
  readonly bootLoader: BootLoader | null;
  /** Where they are run. */
  readonly where: string;
  readonly lines: readonly string[];
}

/**
 * How a change of the command line is made to last, for each boot loader: commands for a POSIX shell, which change nothing
 * more when they are run twice. What was indented with them stays right: there is no here-document among them.
 */
export function parameterCommands(change: CommandLineChange): readonly LoaderCommands[] {
  if (![...change.adds, ...change.removes].every(isPlain)) return [byHand(change)];
  return BOOT_LOADER_NAMES.flatMap((bootLoader) =>
    commands[bootLoader](change).map((found) => ({ bootLoader, ...found })),
  );
}

/** Options that the source left out, or that hold what a shell would read as its own. */
function byHand({ adds, removes }: CommandLineChange): LoaderCommands {
  const why = removes.some((word) => word.includes("…")) ? "; --full-command-line shows what … stands for" : "";
  return {
    bootLoader: null,
    where: `by hand: the command line has words that are not plain${why}`,
    lines: [...removes.map((word) => `take out: ${word}`), ...adds.map((word) => `put in: ${word}`)],
  };
}

type Commands = (change: CommandLineChange) => readonly Omit<LoaderCommands, "bootLoader">[];

const commands: Readonly<Record<BootLoader, Commands>> = {
  grub: ({ adds, removes }) => [
    {
      where: "GRUB with drop-ins, as root",
      lines: [
        "mkdir -p /etc/default/grub.d",
        ...removes.map((word) => removedFromGrub(word, "/etc/default/grub /etc/default/grub.d")),
        ...adds.map((word) => `printf '%s\\n' '${grubLine(word)}' > ${dropIn(word)}`),
        "update-grub",
      ],
    },
  ],
  "grub-file": ({ adds, removes }) => [
    {
      where: "GRUB without drop-ins, as root",
      lines: [
        ...[...removes, ...adds.filter((word) => !removes.includes(word))].map((word) =>
          removedFromGrub(word, "/etc/default/grub"),
        ),
        ...adds.map((word) => `printf '\\n%s\\n' '${grubLine(word)}' >> /etc/default/grub`),
        "if command -v grub2-mkconfig >/dev/null; then grub2-mkconfig -o /boot/grub2/grub.cfg; else grub-mkconfig -o /boot/grub/grub.cfg; fi",
      ],
    },
  ],
  grubby: ({ adds, removes }) => [
    {
      where: "grubby, as root",
      lines: [
        ...(removes.length > 0
          ? [`grubby --update-kernel=ALL --remove-args='${removes.flatMap(asItMayStand).join(" ")}'`]
          : []),
        `grubby --update-kernel=ALL --args='${adds.map(quotedForGrub).join(" ")}'`,
      ],
    },
  ],
  "rpm-ostree": ({ adds, removes }) => [
    {
      where: "rpm-ostree, as root",
      lines: [
        [
          "rpm-ostree kargs",
          ...removes.flatMap(asItMayStand).map((word) => `--delete-if-present='${word}'`),
          ...adds.map((word) => `--append-if-missing='${quotedForGrub(word)}'`),
        ].join(" "),
      ],
    },
  ],
  "systemd-boot": (change) => [
    {
      where: "systemd-boot with kernel-install, as root",
      lines: [
        ...kernelCommandLineFile(change),
        `for kernel in $(ls /lib/modules); do for image in "/lib/modules/$kernel/vmlinuz" "/boot/vmlinuz-$kernel"; do if [ -e "$image" ]; then kernel-install add "$kernel" "$image"; break; fi; done; done`,
      ],
    },
  ],
  "proxmox-boot-tool": (change) => [
    {
      where: "Proxmox VE with systemd-boot, as root",
      lines: [...kernelCommandLineFile(change), "proxmox-boot-tool refresh"],
    },
  ],
  kernelstub: ({ adds, removes }) => [
    {
      where: "kernelstub, as root",
      lines: [...removes.map((word) => `kernelstub -d '${word}'`), ...adds.map((word) => `kernelstub -a '${word}'`)],
    },
  ],
  // A list in a patch is added to the list that is there, and the kernel takes the last value.
  talos: ({ adds }) => [
    {
      where: "Talos with GRUB; then talosctl upgrade to the image that the node has",
      lines: [
        `talosctl patch machineconfig --patch '{"machine":{"install":{"extraKernelArgs":["${adds.join('","')}"]}}}'`,
      ],
    },
    {
      where: "Talos with systemd-boot: schematic of Image Factory, to upgrade to",
      lines: ["customization:", "  extraKernelArgs:", ...adds.map((word) => `    - ${word}`)],
    },
  ],
};

/** A file of its own for each parameter, so that it can be written again; behind `50-cloudimg-settings.cfg`, which sets the variables anew. */
function dropIn(word: string): string {
  return `/etc/default/grub.d/60-peerlane-${word.replace(/=.*/s, "")}.cfg`;
}

/** A line of shell, right whatever quotes stand in other files: what is there stays, and the word is added. */
function grubLine(word: string): string {
  return `GRUB_CMDLINE_LINUX="\${GRUB_CMDLINE_LINUX} ${quotedForGrub(word).replaceAll('"', '\\"')}"`;
}

/** Takes a word out of whichever of these files has it, with quotes of its own, whatever quotes stand around the whole. */
function removedFromGrub(word: string, files: string): string {
  const pattern = String.raw`(\\?["\x27]?)\<${asPattern(word)}\1(["\x27[:space:]]|$)`;
  return `grep -rlF -e '${word}' ${files} | xargs -r sed -E -i 's%${pattern}%\\2%g'`;
}

/** GRUB takes quotes away before the kernel sees a word: in its own files it may have them. */
function asItMayStand(word: string): readonly string[] {
  const quoted = quotedForGrub(word);
  return quoted === word ? [word] : [quoted, word];
}

/** `/etc/kernel/cmdline`, in one line; where it is not there yet, `kernel-install` takes what runs, and so do we. */
function kernelCommandLineFile({ adds, removes }: CommandLineChange): readonly string[] {
  const file = "/etc/kernel/cmdline";
  return [
    `[ -s ${file} ] || tr -s ' ' '\\n' < /proc/cmdline | grep -v -e '^BOOT_IMAGE=' -e '^initrd=' | paste -sd ' ' > ${file}`,
    ...[...removes, ...adds.filter((word) => !removes.includes(word))].map(
      (word) => `sed -E -i 's%(^|[[:space:]])${asPattern(word)}([[:space:]]|$)%\\1\\2%g' ${file}`,
    ),
    ...adds.map((word) => `sed -i '1s%$% ${word}%' ${file}`),
  ];
}
