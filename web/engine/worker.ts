import { formatPlace, PeerlaneError } from "../../src/pci/error.ts";
import { answer } from "./methods.ts";
import type { Failure, Reply, Request } from "./protocol.ts";

/** What a worker has of its global; the types of workers and those of pages exclude each other. */
interface WorkerScope {
  onmessage: ((event: { readonly data: Request }) => void) | null;
  postMessage(reply: Reply, transfer: readonly ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;

/** One request after the other, in the order in which they came. */
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data }) => {
  last = last.then(() => reply(data));
};

async function reply(request: Request): Promise<void> {
  try {
    const given = await answer(request);
    scope.postMessage({ id: request.id, given }, buffersOf(given));
  } catch (error) {
    scope.postMessage({ id: request.id, failure: failureOf(error) }, []);
  }
}

/** Arrays of numbers are handed over, and not copied. */
function buffersOf(given: unknown): readonly ArrayBuffer[] {
  if (typeof given !== "object" || given === null) return [];
  return Object.values(given).flatMap((part) =>
    ArrayBuffer.isView(part) && part.buffer instanceof ArrayBuffer ? [part.buffer] : [],
  );
}

function failureOf(error: unknown): Failure {
  if (error instanceof PeerlaneError) {
    const { code, message, remedy, place } = error;
    return { code, message, remedy, place: place === undefined ? undefined : formatPlace(place) };
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: "broken", message, remedy: "this is a fault of Peerlane: report it with what led to it" };
}
