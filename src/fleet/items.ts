/** Where one machine of a fleet is read from. */
export type ItemSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** It is known beforehand that it cannot be read. */
  | { readonly kind: "fault"; readonly reason: string };

/** One machine of a fleet, before it is read. */
export interface FleetItem {
  /** Its place in the order of the sources, from 0. */
  readonly index: number;
  /** The file's name or path without its ending, or what its maker calls it. */
  readonly name: string;
  readonly source: ItemSource;
}

const ENDING = /\.(?:tar|tgz|gz|bz2|zst|json|xml|txt|log|ya?ml|out|dump|lspci)$/i;

/** `rack1/node17` of `rack1/node17.json.gz`. */
export function machineName(path: string): string {
  let name = path;
  while (ENDING.test(name) && name.replace(ENDING, "") !== "") name = name.replace(ENDING, "");
  return name;
}
