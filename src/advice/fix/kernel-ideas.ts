import type { Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { type KernelRelease, parseKernelRelease, releaseOfOurs } from "../../rules/kernels/kernel-release.ts";
import { sameVerdicts } from "../../rules/kernels/kernel-rules.ts";
import { KERNEL_RULES } from "../../rules/kernels/mainline.ts";
import type { Idea } from "./idea.ts";

/** The releases that changed what is decided of pairs, oldest first. */
const CHANGES = KERNEL_RULES.filter((rules, index) => {
  const before = KERNEL_RULES[index - 1];
  return before === undefined || !sameVerdicts(before, rules);
});

/** Each newer release that decides differently from the one before it, oldest first: it may have the host bridge. */
export function kernelIdeas({ kernel }: Machine): readonly Idea[] {
  if (isUnknown(kernel.release)) return [];
  const running = parseKernelRelease(kernel.release);
  if (running === undefined) return [];
  return CHANGES.filter(({ release }) => isNewer(releaseOfOurs(release), running)).map(
    ({ release, checkedAt }): Idea => ({
      kinds: ["kernel"],
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

/** A patch level that the running kernel does not say may be the newest of its series. */
function isNewer(release: KernelRelease, running: KernelRelease): boolean {
  if (release.number !== running.number) return release.number > running.number;
  return (release.patch ?? 0) > (running.patch ?? Number.POSITIVE_INFINITY);
}
