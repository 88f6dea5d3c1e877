import type { Gate, JudgedPair } from "../../src/answers/gate.ts";
import type { AskClass, AskingRow, Proviso } from "../../src/platforms/asking.ts";
import type { AskedBy, AskedWay } from "../../src/platforms/who-asks.ts";
import { at } from "../rules/by-hand.ts";

/** A way of sharing memory, with as much of its row as gates look at. */
export function way(askClass: AskClass, parts: Partial<AskingRow> = {}, given: AskedWay["given"] = []): AskedWay {
  const row: AskingRow = {
    id: askClass,
    title: "The way",
    drivers: [],
    class: askClass,
    words: "What it does.",
    decides: "somebody",
    onNo: "it fails",
    address: "of-the-verdict",
    seen: "nowhere",
    sources: [],
    ...parts,
  };
  return { row, given };
}

/** The same way where the source hides the drivers: this one is bound to the provider. */
export const ifBound = (driver: string, { row }: AskedWay): AskedWay => ({
  row,
  given: [{ end: "provider", driver }],
});

/** Who asks about a pair of these ways; `hidden`: why the drivers are not shown. */
export function asked(ways: readonly AskedWay[], hidden: string | null = null): AskedBy {
  return { class: hidden === null ? "differs" : "unknown", ways, hidden };
}

/** What a way is other by where a condition holds. */
export function proviso(when: Proviso["when"], leaves: Proviso["leaves"], parts: Partial<Proviso> = {}): Proviso {
  return { when, words: "nothing is shared", leaves, ...parts };
}

/** One class a word, `asks-and-obeys` and so on; `(class)` for a way that is aside. */
export function waysOf(classes: string): readonly AskedWay[] {
  return classes.split(" ").flatMap((word) => {
    if (word === "none") return [];
    const name = word.replaceAll(/[()]/g, "") as AskClass;
    return [way(name, word === name ? {} : { aside: "it is no PCIe" })];
  });
}

/** A pair that is decided, from 03:00.0 to the client. */
export function judged(mapType: string, askedBy: AskedBy, client = "04:00.0"): JudgedPair {
  return { provider: at("03:00.0"), client: at(client), mapType: mapType as JudgedPair["mapType"], askedBy };
}

/** A gate of this kind that is about the whole machine. */
export function gate(kind: Gate["kind"], effect: Gate["effect"], message: string, more: Partial<Gate> = {}): Gate {
  return { kind, device: null, effect, message, ...more };
}
