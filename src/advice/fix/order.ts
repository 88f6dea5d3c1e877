import { isSureBlock } from "../../answers/gate.ts";
import { RANKS, rankOf } from "../../summary/outcomes.ts";
import type { ProvedFix } from "./prove.ts";

/**
 * Proposals in the order in which they are told and numbered: those after which the pairs are the same stand together, the
 * first of them is told whole. What moves no card comes before what does, and a card into a slot that is too narrow for it
 * after that; what takes the IOMMU away, and with it every isolation, stands behind all of these, and a switch card last.
 * Among what touches alike what helps most comes first, and of what helps alike what changes less. Within one outcome what is
 * gone after a reboot comes after what stays. Of those that are the same the first stays first.
 */
export function inOrder(fixes: readonly ProvedFix[]): readonly ProvedFix[] {
  const groups = new Map<string, ProvedFix[]>();
  for (const fix of fixes) {
    const key = `${tierOf(fix) < WITHOUT_IOMMU ? "" : tierOf(fix)} ${outcomeOf(fix)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [fix]);
    else group.push(fix);
  }
  const compared = [...groups.values()]
    .map((group) => group.toSorted((a, b) => tierOf(a) - tierOf(b) || transienceOf(a) - transienceOf(b)))
    .toSorted(([a], [b]) => {
      if (a === undefined || b === undefined) return 0;
      return tierOf(a) - tierOf(b) || worthOf(b) - worthOf(a) || a.kinds.length - b.kinds.length;
    });
  return compared.flat();
}

/** What becomes of the pairs, as a text to compare. */
export function outcomeOf({ verdicts, goingUp }: ProvedFix): string {
  const each = verdicts.map(({ mapType, hops, gates }) => `${mapType} ${hops} ${gates.some(isSureBlock)}`);
  return [...each, goingUp.pairs].join();
}

/** The rank of its verdicts that nothing else blocks; those that are direct by the verdict alone go through the host bridge. */
export function worthOf({ verdicts, goingUp }: Pick<ProvedFix, "verdicts" | "goingUp">): number {
  const usable = verdicts.filter(({ gates }) => !gates.some(isSureBlock));
  const lost = RANKS["bus-addr"] - RANKS["thru-host-bridge"];
  return rankOf(usable) - goingUp.pairs * lost;
}

/** True for what needs a card that the machine has not. */
export function needsCard({ kinds }: ProvedFix): boolean {
  return kinds.includes("switch-card");
}

/** True where a card comes to another slot. */
export function movesCards({ kinds }: ProvedFix): boolean {
  return kinds.includes("slot");
}

const WITHOUT_IOMMU = 3;

/** How much is touched: nothing but settings, cards, cards into narrow slots, all isolation, a card that is not there yet. */
function tierOf(fix: ProvedFix): number {
  if (needsCard(fix)) return 4;
  if (fix.changes.some((change) => change.kind === "iommu" && change.mode === "off")) return WITHOUT_IOMMU;
  if (fix.narrows === true) return 2;
  return movesCards(fix) ? 1 : 0;
}

function transienceOf({ lasting }: ProvedFix): number {
  return lasting === "until-reboot" ? 1 : 0;
}
