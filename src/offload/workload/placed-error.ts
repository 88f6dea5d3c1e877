import { PeerlaneError, type Place } from "../../pci/error.ts";

/** Runs something, and gives what the file is to blame for its place there: errors of ours without a line of their own. */
export function atPlace<T>(place: Place, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw placed(error, place);
  }
}

/** An error about input with the place of what caused it; everything else as it is. */
export function placed(error: unknown, place: Place): unknown {
  if (!(error instanceof PeerlaneError) || error.place?.line !== undefined) return error;
  if (!["bad-input", "usage", "unknown-device", "too-large"].includes(error.code)) return error;
  const { message, facts, remedy } = error;
  const code = error.code === "usage" ? "bad-input" : error.code;
  return new PeerlaneError(code, message, { place, facts, ...(remedy === undefined ? {} : { remedy }), cause: error });
}
