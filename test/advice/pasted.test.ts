import { spawnSync } from "node:child_process";
import { mkdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { BOOT_LOADER_NAMES, likelyBootLoader } from "../../src/advice/boot-loaders/boot-loaders.ts";
import { parsePciParameters } from "../../src/rules/kernel-parameters.ts";
import { adviceFor, machineWith, printedBlock, Root } from "./pasted.ts";

const SHELLS = ["sh", "bash"] as const;
const isHere = (program: string): boolean => spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;

/** What the three machines are asked: one port by ids, one of three by address, two of three, which takes a `;`. */
const BY_IDS = "pci=disable_acs_redir=pci:1b36:000c";
const ONE = "pci=disable_acs_redir=0000:00:04.0";
const TWO = "pci=disable_acs_redir=0000:00:04.0;0000:00:05.0";
const asked: readonly (readonly [ports: number, meant: number, word: string])[] = [
  [1, 1, BY_IDS],
  [3, 1, ONE],
  [3, 2, TWO],
];

/** /etc/default/grub and drop-ins, and the words that they have before. */
const grubFiles: readonly (readonly [
  name: string,
  files: Readonly<Record<string, string>>,
  words: readonly string[],
])[] = [
  [
    "Debian's as it comes: double quotes",
    { "etc/default/grub": 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n' },
    ["quiet"],
  ],
  ["single quotes", { "etc/default/grub": "GRUB_CMDLINE_LINUX='console=ttyS0 nosmt'\n" }, ["console=ttyS0", "nosmt"]],
  ["no quotes, and no end of line", { "etc/default/grub": "GRUB_CMDLINE_LINUX=nosmt" }, ["nosmt"]],
  [
    "words that GRUB quotes, in both kinds of quotes",
    {
      "etc/default/grub":
        'GRUB_CMDLINE_LINUX=\'"memmap=1G;2G"\'\nGRUB_CMDLINE_LINUX_DEFAULT="quiet \'a=b;c\' \\"d=e;f\\""\n',
    },
    ["memmap=1G;2G", "quiet", "a=b;c", "d=e;f"],
  ],
  ["none of the variables", { "etc/default/grub": "GRUB_TIMEOUT=5\n" }, []],
  [
    "a cloud image, whose own drop-in sets the variables anew",
    {
      "etc/default/grub": 'GRUB_CMDLINE_LINUX="nosmt"\n',
      "etc/default/grub.d/50-cloudimg-settings.cfg":
        'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1"\nGRUB_CMDLINE_LINUX="net.ifnames=0"\n',
    },
    ["net.ifnames=0", "console=tty1"],
  ],
];

describe.for(SHELLS)("GRUB with drop-ins, pasted into %s", (shell) => {
  test.for(grubFiles)("%s", ([, files, words]) => {
    for (const [ports, meant, word] of asked) {
      const root = new Root(files);
      expect(root.grubWords()).toEqual(words);
      root.paste(printedBlock(adviceFor(machineWith("", ports), "grub", meant), "GRUB with drop-ins"), shell);
      expect([...root.grubWords()].sort()).toEqual([...words, word].sort());
      expect(root.called).toEqual(["update-grub"]);
      for (const [name, text] of Object.entries(files)) expect(root.read(name)).toBe(text);
    }
  });
});

/** Where the parameter stands that has to go (`%`), and whether it has quotes of its own there, as one with `;` needs. */
const places: readonly (readonly [line: string, isQuoted?: "quoted"])[] = [
  ['GRUB_CMDLINE_LINUX="%"'],
  ["GRUB_CMDLINE_LINUX='%'"],
  ["GRUB_CMDLINE_LINUX=%"],
  ['GRUB_CMDLINE_LINUX="% quiet"'],
  ['GRUB_CMDLINE_LINUX="quiet %"'],
  ['GRUB_CMDLINE_LINUX="quiet % nosmt" # as the vendor says'],
  ["GRUB_CMDLINE_LINUX='quiet %'"],
  ["GRUB_CMDLINE_LINUX='\"%\" quiet'", "quoted"],
  ["GRUB_CMDLINE_LINUX='\"%\"'", "quoted"],
  ["GRUB_CMDLINE_LINUX=\"quiet '%'\"", "quoted"],
  ['GRUB_CMDLINE_LINUX="quiet \\"%\\""', "quoted"],
  ['GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX %"; true'],
  ['GRUB_CMDLINE_LINUX_DEFAULT="quiet %"\nGRUB_CMDLINE_LINUX="nosmt"'],
  ['GRUB_CMDLINE_LINUX="% nosmt"\nGRUB_CMDLINE_LINUX_DEFAULT="% quiet"'],
  ['GRUB_CMDLINE_LINUX="nosmt xpci=noaer pci_hole=1 pci=noaerx %"'],
];
const standing = ["pci=noaer", "pci=noaer,disable_acs_redir=0000:00:06.0"] as const;
const standingQuoted = "pci=disable_acs_redir=0000:00:06.0;0000:00:1c.0";

describe("A parameter that stands there goes from the file that it is in", () => {
  const pciOf = (words: readonly string[]): readonly string[] => words.filter((word) => word.startsWith("pci="));
  const others = (words: readonly string[]): readonly string[] => words.filter((word) => !word.startsWith("pci="));

  test.for(places)("%s", ([line, isQuoted]) => {
    for (const old of [...standing, ...(isQuoted === "quoted" ? [standingQuoted] : [])]) {
      const text = `${line.replaceAll("%", old)}\n`;
      const [etc, dropIn] = ["etc/default/grub", "etc/default/grub.d/55-site.cfg"];
      for (const files of [{ [etc]: text }, { [etc]: 'GRUB_CMDLINE_LINUX=""\n', [dropIn]: text }]) {
        const root = new Root(files);
        const before = root.grubWords();
        expect(before).toContain(old);
        root.paste(printedBlock(adviceFor(machineWith(before.join(" ")), "grub"), "GRUB with drop-ins"), "sh");
        const after = root.grubWords();
        expect(pciOf(after)).toHaveLength(1);
        expect(pciOf(after).join().includes("noaer")).toBe(old.includes("noaer"));
        const { misread, disableAcsRedirect } = parsePciParameters(after.join(" "));
        expect(misread).toEqual([]);
        expect(disableAcsRedirect).toHaveLength(1 + (old.match(/\d{4}:/g) ?? []).length);
        expect(others(after)).toEqual(others(before));
      }
    }
  });
});

describe("Commands that are pasted twice", () => {
  const files = {
    "etc/default/grub": 'GRUB_CMDLINE_LINUX="nosmt pci=noaer"\n',
    "etc/kernel/cmdline": "root=/dev/sda1 ro pci=noaer\n",
    "proc/cmdline": "root=/dev/sda1 ro pci=noaer\n",
    "lib/modules/7.2.1/vmlinuz": "",
  };
  test.for([
    ["grub", "GRUB with drop-ins"],
    ["grub-file", "GRUB without drop-ins"],
    ["systemd-boot", "systemd-boot"],
    ["proxmox-boot-tool", "Proxmox VE"],
  ] as const)("leave one word: %s", ([name, title]) => {
    const root = new Root(files);
    const commands = printedBlock(adviceFor(machineWith("pci=noaer"), name, 2), title);
    const words = (): string => `${root.grubWords().join(" ")} ${root.read("etc/kernel/cmdline")}`;
    root.paste(commands, "sh");
    const once = words();
    root.paste(commands, "sh");
    expect(
      words()
        .match(/pci=\S+/g)
        ?.sort(),
    ).toEqual(once.match(/pci=\S+/g)?.sort());
    expect(once).toContain(TWO.replace("pci=", "pci=noaer,"));
  });
});

describe.for(SHELLS)("Other boot loaders, pasted into %s", (shell) => {
  const called = (
    name: (typeof BOOT_LOADER_NAMES)[number],
    title: string,
    commandLine = "",
    files: Readonly<Record<string, string>> = {},
  ): Root => {
    const root = new Root(files);
    root.paste(printedBlock(adviceFor(machineWith(commandLine), name, 2), title), shell);
    return root;
  };

  test("grubby: the word quoted, as GRUB reads its entries as scripts", () => {
    expect(called("grubby", "grubby").called).toEqual([`grubby [--update-kernel=ALL] [--args="${TWO}"]`]);
    const old = "pci=disable_acs_redir=0000:00:06.0;0000:00:1c.0";
    expect(called("grubby", "grubby", `pci=noaer ${old}`).called).toEqual([
      `grubby [--update-kernel=ALL] [--remove-args=pci=noaer "${old}" ${old}]`,
      `grubby [--update-kernel=ALL] [--args="${TWO.replace("pci=", "pci=noaer,")};0000:00:06.0;0000:00:1c.0"]`,
    ]);
  });

  test("rpm-ostree", () => {
    expect(called("rpm-ostree", "rpm-ostree", "pci=noaer").called).toEqual([
      `rpm-ostree [kargs] [--delete-if-present=pci=noaer] [--append-if-missing="${TWO.replace("pci=", "pci=noaer,")}"]`,
    ]);
  });

  test("kernelstub", () => {
    expect(called("kernelstub", "kernelstub", "pci=noaer").called).toEqual([
      "kernelstub [-d] [pci=noaer]",
      `kernelstub [-a] [${TWO.replace("pci=", "pci=noaer,")}]`,
    ]);
  });

  test("Talos: a patch of the machine configuration", () => {
    expect(called("talos", "Talos with GRUB").called).toEqual([
      `talosctl [patch] [machineconfig] [--patch] [{"machine":{"install":{"extraKernelArgs":["${TWO}"]}}}]`,
    ]);
  });

  test("GRUB without drop-ins, by whichever name its command has", () => {
    for (const [grub, file] of [
      ["grub2-mkconfig", "boot/grub2/grub.cfg"],
      ["grub-mkconfig", "boot/grub/grub.cfg"],
    ] as const) {
      const root = new Root({ "etc/default/grub": "GRUB_CMDLINE_LINUX='quiet pci=noaer'" }, [grub]);
      const advice = adviceFor(machineWith("quiet pci=noaer"), "grub-file", 2);
      root.paste(printedBlock(advice, "GRUB without drop-ins"), shell);
      expect(root.grubWords()).toEqual(["quiet", TWO.replace("pci=", "pci=noaer,")]);
      expect(root.called).toEqual([`${grub} [-o] [${join(root.path, file)}]`]);
    }
  });

  test("systemd-boot: the file of kernel-install, and all kernels", () => {
    const kernels = {
      "lib/modules/7.2.1/vmlinuz": "",
      "lib/modules/6.12.9/x": "",
      "boot/vmlinuz-6.12.9": "",
      "lib/modules/gone/x": "",
    };
    const root = called("systemd-boot", "systemd-boot", "pci=noaer", {
      "etc/kernel/cmdline": "root=/dev/sda1 pci=noaer ro",
      ...kernels,
    });
    expect(root.read("etc/kernel/cmdline").split(/\s+/).filter(Boolean)).toEqual([
      "root=/dev/sda1",
      "ro",
      TWO.replace("pci=", "pci=noaer,"),
    ]);
    expect(root.called).toEqual([
      `kernel-install [add] [6.12.9] [${root.path}/boot/vmlinuz-6.12.9]`,
      `kernel-install [add] [7.2.1] [${root.path}/lib/modules/7.2.1/vmlinuz]`,
    ]);
  });

  test("systemd-boot without the file: it is made of what runs, root= and all", () => {
    const proc = "initrd=\\EFI\\x\\initrd root=UUID=1-2 ro  quiet\n";
    const root = called("systemd-boot", "systemd-boot", "", {
      "proc/cmdline": proc,
      "lib/modules/7.2.1/vmlinuz": "",
      "etc/kernel/install.conf": "",
    });
    expect(root.read("etc/kernel/cmdline")).toBe(`root=UUID=1-2 ro quiet ${TWO}\n`);
  });

  test("Proxmox VE", () => {
    const root = called("proxmox-boot-tool", "Proxmox VE", "", {
      "etc/kernel/cmdline": "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n",
    });
    expect(root.read("etc/kernel/cmdline")).toBe(`root=ZFS=rpool/ROOT/pve-1 boot=zfs ${TWO}\n`);
    expect(root.called).toEqual(["proxmox-boot-tool [refresh]"]);
  });
});

describe("The programs themselves take it", () => {
  test.skipIf(!isHere("grub-script-check"))("grub-script-check (package grub-common)", () => {
    for (const [ports, meant] of asked) {
      const root = new Root({ "etc/default/grub": 'GRUB_CMDLINE_LINUX=""\n' });
      root.paste(printedBlock(adviceFor(machineWith("", ports), "grub", meant), "GRUB with drop-ins"), "sh");
      root.grubWords();
      expect(spawnSync("grub-script-check", [join(root.path, "grub.cfg")]).status).toBe(0);
    }
  });

  test.skipIf(!isHere("kernel-install"))("kernel-install (package systemd): the word stands in the boot entry", () => {
    const plugin = "/usr/lib/kernel/install.d/90-loaderentry.install";
    const root = new Root(
      {
        "etc/kernel/cmdline": "root=/dev/sda1 ro\n",
        "etc/kernel/install.conf": "layout=bls\n",
        "lib/modules/7.2.1/vmlinuz": "kernel",
        "boot/loader/entries/x": "",
      },
      [],
    );
    mkdirSync(join(root.path, "boot/peerlane"));
    root.write("etc/kernel/entry-token", "peerlane\n");
    root.paste(printedBlock(adviceFor(machineWith("", 3), "systemd-boot", 2), "systemd-boot"), "sh", {
      KERNEL_INSTALL_CONF_ROOT: join(root.path, "etc/kernel"),
      KERNEL_INSTALL_PLUGINS: plugin,
      BOOT_ROOT: join(root.path, "boot"),
    });
    expect(root.read("boot/loader/entries/peerlane-7.2.1.conf")).toMatch(
      new RegExp(`^options\\s+root=/dev/sda1 ro ${TWO}$`, "m"),
    );
  });

  test.skipIf(!isHere("systemd-analyze"))("systemd-analyze verify and systemctl enable (package systemd)", () => {
    const root = new Root({ "etc/systemd/system/x": "" }, ["systemctl"]);
    root.paste(printedBlock(adviceFor(machineWith("", 3), "grub", 2), "at each boot"), "sh");
    expect(root.called).toEqual(["systemctl [daemon-reload]", "systemctl [enable] [peerlane-acs.service]"]);
    const unit = join(root.path, "etc/systemd/system/peerlane-acs.service");
    const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit], { encoding: "utf8" });
    expect(`${stdout}${stderr}`).toBe("");
    spawnSync("systemctl", [`--root=${root.path}`, "enable", "peerlane-acs.service"]);
    const wanted = join(root.path, "etc/systemd/system/sysinit.target.wants/peerlane-acs.service");
    expect(readlinkSync(wanted)).toBe("/etc/systemd/system/peerlane-acs.service");
    expect(root.read("etc/systemd/system/peerlane-acs.service").match(/^ExecStart=.*$/gm)).toEqual([
      "ExecStart=setpci -s 0000:00:04.0 -d 1b36:000c ECAP_ACS+0x6.w=0000:000c",
      "ExecStart=setpci -s 0000:00:05.0 -d 1b36:000c ECAP_ACS+0x6.w=0000:000c",
    ]);
  });
});

