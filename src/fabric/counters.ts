/**
 * Payload bytes that went where, and requests. `up` and `down` are by function index: what a function sent towards the
 * root (onto the link or bus above it) and what it took from there; a peer transfer across a switch counts as `up` of
 * the device and its port, and as `down` of the other port and the other device.
 *
 * MODEL: headers and failed completions are not counted.
 */
export class FabricCounters {
  readonly up: Float64Array;
  readonly down: Float64Array;
  dramReadBytes = 0;
  dramWrittenBytes = 0;
  /** Payload that the root complex passed from port to port. */
  rootComplexBytes = 0;
  /** Requests as TLPs: those of devices that were issued, those of the CPU. */
  requests = 0;

  constructor(count: number) {
    // One behind the other in one buffer: a list of links counts in one loop (`RememberedRoutes`).
    const both = new Float64Array(2 * count);
    this.up = both.subarray(0, count);
    this.down = both.subarray(count);
  }

  /** Sets everything to 0. */
  clear(): void {
    this.up.fill(0);
    this.down.fill(0);
    this.dramReadBytes = 0;
    this.dramWrittenBytes = 0;
    this.rootComplexBytes = 0;
    this.requests = 0;
  }
}
