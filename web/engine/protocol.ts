import type { WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import type { TreeScene } from "../../src/drawing/tree-scene.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import type { DeviceKind } from "../../src/pci/device-kind.ts";
import type { ErrorCode } from "../../src/pci/error.ts";
import type { Block } from "../../src/report/document.ts";
import type { Rich } from "../../src/report/rich.ts";
import type { ToldMapType } from "../../src/summary/going-up.ts";

/*
 * What the page asks of its worker, and what comes back. All of it is data that can be cloned: the machine itself stays in
 * the worker, and the page draws what it is told.
 */

/** A machine that is open, as it would be with what is asked of it: by nothing, as it is. */
export interface View {
  /** The page's number for it. */
  readonly machine: number;
  readonly asked: WhatIfRequest;
}

/** A device of a matrix. */
export interface MatrixDevice {
  readonly bdf: Bdf;
  readonly name: string;
  readonly address: string;
  readonly kind: DeviceKind;
  /** The number of its place: devices of one place stand together. */
  readonly place: number;
}

/** The verdict of each code of {@link MatrixView.verdicts}. */
export const VERDICT_CODES: readonly (ToldMapType | "self")[] = [
  ...(["self", "bus-addr", "goes-up", "thru-host-bridge", "unasked", "not-supported", "unknown"] as const),
];

/** The words of `nvidia-smi topo`, and `hidden`, by the codes of {@link MatrixView.localities}. */
export const LOCALITY_CODES: readonly string[] = ["X", "PIX", "PXB", "PHB", "NODE", "SYS", "hidden"];

/** Providers × clients: of each pair, in rows of providers, a code or a figure. */
export interface MatrixView {
  readonly providers: readonly MatrixDevice[];
  readonly clients: readonly MatrixDevice[];
  /** Names of the places, by number. */
  readonly places: readonly string[];
  readonly verdicts: Uint8Array;
  readonly localities: Uint8Array;
  /** 65535 where they are hidden. */
  readonly hops: Uint16Array;
  /** The same where something is sure to stop the pair, whatever the verdict is: 1. */
  readonly blocked: Uint8Array;
}

/** 10^9 bytes per second of writes of each pair, as {@link MatrixView} has them; not a number where it is not known, 0 where nothing arrives. */
export interface BandwidthView {
  readonly writes: Float32Array;
}

/** What was read, in words. */
export interface MachineView {
  readonly name: string;
  /** Source, kernel, CPU, IOMMU: a line each. */
  readonly facts: readonly string[];
  /** What its reader has to say. */
  readonly notes: readonly Problem[];
  readonly functions: number;
}

/** A function on the way of a pair. */
export interface Hop {
  readonly bdf: Bdf;
  readonly name: string;
  readonly address: string;
  readonly role: string;
  readonly link: string;
  readonly acs: string;
  readonly redirects: boolean;
  /** The two meet here. */
  readonly meets: boolean;
}

/** A pair explained both ways. */
export interface ExplainView {
  readonly provider: Bdf;
  readonly client: Bdf;
  /** What becomes of it, a line each way or one for both. */
  readonly head: readonly Rich[];
  /** From the provider to the client. */
  readonly hops: readonly Hop[];
  /** Between which hops the root complex is crossed: its text stands before the hop of this position; `null` where it is not. */
  readonly across: { readonly before: number; readonly text: string } | null;
  /** Why, blocked, carries, address, asks and the others: in this order, each with its texts. */
  readonly facts: readonly { readonly label: string; readonly texts: readonly Rich[] }[];
  /** How to learn what is unknown. */
  readonly way: string | null;
  /** What each crossing carries of writes from the client, with the least marked; `null` where it is not known. */
  readonly rates: readonly Rate[] | null;
}

/** What one thing that data crosses can carry. */
export interface Rate {
  readonly where: string;
  readonly gbps: number;
  readonly why: string;
  readonly isBottleneck: boolean;
}

/** An error or a note, in the words of the command line. */
export interface Problem {
  readonly message: string;
  readonly remedy?: string | undefined;
  /** `file:line:column`. */
  readonly place?: string | undefined;
}

/** An error of a request. */
export interface Failure extends Problem {
  /** `ended`: the page ended the worker; `broken`: a fault of ours. */
  readonly code: ErrorCode | "ended" | "broken";
}

/** What can be asked of the worker: each method with what it takes and gives. */
export interface Methods {
  /** Reads a machine. Its number is the page's. */
  readonly open: (asked: {
    readonly machine: number;
    readonly name: string;
    readonly bytes: Uint8Array;
  }) => MachineView;
  /** Forgets it. */
  readonly close: (asked: { readonly machine: number }) => null;
  readonly facts: (view: View) => MachineView;
  readonly summary: (view: View) => readonly Block[];
  readonly tree: (view: View) => TreeScene;
  readonly matrix: (view: View) => MatrixView;
  readonly bandwidth: (view: View) => BandwidthView;
  readonly explain: (asked: View & { readonly provider: Bdf; readonly client: Bdf }) => ExplainView;
  readonly fixes: (asked: View & { readonly provider: Bdf; readonly client: Bdf }) => readonly Block[];
  /** The machine as a snapshot without what names anybody, compressed, in base64url: for a link. */
  readonly share: (asked: { readonly machine: number }) => string;
}

export type Method = keyof Methods;
export type Asked<M extends Method> = Parameters<Methods[M]>[0];
export type Given<M extends Method> = ReturnType<Methods[M]>;

/** A message to the worker. */
export interface Request<M extends Method = Method> {
  readonly id: number;
  readonly method: M;
  readonly asked: Asked<M>;
}

/** A message from the worker. */
export type Reply =
  | { readonly id: number; readonly given: unknown }
  | { readonly id: number; readonly failure: Failure };
