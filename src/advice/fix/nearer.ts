import type { Machine } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { type DeviceKind, deviceKind, KINDS_OF_INTEREST } from "../../pci/device-kind.ts";
import { isUnknown } from "../../pci/known.ts";
import { findNearest, nearestQuestions, type Reach } from "../find-nearest.ts";
import type { Pair } from "./idea.ts";

/** Devices of the other's class that one of an asked pair reaches by a better way than the other. */
export interface Nearer {
  readonly of: Bdf;
  readonly kind: DeviceKind;
  /** All that are as near, in enumeration order. */
  readonly devices: readonly Bdf[];
  readonly reach: Reach;
  /** True where they are below one bridge and nothing but redirection keeps them from being direct. */
  readonly isRedirected: boolean;
}

/** Of each device of a pair what is nearer to it than the other one, and works: often no card needs to move. */
export function nearerThan(machine: Machine, { provider, client }: Pair, rules: string | undefined): readonly Nearer[] {
  return [
    [provider, client],
    [client, provider],
  ].flatMap(([of, other]) => (of === undefined || other === undefined ? [] : nearerTo(machine, of, other, rules)));
}

function nearerTo(machine: Machine, of: Bdf, other: Bdf, rules: string | undefined): readonly Nearer[] {
  const fn = machine.functions.find(({ bdf }) => bdf === other);
  const kind = fn === undefined ? "other" : deviceKind(fn);
  if (!KINDS_OF_INTEREST.includes(kind)) return [];
  const asked = nearestQuestions(machine, [`${formatBdf(of)}:${kind}`]);
  const { answers, table } = findNearest(machine, asked, rules === undefined ? {} : { rules });
  return answers.flatMap(({ found }) =>
    found.flatMap(({ device, nearest, reach }): Nearer[] => {
      const isNearer = device === of && reach?.works === true && !isUnknown(nearest) && !nearest.includes(other);
      if (!isNearer) return [];
      const { meeting, acsRedirect } = table.at(...reach.pair);
      const isRedirected = reach.mapType !== "bus-addr" && meeting !== null && acsRedirect.length > 0;
      return [{ of, kind, devices: nearest, reach, isRedirected }];
    }),
  );
}
