import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AcsAtBoot, AllowListEntry, ConfigAcsReading } from "../../src/rules/kernels/kernel-rules.ts";
import { type AcsQuirkRow, readAcsQuirks } from "./acs-quirks.ts";
import { CSource, isNotRecognised, type NotRecognised, type Read } from "./c-source.ts";
import { Ids } from "./ids.ts";

/** What one source tree says; each fact on its own. */
export interface TreeFacts {
  /** `6.12.117`, with what its makefiles add. */
  readonly version: Read<string>;
  readonly firstAmdFamily: Read<number | null>;
  readonly allowList: Read<readonly AllowListEntry[]>;
  readonly rootPortStandsForHostBridge: Read<boolean>;
  readonly redirectedMayUseHostBridge: Read<boolean>;
  readonly iommuClosesHostBridge: Read<boolean>;
  readonly distanceThroughHostBridge: Read<number>;
  readonly acsAtBoot: Read<AcsAtBoot>;
  readonly configAcs: Read<ConfigAcsReading>;
  /** ACS bits that an IOMMU driver has turned on, as letters. */
  readonly acsEnabled: Read<readonly string[]>;
  readonly pciParameters: Read<readonly string[]>;
  readonly refusal: Read<string | null>;
  /** The errno of a refused range without pages (dma-buf), `null` where no such mapping exists. */
  readonly pageLessRefusal: Read<string | null>;
  readonly busOffset: Read<"added" | "subtracted">;
  /** What CONFIG_PCI_P2PDMA depends on, `null` where there is no such option. */
  readonly option: Read<readonly string[] | null>;
  readonly acsQuirks: readonly Read<AcsQuirkRow>[];
}

/** The files of a tree that are read, where it has them. */
export const FILES: readonly string[] = [
  "Makefile",
  "Makefile.rhelver",
  "localversion",
  "drivers/pci/p2pdma.c",
  "drivers/pci/pci.c",
  "drivers/pci/quirks.c",
  "drivers/pci/Kconfig",
  "drivers/dma-buf/dma-buf-mapping.c",
  "include/linux/pci-p2pdma.h",
  "include/linux/pci_ids.h",
  "kernel/dma/direct.c",
];

/** Reads what a kernel's source tree says of P2PDMA and ACS. Files that are missing leave their facts not recognised. */
export function readTree(folder: string): TreeFacts {
  const text = (path: string): string | undefined =>
    existsSync(join(folder, path)) ? readFileSync(join(folder, path), "utf8") : undefined;
  const source = (path: string): CSource | undefined => {
    const found = text(path);
    return found === undefined ? undefined : new CSource(path, found);
  };
  const ids = new Ids(text("include/linux/pci_ids.h") ?? "");
  const p2pdma = source("drivers/pci/p2pdma.c");
  const pci = source("drivers/pci/pci.c");
  const quirks = source("drivers/pci/quirks.c");
  const of = <T>(file: CSource | undefined, path: string, read: (file: CSource) => Read<T>): Read<T> =>
    file === undefined ? missing(path) : read(file);
  const ofP2pdma = <T>(read: (file: CSource) => Read<T>): Read<T> => of(p2pdma, "drivers/pci/p2pdma.c", read);
  const ofPci = <T>(read: (file: CSource) => Read<T>): Read<T> => of(pci, "drivers/pci/pci.c", read);
  return {
    version: readVersion(text),
    firstAmdFamily: ofP2pdma(readCpuRule),
    allowList: ofP2pdma((file) => readAllowList(file, ids)),
    rootPortStandsForHostBridge: ofP2pdma(readHostBridgeDevice),
    redirectedMayUseHostBridge: ofP2pdma(readRedirected),
    iommuClosesHostBridge: ofP2pdma(
      (file) => file.body("root_complex_whitelist")?.text.includes("iommu_present(") ?? false,
    ),
    distanceThroughHostBridge: ofP2pdma(readDistance),
    acsAtBoot: ofPci(readAcsAtBoot),
    configAcs: ofPci(readConfigAcs),
    acsEnabled: ofPci(readAcsEnabled),
    pciParameters: ofPci(readParameters),
    refusal: of(source("kernel/dma/direct.c"), "kernel/dma/direct.c", readRefusal),
    pageLessRefusal: readPageLessRefusal(source("drivers/dma-buf/dma-buf-mapping.c")),
    busOffset: ofP2pdma((file) => readBusOffset(file, source("include/linux/pci-p2pdma.h"))),
    option: readOption(text("drivers/pci/Kconfig")),
    acsQuirks: quirks === undefined ? [missing("drivers/pci/quirks.c")] : readAcsQuirks(quirks, ids),
  };
}

