import { isUnknown } from "../../pci/known.ts";
import type { PeerRoute } from "../../routes/peer-routes.ts";
import type { DirectionResult } from "./direction.ts";
import type { MeasuredPair } from "./result.ts";

/** What the model of the fabric foretells of a direction: its requests arrive, or fail; `null` where it cannot tell. */
export function predictionOf(
  pair: Pick<MeasuredPair, "clients">,
  direction: DirectionResult["direction"],
): "arrives" | "fails" | null {
  const answers = new Set(
    pair.clients.map(({ routing }) => {
      if (routing === null) return null;
      const route = direction === "into" ? routing.write : routing.read;
      return isUnknown(route) ? null : foretells(route);
    }),
  );
  const [only] = answers;
  return answers.size === 1 ? (only ?? null) : null;
}

function foretells({ differs }: PeerRoute): "arrives" | "fails" {
  return differs === "not-delivered" || differs === "elsewhere" ? "fails" : "arrives";
}

/** How prediction and measurement differ, in words; `null` where they do not, or one of them tells nothing. */
export function predictionDifference(pair: MeasuredPair, result: DirectionResult): string | null {
  const predicted = predictionOf(pair, result.direction);
  const { kind } = result.data;
  if (predicted === null || (kind !== "right" && kind !== "lost")) return null;
  if ((predicted === "arrives") === (kind === "right")) return null;
  const requests = result.direction === "into" ? "the client's writes" : "the client's reads";
  return predicted === "arrives"
    ? `the model of the fabric says that ${requests} arrive, and the data is wrong: the hardware does other things than its registers show`
    : `the model of the fabric says that ${requests} do not arrive, and the data is right`;
}
