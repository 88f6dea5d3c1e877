import { type Bdf, busKeyOf, busOf, domainOf, formatBdf, formatBus } from "../../pci/bdf.ts";
import { PeerlaneError, type Place } from "../../pci/error.ts";
import type { XmlElement, XmlHandler } from "../xml/xml-reader.ts";
import { readBridgeBuses, readBridgeSide, readBuses, readBusId, readIds, readOsDevice, readSet } from "./attributes.ts";
import type { FunctionObject, HostBridgeObject, HwlocObjects } from "./objects.ts";

/** What is open at one level of the document. */
interface Level {
  readonly hostBridge: HostBridgeObject | null;
  /** The function that this level is of or below. */
  readonly fn: FunctionObject | null;
  /** NUMA nodes of the last object that has them, `undefined` for the whole machine. */
  readonly nodes: readonly number[] | undefined;
  /** Where infos of this level go. */
  readonly infos: Map<string, string> | null;
}

/** Gathers what matters from the elements of an hwloc file, one by one. */
export class HwlocCollector implements XmlHandler, HwlocObjects {
  readonly functions: FunctionObject[] = [];
  readonly hostBridges: HostBridgeObject[] = [];
  readonly system: Map<string, string> = new Map();
  readonly packages: Map<string, string>[] = [];
  readonly #levels: Level[] = [];
  readonly #placeByBdf = new Map<Bdf, Place>();
  #version = 0;
  #machineNodes = 0;
  #hasMachine = false;

  open(element: XmlElement): void {
    const above = this.#levels.at(-1);
    this.#levels.push(above === undefined ? this.#openRoot(element) : this.#openInside(element, above));
  }

  close(): void {
    this.#levels.pop();
  }

  #openRoot(element: XmlElement): Level {
    this.#version = readVersion(element);
    // hwloc 3 keeps what it says of the system here, hwloc 2 in the machine below.
    return { hostBridge: null, fn: null, nodes: undefined, infos: this.system };
  }

  #openInside(element: XmlElement, above: Level): Level {
    if (element.name === "object") return this.#openObject(element, above);
    if (element.name === "info") addInfo(element, above.infos);
    return { ...above, infos: null };
  }

  #openObject(element: XmlElement, above: Level): Level {
    const level: Level = { ...above, infos: null };
    switch (element.attributes["type"]) {
      case "Machine":
        this.#refuseSecond(element);
        this.#machineNodes = nodesOf(element)?.length ?? 0;
        return { ...level, infos: this.system };
      case "Package": {
        const infos = new Map<string, string>();
        this.packages.push(infos);
        return { ...level, infos, nodes: this.#partOfMachine(element) };
      }
      case "Bridge":
        return readBridgeSide(element) === 0
          ? this.#openHostBridge(element, level)
          : this.#openFunction(element, level);
      case "PCIDev":
        return this.#openFunction(element, level);
      case "OSDev":
        this.#readOsDevice(element, level.fn);
        return level;
      default:
        return { ...level, nodes: this.#partOfMachine(element) ?? level.nodes };
    }
  }

  /** What several machines have in common is no machine. */
  #refuseSecond({ place }: XmlElement): void {
    if (this.#hasMachine) {
      throw new PeerlaneError("bad-input", "the file holds several machines", {
        place,
        remedy: "give the topology of one host, as lstopo --of xml writes it",
      });
    }
    this.#hasMachine = true;
  }

  /** The NUMA nodes of an object, `undefined` where it has all of them: then the system may not know the place. */
  #partOfMachine(element: XmlElement): readonly number[] | undefined {
    const nodes = nodesOf(element);
    return nodes !== undefined && nodes.length < this.#machineNodes ? nodes : undefined;
  }

  #openHostBridge(element: XmlElement, level: Level): Level {
    const { domain, secondary } = readBuses(element);
    const hostBridge: HostBridgeObject = { rootBus: domain * 0x100 + secondary, nodes: level.nodes, tops: [] };
    this.hostBridges.push(hostBridge);
    return { ...level, hostBridge, fn: null };
  }

  #openFunction(element: XmlElement, level: Level): Level {
    const bdf = readBusId(element);
    const first = this.#placeByBdf.get(bdf);
    if (first !== undefined) {
      throw new PeerlaneError(
        "bad-input",
        `${formatBdf(bdf)} is in the file twice, first on line ${first.line ?? "?"}`,
        {
          place: element.place,
          remedy: "give a file as lstopo writes it",
        },
      );
    }
    this.#placeByBdf.set(bdf, element.place);
    const isBridge = element.attributes["type"] === "Bridge";
    const fn: FunctionObject = {
      bdf,
      place: element.place,
      isBridge,
      buses: isBridge ? readBridgeBuses(element, bdf) : null,
      ids: readIds(element),
      above: level.fn,
      hostBridge: level.hostBridge,
      osDevices: [],
      name: element.attributes["name"],
      infos: new Map(),
    };
    checkPlace(fn);
    if (fn.above === null) level.hostBridge?.tops.push(fn);
    this.functions.push(fn);
    return { ...level, fn, infos: fn.infos };
  }

  #readOsDevice(element: XmlElement, fn: FunctionObject | null): void {
    const device = readOsDevice(element, this.#version);
    if (device !== undefined) fn?.osDevices.push(device);
  }
}

function nodesOf(element: XmlElement): readonly number[] | undefined {
  return readSet(element.attributes["complete_nodeset"] ?? element.attributes["nodeset"]);
}

function addInfo(element: XmlElement, infos: Map<string, string> | null): void {
  const { name, value } = element.attributes;
  if (name !== undefined && value !== undefined && infos !== null && !infos.has(name)) infos.set(name, value);
}

/** hwloc's own version of the format. Throws `bad-input` for another root element, `unsupported` for another version. */
function readVersion({ name, attributes, place }: XmlElement): number {
  if (name !== "topology") {
    throw new PeerlaneError("bad-input", `the first element is <${name}> and not hwloc's <topology>`, {
      place,
      remedy: "give the output of lstopo --of xml",
    });
  }
  const { version } = attributes;
  const major = /^(\d{1,3})\./.exec(version ?? "")?.[1];
  if (major === "2" || major === "3") return Number.parseInt(major, 10);
  const found = version === undefined ? "1" : `'${version.slice(0, 20)}'`;
  throw new PeerlaneError("unsupported", `hwloc's XML of version ${found}; Peerlane reads 2 and 3`, {
    place,
    remedy: "write it anew with lstopo --of xml of hwloc 2 or 3",
  });
}

/** hwloc builds its tree by bus numbers: a function in a place that its own bus number denies is not of hwloc. */
function checkPlace({ bdf, above, hostBridge, place }: FunctionObject): void {
  const fail = (owner: string): never => {
    throw new PeerlaneError("bad-input", `${formatBdf(bdf)} is below ${owner}`, {
      place,
      remedy: "give a file as lstopo writes it",
    });
  };
  if (above !== null) {
    const { buses } = above;
    const isInside =
      buses !== null &&
      domainOf(bdf) === domainOf(above.bdf) &&
      busOf(bdf) >= buses.secondary &&
      busOf(bdf) <= buses.subordinate;
    if (!isInside) fail(`${formatBdf(above.bdf)}, which does not have its bus`);
  } else if (hostBridge !== null && hostBridge.rootBus !== busKeyOf(bdf)) {
    fail(`a host bridge with the root bus ${formatBus(hostBridge.rootBus)}`);
  }
}