function missing(path: string): NotRecognised {
  return { notRecognised: `${path} is not there` };
}

function readVersion(text: (path: string) => string | undefined): Read<string> {
  const makefile = text("Makefile");
  if (makefile === undefined) return missing("Makefile");
  const value = (name: string, of = makefile): string =>
    new RegExp(`^${name}\\s*:?=[ \\t]*(\\S*)`, "m").exec(of)?.[1] ?? "";
  const [major, minor, patch] = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].map((name) => value(name));
  if (!/^\d+$/.test(major ?? "") || !/^\d+$/.test(minor ?? "")) {
    return { notRecognised: "Makefile:1: no VERSION and PATCHLEVEL" };
  }
  const redHat = text("Makefile.rhelver");
  const release = redHat === undefined ? "" : value("RHEL_RELEASE", redHat);
  const vendor = release === "" ? "" : `-${release}.el${value("RHEL_MAJOR", redHat)}_${value("RHEL_MINOR", redHat)}`;
  return `${major}.${minor}.${patch ?? "0"}${value("EXTRAVERSION")}${(text("localversion") ?? "").trim()}${vendor}`;
}

const AMD_FAMILY =
  /^#ifdef CONFIG_X86 struct cpuinfo_x86 \*c = &cpu_data\(0\); if \(c->x86_vendor == X86_VENDOR_AMD && c->x86 >= (0x[0-9a-f]+)\) return true; #endif return false;$/;

function readCpuRule(file: CSource): Read<number | null> {
  const body = file.body("cpu_supports_p2pdma");
  if (body === undefined) return null;
  const family = AMD_FAMILY.exec(body.text)?.[1];
  if (family !== undefined) return Number(family);
  return file.notRecognised("cpu_supports_p2pdma() trusts other CPUs than AMD ones from a family on", body.offset);
}

const LIST_LOOP_EXACT = "if (vendor != entry->vendor || device != entry->device) continue;";
const LIST_LOOP_WILDCARD =
  "if (vendor != entry->vendor) continue; if (entry->device != PCI_ANY_ID && device != entry->device) continue;";
const LIST_LOOP_FLAG = "if (entry->flags & REQ_SAME_HOST_BRIDGE && !same_host_bridge) return false; return true;";

function readAllowList(file: CSource, ids: Ids): Read<readonly AllowListEntry[]> {
  const table = file.table("pci_p2pdma_whitelist");
  if (table !== undefined) return readTable(file, ids);
  const body = file.body("root_complex_whitelist");
  if (body === undefined)
    return file.has(/white_?list/) ? file.notRecognised("a list of host bridges of an unknown shape") : [];
  const entries = [...body.text.matchAll(/if \(vendor == (\w+) && device == (\w+)\) return true;/g)];
  const rest = body.text.replaceAll(/if \(vendor == \w+ && device == \w+\) return true;/g, "");
  if (/return true/.test(rest))
    return file.notRecognised("root_complex_whitelist() trusts more than pairs of ids", body.offset);
  return allOf(entries.map(([, vendor = "", device = ""]) => entryOf(file, ids, body.offset, vendor, device, "0")));
}

function readTable(file: CSource, ids: Ids): Read<readonly AllowListEntry[]> {
  const table = file.table("pci_p2pdma_whitelist");
  const loop = file.body("__host_bridge_whitelist");
  if (table === undefined || loop === undefined)
    return file.notRecognised("no __host_bridge_whitelist() beside the table");
  const isExact = loop.text.includes(LIST_LOOP_EXACT);
  if ((!isExact && !loop.text.includes(LIST_LOOP_WILDCARD)) || !loop.text.includes(LIST_LOOP_FLAG)) {
    return file.notRecognised("__host_bridge_whitelist() compares entries in an unknown way", loop.offset);
  }
  const rows = [...table.text.matchAll(/\{([^{}]*)\}/g)].map(([, row = ""]) =>
    row.split(",").map((part) => part.trim()),
  );
  return allOf(
    rows
      .filter(([vendor = ""]) => vendor !== "" && vendor !== "0")
      .map(([vendor = "", device = "", flags = ""]) =>
        isExact && device === "PCI_ANY_ID"
          ? file.notRecognised("PCI_ANY_ID in a table whose entries are compared exactly", table.offset)
          : entryOf(file, ids, table.offset, vendor, device, flags),
      ),
  );
}

