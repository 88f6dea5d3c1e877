import { PeerlaneError } from "../../pci/error.ts";
import type { PlainValue, ValuePath, YamlSource } from "./yaml-source.ts";
import { MAX_DEPTH } from "./yaml-tokens.ts";

/**
 * An object of a program in place of a YAML file: the same validators read it. Numbers and booleans become the texts that
 * a file would hold, keys whose value is `undefined` are as if they were left out. `name` is what messages call it, with
 * the way to the value behind it. Throws `bad-input` for what no file can hold.
 */
export function objectSource(value: unknown, name: string): YamlSource {
  const placeOf = (path: ValuePath) => ({ file: path.length === 0 ? name : `${name}: ${pathText(path)}` });
  return {
    file: name,
    value: plain(value, [], name),
    placeOf,
    placeOfKey: (path, key) => placeOf([...path, key]),
  };
}

function plain(value: unknown, path: ValuePath, name: string): PlainValue {
  if (value === null) return null;
  if (typeof value === "string" || typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  if (path.length < MAX_DEPTH && Array.isArray(value)) {
    return value.map((item, index) => plain(item, [...path, index], name));
  }
  if (path.length < MAX_DEPTH && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, each]) => each !== undefined)
        .map(([key, each]) => [key, plain(each, [...path, key], name)]),
    );
  }
  throw new PeerlaneError("bad-input", `${typeof value} is no value here`, {
    place: { file: path.length === 0 ? name : `${name}: ${pathText(path)}` },
    remedy: "texts, numbers, true and false, and lists and objects of them",
  });
}

/** As a program would write it. */
function pathText(path: ValuePath): string {
  return path.map((key, index) => (typeof key === "number" ? `[${key}]` : index === 0 ? key : `.${key}`)).join("");
}
