import type { Bdf } from "../../pci/bdf.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { ParameterEdit } from "./command-line-edit.ts";
import type { Step } from "./idea.ts";

/**
 * How a kernel parameter is made to last, by boot loader. A `;` ends a command in GRUB's own scripts (and in the boot
 * entries that it reads as scripts), so there the value is quoted; systemd-boot passes its line on as it is.
 */
export function parameterSteps({ add, removes }: ParameterEdit): readonly Step[] {
  const quoted = add.includes(";") ? `"${add}"` : add;
  const isThere = removes.length > 0;
  const takeOut = (where: string): readonly string[] => [`# ${where}, take out what stands there:`, ...removes];
  return [
    {
      where: "GRUB (Debian, Ubuntu, SUSE)",
      lines: [
        ...(isThere
          ? [
              ...takeOut("in /etc/default/grub, of GRUB_CMDLINE_LINUX and GRUB_CMDLINE_LINUX_DEFAULT"),
              "# and put inside the quotes of GRUB_CMDLINE_LINUX='…':",
            ]
          : ["# in /etc/default/grub, inside the quotes of GRUB_CMDLINE_LINUX='…':"]),
        quoted,
        "update-grub || grub2-mkconfig -o /boot/grub2/grub.cfg",
      ],
    },
    {
      where: "grubby (Fedora, RHEL)",
      lines: [
        ...(isThere ? [`grubby --update-kernel=ALL --remove-args='${removes.join(" ")}'`] : []),
        `grubby --update-kernel=ALL --args='${quoted}'`,
      ],
    },
    {
      where: "systemd-boot",
      lines: [
        ...(isThere
          ? [...takeOut("in /etc/kernel/cmdline, or behind 'options' in the entry"), "# and put in its place:"]
          : ["# in /etc/kernel/cmdline, or behind 'options' in the entry:"]),
        add,
      ],
    },
    { where: "after the boot", lines: ["cat /proc/cmdline", "peerlane fix … again says whether it took effect"] },
  ];
}

/** `setpci` lines that clear bits of the ACS control register and leave the others. */
export function setpciSteps(clear: readonly { readonly device: Bdf; readonly bits: number }[]): readonly Step[] {
  const hex4 = (value: number): string => value.toString(16).padStart(4, "0");
  return [
    {
      where: "shell, as root",
      lines: clear.map(({ device, bits }) => `setpci -s ${formatBdf(device)} ECAP_ACS+0x6.w=0000:${hex4(bits)}`),
    },
  ];
}
