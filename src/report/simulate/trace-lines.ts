import type { Simulation } from "../../offload/workload/simulation.ts";
import type { Trace, TracedRequests } from "../../offload/workload/trace.ts";
import { formatAddress } from "../../pci/addresses.ts";
import type { Topology } from "../../pci/topology.ts";
import { type Block, code, heading, paragraph } from "../document.ts";
import { placeText } from "./words.ts";

/** The trace of a simulation as lines: requests that took the same way in a row, then their hops. */
export function traceBlocks({ steps }: Simulation, topology: Topology, trace: Trace): readonly Block[] {
  const byStep = steps.map(({ step }, index): Block => {
    const requests = trace.requests.filter((each) => each.step === index);
    return code(
      step.name,
      requests.flatMap((each) => requestLines(topology, each)),
    );
  });
  const dropped = `${trace.droppedTlps} more requests are not shown`;
  return [heading("Trace"), ...byStep, ...(trace.droppedTlps === 0 ? [] : [paragraph(dropped)])];
}

function requestLines(topology: Topology, requests: TracedRequests): readonly string[] {
  const hops = requests.hops.map((hop) => ({ ...hop, where: placeText(topology, hop.at) }));
  const width = Math.max(...hops.map(({ where }) => where.length));
  return [
    `${requests.transfer === 0 ? "setup" : `transfer ${requests.transfer}`}: ${issuerText(topology, requests)}`,
    ...hops.slice(1).map(({ what, where, words }) => `  ${what.padEnd(9)} ${where.padEnd(width)}  ${words}`),
  ];
}

/** Who issued how many requests to which addresses. */
export function issuerText(topology: Topology, requests: TracedRequests): string {
  const { requester, times, firstAddress, lastAddress } = requests;
  const who = requester === "root-complex" ? "CPU" : placeText(topology, requester);
  const first = formatAddress(firstAddress);
  return times === 1 ? `${who} to ${first}` : `${who} to ${first} … ${formatAddress(lastAddress)}, ${times} requests`;
}
