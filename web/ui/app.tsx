import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../src/pci/visible.ts";
import {
  closeMachine,
  current,
  currentId,
  failure,
  linkOf,
  machines,
  type OpenMachine,
  reading,
  show,
  stopReading,
} from "../state/store.ts";
import { MachinePage } from "./machine-page.tsx";
import { OpenPanel, openFiles } from "./open.tsx";
import { ProblemView } from "./problem.tsx";

/** The whole page. */
export function App(): JSX.Element {
  const [isOpening, setOpening] = useState(false);
  const [isOver, setOver] = useState(false);
  const machine = current.value;
  const isEmpty = machine === undefined;
  useEffect(() => setOpening(false), [currentId.value]);
  useEffect(() => {
    document.title = machine === undefined ? "Peerlane" : `${visible(machine.name)} – Peerlane`;
  }, [machine]);
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes("Files") !== true) return;
      event.preventDefault();
      setOver(false);
      void openFiles(event.dataTransfer.files);
    };
    const paste = (event: ClipboardEvent): void => {
      const files = event.clipboardData?.files;
      if (files !== undefined && files.length > 0) void openFiles(files);
    };
    addEventListener("dragover", over);
    addEventListener("dragleave", leave);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("dragleave", leave);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  }, []);
  return (
    <>
      <header class="bar">
        <h1>Peerlane</h1>
        <Tabs />
        <div class="actions">
          {isEmpty ? null : (
            <button type="button" aria-expanded={isOpening} onClick={() => setOpening(!isOpening)}>
              Open another
            </button>
          )}
          {machine === undefined ? null : <LinkButton machine={machine} />}
        </div>
      </header>
      <main>
        <div role="status" aria-live="polite" class="status">
          {reading.value === null ? null : (
            <p class="reading">
              Reading {visible(reading.value)} …{" "}
              <button type="button" onClick={stopReading}>
                Stop
              </button>
            </p>
          )}
        </div>
        <div role="alert">
          {failure.value === null ? null : (
            <p class="failure">
              <ProblemView {...failure.value} />{" "}
              <button
                type="button"
                class="quiet"
                aria-label="Dismiss"
                onClick={() => {
                  failure.value = null;
                }}
              >
                ✕
              </button>
            </p>
          )}
        </div>
        {isEmpty || isOpening ? <OpenPanel isFirst={isEmpty} /> : null}
        {machine === undefined ? null : <MachinePage key={machine.id} machine={machine} />}
      </main>
      {isOver ? <div class="drop">Drop it to open it</div> : null}
    </>
  );
}

function Tabs(): JSX.Element | null {
  if (machines.value.length === 0) return null;
  return (
    <nav aria-label="Open machines" class="tabs">
      <ul>
        {machines.value.map(({ id, name }) => (
          <li key={id} class={id === currentId.value ? "current" : undefined}>
            <button
              type="button"
              class="tab"
              aria-current={id === currentId.value ? "page" : undefined}
              onClick={() => show(id)}
            >
              {visible(name)}
            </button>
            <button
              type="button"
              class="quiet"
              aria-label={`Close ${visible(name)}`}
              onClick={() => void closeMachine(id)}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Copies the address of the page with the machine in it. */
function LinkButton({ machine }: { readonly machine: OpenMachine }): JSX.Element {
  const [said, say] = useState("");
  const copy = async (): Promise<void> => {
    const link = await linkOf(machine);
    if (link === null) return;
    const copied = await navigator.clipboard?.writeText(link).then(
      () => true,
      () => false,
    );
    say(copied === true ? "copied" : "it is in the address bar now");
    setTimeout(() => say(""), 4000);
  };
  return (
    <>
      <button
        type="button"
        onClick={() => void copy()}
        title="The machine goes into the address, without serial numbers, MAC addresses and host names"
      >
        Link
      </button>
      <span role="status" class="hint">
        {said}
      </span>
    </>
  );
}
