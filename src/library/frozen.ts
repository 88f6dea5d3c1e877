/** What a locked map or set says. */
function refuse(): never {
  throw new TypeError("a Machine cannot be changed: make another one of it, as withOverrides and applyChanges do");
}

/**
 * The same value, with all that is below it frozen: writes throw in strict code. Maps and sets, which the language
 * cannot freeze, lose what changes them. What is frozen already is taken to be so all the way down.
 */
export function frozen<T>(value: T): T {
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined || open.length > 0; next = open.pop()) {
    if (typeof next !== "object" || next === null || Object.isFrozen(next) || ArrayBuffer.isView(next)) continue;
    if (next instanceof Map) {
      for (const [key, entry] of next) open.push(key, entry);
      lock(next, ["set", "delete", "clear"]);
    } else if (next instanceof Set) {
      open.push(...next);
      lock(next, ["add", "delete", "clear"]);
    }
    Object.freeze(next);
    for (const entry of Object.values(next)) if (typeof entry === "object") open.push(entry);
  }
  return value;
}

function lock(collection: object, names: readonly string[]): void {
  for (const name of names) Object.defineProperty(collection, name, { value: refuse, enumerable: false });
}
