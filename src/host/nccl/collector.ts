import { type Bdf, formatBdf, parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { XmlElement, XmlHandler } from "../xml/xml-reader.ts";
import type { CpuObject, NcclObjects, PciObject } from "./objects.ts";

/** What is open at one level of the document. */
interface Level {
  readonly cpu: CpuObject | null;
  readonly fn: PciObject | null;
}

/** Gathers what matters from the elements of an NCCL topology file, one by one. */
export class NcclCollector implements XmlHandler, NcclObjects {
  readonly functions: PciObject[] = [];
  readonly cpus: CpuObject[] = [];
  readonly nameless: { busId: string; place: XmlElement["place"] }[] = [];
  readonly #levels: Level[] = [];
  readonly #byBdf = new Map<Bdf, PciObject>();

  open(element: XmlElement): void {
    const above = this.#levels.at(-1);
    if (above === undefined) checkRoot(element);
    this.#levels.push(this.#openInside(element, above ?? { cpu: null, fn: null }));
  }

  close(): void {
    this.#levels.pop();
  }

  #openInside(element: XmlElement, level: Level): Level {
    switch (element.name) {
      case "cpu":
        return { ...level, cpu: this.#openCpu(element) };
      case "pci":
        return { ...level, fn: this.#openPci(element, level) };
      case "net":
        addName(level.fn, element.attributes["name"]);
        return level;
      default:
        return level;
    }
  }

  #openCpu({ attributes, place }: XmlElement): CpuObject {
    const cpu = { attributes, place };
    const [first] = this.cpus;
    if (first !== undefined && first.attributes["host_hash"] !== attributes["host_hash"]) {
      throw new PeerlaneError("bad-input", "the file holds several hosts: NCCL fused their topologies", {
        place,
        remedy: "write the file with NCCL_TOPO_DUMP_FILE in a job on one host",
      });
    }
    this.cpus.push(cpu);
    return cpu;
  }

  /** Without an address of its own, an element counts as the one around it. */
  #openPci({ attributes, place }: XmlElement, { cpu, fn: above }: Level): PciObject | null {
    const busId = attributes["busid"];
    const bdf = parseBdf(busId ?? "");
    if (bdf === undefined) {
      this.nameless.push({ busId: busId ?? "", place });
      return above;
    }
    const first = this.#byBdf.get(bdf);
    if (first !== undefined) {
      const line = first.place.line ?? "?";
      throw new PeerlaneError("bad-input", `${formatBdf(bdf)} is in the file twice, first on line ${line}`, {
        place,
        remedy: "give each function one place",
      });
    }
    const fn: PciObject = { bdf, place, attributes, above, cpu, netNames: [] };
    this.#byBdf.set(bdf, fn);
    this.functions.push(fn);
    return fn;
  }
}

/** Several NICs that NCCL merged into one have a name with a plus, and that is no device of the system. */
function addName(fn: PciObject | null, name: string | undefined): void {
  if (fn === null || name === undefined || name === "" || name.includes("+") || fn.netNames.includes(name)) return;
  fn.netNames.push(name);
}

function checkRoot({ name, attributes, place }: XmlElement): void {
  if (name !== "system") {
    throw new PeerlaneError("bad-input", `the first element is <${name}> and not NCCL's <system>`, {
      place,
      remedy: "give a file as NCCL_TOPO_DUMP_FILE writes it",
    });
  }
  const { version } = attributes;
  // RCCL, AMD's NCCL, writes 2: the same elements, with links of XGMI.
  if (version === undefined || version === "1" || version === "2") return;
  throw new PeerlaneError(
    "unsupported",
    `NCCL's topology of version '${version.slice(0, 20)}'; Peerlane reads 1 and 2`,
    {
      place,
      remedy: "give a file as NCCL_TOPO_DUMP_FILE writes it",
    },
  );
}
