import type { DirectionView, FaultView, ProbedPairView, ProbeView } from "../../../measured/probe.ts";
import { formatAddress } from "../../../pci/addresses.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import type { Topology } from "../../../pci/topology.ts";
import { routedJson } from "../../json.ts";
import type { ProbedDirectionJson, ProbedPairJson, ProbeJson } from "../../json-types.ts";
import { machineJson } from "../../machine-json.ts";
import { leftAloneJson } from "../p2pmem.ts";

/** `peerlane.probe/2`: all that was measured. */
export function probeJson({
  table,
  sizes,
  nonce,
  pairs,
  exhausted,
  untried,
  leftAlone,
  kernelLog,
  leftRescues,
  answer,
}: ProbeView): ProbeJson {
  return {
    schema: "peerlane.probe/2",
    machine: machineJson(table),
    answer,
    sizes,
    nonce,
    pairs: pairs.map((pair) => probedPairJson(pair, table.topology)),
    exhausted: exhausted.map(({ provider, users }) => ({
      provider: formatBdf(provider),
      users: users.map(({ pid, command, sizeBytes }) => ({ pid, command, size: sizeBytes })),
    })),
    untried: untried.map(({ provider, sizes: left }) => ({ provider: formatBdf(provider), sizes: left })),
    leftAlone: leftAlone.map(({ provider, use }) => ({
      provider: formatBdf(provider),
      reason: leftAloneJson(use),
    })),
    kernelLog: kernelLog === null ? { isRead: true } : { isRead: false, reason: kernelLog },
    leftRescues: leftRescues.map(({ path, rescue }) => ({
      file: path,
      device: rescue.target.name,
      position: rescue.position,
    })),
  };
}

function probedPairJson(pair: ProbedPairView, topology: Topology): ProbedPairJson {
  return {
    provider: formatBdf(pair.provider),
    device: { name: pair.device.name, size: pair.device.sizeBytes },
    isNamed: pair.isNamed,
    isOwnMemory: pair.isOwnMemory,
    class: pair.class,
    rules: pair.mapType,
    clients: pair.clients.map((answer) => routedJson(answer, topology)),
    into: directionJson(pair.into),
    out: directionJson(pair.out),
    findings: pair.findings,
    messages: pair.messages.map(({ timeUs, text }) => ({ timeUs, text })),
    faults: pair.faults.map(faultJson),
  };
}

function directionJson({ kernel, data, trials }: DirectionView): ProbedDirectionJson {
  return {
    kernel,
    data: {
      kind: data.kind,
      text: data.text,
      right: data.rightCount,
      judged: data.judgedCount,
      alike: data.alikeCount,
    },
    trials: trials.map(({ sizeBytes, position, bufferOffset, io, state, isDistinct }) => ({
      ...{ size: sizeBytes, position, memoryOffset: bufferOffset },
      ...{ io: io === null ? null : { bytes: io.bytes, errno: io.errno }, state, isDistinct },
    })),
  };
}

function faultJson({
  iommu,
  requester,
  access,
  address,
  reason,
  providerBar,
}: FaultView): ProbedPairJson["faults"][number] {
  return {
    iommu,
    requester: requester === null ? null : formatBdf(requester),
    access,
    address: address === null ? null : formatAddress(address),
    reason,
    providerBar,
  };
}