function entryOf(
  file: CSource,
  ids: Ids,
  offset: number,
  vendor: string,
  device: string,
  flags: string,
): Read<AllowListEntry> {
  const vendorId = ids.value(vendor);
  const deviceId = device === "PCI_ANY_ID" ? "any" : ids.value(device);
  if (vendorId === undefined) return file.notRecognised(`the vendor ${vendor}`, offset);
  if (deviceId === undefined) return file.notRecognised(`the device ${device}`, offset);
  if (flags !== "0" && flags !== "REQ_SAME_HOST_BRIDGE") return file.notRecognised(`the flag ${flags}`, offset);
  return { vendorId, deviceId, sameHostBridgeOnly: flags !== "0" };
}

function allOf<T>(parts: readonly Read<T>[]): Read<readonly T[]> {
  const odd = parts.find(isNotRecognised);
  return odd ?? (parts as readonly T[]);
}

function readHostBridgeDevice(file: CSource): Read<boolean> {
  const body = file.body("pci_host_bridge_dev");
  if (body === undefined) {
    const list = file.body("__host_bridge_whitelist") ?? file.body("root_complex_whitelist");
    if (list === undefined)
      return file.has(/white_?list/) ? file.notRecognised("no function that looks up a host bridge") : false;
    return list.text.includes("pci_get_slot(host->bus, PCI_DEVFN(0, 0))")
      ? false
      : file.notRecognised("the device that stands for a host bridge is found in an unknown way", list.offset);
  }
  if (/if \(root->devfn != PCI_DEVFN\(0, 0\)\) return NULL; return root;$/.test(body.text)) return false;
  const either =
    /if \(root->devfn == PCI_DEVFN\(0, 0\)\) return root; if \(pci_pcie_type\(root\) == PCI_EXP_TYPE_ROOT_PORT\) return root; return NULL;$/;
  if (either.test(body.text)) return true;
  return file.notRecognised("pci_host_bridge_dev() takes devices in an unknown way", body.offset);
}

function readRedirected(file: CSource): Read<boolean> {
  const walk =
    file.body("calc_map_type_and_dist") ??
    file.body("__upstream_bridge_distance") ??
    file.body("upstream_bridge_distance");
  if (walk === undefined) return file.notRecognised("no function that walks from provider to client");
  if (/if \(acs_cnt\) return -2;/.test(walk.text)) return false;
  const toHostBridge =
    /acs_redirects = true; map_through_host_bridge: if \(!cpu_supports_p2pdma\(\) && !host_bridge_whitelist\(provider, client, acs_redirects\)\)/;
  if (toHostBridge.test(walk.text)) return true;
  if (/if \(acs_cnt\) \{[^{}]*return PCI_P2PDMA_MAP_THRU_HOST_BRIDGE; \}/.test(walk.text)) return true;
  return file.notRecognised("what a redirected path does", walk.offset);
}

function readDistance(file: CSource): Read<number> {
  const extra = [...file.text.matchAll(/return (0x[0-9a-f]+) \+ dist_a \+ dist_b;/g)].map(([, value]) => Number(value));
  if (extra.length > 1) return file.notRecognised("several distances through the host bridge");
  return extra[0] ?? 0;
}

