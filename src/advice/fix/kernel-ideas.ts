import type { Machine } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { readEntries } from "../../rules/kernel-parameters.ts";
import { type KernelRelease, parseKernelRelease, releaseOfOurs } from "../../rules/kernels/kernel-release.ts";
import { type KernelRules, sameVerdicts } from "../../rules/kernels/kernel-rules.ts";
import { KERNEL_RULES } from "../../rules/kernels/mainline.ts";
import type { Idea } from "./idea.ts";

/** Whether two rows decide pairs alike, and treat the ACS parameters alike at boot. */
function areAlike(a: KernelRules, b: KernelRules): boolean {
  return sameVerdicts(a, b) && a.acsAtBoot === b.acsAtBoot && a.configAcs === b.configAcs;
}

/** Rows that are not like the one before them, oldest first. */
function changesOf(isAlike: (a: KernelRules, b: KernelRules) => boolean): readonly KernelRules[] {
  return KERNEL_RULES.filter((rules, index) => {
    const before = KERNEL_RULES[index - 1];
    return before === undefined || !isAlike(before, rules);
  });
}

/** The releases that changed what is decided of pairs, oldest first. */
const CHANGES = changesOf(sameVerdicts);
/** With those that changed only what the boot makes of ACS parameters. */
const CHANGES_WITH_BOOT = changesOf(areAlike);

/** Whether the command line has parameters of which another kernel may make something else at boot. */
export function hasAcsParameters({ kernel: { commandLine } }: Machine): boolean {
  if (isUnknown(commandLine)) return false;
  return (["disable_acs_redir", "config_acs"] as const).some((name) => readEntries(commandLine, name).length > 0);
}

/**
 * Each newer release that decides differently from the one before it, oldest first: it may have the host bridge, or do
 * something else with the ACS parameters of the command line.
 */
export function kernelIdeas(machine: Machine): readonly Idea[] {
  const { release: text } = machine.kernel;
  const running = isUnknown(text) ? undefined : parseKernelRelease(text);
  if (running === undefined) return [];
  const changes = hasAcsParameters(machine) ? CHANGES_WITH_BOOT : CHANGES;
  return changes
    .filter(({ release }) => isNewer(releaseOfOurs(release), running))
    .map(
      (rules): Idea => ({
        kinds: ["kernel"],
        title: `Linux ${openRange(rules)}`,
        changes: [{ kind: "kernel", release: firstOf(rules) }],
        lasting: "from-next-boot",
        steps: [{ where: "package manager", lines: [`install and boot a kernel of ${openRange(rules)}`] }],
        cautions: [
          `rules read in ${rules.checkedAt}`,
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

/** The release with which a row starts, to its patch level where its series changed within itself: `6.13.0`. */
function firstOf({ release }: KernelRules): string {
  const { series, patch } = releaseOfOurs(release);
  const hasMore = KERNEL_RULES.some(
    (other) => other.release !== release && releaseOfOurs(other.release).series === series,
  );
  return patch === null && hasMore ? `${release}.0` : release;
}

function openRange({ release }: KernelRules): string {
  return `${release} or newer`;
}

/** Releases one after another, of which a proposal holds on all or on none. */
interface Span {
  readonly first: string;
  /** The last of them, `null` where the newest read is. */
  last: string | null;
  readonly holds: boolean;
}

/**
 * A proposal of a kernel with the releases on which it holds in its words, where not all newer ones do: `5.18 or newer, but
 * not 6.11 to 6.12.22`. `holds` is asked of newer releases; one of which it is not known is left out.
 */
export function withReleases(idea: Idea, holds: (release: string) => boolean): Idea {
  const kernel = idea.changes.find((change) => change.kind === "kernel");
  const start = KERNEL_RULES.findIndex((rules) => kernel !== undefined && firstOf(rules) === kernel.release);
  const first = KERNEL_RULES[start];
  if (first === undefined) return idea;
  const text = spansText(spansOf(start, holds));
  const named = (words: string): string => words.replace(openRange(first), text);
  return {
    ...idea,
    title: named(idea.title),
    ...(idea.titleByIds === undefined ? {} : { titleByIds: named(idea.titleByIds) }),
    steps: idea.steps.map((step) => ("lines" in step ? { ...step, lines: step.lines.map(named) } : step)),
  };
}

function spansOf(start: number, holds: (release: string) => boolean): readonly Span[] {
  const spans: Span[] = [];
  for (const [index, rules] of KERNEL_RULES.entries()) {
    const [before, current] = [KERNEL_RULES[index - 1], spans.at(-1)];
    if (index < start || (current !== undefined && before !== undefined && areAlike(before, rules))) continue;
    const isHeld = current === undefined || holds(firstOf(rules));
    if (isHeld === current?.holds) continue;
    if (current !== undefined && before !== undefined) current.last = lastBefore(rules, before);
    spans.push({ first: rules.release, last: null, holds: isHeld });
  }
  return spans;
}

/** The release before a row: `6.12.22` before 6.12.23, `6.10` before 6.11. */
function lastBefore({ release }: KernelRules, before: KernelRules): string {
  const { series, patch } = releaseOfOurs(release);
  return patch === null ? releaseOfOurs(before.release).series : `${series}.${patch - 1}`;
}

function spansText(spans: readonly Span[]): string {
  const spanText = ({ first, last }: Span): string => {
    if (last === null) return `${first} or newer`;
    return last === first ? first : `${first} to ${last}`;
  };
  const listText = (some: readonly Span[]): string =>
    some.map(spanText).reduce((all, one, index) => `${all}${index < some.length - 1 ? "," : " or"} ${one}`);
  const [held, others] = [spans.filter(({ holds }) => holds), spans.filter(({ holds }) => !holds)];
  const isOpen = held.at(-1)?.last === null;
  if (!isOpen || others.length === 0) return listText(held);
  return `${spans[0]?.first} or newer, but not ${listText(others)}`;
}
