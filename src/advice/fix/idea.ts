import type { Bdf } from "../../pci/bdf.ts";
import type { BootLoader } from "../boot-loaders/boot-loaders.ts";
import type { Change } from "../what-if/change.ts";
import type { ParameterEdit } from "./command-line-edit.ts";

/** A provider and a client that should work together. */
export interface Pair {
  readonly provider: Bdf;
  readonly client: Bdf;
}

/** What kind of thing is done. */
export type FixKind =
  | "kernel-parameter"
  | "run-time"
  | "firmware-setting"
  | "kernel"
  | "slot"
  | "iommu"
  /** A card that is not there yet, for which both devices move. */
  | "switch-card";

/** How to do it in one place: a boot loader, a shell, firmware setup, hands. */
export interface Step {
  /** `GRUB with drop-ins …`, `shell, as root`, …, for people. */
  readonly where: string;
  /** Commands as they are pasted, or sentences where there is no command. */
  readonly lines: readonly string[];
  /** Of steps of which a machine needs those of its boot loader alone. */
  readonly bootLoader?: BootLoader;
}

/** A step of an idea: what is done in one place, or a kernel parameter, which each boot loader wants in its own. */
export type IdeaStep = Step | ParameterEdit;

/** A change that may help; whether it does is shown by the rules. */
export interface Idea {
  /** One kind, or two of different kinds that go together, in the order in which they are done. */
  readonly kinds: readonly FixKind[];
  /** What is done, in one line. */
  readonly title: string;
  /** The same with functions named by their ids, where a parameter may name them so. */
  readonly titleByIds?: string;
  readonly changes: readonly Change[];
  /** When it takes hold, and for how long. */
  readonly lasting: "until-reboot" | "from-next-boot";
  readonly steps: readonly IdeaStep[];
  /** True where a card comes to a slot that is narrower or slower than what it can use. */
  readonly narrows?: boolean;
  /** What to know before doing it. */
  readonly cautions: readonly string[];
}

/** Two ideas done together: `second` was thought of for the machine after `first`. */
export function both(first: Idea, second: Idea): Idea {
  const isParameter = second.kinds.some((kind) => kind === "kernel-parameter" || kind === "iommu");
  const titleOf = (one: string, other: string): string => `${one}, and ${isParameter ? "boot with " : ""}${other}`;
  const byIds = [first.titleByIds, second.titleByIds];
  return {
    kinds: [...first.kinds, ...second.kinds],
    title: titleOf(first.title, second.title),
    ...(byIds.some((title) => title !== undefined)
      ? { titleByIds: titleOf(byIds[0] ?? first.title, byIds[1] ?? second.title) }
      : {}),
    changes: [...first.changes, ...second.changes],
    lasting: [first, second].some(({ lasting }) => lasting === "until-reboot") ? "until-reboot" : "from-next-boot",
    ...(first.narrows === true || second.narrows === true ? { narrows: true } : {}),
    steps: [...first.steps, ...second.steps],
    cautions: [...new Set([...first.cautions, ...second.cautions])],
  };
}
