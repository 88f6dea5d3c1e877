import { type Answer, Answers, type RoutedAnswer } from "../answers/answer.ts";
import { formatBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { isUnknown } from "../pci/known.ts";
import type { Directions } from "../platforms/directions.ts";
import type { AskedBy } from "../platforms/who-asks.ts";
import type { PeerRoutes, PeerRouting } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { askedByJson, askingWaysJson } from "./asked-by.ts";
import { deviceJson, directionJson, gateJson, nameJson } from "./json.ts";
import type { GateJson, MatrixJson, MatrixPairJson, MatrixReasonJson, NoteJson, RouteJson } from "./json-types.ts";
import { leftOutTexts } from "./left-out.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { listDevices } from "./matrix-text.ts";
import { conditionText, reasonSentence } from "./reasons.ts";
import { routeJson } from "./route-json.ts";
import type { TreeInput } from "./tree-text.ts";

/** `peerlane.matrix/2`: the machine, its devices, and every pair of two of them; what pairs have in common stands once. */
export function matrixJson(input: TreeInput, routes: PeerRoutes): MatrixJson {
  const { table } = input;
  const answers = new Answers(table);
  const shared = new SharedParts(table);
  const pairs = table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) =>
      provider === client ? [] : [shared.pair(answers.routed(i, j, routes, false))],
    ),
  );
  return {
    schema: "peerlane.matrix/2",
    machine: machineJson(table),
    devices: listDevices(table).map((fn) => deviceJson(fn, input)),
    pairs,
    reasons: shared.reasons,
    hidden: shared.hidden,
    gates: shared.gates,
    routes: shared.routes,
    asking: askingWaysJson(table.machine, shared.asked),
    notes: [...notesJson(table.machine), ...leftOutTexts(table).map(leftOutJson)],
  };
}

function leftOutJson(message: string): NoteJson {
  return { severity: "info", message, remedy: null };
}

/** What pairs of a table have in common, each thing once; pairs name it by its position. */
class SharedParts {
  readonly #table: VerdictTable;
  readonly #reasons = new Shared<Counted<MatrixReasonJson>>();
  readonly #hidden = new Shared<string>();
  readonly #gates = new Shared<GateJson>();
  readonly #routes = new Shared<RouteJson>();
  readonly #asked = new Shared<AskedBy>();
  readonly #askedPositions = new Map<AskedBy, number>();

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  get reasons(): readonly MatrixReasonJson[] {
    return this.#reasons.values;
  }

  get hidden(): readonly string[] {
    return this.#hidden.values;
  }

  get gates(): readonly GateJson[] {
    return this.#gates.values;
  }

  get routes(): readonly RouteJson[] {
    return this.#routes.values;
  }

  /** Who asks, of all pairs so far. */
  get asked(): readonly Pick<Answer, "askedBy">[] {
    return this.#asked.values.map((askedBy) => ({ askedBy }));
  }

  /** A pair, whose parts are among the others from then on. */
  pair(answer: RoutedAnswer): MatrixPairJson {
    const { provider, client, acsRedirect, acsHidden, hidden, gates, routing } = answer;
    const json: { -readonly [Key in keyof MatrixPairJson]: MatrixPairJson[Key] } = {
      provider: formatBdf(provider),
      client: formatBdf(client),
      providerName: nameJson(this.#table.topology, provider),
      clientName: nameJson(this.#table.topology, client),
      mapType: answer.mapType,
      distance: answer.distance,
      hops: answer.hops,
      locality: answer.locality.word === "" ? "hidden" : answer.locality.word,
      reason: this.#reasonOf(answer),
    };
    if (acsRedirect.length > 0) json.acsRedirect = acsRedirect.map(formatBdf);
    if (acsHidden.length > 0) json.acsHidden = acsHidden.map(formatBdf);
    if (hidden.length > 0) json.hidden = hidden.map((text) => this.#hidden.positionOf(text, () => text));
    if (gates.length > 0) {
      json.gates = gates.map((gate) =>
        this.#gates.positionOf(`${gate.kind} ${gate.device} ${gate.effect} ${gate.doubt ?? ""} ${gate.message}`, () =>
          gateJson(gate),
        ),
      );
    }
    if (routing !== null && !isAsDecided(routing)) {
      const route = routeJson(routing);
      json.route = this.#routes.positionOf(routeKey(route), () => route);
    }
    return json;
  }

  #reasonOf(answer: Answer): number {
    const { mapType, reason, releases, supported, hardware, askedBy } = answer;
    const condition = conditionText(answer);
    const text = reasonSentence(answer, this.#table);
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
