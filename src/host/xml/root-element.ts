const rootTag = /<([A-Za-z_][\w.-]*)/y;
const space = /[\s\uFEFF]*/y;

/** What may stand before the first element, by how it begins and ends. */
const prologParts: readonly (readonly [begin: string, end: string])[] = [
  ["<!--", "-->"],
  ["<?", "?>"],
  ["<!DOCTYPE", ">"],
];

/** The end of a document type, which may hold declarations in brackets. */
const doctypeEnd = /[^[>]*(?:\[[^\]]*\]\s*)?>/y;

/**
 * The name of the first element of an XML text of which `head` are the first kilobytes, behind its declaration, comments
 * and document type; `undefined` where it is no XML or the element comes later.
 */
export function rootElementOf(head: string): string | undefined {
  let at = 0;
  for (;;) {
    space.lastIndex = at;
    space.test(head);
    at = space.lastIndex;
    const part = prologParts.find(([begin]) => head.startsWith(begin, at));
    if (part === undefined) break;
    const [begin, end] = part;
    const ending = begin === "<!DOCTYPE" ? endOfDoctype(head, at) : head.indexOf(end, at + begin.length);
    if (ending < 0) return undefined;
    at = ending + end.length;
  }
  rootTag.lastIndex = at;
  return rootTag.exec(head)?.[1];
}

/** Where the `>` of a document type is, -1 where it has none. */
function endOfDoctype(head: string, start: number): number {
  doctypeEnd.lastIndex = start;
  return doctypeEnd.test(head) ? doctypeEnd.lastIndex - 1 : -1;
}
