/*
 * What the page shows, in the fragment of its address: no server ever sees a fragment. A machine is in there where somebody
 * asked for a link, or as the name of an example.
 */

/** How the matrix is coloured, and in which order its devices stand. */
export const COLORINGS = ["verdict", "bandwidth", "locality"] as const;
export type Coloring = (typeof COLORINGS)[number];
export const ORDERS = ["place", "kind", "name", "verdict"] as const;
export type Order = (typeof ORDERS)[number];

/** What a fragment says. */
export interface Fragment {
  readonly example: string | null;
  /** A packed machine. */
  readonly machine: string | null;
  /** The name of that machine. */
  readonly name: string | null;
  /** Provider and client, as addresses. */
  readonly pair: readonly [provider: string, client: string] | null;
  readonly coloring: Coloring;
  readonly order: Order;
}

/** Takes a fragment apart; what makes no sense counts as absent. */
export function readFragment(hash: string): Fragment {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const [provider, client, ...more] = words.get("pair")?.split(",") ?? [];
  return {
    example: words.get("example"),
    machine: words.get("machine"),
    name: words.get("name"),
    pair: provider === undefined || client === undefined || more.length > 0 ? null : [provider, client],
    coloring: COLORINGS.find((coloring) => coloring === words.get("color")) ?? "verdict",
    order: ORDERS.find((order) => order === words.get("order")) ?? "place",
  };
}

/** The fragment of what is shown; what is usual is left out. */
export function writeFragment({ example, machine, name, pair, coloring, order }: Fragment): string {
  const words = new URLSearchParams();
  if (example !== null) words.set("example", example);
  if (machine !== null) words.set("machine", machine);
  if (name !== null) words.set("name", name);
  if (pair !== null) words.set("pair", pair.join(","));
  if (coloring !== "verdict") words.set("color", coloring);
  if (order !== "place") words.set("order", order);
  const text = words.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");
  return text === "" ? "" : `#${text}`;
}
