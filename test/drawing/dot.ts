/** A graph in DOT, as far as ours use the language. */
export interface Graph {
  readonly nodes: ReadonlyMap<string, Attributes>;
  readonly edges: readonly { readonly from: string; readonly to: string; readonly attributes: Attributes }[];
  readonly clusters: readonly string[];
}

export type Attributes = ReadonlyMap<string, string>;

const TOKEN = /\s*(?:("(?:[^"\\\n]|\\["\\n])*")|([A-Za-z_]\w*|-?\d+(?:\.\d+)?)|(--|->|[{}[\],;=]))/y;

/**
 * Reads a graph. Throws for what is not of the language, and for escapes in strings that Graphviz would take for more than
 * a quote, a backslash or a line end.
 */
export function parseDot(text: string): Graph {
  const tokens = tokensOf(text);
  let at = 0;
  const next = (): string => tokens[at++] ?? "";
  const take = (token: string): void => {
    const found = next();
    if (found !== token)
      throw new Error(`${token} is due where ${found} is, behind ${tokens.slice(at - 9, at - 1).join(" ")}`);
  };
  const nodes = new Map<string, Attributes>();
  const edges: { from: string; to: string; attributes: Attributes }[] = [];
  const clusters: string[] = [];
  const attributesHere = (): Attributes => {
    const attributes = new Map<string, string>();
    take("[");
    for (let token = next(); token !== "]"; token = next()) {
      if (token === ",") continue;
      take("=");
      const value = next();
      attributes.set(token, value.startsWith('"') ? value.slice(1, -1) : value);
    }
    take(";");
    return attributes;
  };
  const block = (arrow: string): void => {
    take("{");
    for (let token = next(); token !== "}"; token = next()) {
      if (token === "subgraph") {
        clusters.push(next());
        block(arrow);
      } else if (tokens[at] === arrow) {
        next();
        const to = next();
        edges.push({ from: token, to, attributes: attributesHere() });
      } else {
        const attributes = attributesHere();
        if (!["graph", "node", "edge"].includes(token)) nodes.set(token, attributes);
      }
    }
  };
  const kind = next();
  if (kind !== "graph" && kind !== "digraph") throw new Error(`no graph: ${kind}`);
  next();
  block(kind === "graph" ? "--" : "->");
  if (at !== tokens.length) throw new Error(`more behind the graph: ${tokens[at]}`);
  for (const { from, to } of edges) {
    if (!nodes.has(from) || !nodes.has(to)) throw new Error(`no node of an edge: ${from}, ${to}`);
  }
  return { nodes, edges, clusters };
}

function tokensOf(text: string): readonly string[] {
  const tokens: string[] = [];
  const pattern = new RegExp(TOKEN, "y");
  for (let rest = text.trimEnd(); pattern.lastIndex < rest.length; ) {
    const { lastIndex } = pattern;
    const found = pattern.exec(rest);
    if (found === null) throw new Error(`no DOT: ${rest.slice(lastIndex, lastIndex + 60)}`);
    tokens.push(found[1] ?? found[2] ?? found[3] ?? "");
  }
  return tokens;
}

/** The lines of a label. */
export function labelOf(attributes: Attributes | undefined): readonly string[] {
  return (attributes?.get("label") ?? "")
    .split(/(?<=(?<!\\)(?:\\\\)*)\\n/)
    .map((line) => line.replaceAll(/\\(.)/g, "$1").replaceAll("&amp;", "&"));
}
