import type { JSX } from "preact";
import { visible } from "../../src/pci/visible.ts";
import type { Block } from "../../src/report/document.ts";
import { type Rich, spansOf } from "../../src/report/rich.ts";

/** A line in its pieces: what each means is a class. Whatever a value holds, it is text. */
export function RichText({ text }: { readonly text: Rich }): JSX.Element {
  return (
    <>
      {spansOf(text).map((span) => {
        if (typeof span === "string") return visible(span);
        if (span.paint === "code") return <code>{visible(span.text)}</code>;
        if (span.paint === "strong") return <strong>{visible(span.text)}</strong>;
        return <span class={`paint-${span.paint}`}>{visible(span.text)}</span>;
      })}
    </>
  );
}

/** A report as the command line has it, its headings at `level`. */
export function DocumentView({
  blocks,
  level,
}: {
  readonly blocks: readonly Block[];
  readonly level: 3 | 4;
}): JSX.Element {
  const Heading: "h3" | "h4" = `h${level}`;
  return (
    <div class="document">
      {blocks.map((block) => (
        <BlockView block={block} Heading={Heading} />
      ))}
    </div>
  );
}

function BlockView({ block, Heading }: { readonly block: Block; readonly Heading: "h3" | "h4" }): JSX.Element {
  switch (block.kind) {
    case "heading":
      return (
        <Heading>
          <RichText text={block.text} />
        </Heading>
      );
    case "paragraph":
      return (
        <p>
          <RichText text={block.text} />
        </p>
      );
    case "list":
      return (
        <ul>
          {block.items.map((item) => (
            <li>
              <RichText text={item} />
            </li>
          ))}
        </ul>
      );
    case "table":
      return (
        <div class="scroll">
          <table>
            <thead>
              <tr>{block.head.map((text) => (text === "" ? <td /> : <th scope="col">{visible(text)}</th>))}</tr>
            </thead>
            <tbody>
              {block.rows.map((row) => (
                <tr>
                  {row.map((cell) => (
                    <td>
                      <RichText text={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "code":
      return <CodeView title={block.title} lines={block.lines} />;
  }
}

/** Lines to copy as they are, with a button that does it. */
export function CodeView({ title, lines }: { readonly title: string; readonly lines: readonly string[] }): JSX.Element {
  const copy = (): void => {
    navigator.clipboard.writeText(`${lines.join("\n")}\n`).catch(() => undefined);
  };
  return (
    <figure class="code">
      {title === "" ? null : <figcaption>{visible(title)}</figcaption>}
      <button type="button" class="quiet" onClick={copy} aria-label={`Copy ${title === "" ? "these lines" : title}`}>
        Copy
      </button>
      <pre tabIndex={0}>{lines.map((line) => `${visible(line)}\n`).join("")}</pre>
    </figure>
  );
}
