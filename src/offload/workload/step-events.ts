/** What a step did beside its transfers, and what it left open, as sentences. */
export class StepEvents {
  readonly happened: string[] = [];
  /** What devices that do not stop can still reach after it. */
  leftOpen: readonly string[] = [];

  say(sentence: string): void {
    this.happened.push(sentence);
  }
}
