/** Peer memory of 64 MiB: 64-bit and prefetchable, so that it lies above 4 GiB and moves with a bus offset. */
const peer = (name: string): string => `accel: { bars: { 0: "64M" }, name: ${name} }`;

/** Endpoints that scenarios put into their places. */
export const PEER_A: string = peer("peerA");
export const PEER_B: string = peer("peerB");
export const CLIENT = "nic: { name: client }";

/**
 * Ids of bridges: of a chipset whose host bridge is on none of the kernel's lists, and of ports that have no ACS quirk.
 * What the hardware does with a request is said by the class, and not by these.
 */
const HOST_BRIDGE_ID = "8086:29c0";
const ROOT_PORT_ID = "1b36:000c";
/** The root port of a POWER9 host bridge, which the documented facts know. */
export const POWER9_PORT_ID = "1014:04c1";
const UPSTREAM_PORT_ID = "104c:8232";
const DOWNSTREAM_PORT_ID = "104c:8233";

/** ACS of a port as Linux turns it on with an IOMMU. */
export const REDIRECT = "SV+ RR+ CR+ UF+";

/** A root port with a switch, and one downstream port for each device; `acs` is that of the switch's ports. */
export function switchBelow(at: string, devices: readonly string[], acs = "false", rootAcs = "true"): string {
  const port = `port: { id: "${DOWNSTREAM_PORT_ID}", acs: ${acs} }`;
  return `      - rootPort: { at: ${at}, id: "${ROOT_PORT_ID}", acs: ${rootAcs} }
        below:
          - switch: { id: "${UPSTREAM_PORT_ID}" }
            below:
${devices.map((device) => `              - ${port}\n                below: [${device}]`).join("\n")}`;
}

/** A root port with a device right below it. */
export function rootPort(at: string, device: string, id: string = ROOT_PORT_ID): string {
  return `      - rootPort: { at: ${at}, id: "${id}" }
        below:
          - ${device}`;
}

/** One host bridge with what is below it; `keys` are lines of its own, as `bus: 0x40`. */
export function hostBridge(below: readonly string[], keys: readonly string[] = []): string {
  const [first = "below:", ...others] = [`id: "${HOST_BRIDGE_ID}"`, ...keys, "below:"];
  return [`  - ${first}`, ...others.map((line) => `    ${line}`), ...below].join("\n");
}

/** A whole scenario. The release is the one whose mapping layer the lab has. */
export function scenario(name: string, cpu: string, iommu: string, hostBridges: readonly string[]): string {
  return `scenario: ${name}\ncpu: ${cpu}\nkernel: 7.2\niommu: ${iommu}\nhostBridges:\n${hostBridges.join("\n")}\n`;
}
