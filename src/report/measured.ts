import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { Printable } from "../pci/visible.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { fullName } from "./device-names.ts";
import { mapTypeSpan } from "./difference.ts";
import { type Block, list, paragraph } from "./document.ts";
import { documentText } from "./document-text.ts";
import type { VmJson } from "./json-types.ts";
import { joinPrintable, screenText } from "./printable.ts";
import type { ScreenOptions } from "./style.ts";

/** As much of a real kernel's answer as reports show; `src/vm` measures it. */
export interface MeasuredPairView {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly mapType: MapType;
  readonly hops: number;
  readonly write: number;
  readonly read: number;
  readonly messages: readonly string[];
}

/** The answers of one boot. */
export interface MeasuredView {
  readonly kernelRelease: string;
  readonly qemuVersion: string;
  readonly pairs: readonly MeasuredPairView[];
}

function ruleOf(table: VerdictTable, pair: MeasuredPairView): MapType {
  return table.mapType(table.providers.indexOf(pair.provider), table.clients.indexOf(pair.client));
}

/** The kernel's own answers below the matrix: how many pairs it was asked, and each on which the rules differ. */
export function vmBlocks(table: VerdictTable, measured: MeasuredView): readonly Block[] {
  const differing = measured.pairs.filter((pair) => ruleOf(table, pair) !== pair.mapType);
  const head = `Linux ${measured.kernelRelease} in QEMU ${measured.qemuVersion} was asked for ${measured.pairs.length} pairs: `;
  if (differing.length === 0) {
    return [paragraph([head, { text: "it decided the same on every one", paint: "direct" }])];
  }
  return [
    paragraph([head, { text: `on ${differing.length} it differs from the rules`, paint: "no" }]),
    list(
      differing.map((pair) => [
        `${fullName(table.topology, pair.provider)} → ${fullName(table.topology, pair.client)}: rules `,
        mapTypeSpan(ruleOf(table, pair), null),
        ", kernel ",
        mapTypeSpan(pair.mapType, null),
      ]),
    ),
  ];
}

/** {@link vmBlocks} as a screen. */
export function vmText(table: VerdictTable, measured: MeasuredView, options: ScreenOptions): Printable {
  return joinPrintable([screenText([""], options), documentText(vmBlocks(table, measured), options)]);
}

/** `peerlane.vm/1`: the kernel's answers beside the rules'. */
export function vmJson(table: VerdictTable, measured: MeasuredView): VmJson {
  return {
    schema: "peerlane.vm/1",
    kernel: measured.kernelRelease,
    qemu: measured.qemuVersion,
    pairs: measured.pairs.map((pair) => ({
      provider: formatBdf(pair.provider),
      client: formatBdf(pair.client),
      rules: ruleOf(table, pair),
      kernel: pair.mapType,
      hops: pair.hops,
      write: pair.write,
      read: pair.read,
      messages: pair.messages,
    })),
  };
}
