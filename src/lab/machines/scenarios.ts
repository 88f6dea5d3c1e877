/** Peer memory of 64 MiB: 64-bit and prefetchable, so that it lies above 4 GiB and moves with a bus offset. */
const peer = (name: string): string => `accel: { bars: { 0: "64M" }, name: ${name} }`;

/** Endpoints that scenarios put into their places. */
export const PEER_A: string = peer("peerA");
export const PEER_B: string = peer("peerB");
export const CLIENT = "nic: { name: client }";

/** ACS of a port as Linux turns it on with an IOMMU. */
export const REDIRECT = "SV+ RR+ CR+ UF+";

/** A root port with a switch, and one downstream port for each device; `acs` is that of the switch's ports. */
export function switchBelow(at: string, devices: readonly string[], acs = "false", rootAcs = "true"): string {
  return `      - rootPort: { at: ${at}, acs: ${rootAcs} }
        below:
          - switch: { acs: ${acs} }
            below:
${devices.map((device) => `              - ${device}`).join("\n")}`;
}

/** A root port with a device right below it. */
export function rootPort(at: string, device: string): string {
  return `      - rootPort: { at: ${at} }
        below:
          - ${device}`;
}

/** One host bridge with what is below it; `keys` are lines of its own, as `bus: 0x40`. */
export function hostBridge(below: readonly string[], keys: readonly string[] = []): string {
  const [first = "below:", ...others] = [...keys, "below:"];
  return [`  - ${first}`, ...others.map((line) => `    ${line}`), ...below].join("\n");
}

/** A whole scenario. The release is the one whose mapping layer the lab has. */
export function scenario(name: string, cpu: string, iommu: string, hostBridges: readonly string[]): string {
  return `scenario: ${name}\ncpu: ${cpu}\nkernel: 7.2\niommu: ${iommu}\nhostBridges:\n${hostBridges.join("\n")}\n`;
}
