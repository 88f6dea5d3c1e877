import { z } from "zod";
import type { ProviderMemory } from "../pci/peer-roles.ts";
import type { MapType } from "../rules/verdict.ts";

/** Parts that the validators of several outputs share, and how a validator's type gets its name. */

/** The validators of all values that have a key of T. */
export type ShapeOf<T> = { readonly [K in keyof T]-?: z.ZodType<Exclude<T[K], undefined>> };

/** What `json-types.ts` calls the type of a validator, and says of it. */
export interface TypeName {
  readonly name: string;
  readonly says: string;
  /** Of a type that stands elsewhere, and is imported. */
  readonly isElsewhere?: boolean;
}

export const TYPE_NAMES: z.core.$ZodRegistry<TypeName> = z.registry<TypeName>();

/** Gives the type of a validator a name. `npm run build:json-types` writes the types down: zod is loaded by tests alone. */
export function named<T extends z.ZodType>(name: string, says: string, schema: T): T {
  TYPE_NAMES.add(schema, { name, says });
  return schema;
}

export const hidden: z.ZodObject<{ unknown: z.ZodString }, z.core.$strict> = z.strictObject({
  unknown: z.string().describe("why the source does not show it"),
});

export function known<T extends z.ZodType>(type: T): z.ZodUnion<[T, typeof hidden]> {
  return z.union([type, hidden]);
}

export const bdf: z.ZodString = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/);

export const bus: z.ZodString = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}$/);

/** An address, in hexadecimal digits. */
export const hex: z.ZodString = z.string().regex(/^0x[0-9a-f]+$/);

/** Where a request is. */
export const place: z.ZodUnion<[z.ZodString, z.ZodLiteral<"root-complex">]> = z.union([bdf, z.literal("root-complex")]);

export const mapType: z.ZodType<MapType> = z.enum(["bus-addr", "thru-host-bridge", "not-supported", "unknown"]);
TYPE_NAMES.add(mapType, { name: "MapType", says: "", isElsewhere: true });

export const count: z.ZodInt = z.int().min(0);

export const link: z.ZodObject<{ speedGTps: z.ZodNumber; width: typeof count }, z.core.$strict> = named(
  "LinkStateJson",
  "Speed and width.",
  z.strictObject({ speedGTps: z.number(), width: count }),
);

/** What a provider has for peers. */
export const providerMemory: z.ZodType<ProviderMemory> = z
  .strictObject({ pool: known(count.nullable()), largestBar: known(count.nullable()) })
  .describe("what the provider has for peers, in bytes: what its driver registered, and its largest memory BAR");
