import { z } from "zod";
import { flag, line, wholeNumber } from "../yaml/scalars.ts";
import { choice, fields, list } from "../yaml/schema-parts.ts";
import type { EndpointInput, FunctionInput, NodeInput, PortInput, SwitchInput } from "./input.ts";
import { acs, at, bar, barSize, classCode, deviceName, ids, link, packetSize } from "./scalars.ts";
import type { EndpointKind } from "./scenario.ts";

const ENDPOINT_KINDS = ["nvme", "nic", "gpu", "accel", "device"] as const satisfies readonly EndpointKind[];
const PORT_KINDS = ["rootPort", "switch", "port", "bridge"] as const;
/** The kinds that can stand as a bare word: all but `functions`, which is nothing without its list. */
const WORDS = [...PORT_KINDS, ...ENDPOINT_KINDS] as const;
type Kind = (typeof WORDS)[number] | "functions";
const KINDS: readonly Kind[] = [...WORDS, "functions"];

const functionShape = {
  at: at.optional(),
  id: ids.optional(),
  name: deviceName.optional(),
  numaNode: wholeNumber("a NUMA node", 0, 1023).optional(),
  iommuGroup: wholeNumber("an IOMMU group", 0, 65535).optional(),
  link: link.optional(),
  maxPayload: packetSize.optional(),
  maxReadRequest: packetSize.optional(),
};
const portShape = { ...functionShape, acs: acs.optional() };

const sriov = fields("sriov", {
  total: wholeNumber("number of VFs that the device can have", 1, 65535),
  vfs: wholeNumber("number of VFs that are on", 0, 65535),
});

const endpointShape = {
  ...portShape,
  bars: z
    .partialRecord(choice(["0", "1", "2", "3", "4", "5"]), bar, { error: "expected BARs by index, such as {0: 16M}" })
    .optional(),
  driver: line("a driver's name", 60).optional(),
  sriov: sriov.optional(),
  ats: flag.optional(),
  dmaMaskBits: wholeNumber("DMA address bits", 1, 64).optional(),
};

/** A kind's keys; `rootPort:` with nothing after it has none of them. */
function attributes<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema
    .nullable()
    .transform((value) => value ?? ({} as T))
    .optional();
}

/** Name of {@link nodeSchema} in the JSON Schema of a file. */
export const NODE_DEFINITION = "device";

/** A list of devices, as `below:` holds it; an empty value is an empty list. */
export const nodeList: z.ZodType<readonly NodeInput[]> = list(
  z.lazy(() => nodeSchema),
  "a list of devices, one '- ' line each",
  { $ref: `#/$defs/${NODE_DEFINITION}` },
)
  .nullable()
  .transform((nodes): readonly NodeInput[] => nodes ?? []);

const nodeObject = fields("a device", {
  rootPort: attributes<PortInput>(fields("rootPort", portShape)),
  switch: attributes<SwitchInput>(fields("switch", { ...portShape, portId: ids.optional() })),
  port: attributes<PortInput>(fields("port", portShape)),
  bridge: attributes<FunctionInput>(fields("bridge", functionShape)),
  nvme: attributes<EndpointInput>(fields("nvme", { ...endpointShape, cmb: barSize.optional() })),
  nic: attributes<EndpointInput>(fields("nic", { ...endpointShape, bar: barSize.optional() })),
  gpu: attributes<EndpointInput>(
    fields("gpu", { ...endpointShape, bar: barSize.optional(), rebar: choice(["small", "full"]).optional() }),
  ),
  accel: attributes<EndpointInput>(fields("accel", { ...endpointShape, bar: barSize.optional() })),
  device: attributes<EndpointInput>(
    fields("device", { ...endpointShape, bar: barSize.optional(), class: classCode.optional() }),
  ),
  functions: nodeList.optional(),
  below: nodeList.optional(),
  at: at.optional(),
});

type NodeObject = z.output<typeof nodeObject>;

/** One item of `below:` or `functions:`: a bare word, or a mapping with the kind as its key. */
export const nodeSchema: z.ZodType<NodeInput> = z.lazy(() =>
  z.union([
    choice(WORDS).transform((kind): NodeInput => toNode(kind, {}, [])),
    nodeObject.transform((node, context): NodeInput => {
      const problem = problemOf(node);
      if (problem === undefined) return nodeOf(node);
      context.addIssue({ code: "custom", message: problem });
      return z.NEVER;
    }),
  ]),
);

function kindsOf(node: NodeObject): Kind[] {
  return KINDS.filter((kind) => node[kind] !== undefined);
}

function problemOf(node: NodeObject): string | undefined {
  const [kind, second] = kindsOf(node);
  if (kind === undefined) return `a device needs its kind as a key: ${KINDS.join(", ")}`;
  if (second !== undefined) {
    return `one device cannot be both '${kind}' and '${second}'; start each with its own '- ', aligned`;
  }
  if (kind === "functions") {
    if (node.below !== undefined) return "'below' goes beside the function that is a bridge, not beside 'functions'";
    if (node.functions?.length === 0) return "'functions' needs at least one function";
    if (node.at?.function !== undefined) return "'functions' starts at function 0: give 'at' the device number only";
    return undefined;
  }
  if (node.at !== undefined) return `'at' goes inside '${kind}': ${kind}: { at: … }`;
  const isBridge = (PORT_KINDS as readonly string[]).includes(kind);
  if (node.below !== undefined && !isBridge) return `nothing can be below '${kind}': it is an endpoint`;
  return undefined;
}

function nodeOf(node: NodeObject): NodeInput {
  const [kind = "device"] = kindsOf(node);
  if (kind === "functions") return { kind, at: node.at, functions: node.functions ?? [] };
  return toNode(kind, node[kind] ?? {}, node.below ?? []);
}

function toNode(
  kind: (typeof WORDS)[number],
  attributes: SwitchInput & EndpointInput,
  below: readonly NodeInput[],
): NodeInput {
  switch (kind) {
    case "rootPort":
    case "port":
    case "switch":
    case "bridge":
      return { kind, attributes, below };
    default:
      return { kind, attributes };
  }
}
