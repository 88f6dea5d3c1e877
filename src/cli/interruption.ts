/** Signals that end a command; without a handler each would leave work half done. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs work with a signal that is aborted when the process is asked to end. It then ends by itself when the work has
 * put things in order, however often it is asked; SIGQUIT (Ctrl-\) ends it at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  for (const name of ENDING_SIGNALS) process.on(name, onSignal);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const name of ENDING_SIGNALS) process.removeListener(name, onSignal);
  }
}
