import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { EXAMPLES } from "../examples.ts";
import { openExample, openMachine, reading } from "../state/store.ts";

/** Ways to open a machine: a file, a paste, an example. Files are also dropped anywhere on the page. */
export function OpenPanel({ isFirst }: { readonly isFirst: boolean }): JSX.Element {
  const [text, setText] = useState("");
  const isBusy = reading.value !== null;
  const paste = (event: Event): void => {
    event.preventDefault();
    void openMachine("pasted text", new TextEncoder().encode(text)).then(() => setText(""));
  };
  return (
    <section class="open card" aria-labelledby="open-title">
      <h2 id="open-title">Open a machine</h2>
      {isFirst ? (
        <p>
          Which device can reach which other directly, why, why not, and how fast. All of it is worked out in this page:
          nothing is sent anywhere.
        </p>
      ) : null}
      <div class="ways">
        <div>
          <label class="file">
            A file
            <input type="file" multiple disabled={isBusy} onChange={(event) => openFiles(event.currentTarget.files)} />
          </label>
          <p class="hint">
            or drop it on the page: <code>lspci -vvv</code>, a text of <code>peerlane collect</code>, an archive of
            sysfs, a snapshot, a scenario, XML of hwloc or NCCL; compressed, too
          </p>
        </div>
        <form onSubmit={paste}>
          <label>
            Or its text
            <textarea
              rows={5}
              spellcheck={false}
              value={text}
              placeholder="what sudo lspci -vvv prints"
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={isBusy || text.trim() === ""}>
            Open the text
          </button>
        </form>
        <div>
          <h3>Or an example</h3>
          <ul class="examples">
            {EXAMPLES.map(({ name, about }) => (
              <li>
                <button type="button" class="link" disabled={isBusy} onClick={() => void openExample(name)}>
                  {name}
                </button>{" "}
                <span class="hint">{about}</span>
              </li>
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}

/** Bytes of a file that is read at all; what the readers take of each format is less. */
const MOST_BYTES = 512 * 2 ** 20;

/** Opens files one after the other. */
export async function openFiles(files: FileList | null): Promise<void> {
  for (const file of files ?? []) {
    const head = file.size > MOST_BYTES ? file.slice(0, MOST_BYTES + 1) : file;
    await openMachine(file.name, new Uint8Array(await head.arrayBuffer()));
  }
}
