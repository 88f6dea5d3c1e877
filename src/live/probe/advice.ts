import { isTranslating, type Machine } from "../../host/machine.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { MeasuredPair } from "./result.ts";

/** What to do where every I/O reports success and the data is wrong. */
export function lossAdvice(pair: MeasuredPair, machine: Machine): readonly string[] {
  const client = pair.device.name;
  const fallback = `until then do not use this memory with ${client}: peerlane copy --fallback goes through DRAM`;
  if (pair.mapType === "bus-addr" && isTranslated(pair, machine)) {
    return [
      `the kernel calls the path direct and puts bus addresses into requests; something on the way sends them up to the IOMMU, which translates and drops them. Boot with iommu=pt${groupText(pair, machine)}, and probe again`,
      fallback,
    ];
  }
  if (pair.mapType === "thru-host-bridge") {
    return [
      "the kernel trusts the host bridge to forward requests from port to port, and this one does not do so rightly: move both devices below one switch, and look for an update of the firmware",
      fallback,
    ];
  }
  return [
    "something between the two devices loses what passes: look for an update of their firmware and of the switch's",
    fallback,
  ];
}

function groupText({ clients }: MeasuredPair, machine: Machine): string {
  const groups = clients.flatMap(({ client }) => {
    const group = machine.functions.find(({ bdf }) => bdf === client)?.iommuGroup;
    return group === undefined || group === null || isUnknown(group) ? [] : [group];
  });
  if (groups.length === 0) return "";
  const files = [...new Set(groups)].map((group) => `/sys/kernel/iommu_groups/${group}/type`).join(", ");
  return ` (or set the client's IOMMU group alone to identity, in ${files}, with its drivers unbound)`;
}

/** What to look at where the kernel refuses a pair that the rules allow. */
export function refusalAdvice({ clients, device }: MeasuredPair): readonly string[] {
  const gates = clients.flatMap((answer) => answer.gates.filter(({ effect }) => effect === "blocks"));
  const messages = [...new Set(gates.map(({ message }) => message))];
  if (messages.length > 0) return messages;
  const isStacked = device.madeOf.length > 0;
  return [
    isStacked
      ? `${device.name} is made of ${device.madeOf.join(", ")}, and queues of such devices (device-mapper, md) may take no peer memory: name those instead`
      : "something behind the rules refuses: a queue that takes no peer memory (drivers other than NVMe), or a kernel that is not what it says; the kernel's messages below may name it",
  ];
}

/** What to do where the rules refuse the pair as the kernel does. */
export function rulesRefuseAdvice({ provider, clients }: MeasuredPair): readonly string[] {
  return clients
    .filter(({ mapType }) => mapType === "not-supported")
    .map(({ client }) => `peerlane fix ${formatBdf(provider)} ${formatBdf(client)} says what would change that`);
}

/** What to do where I/O ends with an error that is no refusal. */
export function failureAdvice({ device }: MeasuredPair): readonly string[] {
  return [`look at the device: the kernel's messages, and smartctl -a ${device.path} or nvme error-log ${device.path}`];
}

/** True where the IOMMU is known to translate what the pair's clients send. */
function isTranslated({ clients }: Pick<MeasuredPair, "clients">, machine: Machine): boolean {
  const { mode, groupTypes } = machine.iommu;
  return clients.some(({ client }) => {
    const group = machine.functions.find(({ bdf }) => bdf === client)?.iommuGroup;
    const isHidden = group === undefined || group === null || isUnknown(group) || isUnknown(groupTypes);
    const type = isHidden ? undefined : groupTypes.get(group);
    if (type !== undefined) return type.startsWith("DMA");
    return !isUnknown(mode) && isTranslating(mode);
  });
}
