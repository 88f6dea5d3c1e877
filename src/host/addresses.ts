import { type Bdf, busKeyOf, devfnOf, domainOf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/** Where a function answers: another place than its name says once devices were moved. Buses are domain and bus (`busKeyOf`). */
export interface Address {
  readonly bus: Known<number>;
  /** Device and function as the 8-bit `devfn` of the kernel. */
  readonly devfn: number;
  /** The bus directly below, `null` of what is no bridge. */
  readonly secondary: Known<number | null>;
}

const noNumber = unknown("the source does not show the number of the bus below it");

/** The address of a function that nothing moved: its name, and what its registers say. */
function ownAddress({ bdf, bridge }: PciFunction): Address {
  const secondary = isUnknown(bridge) ? bridge : bridge === null ? null : bridge.secondary || noNumber;
  const isNumber = typeof secondary === "number";
  return {
    bus: busKeyOf(bdf),
    devfn: devfnOf(bdf),
    secondary: isNumber ? domainOf(bdf) * 0x100 + secondary : secondary,
  };
}

/** Where the functions of a machine answer, which parameters by address go by: names stay what they were before a move. */
export class Addresses {
  readonly #topology: Topology;
  readonly #renumbered: ReadonlyMap<Bdf, Address> | undefined;
  #knownBuses: ReadonlySet<number> | undefined;

  constructor({ renumbered }: { readonly renumbered?: ReadonlyMap<Bdf, Address> }, topology: Topology) {
    this.#topology = topology;
    this.#renumbered = renumbered;
  }

  of(fn: PciFunction): Address {
    return this.#renumbered?.get(fn.bdf) ?? ownAddress(fn);
  }

  /** The bridge directly above, `undefined` at a root. */
  above(fn: PciFunction): PciFunction | undefined {
    return this.#topology.bridgeAbove(fn.bdf);
  }

  /** Whether a function answers at an address. */
  isAt(fn: PciFunction, address: Bdf): Known<boolean> {
    if (this.#renumbered === undefined) return fn.bdf === address;
    const { bus, devfn } = this.of(fn);
    if (devfn !== devfnOf(address)) return false;
    if (!isUnknown(bus)) return bus === busKeyOf(address);
    // A bus has one bridge above it: one that another is known to have is not this function's.
    this.#knownBuses ??= new Set(
      this.#topology.functions.flatMap((other) => {
        const known = this.of(other);
        return [known.bus, known.secondary].filter((number) => typeof number === "number");
      }),
    );
    return this.#knownBuses.has(busKeyOf(address)) ? false : bus;
  }
}
