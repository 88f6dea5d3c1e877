import { type Printed, recordOf } from "./pasted-machine.ts";

/**
 * The machines of which a text could be the whole print, were its lines cut once without a mark: the lines of one
 * function go on as those of a later one, and what is between the two is gone; or one function lost some of its own.
 * A machine is one only if each function has its bridge, each bridge something below it, and each device a function 0.
 * What the text still lists is not gone.
 */
export function* twinsOf(
  functions: readonly Printed[],
  isListed: (fn: Printed) => boolean,
): Generator<readonly Printed[]> {
  for (const [first, head] of functions.entries()) {
    for (
      let last = first;
      last < functions.length && (last === first || !isListed(functions[last] as Printed));
      last++
    ) {
      const tail = functions[last] as Printed;
      for (const twin of mixesOf(head, tail)) {
        const machine = withBridges([...functions.slice(0, first), twin, ...functions.slice(last + 1)], head, twin);
        if (isWhole(machine)) yield machine;
      }
    }
  }
}

/** Puts the copies of functions below the copies of their bridges, which come before them. */
function withBridges(functions: readonly Printed[], head: Printed, twin: Printed): readonly Printed[] {
  const copies = new Map<Printed, Printed>();
  return functions.map((fn) => {
    const { above } = fn;
    const copy = { ...fn, above: above === null ? null : (copies.get(above) ?? above) };
    copies.set(fn === twin ? head : fn, copy);
    return copy;
  });
}

function* mixesOf(head: Printed, tail: Printed): Generator<Printed> {
  const either = <K extends keyof Printed>(key: K, ...more: Printed[K][]): Printed[K][] => [
    ...new Set([head[key], tail[key], ...more]),
  ];
  for (const acs of either("acs", null))
    for (const driver of either("driver", null))
      for (const group of either("group"))
        for (const memoryAt of either("memoryAt"))
          for (const subsystem of either("subsystem"))
            for (const hasMsi of [false, true])
              for (const hasAer of [false, true])
                for (const hasSerial of [false, true])
                  yield { ...head, acs, driver, group, memoryAt, subsystem, hasMsi, hasAer, hasSerial };
}

function isWhole(functions: readonly Printed[]): boolean {
  const isThere = (fn: Printed): boolean => functions.includes(fn);
  return functions.every(
    (fn) =>
      (fn.above === null || isThere(fn.above)) &&
      (fn.secondary === 0 || functions.some(({ above }) => above === fn)) &&
      (fn.fn === 0 || functions.some((mate) => mate.bus === fn.bus && mate.device === fn.device && mate.fn === 0)),
  );
}

/** The longest record that is printed. */
const MAX_LINES = 70;

/** What a function may lack whose record ends earlier, the least first. */
const SHORTER: readonly ((fn: Printed) => Printed)[] = [
  (fn) => ({ ...fn, driver: null }),
  (fn) => ({ ...fn, driver: null, hasSerial: false }),
  (fn) => ({ ...fn, driver: null, hasSerial: false, acs: null }),
  (fn) => ({ ...fn, driver: null, hasSerial: false, acs: null, hasAer: false }),
];

/**
 * The machines of which a text could be the whole print, were each record cut at one number of lines, where that is
 * between two capabilities for every record that is longer.
 */
export function* evenTwinsOf(functions: readonly Printed[]): Generator<readonly Printed[]> {
  for (let count = 1; count <= MAX_LINES; count++) {
    const copies = new Map<Printed, Printed>();
    const twin = functions.map((fn) => {
      const copy = shortened(fn, count);
      const above = copy?.above;
      const own =
        copy === undefined || above === undefined || above === null
          ? copy
          : { ...copy, above: copies.get(above) ?? above };
      if (own !== undefined) copies.set(fn, own);
      return own;
    });
    if (twin.every((fn) => fn !== undefined) && twin.some((fn, index) => fn.acs !== functions[index]?.acs)) yield twin;
  }
}

function shortened(fn: Printed, count: number): Printed | undefined {
  const lines = recordOf(fn);
  if (lines.length <= count) return fn;
  return SHORTER.map((shorten) => shorten(fn)).find((short) => recordOf(short).length === count);
}
