/** One entry of a capability list; `decoded` holds the fields that Peerlane understands, ready to print. */
export interface Capability {
  readonly space: "standard" | "extended";
  readonly id: number;
  readonly version: number;
  /** Byte offset in config space. */
  readonly offset: number;
  /** The name that the specification gives, or `capability 0x..` for an unknown id. */
  readonly name: string;
  /** Register fields by their specification names; numbers raw, booleans for bits. */
  readonly decoded: Readonly<Record<string, number | string | boolean>>;
}
