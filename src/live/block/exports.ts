import { type FileTree, readText } from "../../host/file-tree.ts";

/** A disk or file that this kernel gives to other hosts or machines. */
export interface Export {
  /** Of a node or a file. */
  readonly path: string;
  readonly how: string;
}

/** Where the kernel's own servers say what they give away: configfs, `*` is any name. User space's servers do not show. */
const TARGETS: readonly { readonly pattern: string; readonly how: string }[] = [
  { pattern: "nvmet/subsystems/*/namespaces/*/device_path", how: "an NVMe namespace for others (nvmet)" },
  { pattern: "target/core/*/*/udev_path", how: "a SCSI disk for others (LIO)" },
  { pattern: "usb_gadget/*/functions/*/*/file", how: "a USB disk for others (gadget)" },
];

/** What the kernel's servers give away, where configfs is mounted. */
export function readExports(tree: FileTree): readonly Export[] {
  return TARGETS.flatMap(({ pattern, how }) =>
    expand(tree, "sys/kernel/config", pattern.split("/"))
      .map((file) => readText(tree, file)?.trim() ?? "")
      .filter((path) => path.startsWith("/"))
      .map((path) => ({ path, how })),
  );
}

function expand(tree: FileTree, folder: string, [part, ...rest]: readonly string[]): readonly string[] {
  if (part === undefined) return [folder];
  const names = part === "*" ? (tree.list(folder) ?? []) : [part];
  return names.flatMap((name) => expand(tree, `${folder}/${name}`, rest));
}
