import type { MapType } from "../p2pdma/verdict.ts";
import type { VerdictTable } from "../p2pdma/verdict-table.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { displayName } from "./device-names.ts";
import { MAP_TYPE_WORDS } from "./reasons.ts";
import { makeStyle, type ScreenOptions } from "./style.ts";

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
export function vmText(table: VerdictTable, measured: MeasuredView, options: ScreenOptions): string {
  const style = makeStyle(options);
  const differing = measured.pairs.filter((pair) => ruleOf(table, pair) !== pair.mapType);
  const head = `Linux ${measured.kernelRelease} in QEMU ${measured.qemuVersion} was asked for ${measured.pairs.length} pairs`;
  if (differing.length === 0) return `\n${head}: ${style.direct("it decided the same on every one")}\n`;
  const lines = differing.map((pair) => {
    const name = (bdf: Bdf): string => {
      const fn = table.topology.functions[table.topology.indexOf(bdf) ?? -1];
      return fn === undefined ? formatBdf(bdf) : displayName(fn);
    };
    return `  ${name(pair.provider)} → ${name(pair.client)}: rules ${MAP_TYPE_WORDS[ruleOf(table, pair)]}, kernel ${MAP_TYPE_WORDS[pair.mapType]}`;
  });
  return `\n${head}: ${style.no(`on ${differing.length} it differs from the rules`)}\n${lines.join("\n")}\n`;
}

/** `peerlane.vm/1`: the kernel's answers beside the rules'. */
export function vmJson(table: VerdictTable, measured: MeasuredView): object {
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
