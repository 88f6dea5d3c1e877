import { everyUnseen } from "../../pci/visible.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeCharacters(text: string, special: RegExp, kept: string): string {
  return text
    .replaceAll(notXml, "\ufffd")
    .replaceAll(special, (character) => escapes[character] ?? character)
    .replaceAll(everyUnseen(), (character) =>
      kept.includes(character) ? character : `&#${character.codePointAt(0) ?? 0};`,
    );
}

/**
 * A text between tags of XML 1.0: what XML gives a meaning is escaped, what a terminal would obey or hide is a character
 * reference, and characters that no XML document may hold (XML 1.0 sec 2.2: most control characters, lone surrogates,
 * U+FFFE and U+FFFF) become U+FFFD.
 */
export function xmlText(text: string): string {
  return escapeCharacters(text, /[&<>]/g, "\n");
}

/** A text as the value of an attribute in double quotes: as {@link xmlText}, and blanks of all kinds are kept. */
export function xmlAttribute(text: string): string {
  return escapeCharacters(text, /[&<>"]/g, "");
}
