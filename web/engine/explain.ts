import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { displayName, roleOf, shortAddress } from "../../src/report/device-names.ts";
import { explainParts } from "../../src/report/explain-text.ts";
import { hopWords } from "../../src/report/predict/screen.ts";
import { plainText } from "../../src/report/rich.ts";
import { peerRoutesOf } from "../../src/routes/peer-routes.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import type { ExplainView, Rate } from "./protocol.ts";

/** A pair of a machine explained both ways, as `peerlane explain` has it. */
export function explainView(of: VerdictTable, provider: Bdf, client: Bdf): ExplainView {
  const both = provider === client ? [provider] : [provider, client];
  for (const bdf of both)
    if (of.topology.find(bdf) === undefined)
      throw new PeerlaneError("unknown-device", `no device ${formatBdf(bdf)} on this machine`, {
        remedy: "choose a cell of the matrix",
      });
  const table = decideAll(of.machine, { providers: both, clients: both });
  const { head, path, facts, way } = explainParts(table, provider, client, peerRoutesOf(table));
  return {
    provider,
    client,
    head,
    hops: path.hops.map(({ fn, link, acs, redirects, meets }) => ({
      bdf: fn.bdf,
      name: displayName(fn),
      address: shortAddress(fn),
      role: roleOf(fn),
      link: link.text,
      ...{ acs, redirects, meets },
    })),
    across: path.across === null ? null : { before: path.turn, text: path.across },
    facts,
    way,
    rates: ratesOf(table, provider, client),
  };
}

function ratesOf(table: VerdictTable, provider: Bdf, client: Bdf): readonly Rate[] | null {
  const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
  const prediction = predictionsOf(table).at(i, j, "write");
  if (isUnknown(prediction)) return null;
  return prediction.hops.map((hop) => ({
    where: plainText(hopWords(table.topology, hop)),
    gbps: hop.value,
    why: hop.why,
    isBottleneck: hop === prediction.bottleneck,
  }));
}
