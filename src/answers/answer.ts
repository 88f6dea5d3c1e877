import type { Machine } from "../host/machine.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { type AskedPairs, askedPairsOf } from "../platforms/asked-pairs.ts";
import type { Directions } from "../platforms/directions.ts";
import { DocumentedPairs } from "../platforms/documented-pairs.ts";
import { type AskedBy, isGivenIova } from "../platforms/who-asks.ts";
import type { PeerRoutes, PeerRouting } from "../routes/peer-routes.ts";
import { KeptAnswers, onceOfTable } from "../rules/kept-answers.ts";
import type { MapType, Verdict } from "../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";
import { type Gate, isSureBlock } from "./gate.ts";
import { type GateContext, gateContext, gatesOf } from "./gates.ts";
import { HostPaths } from "./host-path.ts";
import { Localities, type PairLocality } from "./locality.ts";

/** The change that the kernel itself names in its log. */
export interface Hint {
  readonly kind: "kernel-parameter";
  readonly value: string;
  /** The map type after the change. */
  readonly mapType: MapType;
}

/** A pair's verdict, and what other witnesses say beside it: none of them changes another. */
export interface Answer extends Verdict {
  /** How far apart the two are, by the words of `nvidia-smi topo`. */
  readonly locality: PairLocality;
  /** What stops or spoils a transfer, whatever the verdict is. */
  readonly gates: readonly Gate[];
  /** What the hardware is documented to do, per direction: another answer than the kernel's, and it changes nothing there. */
  readonly hardware: Directions;
  /** Whether the drivers of the two ask the kernel at all, and what they do with its answer. */
  readonly askedBy: AskedBy;
  /** What the kernel itself proposes, `null` where it proposes nothing. */
  readonly hint: Hint | null;
}

/** An answer with where the fabric leads the requests; `null` where the client is given no address. */
export interface RoutedAnswer extends Answer {
  readonly routing: PeerRouting | null;
}

/** The answers for a table's pairs, which are named by their positions, as in the table. */
export class Answers {
  readonly table: VerdictTable;
  readonly #documented: DocumentedPairs;
  readonly #asked: AskedPairs;
  readonly #hostPaths: HostPaths | undefined;
  readonly #localities: Localities;
  readonly #gates: KeptAnswers<readonly Gate[]>;
  #gateContext: GateContext | undefined;

  constructor(table: VerdictTable) {
    this.table = table;
    this.#localities = new Localities(table.machine, table.topology);
    this.#documented = new DocumentedPairs(table);
    this.#asked = askedPairsOf(table);
    this.#gates = new KeptAnswers(table, (i, j) => this.#gatesOf(i, j, table.mapType(i, j)));
    this.#hostPaths = table.machine.host === undefined ? undefined : new HostPaths(table.machine, table.topology);
  }

  /** What stops or spoils a pair's transfer beside its map type; with another, what would if that were its map type. */
  gates(i: number, j: number, mapType?: MapType): readonly Gate[] {
    return mapType === undefined ? this.#gates.at(i, j) : this.#gatesOf(i, j, mapType);
  }

  #gatesOf(i: number, j: number, mapType: MapType): readonly Gate[] {
    const { machine, topology } = this.table;
    this.#gateContext ??= gateContext(machine);
    const { provider, client } = this.table.path(i, j);
    const gates = gatesOf(topology, this.#gateContext, { provider, client, mapType, askedBy: this.askedBy(i, j) });
    // Where the host is given, the hardware is that of the host.
    return this.#onHost(i, j) === undefined ? gates : gates.filter(({ kind }) => kind !== "virtual-machine");
  }

  /** Whether a pair's drivers ask the kernel, and what they do with its answer. */
  askedBy(i: number, j: number): AskedBy {
    return this.#asked.at(i, j);
  }

  #onHost(i: number, j: number): Directions | undefined {
    const { providers, clients } = this.table;
    return this.#hostPaths?.at(providers[i] as Bdf, clients[j] as Bdf);
  }

  /** What the hardware is documented to do with a pair's traffic, per direction; of a guest whose host is given, the host's. */
  hardware(i: number, j: number): Directions {
    return this.#onHost(i, j) ?? this.#documented.at(i, j, this.#isUp(i, j));
  }

  /** Whether requests of a direct pair go up to the root complex all the same. */
  #isUp(i: number, j: number): boolean {
    return this.table.mapType(i, j) === "bus-addr" && isGivenIova(this.askedBy(i, j), this.table.machine);
  }

  /** How far apart a pair is, by the words of `nvidia-smi topo`. */
  locality(i: number, j: number): PairLocality {
    return this.#localities.of(this.table.path(i, j));
  }

  /** All that is said of one pair, but for its route. */
  at(i: number, j: number): Answer {
    const verdict = this.table.at(i, j);
    return Object.assign(verdict, {
      locality: this.#localities.of(verdict),
      gates: this.gates(i, j),
      hardware: this.hardware(i, j),
      askedBy: this.askedBy(i, j),
      hint: hintOf(verdict),
    });
  }

  /** All that is said of one pair: with its route, whose hops are left out unless asked for. */
  routed(i: number, j: number, routes: PeerRoutes, withHops: boolean): RoutedAnswer {
    const answer = this.at(i, j);
    return Object.assign(answer, { routing: isKeptInHost(answer) ? null : routes.at(i, j, withHops) });
  }
}

/** The answers of a table, for whoever asks: what one asked, another need not work out. */
export const answersOf: (table: VerdictTable) => Answers = onceOfTable((table) => new Answers(table));

/** True where no client is given an address of the memory, whatever the verdict is: the data lies in the host's, or the call fails. */
export function isKeptInHost({ gates }: Pick<Answer, "gates">): boolean {
  return gates.some((gate) => gate.kind === "no-peer-dma" && isSureBlock(gate));
}

/**
 * The change that the kernel itself hints at: clearing ACS redirect on every redirecting function of the path leaves a
 * direct one. Only where all of them are known: a hidden one could keep redirecting. A kernel without P2PDMA hints at nothing.
 */
export function hintOf({
  acsRedirect,
  acsHidden,
  reason,
}: Pick<Verdict, "acsRedirect" | "acsHidden" | "reason">): Hint | null {
  if (acsRedirect.length === 0 || acsHidden.length > 0 || reason === "kernel-too-old") return null;
  // Addresses are separated by `;`: a `,` would end the list.
  const value = `pci=disable_acs_redir=${acsRedirect.map(formatBdf).join(";")}`;
  return { kind: "kernel-parameter", value, mapType: "bus-addr" };
}

/** {@link Answers.at} for a single pair of a machine. */
export function answer(
  machine: Machine,
  provider: Bdf,
  client: Bdf,
  options: { readonly rules?: string } = {},
): Answer {
  return new Answers(decideAll(machine, { ...options, providers: [provider], clients: [client] })).at(0, 0);
}
