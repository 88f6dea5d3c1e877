/** What `capture` writes; kept apart from the verb so that the program starts without it. */
export const CAPTURE_FORMATS = ["snapshot", "rdma-topo"] as const;

/** Options of `capture`. */
export interface CaptureOptions {
  readonly root?: string;
  readonly output?: string;
  readonly format: (typeof CAPTURE_FORMATS)[number];
  readonly plain?: boolean;
  readonly debug?: boolean;
}
