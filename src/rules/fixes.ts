import { formatBdf } from "../pci/bdf.ts";
import type { Fix, Verdict } from "./verdict.ts";

/**
 * The change that the kernel itself hints at: clearing ACS redirect on every redirecting function of the path leaves a
 * direct one. Only where all of them are known: a hidden one could keep redirecting.
 */
export function fixesOf(verdict: Pick<Verdict, "acsRedirect" | "acsHidden">): readonly Fix[] {
  if (verdict.acsRedirect.length === 0 || verdict.acsHidden.length > 0) return [];
  return [{ kind: "kernel-parameter", value: disableAcsRedirect(verdict), mapType: "bus-addr" }];
}

/** The kernel's `pci=disable_acs_redir=` for a path: addresses separated by `;` (a `,` would end the list). */
function disableAcsRedirect(verdict: Pick<Verdict, "acsRedirect">): string {
  return `pci=disable_acs_redir=${verdict.acsRedirect.map(formatBdf).join(";")}`;
}
