import { spawnSync } from "node:child_process";
import { SaxesParser } from "saxes";

/** An element with the text in it, that of elements in it left out. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly parent: Element | null;
  text: string;
}

/** The elements of an XML document in their order. Throws for what is none. */
export function elementsOf(xml: string): readonly Element[] {
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, parent: open.at(-1) ?? null, text: "" };
    elements.push(element);
    open.push(element);
  });
  parser.on("text", (text) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += text;
  });
  parser.on("closetag", () => open.pop());
  parser.write(xml).close();
  return elements;
}

/** Whether a program of another package is here. */
export function isHere(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

/** What a program that reads standard input says of a text; empty where it takes it. */
export function complaintOf(program: string, words: readonly string[], input: string): string {
  const { status, stderr } = spawnSync(program, words, { input, encoding: "utf8", maxBuffer: 2 ** 28 });
  return status === 0 ? stderr : `ended with ${status}: ${stderr}`;
}
