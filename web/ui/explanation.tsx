import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { visible } from "../../src/pci/visible.ts";
import type { Block } from "../../src/report/document.ts";
import { gbpsText } from "../../src/report/predict/numbers.ts";
import { EngineError } from "../engine/client.ts";
import type { ExplainView, Failure, Hop, Rate } from "../engine/protocol.ts";
import { engine, view } from "../state/store.ts";
import { DocumentView, RichText } from "./document.tsx";
import { ProblemView } from "./problem.tsx";

/** A pair explained: what becomes of it, its way, what each hop carries, and why. */
export function ExplanationPanel({ explained }: { readonly explained: ExplainView }): JSX.Element {
  const { head, hops, across, facts, way, rates } = explained;
  return (
    <>
      {head.map((text) => (
        <p class="head">
          <RichText text={text} />
        </p>
      ))}
      <h3>The way</h3>
      <ol class="hops">
        {hops.flatMap((hop, at) => [
          ...(across?.before === at ? [<li class="across">⇅ {visible(across.text)}</li>] : []),
          <HopItem hop={hop} />,
        ])}
      </ol>
      {rates === null || rates.length === 0 ? null : <Rates rates={rates} />}
      <dl class="facts">
        {facts.map(({ label, texts }) => (
          <>
            <dt>{label}</dt>
            {texts.map((text) => (
              <dd>
                <RichText text={text} />
              </dd>
            ))}
          </>
        ))}
      </dl>
      {way === null ? null : <p>{visible(way)}</p>}
      <Fixes key={`${explained.provider} ${explained.client}`} explained={explained} />
    </>
  );
}

function HopItem({ hop: { name, address, role, link, acs, redirects, meets } }: { readonly hop: Hop }): JSX.Element {
  const more = [role, ...(link === "" ? [] : [link]), ...(acs === "" ? [] : [acs])].join(" · ");
  return (
    <li class={redirects ? "redirects" : undefined}>
      <strong>{visible(name)}</strong> {name === address ? "" : <span class="address">{address}</span>}{" "}
      <span class="hint">{visible(more)}</span>
      {redirects ? <span class="paint-no"> redirects</span> : null}
      {meets ? <span class="hint"> · the two meet here</span> : null}
    </li>
  );
}

/** What each hop carries of writes: bars, the least one marked. */
function Rates({ rates }: { readonly rates: readonly Rate[] }): JSX.Element {
  const most = Math.max(...rates.map(({ gbps }) => gbps));
  return (
    <>
      <h3>What each hop carries of writes</h3>
      <table class="rates">
        <thead>
          <tr>
            <th scope="col">hop</th>
            <th scope="col">GB/s</th>
          </tr>
        </thead>
        <tbody>
          {rates.map(({ where, gbps, why, isBottleneck }) => (
            <tr class={isBottleneck ? "bottleneck" : undefined} title={visible(why)}>
              <th scope="row">
                {visible(where)}
                {isBottleneck ? <span class="paint-warn"> holds it</span> : null}
              </th>
              <td>
                <meter min={0} max={most} value={gbps} aria-label={`${gbpsText(gbps)} GB/s`} /> {gbpsText(gbps)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

type Sought =
  | { readonly is: "not" }
  | { readonly is: "seeking" }
  | { readonly is: "found"; readonly blocks: readonly Block[] }
  | { readonly is: "failed"; readonly failure: Failure };

/** What would help, looked for when it is asked for: many machines are decided for it. */
function Fixes({ explained: { provider, client } }: { readonly explained: ExplainView }): JSX.Element | null {
  const [sought, setSought] = useState<Sought>({ is: "not" });
  const of = view.value;
  if (provider === client || of === null) return null;
  const seek = async (): Promise<void> => {
    setSought({ is: "seeking" });
    try {
      setSought({ is: "found", blocks: await engine.ask("fixes", { ...of, provider, client }) });
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      setSought({ is: "failed", failure: error.failure });
    }
  };
  return (
    <div class="fixes" aria-live="polite">
      <h3>What would help</h3>
      {sought.is === "not" ? (
        <button type="button" onClick={() => void seek()}>
          Look for fixes
        </button>
      ) : null}
      {sought.is === "seeking" ? <p class="hint">…</p> : null}
      {sought.is === "found" ? <DocumentView blocks={sought.blocks} level={4} /> : null}
      {sought.is === "failed" ? (
        <p class="failure">
          <ProblemView {...sought.failure} />
        </p>
      ) : null}
    </div>
  );
}
