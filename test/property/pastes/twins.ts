import type { Printed } from "./pasted-machine.ts";

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
