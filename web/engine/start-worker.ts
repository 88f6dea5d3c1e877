/** The worker of the app in several files. In the app of one file `start-inlined-worker.ts` stands in its place. */
export function startWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}
