import { findDevice } from "../../src/host/select.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { type HostMemory, TimedFabric } from "../../src/timed/timed-fabric.ts";
import { PING_NS, type Point } from "../predict/validation.ts";

/** Nanoseconds that rates are simulated for: long enough that the start does not count. */
const UNTIL_NS = 150_000;

/** What the simulation says of a published measurement, in its unit, from the same files as the prediction. */
export function simulated({ id, machine, flows, sizeBytes, unit, by }: Point): number {
  const names = [
    ...new Set(flows.flatMap(({ client, target }) => (target.startsWith("host") ? [client] : [client, target]))),
  ];
  const devices = names.map((name) => findDevice(machine, name));
  const fabric = new TimedFabric(decideAll(machine, { providers: devices, clients: devices }));
  for (const { client, operation, target } of flows) {
    const memory: HostMemory = target.endsWith("other socket") ? "host-memory-of-other-socket" : "host-memory";
    const number = fabric.addFlow({
      provider: target.startsWith("host") ? memory : names.indexOf(target),
      client: names.indexOf(client),
      operation,
      sizeBytes,
      ...(unit === "ns" ? { bytes: sizeBytes } : {}),
    });
    if (isUnknown(number)) throw new Error(`${id}: ${client} and ${target}: ${number.unknown}`);
  }
  if (unit === "GB/s") {
    const { flows: each } = fabric.run({ untilNs: UNTIL_NS, fastForward: true });
    return each.reduce((sum, { gbps }) => sum + gbps, 0);
  }
  const [first] = fabric.run({}).flows;
  const isPing = flows[0]?.operation === "write" && by === "GPU-resident ping";
  return (first?.doneNs ?? 0) + (isPing ? PING_NS : 0);
}
