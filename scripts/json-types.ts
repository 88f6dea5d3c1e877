import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { z } from "zod";
import { TYPE_NAMES, type TypeName } from "../src/report/schema-parts.ts";
import { OUTPUT_SCHEMAS } from "../src/report/schemas.ts";

/** The file that {@link jsonTypes} is written to. */
export const JSON_TYPES: string = join(import.meta.dirname, "../src/report/json-types.ts");

const HEAD = `import type { Known } from "../pci/known.ts";
import type { MapType } from "../rules/verdict.ts";

/**
 * The types of every JSON output. Written by \`npm run json-types\` from the validators that OUTPUT_SCHEMAS lists: change
 * those. They are written down since a type that TypeScript infers from a validator leads everyone who reads it, and the
 * library's own types, into zod.
 */
`;

const OUTPUTS_DOC = "The type of each output by the name that `peerlane schema` takes.";

/** A validator with a name, and what it is to be called. */
type Named = readonly [schema: z.ZodType, type: TypeName];

/** What `json-types.ts` has to hold. Throws where validators have a form that it has no type for, or a name stands for two. */
export function jsonTypes(): string {
  const named = namedSchemas(Object.values(OUTPUT_SCHEMAS));
  const declarations = [...named.values()].map((one) => declarationOf(one, [...named.values()]));
  const outputs = Object.entries(OUTPUT_SCHEMAS).map(([name, schema]) => `readonly "${name}": ${typeOf(schema)};`);
  const text = [
    HEAD,
    ...declarations,
    `/** ${OUTPUTS_DOC} */\nexport interface JsonOutputs {\n${outputs.join("\n")}\n}\n`,
    "/** One of them. */\nexport type JsonOutput = JsonOutputs[keyof JsonOutputs];\n",
  ].join("\n");
  const biome = join(import.meta.dirname, "../node_modules/.bin/biome");
  return execFileSync(biome, ["format", `--stdin-file-path=${JSON_TYPES}`], { input: text, encoding: "utf8" });
}

/** All validators with a name that others are made of, parts before what has them. */
function namedSchemas(schemas: readonly z.ZodType[], found = new Map<string, Named>()): Map<string, Named> {
  for (const schema of schemas) {
    const type = TYPE_NAMES.get(schema);
    const known = type === undefined ? undefined : found.get(type.name)?.[0];
    if (known !== undefined && typeOf(known, false) !== typeOf(schema, false)) {
      throw new Error(`two different types are called ${type?.name}`);
    }
    namedSchemas(partsOf(schema), found);
    if (type !== undefined && !type.isElsewhere && known === undefined) found.set(type.name, [schema, type]);
  }
  return found;
}

function partsOf(schema: z.ZodType): readonly z.ZodType[] {
  const def = defOf(schema);
  switch (def.type) {
    case "object":
      return Object.values(def.shape);
    case "array":
      return [def.element];
    case "union":
      return def.options;
    case "nullable":
    case "optional":
      return [def.innerType];
    case "record":
      return [def.valueType];
    default:
      return [];
  }
}

function declarationOf([schema, { name, says }]: Named, all: readonly Named[]): string {
  const doc = `/** ${says} */\n`;
  const def = defOf(schema);
  if (def.type !== "object") return `${doc}export type ${name} = ${typeOf(schema, false)};\n`;
  const base = baseOf(def.shape, all);
  const keys = base === null ? [] : Object.keys(base.shape);
  const own = Object.entries(def.shape).filter(([key]) => !keys.includes(key));
  const heritage = base === null ? "" : ` extends ${base.name}`;
  return `${doc}export interface ${name}${heritage} {\n${own.map(propertyOf).join("\n")}\n}\n`;
}

/** The type with the most keys of which all are among those of another, as it has them. */
function baseOf(shape: Shape, all: readonly Named[]): { readonly name: string; readonly shape: Shape } | null {
  const bases = all.flatMap(([schema, { name }]) => {
    const def = defOf(schema);
    if (def.type !== "object" || Object.keys(def.shape).length >= Object.keys(shape).length) return [];
    return Object.entries(def.shape).every(([key, one]) => shape[key] === one) ? [{ name, shape: def.shape }] : [];
  });
  return bases.sort((a, b) => Object.keys(b.shape).length - Object.keys(a.shape).length)[0] ?? null;
}

function propertyOf([key, schema]: readonly [string, z.ZodType]): string {
  const { description = "" } = schema;
  const doc = description === "" ? "" : `/** ${description.charAt(0).toUpperCase()}${description.slice(1)}. */\n`;
  const mark = defOf(schema).type === "optional" ? "?" : "";
  const name = /^[A-Za-z]\w*$/.test(key) ? key : JSON.stringify(key);
  return `${doc}readonly ${name}${mark}: ${typeOf(schema)};`;
}

/** A validator's type; `byName` says whether one that has a name is called by it. */
function typeOf(schema: z.ZodType, byName = true): string {
  const name = TYPE_NAMES.get(schema)?.name;
  if (byName && name !== undefined) return name;
  const def = defOf(schema);
  switch (def.type) {
    case "string":
    case "number":
    case "boolean":
      return def.type;
    case "literal":
      return def.values.map((value) => JSON.stringify(value)).join(" | ");
    case "enum":
      return Object.values(def.entries)
        .map((value) => JSON.stringify(value))
        .join(" | ");
    case "array":
      return `readonly (${typeOf(def.element)})[]`;
    case "object":
      return objectType(Object.entries(def.shape).map(propertyOf));
    case "record":
      return `Readonly<Record<string, ${typeOf(def.valueType)}>>`;
    case "nullable":
      return `${typeOf(def.innerType)} | null`;
    case "optional":
      return typeOf(def.innerType);
    case "union": {
      const shown = def.options.filter((option) => !isUnknownObject(option));
      const types = shown.map((option) => typeOf(option)).join(" | ");
      return shown.length === def.options.length ? types : `Known<${types}>`;
    }
  }
}

/** Each on a line of its own where one has words of its own. */
function objectType(properties: readonly string[]): string {
  const start = properties.some((property) => property.startsWith("/**")) ? "{\n" : "{ ";
  return `${start}${properties.join("\n")} }`;
}

/** Whether it is `{ unknown: reason }`. */
function isUnknownObject(schema: z.ZodType): boolean {
  const def = defOf(schema);
  return def.type === "object" && Object.keys(def.shape).join() === "unknown";
}

type Shape = Readonly<Record<string, z.ZodType>>;

/** As much of what zod keeps of a validator as outputs are made of. */
type Def =
  | { readonly type: "string" | "number" | "boolean" }
  | { readonly type: "literal"; readonly values: readonly unknown[] }
  | { readonly type: "enum"; readonly entries: Readonly<Record<string, string>> }
  | { readonly type: "array"; readonly element: z.ZodType }
  | { readonly type: "object"; readonly shape: Shape }
  | { readonly type: "record"; readonly valueType: z.ZodType }
  | { readonly type: "nullable" | "optional"; readonly innerType: z.ZodType }
  | { readonly type: "union"; readonly options: readonly z.ZodType[] };

const TYPES = "string number boolean literal enum array object record nullable optional union".split(" ");

function defOf(schema: z.ZodType): Def {
  const def = schema._zod.def as unknown as Def;
  if (!TYPES.includes(def.type)) throw new Error(`json-types has no type for a validator of the kind ${def.type}`);
  return def;
}
