/** What a tree's source does not show in a shape that is known here: why, with its place. Never a guess. */
export interface NotRecognised {
  readonly notRecognised: string;
}

/** A fact of a tree, or where its source has a shape that is not known here. */
export type Read<T> = T | NotRecognised;

export function isNotRecognised(value: unknown): value is NotRecognised {
  return typeof value === "object" && value !== null && "notRecognised" in value;
}

/** One file of C with its comments blanked, line numbers kept. */
export class CSource {
  readonly path: string;
  readonly text: string;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replaceAll(/[^\n]/g, " "));
  }

  has(pattern: RegExp): boolean {
    return pattern.test(this.text);
  }

  /** Says that something at `offset` is not known here. */
  notRecognised(what: string, offset = 0): NotRecognised {
    return { notRecognised: `${this.path}:${this.text.slice(0, offset).split("\n").length}: ${what}` };
  }

  /** The body of a function, white space made single blanks; `undefined` where the file does not define it. */
  body(name: string): Body | undefined {
    const head = new RegExp(`\\b${name}\\s*\\([^;{}]*\\)\\s*\\{`, "g");
    const match = head.exec(this.text);
    return match === null ? undefined : this.#block(match.index + match[0].length - 1);
  }

  /** What stands between the braces of a table (`… NAME[] = { … };`). */
  table(name: string): Body | undefined {
    const match = new RegExp(`\\b${name}\\s*\\[[^\\]]*\\]\\s*=\\s*\\{`).exec(this.text);
    return match === null ? undefined : this.#block(match.index + match[0].length - 1);
  }

  #block(open: number): Body | undefined {
    let depth = 0;
    for (let at = open; at < this.text.length; at++) {
      const character = this.text[at];
      if (character === "{") depth++;
      if (character === "}" && --depth === 0) return { text: squeeze(this.text.slice(open + 1, at)), offset: open };
    }
    return undefined;
  }
}

/** A part of a file: its text with single blanks, and where it starts. */
export interface Body {
  readonly text: string;
  readonly offset: number;
}

function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
