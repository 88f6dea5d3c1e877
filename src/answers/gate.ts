import type { Bdf } from "../pci/bdf.ts";
import type { AskedBy } from "../platforms/who-asks.ts";
import type { Verdict } from "../rules/verdict.ts";

/** What a gate can be. */
export const GATE_KINDS = [
  "bar-missing",
  "registers-only",
  "bar-unassigned",
  "memory-decode-off",
  "vf-memory-off",
  "bridge-decode-off",
  "bus-master-off",
  "resizable-bar-small",
  "bridge-window-small",
  "beyond-dma-mask",
  "kernel-without-p2pdma",
  "no-peer-dma",
  "iommu-translates",
  "acs-registers-elsewhere",
  "kernel-parameter-misread",
  "virtual-machine",
] as const;

/** One of {@link GATE_KINDS}. */
export type GateKind = (typeof GATE_KINDS)[number];

/** Something beside the map type that stops or spoils the transfer. */
export interface Gate {
  readonly kind: GateKind;
  /** The function it is about, `null` for the whole machine. */
  readonly device: Bdf | null;
  /** `blocks`: no peer DMA can happen; `warns`: it may happen and not as meant. */
  readonly effect: "blocks" | "warns";
  /** In words, with the evidence: releases, addresses and sizes, which may differ though the gate is the same. */
  readonly message: string;
  /** What tells apart gates of one kind and device: which BAR, which way of sharing memory and what becomes of it. */
  readonly about?: string;
  /** Why it may not apply, where that depends on a driver that the source does not show. */
  readonly doubt?: string;
  /** The way out, where it is another than that of its kind. */
  readonly remedy?: string;
  /** The vendor of the drivers does not support it so, and nobody says that it fails: it is no way that works. */
  readonly isUnsupported?: true;
  /** There is no way out for this pair: `remedy` says what to do without it. */
  readonly isFinal?: true;
}

/** True for a gate that is sure to stop a pair whatever its map type is; one in doubt may not apply. */
export function isSureBlock({ effect, doubt }: Pick<Gate, "effect" | "doubt">): boolean {
  return effect === "blocks" && doubt === undefined;
}

/** As much of a verdict as gates hang on, and who asks for it. */
export type JudgedPair = Pick<Verdict, "provider" | "client" | "mapType"> & { readonly askedBy: AskedBy };