describe("What is taken for a boot loader", () => {
  it.for([
    ["6.12.48+deb13-amd64", "BOOT_IMAGE=/boot/vmlinuz-6.12.48+deb13-amd64 root=UUID=1 ro quiet", "grub"],
    ["6.8.0-45-generic", "", "grub"],
    ["6.8.0-1015-aws", "BOOT_IMAGE=/boot/vmlinuz-6.8.0-1015-aws root=PARTUUID=1", "grub"],
    ["6.17.13-6-pve", "BOOT_IMAGE=/boot/vmlinuz-6.17.13-6-pve root=/dev/mapper/pve-root ro", "grub"],
    [
      "6.17.13-6-pve",
      "initrd=\\EFI\\proxmox\\6.17.13-6-pve\\initrd.img-6.17.13-6-pve root=ZFS=rpool/ROOT/pve-1",
      "proxmox-boot-tool",
    ],
    ["6.17.13-6-pve", "", null],
    ["5.14.0-427.13.1.el9_4.x86_64", "BOOT_IMAGE=(hd0,gpt2)/vmlinuz-5.14.0 root=/dev/mapper/rl-root", "grubby"],
    ["6.14.5-300.fc42.x86_64", "", "grubby"],
    [
      "6.14.5-300.fc42.x86_64",
      "BOOT_IMAGE=(hd0,gpt3)/boot/ostree/fedora-1/vmlinuz ostree=/ostree/boot.1/fedora/1/0 rw",
      "rpm-ostree",
    ],
    ["6.9.3-76060903-generic", "", "kernelstub"],
    ["7.0.0-generic", "initrd=\\EFI\\Pop_OS-1234\\initrd.img root=UUID=1 ro", "kernelstub"],
    ["6.18.42-talos", "", "talos"],
    ["6.4.0-150600.23.25-default", "BOOT_IMAGE=/boot/vmlinuz-6.4.0 root=UUID=1", "grub-file"],
    ["6.12.1-arch1-1", "BOOT_IMAGE=/vmlinuz-linux root=UUID=1 rw", "grub-file"],
    ["6.12.1-arch1-1", "initrd=\\initramfs-linux.img root=UUID=1 rw", "systemd-boot"],
    ["6.12.1-arch1-1", "root=UUID=1 rw", null],
    ["7.2.0", "BOOT_IMAGE=/vmlinuz root=/dev/sda1", null],
  ] as const)("%s, %s: %s", ([release, commandLine, name]) => {
    const { kernel } = machineWith("");
    expect(likelyBootLoader({ kernel: { ...kernel, release, commandLine } })?.name ?? null).toBe(name);
  });
});

describe("A command line that holds what no parameter needs", () => {
  it.for(["pci=noaer,$(reboot)", "pci=`reboot`", "pci=';reboot;'", "pci=\u001b[2J", "pci=…,noaer", 'pci="a;b"'])(
    "makes no command: %s",
    (commandLine) => {
      const machine = machineWith("");
      for (const name of BOOT_LOADER_NAMES) {
        const { fixes } = adviceFor({ ...machine, kernel: { ...machine.kernel, commandLine } }, name);
        const steps = fixes.find(({ kinds }) => kinds.join() === "kernel-parameter")?.steps ?? [];
        expect(steps.filter(({ bootLoader }) => bootLoader !== undefined)).toEqual([]);
        expect(steps.map(({ where }) => where).join()).toMatch(/by hand/);
      }
    },
  );
});
