import type { Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { KERNEL_RULES } from "../../rules/kernel-rules.ts";
import { numberOfOurs, releaseNumber } from "../../rules/release-number.ts";
import type { Idea } from "./idea.ts";

/** Each newer release whose rules were read, oldest first: its allow-list may have the host bridge. */
export function kernelIdeas({ kernel }: Machine): readonly Idea[] {
  if (isUnknown(kernel.release)) return [];
  const running = releaseNumber(kernel.release);
  if (running === undefined) return [];
  return KERNEL_RULES.filter(({ release }) => numberOfOurs(release) > running).map(
    ({ release, checkedAt }): Idea => ({
      kind: "kernel",
      title: `Linux ${release} or newer`,
      changes: [{ kind: "kernel", release }],
      lasting: "from-next-boot",
      steps: [{ where: "package manager", lines: [`install and boot a kernel of ${release} or newer`] }],
      cautions: [
        `rules read in ${checkedAt}`,
        "the kernel has to be built with CONFIG_PCI_P2PDMA (Debian's 6.1 and 6.12 are not)",
      ],
    }),
  );
}
