/** How a server of the benchmark is built. */
export type ServerShape = "servers" | "fabric";

/** ACS of downstream ports, taken in turn: none, there and off, redirecting in the ways that kernels and people set. */
const ACS_OF_PORTS = ["false", "true", "SV+ RR+ CR+ UF+", "false", "RR+", "EC+"] as const;
/** Host bridges, taken in turn: on the allow-list, on it for one bridge only, not on it. */
const HOST_BRIDGE_IDS = ["8086:09a2", "8086:09a2", "8086:2f00", "8086:29c0"] as const;
const ENDPOINTS = ["nvme", "nic", "gpu", "accel"] as const;

/** Endpoints below each host bridge: as a GPU server has them, and as a big switch fabric does. */
const ENDPOINTS_PER_BRIDGE = { servers: 16, fabric: 128 } as const;

/**
 * A scenario with `endpoints` endpoints. `servers`: below each host bridge one root port, a switch with 4 endpoints and
 * two switches with 6 each. `fabric`: 128 below one root port and three levels of switches, 8 at each lowest one.
 */
export function serverScenario(shape: ServerShape, endpoints: number): string {
  const lines = [`scenario: ${endpoints} endpoints`, "cpu: intel", "kernel: 7.2", "iommu: off", "hostBridges:"];
  const writer = new Writer(lines);
  for (let bridge = 0, left = endpoints; left > 0; bridge++) {
    const count = Math.min(left, ENDPOINTS_PER_BRIDGE[shape]);
    left -= count;
    // A segment has 256 buses: four bridges of a server in each, one of a fabric.
    const place =
      shape === "servers"
        ? `segment: ${Math.floor(bridge / 4)}\n    bus: 0x${((bridge % 4) * 0x40).toString(16)}`
        : `segment: ${bridge}`;
    lines.push(`  - ${place}`, `    id: ${HOST_BRIDGE_IDS[bridge % HOST_BRIDGE_IDS.length]}`, "    below:");
    writer.bridge("rootPort", 6, () => writer.topSwitch(shape, count));
  }
  return `${lines.join("\n")}\n`;
}

/** Writes devices with the attributes that are taken in turn. */
class Writer {
  readonly #lines: string[];
  #ports = 0;
  #endpoints = 0;

  constructor(lines: string[]) {
    this.#lines = lines;
  }

  bridge(kind: "rootPort" | "switch" | "port", indent: number, below: () => void): void {
    const pad = " ".repeat(indent);
    // An upstream port has no ACS (PCIe 6.0 sec 6.12.1.1).
    const acs = kind === "switch" ? "" : ` { acs: ${ACS_OF_PORTS[this.#ports++ % ACS_OF_PORTS.length]} }`;
    this.#lines.push(`${pad}- ${kind}:${acs}`, `${pad}  below:`);
    below();
  }

  topSwitch(shape: ServerShape, count: number): void {
    this.bridge("switch", 10, () => {
      if (shape === "servers") {
        this.#endpointsBelow(14, count - 12);
        for (const below of [6, 6]) this.#switchBelow(14, () => this.#endpointsBelow(22, below));
        return;
      }
      for (let left = count; left > 0; left -= 32) {
        this.#switchBelow(14, () => {
          for (let inner = Math.min(left, 32); inner > 0; inner -= 8) {
            this.#switchBelow(22, () => this.#endpointsBelow(30, Math.min(inner, 8)));
          }
        });
      }
    });
  }

  #switchBelow(indent: number, below: () => void): void {
    this.bridge("port", indent, () => this.bridge("switch", indent + 4, below));
  }

  #endpointsBelow(indent: number, count: number): void {
    for (let index = 0; index < count; index++) {
      this.bridge("port", indent, () =>
        this.#lines.push(`${" ".repeat(indent + 4)}- ${ENDPOINTS[this.#endpoints++ % ENDPOINTS.length]}`),
      );
    }
  }
}