function readAcsAtBoot(file: CSource): Read<AcsAtBoot> {
  const clear = file.body("pci_disable_acs_redir");
  const config = file.body("__pci_config_acs");
  if (clear !== undefined && config === undefined) {
    return clear.text.includes("ctrl &= ~(PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_EC);")
      ? "clears"
      : file.notRecognised("pci_disable_acs_redir() clears other bits", clear.offset);
  }
  if (config === undefined) return file.notRecognised("no function behind disable_acs_redir");
  if (config.text.includes("caps->ctrl = (caps->fw_ctrl & ~mask) | (flags & mask);")) return "starts-from-firmware";
  if (/caps->ctrl = \(caps->ctrl & ~mask\) \| \(caps->fw_ctrl & mask\); caps->ctrl \|= flags;/.test(config.text))
    return "mixes";
  return file.notRecognised("__pci_config_acs() makes the control in an unknown way", config.offset);
}

function readConfigAcs(file: CSource): Read<ConfigAcsReading> {
  const names = readParameters(file);
  if (isNotRecognised(names)) return names;
  if (!names.includes("config_acs=")) return "unknown-parameter";
  const body = file.body("__pci_config_acs");
  if (body?.text.includes("while (*p) { if (!acs_mask) {") === true) return "every-entry";
  if (body?.text.includes("while (*p) { if (!mask) {") === true) return "first-entry";
  return file.notRecognised("config_acs reads its list in an unknown way", body?.offset ?? 0);
}

function readAcsEnabled(file: CSource): Read<readonly string[]> {
  const body = file.body("pci_std_enable_acs");
  if (body === undefined) return file.notRecognised("no pci_std_enable_acs()");
  const bits = [...body.text.matchAll(/ctrl \|= \([^()]*& PCI_ACS_(\w+)\);/g)].map(([, bit = ""]) => bit);
  return bits.length === 0
    ? file.notRecognised("pci_std_enable_acs() turns on bits in an unknown way", body.offset)
    : bits;
}

function readParameters(file: CSource): Read<readonly string[]> {
  const body = file.body("pci_setup");
  if (body === undefined) return file.notRecognised("no pci_setup()");
  return [...body.text.matchAll(/!strn?cmp\(str, "([^"]+)"/g)].map(([, name = ""]) => name);
}

function readRefusal(file: CSource): Read<string | null> {
  const body = file.body("dma_direct_map_sg");
  if (body === undefined) return file.notRecognised("no dma_direct_map_sg()");
  if (!body.text.includes("p2pdma")) return null;
  const errno = /default: ret = -(E[A-Z]+);/.exec(body.text)?.[1];
  return errno ?? file.notRecognised("dma_direct_map_sg() refuses peer memory in an unknown way", body.offset);
}

function readPageLessRefusal(file: CSource | undefined): Read<string | null> {
  if (file === undefined) return null;
  const errnos = new Set(
    [...file.text.matchAll(/default:\s*ret = -(E[A-Z]+);|default:\s*return ERR_PTR\(-(E[A-Z]+)\);/g)].map(
      ([, a, b]) => a ?? b ?? "",
    ),
  );
  const [errno, ...others] = errnos;
  return errno === undefined || others.length > 0 ? file.notRecognised("what it refuses peer ranges with") : errno;
}

function readBusOffset(file: CSource, header: CSource | undefined): Read<"added" | "subtracted"> {
  const signs = [file, header].flatMap((part) =>
    part === undefined
      ? []
      : [...part.text.matchAll(/(?:=|return) (?:sg_phys\(\w+\)|paddr) ([+-]) [\w>.-]*bus_off(?:set)?;/g)].map(
          ([, sign]) => sign,
        ),
  );
  const [sign, ...others] = [...new Set(signs)];
  if (sign === undefined || others.length > 0) return file.notRecognised("how a bus address is made of a physical one");
  if (!file.has(/bus_offset =\s*pci_bus_address\(pdev, \w+\) -\s*pci_resource_start\(pdev, \w+\);/)) {
    return file.notRecognised("what the bus offset is");
  }
  return sign === "+" ? "added" : "subtracted";
}

function readOption(kconfig: string | undefined): Read<readonly string[] | null> {
  if (kconfig === undefined) return missing("drivers/pci/Kconfig");
  const entry =
    /^config PCI_P2PDMA\n([\s\S]*?)(?=^(?:config|menuconfig|choice|if|endif|source|menu|comment)\b|(?![\s\S]))/m.exec(
      kconfig,
    )?.[1];
  if (entry === undefined) return null;
  return [...entry.matchAll(/^\tdepends on (.+)$/gm)].map(([, on = ""]) => on.trim());
}
