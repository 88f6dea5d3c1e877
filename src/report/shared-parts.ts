import type { Answer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import { formatBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Directions } from "../platforms/directions.ts";
import type { AskedBy } from "../platforms/who-asks.ts";
import type { PeerRouting } from "../routes/peer-routes.ts";
import { askedByJson } from "./asked-by.ts";
import { directionJson, gateJson, nameJson } from "./json.ts";
import type { GateJson, MatrixPairJson, MatrixReasonJson, RouteJson } from "./json-types.ts";
import { conditionText, type DecidedBy, reasonSentence } from "./reasons.ts";
import { routeJson } from "./route-json.ts";

/** What pairs have in common, each thing once; pairs name it by its position. */
export class SharedParts {
  readonly #topology: Topology;
  readonly #reasons = new Shared<Counted<MatrixReasonJson>>();
  readonly #hidden = new Shared<string>();
  readonly #gates = new Shared<GateJson>();
  readonly #routes = new Shared<RouteJson>();
  readonly #asked = new Shared<AskedBy>();
  readonly #askedPositions = new Map<AskedBy, number>();

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** Why pairs are what they are, with how many pairs each is of. */
  get reasons(): readonly MatrixReasonJson[] {
    return this.#reasons.values;
  }

  /** Sentences of what the source hides. */
  get hidden(): readonly string[] {
    return this.#hidden.values;
  }

  /** What stops or spoils transfers. */
  get gates(): readonly GateJson[] {
    return this.#gates.values;
  }

  /** Where the fabric leads requests elsewhere than a verdict says. */
  get routes(): readonly RouteJson[] {
    return this.#routes.values;
  }

  /** Who asks, of all pairs so far. */
  get asked(): readonly Pick<Answer, "askedBy">[] {
    return this.#asked.values.map((askedBy) => ({ askedBy }));
  }

  /** The position of a sentence of what is hidden. */
  hiddenAt(text: string): number {
    return this.#hidden.positionOf(text, () => text);
  }

  /** The position of a gate. */
  gateAt(gate: Gate): number {
    const { kind, device, effect, doubt = "", message } = gate;
    return this.#gates.positionOf(`${kind} ${device} ${effect} ${doubt} ${message}`, () => gateJson(gate));
  }

  /** A pair, whose parts are among the others from then on. `by` is what decided it; a route is told where `routing` is given. */
  pair(answer: Answer, by: DecidedBy, routing: PeerRouting | null = null): MatrixPairJson {
    const { provider, client, acsRedirect, acsHidden, hidden, gates } = answer;
    const json: { -readonly [Key in keyof MatrixPairJson]: MatrixPairJson[Key] } = {
      provider: formatBdf(provider),
      client: formatBdf(client),
      providerName: nameJson(this.#topology, provider),
      clientName: nameJson(this.#topology, client),
      mapType: answer.mapType,
      distance: answer.distance,
      hops: answer.hops,
      locality: answer.locality.word === "" ? "hidden" : answer.locality.word,
      reason: this.#reasonOf(answer, by),
    };
    if (acsRedirect.length > 0) json.acsRedirect = acsRedirect.map(formatBdf);
    if (acsHidden.length > 0) json.acsHidden = acsHidden.map(formatBdf);
    if (hidden.length > 0) json.hidden = hidden.map((text) => this.hiddenAt(text));
    if (gates.length > 0) {
      json.gates = gates.map((gate) => this.gateAt(gate));
    }
    if (routing !== null && !isAsDecided(routing)) {
      const route = routeJson(routing);
      json.route = this.#routes.positionOf(routeKey(route), () => route);
    }
    return json;
  }

  #reasonOf(answer: Answer, by: DecidedBy): number {
    const { mapType, reason, releases, supported, hardware, askedBy } = answer;
    const condition = conditionText(answer);
    const text = reasonSentence(answer, by);
    const asked = this.#askedPosition(askedBy);
    const key = [mapType, reason, text, supported, condition, asked, directionsKey(hardware)].join("\n");
    const position = this.#reasons.positionOf(key, () => ({
      pairs: 0,
      mapType,
      reason,
      text,
      ...(releases === undefined ? {} : { releases }),
      supported,
      condition,
      hardware: { write: directionJson(hardware.write), read: directionJson(hardware.read) },
      askedBy: askedByJson(askedBy),
    }));
    entryAt(this.#reasons.values, position).pairs++;
    return position;
  }

  /** Pairs of the same drivers share the object, and some of other drivers have an equal one. */
  #askedPosition(askedBy: AskedBy): number {
    let position = this.#askedPositions.get(askedBy);
    if (position === undefined) {
      position = this.#asked.positionOf(valuesText(askedByJson(askedBy)), () => askedBy);
      this.#askedPositions.set(askedBy, position);
    }
    return position;
  }
}

type Counted<T extends { readonly pairs: number }> = Omit<T, "pairs"> & { pairs: number };

function directionsKey({ write, read }: Directions): string {
  return [write, read].map(({ outcome, why, facts }) => [outcome, why, ...facts].join("\t")).join("\n");
}

/** Where requests of both directions go is what the verdict says. */
function isAsDecided({ write, read }: PeerRouting): boolean {
  return [write, read].every((route) => !isUnknown(route) && route.differs === null);
}

function routeKey({ address, write, read }: RouteJson): string {
  return [address, write, read].map(valuesText).join("\n");
}

/** The values of an object and of those in it, which tell it from others of its type. */
function valuesText(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return `(${Object.values(value).map(valuesText).join("\t")})`;
}

/** Values that are kept once, in the order in which they come. */
class Shared<T> {
  readonly values: T[] = [];
  readonly #positions = new Map<string, number>();

  /** The position of the value of a key, which is made where the key is new. */
  positionOf(key: string, make: () => T): number {
    let position = this.#positions.get(key);
    if (position === undefined) {
      position = this.values.length;
      this.#positions.set(key, position);
      this.values.push(make());
    }
    return position;
  }
}
