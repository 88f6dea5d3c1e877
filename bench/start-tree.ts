import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const RECORDED = fileURLToPath(new URL("../test/machines/recorded/", import.meta.url));
/** Two recordings of 16 PCIe functions each, twice: each becomes a domain of its own. */
const DOMAINS = ["deep-chain", "nested-switches", "deep-chain", "nested-switches"] as const;
const RECORDING = "amd-zen.strict";
const CONFIG_BYTES = 4096;

/** The number of functions of {@link makeStartTree}'s tree. */
export const START_FUNCTIONS = 64;

/**
 * Makes a tree with `sys/` and `proc/` of 64 functions in `folder` from recordings of a real kernel: all their PCIe
 * functions, each with 4,096 bytes of config space, and every other file that the recordings hold of them. The four
 * conventional functions of each are left out. Throws where the count is another.
 */
export function makeStartTree(folder: string): void {
  const links = join(folder, "sys/bus/pci/devices");
  mkdirSync(links, { recursive: true });
  DOMAINS.forEach((name, domain) => {
    const recorded = join(folder, `../recorded-${domain}`);
    mkdirSync(recorded);
    execFileSync("tar", ["xzf", join(RECORDED, `${name}.${RECORDING}.tar.gz`), "-C", recorded]);
    if (domain === 0) cpSync(join(recorded, "proc"), join(folder, "proc"), { recursive: true });
    copyDomain(recorded, folder, domain.toString(16).padStart(4, "0"));
  });
  const count = readdirSync(links).length;
  if (count !== START_FUNCTIONS) throw new Error(`the tree has ${count} functions instead of ${START_FUNCTIONS}`);
  copyProcessors(folder);
}

function copyDomain(recorded: string, folder: string, domain: string): void {
  const rename = (path: string): string => path.replaceAll("0000:", `${domain}:`);
  for (const name of readdirSync(join(recorded, "sys/bus/pci/devices"))) {
    const target = readlinkSync(join(recorded, "sys/bus/pci/devices", name));
    const place = join(recorded, "sys/bus/pci/devices", target);
    if (readFileSync(join(place, "config")).length !== CONFIG_BYTES) continue;
    symlinkSync(rename(target), join(folder, "sys/bus/pci/devices", rename(name)));
    copyFunction(place, join(folder, rename(place.slice(recorded.length))), rename, domain);
  }
}

const functionName = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;

/** Copies a function's folder without the functions below it, which have their turn. */
function copyFunction(from: string, to: string, rename: (path: string) => string, domain: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (functionName.test(name)) continue;
    const source = join(from, name);
    const target = join(to, rename(name));
    if (lstatSync(source).isSymbolicLink()) symlinkSync(groupLink(readlinkSync(source), name, domain, rename), target);
    else cpSync(source, target, { recursive: true, verbatimSymlinks: true });
    if (name === "iommu_group") addToGroup(to, target);
  }
}

/** Groups of different domains are different: group 5 of domain 2 becomes 205. */
function groupLink(link: string, name: string, domain: string, rename: (path: string) => string): string {
  if (name !== "iommu_group") return rename(link);
  return join(dirname(link), String(Number.parseInt(domain, 16) * 100 + Number(basename(link))));
}

function addToGroup(functionFolder: string, link: string): void {
  const group = join(functionFolder, readlinkSync(link));
  mkdirSync(join(group, "devices"), { recursive: true });
  writeFileSync(join(group, "type"), "DMA\n");
  // Nobody measured here follows it: a name is enough.
  symlinkSync(functionFolder, join(group, "devices", basename(functionFolder)));
}

/** Files of this host's processors: lstopo then takes its usual way instead of asking each CPU. */
function copyProcessors(folder: string): void {
  const system = join(folder, "sys/devices/system");
  for (const list of ["online", "possible", "present"]) copyIfThere(`cpu/${list}`, system);
  for (const cpu of readdirSync("/sys/devices/system/cpu").filter((name) => /^cpu\d+$/.test(name))) {
    copyIfThere(`cpu/${cpu}/online`, system);
    for (const part of ["topology", "cache"]) copyFolder(`cpu/${cpu}/${part}`, system);
  }
}

function copyFolder(path: string, system: string): void {
  const source = join("/sys/devices/system", path);
  if (!existsSync(source)) return;
  for (const name of readdirSync(source)) {
    if (lstatSync(join(source, name)).isDirectory()) copyFolder(join(path, name), system);
    else copyIfThere(join(path, name), system);
  }
}

function copyIfThere(path: string, system: string): void {
  const source = join("/sys/devices/system", path);
  if (!existsSync(source)) return;
  mkdirSync(dirname(join(system, path)), { recursive: true });
  try {
    writeFileSync(join(system, path), readFileSync(source));
  } catch {
    // Some files of sysfs can be written only, and some answer with an error.
  }
}
