import type { Body, CSource, NotRecognised, Read } from "./c-source.ts";
import type { Ids } from "./ids.ts";

/** Devices of a vendor for which the kernel answers in place of their ACS capability (`pci_dev_acs_enabled`). */
export interface AcsQuirkRow {
  readonly vendorId: number;
  /** Inclusive ranges of device ids, `null` for every device that passes `on`. */
  readonly devices: readonly (readonly [first: number, last: number])[] | null;
  readonly on: "any" | "root-port" | "port" | "root-complex-endpoint";
  readonly says: "isolated" | "open" | "registers-elsewhere";
}

/** What one function of the table makes of a device. */
interface Answer {
  readonly on: AcsQuirkRow["on"];
  readonly says: AcsQuirkRow["says"];
  /** The ids that it asks for itself, `null` where it takes those of the table. */
  readonly devices: AcsQuirkRow["devices"];
  /** It answers "not isolated" for what passes `on` and is none of `devices`. */
  readonly isOpenElse: boolean;
}

/** Asks for an ACPI table that no machine description here has: left out, as the rules leave it out. */
const NOT_MODELLED = new Set(["pci_quirk_amd_sb_acs"]);

/** The table of a tree's quirks.c, row by row. */
export function readAcsQuirks(file: CSource, ids: Ids): readonly Read<AcsQuirkRow>[] {
  const table = file.table("pci_dev_acs_enabled");
  if (table === undefined) return [file.notRecognised("no table pci_dev_acs_enabled")];
  const answers = new Map<string, Read<Answer>>();
  return [...table.text.matchAll(/\{([^{}]*)\}/g)].flatMap(([, row = ""]): readonly Read<AcsQuirkRow>[] => {
    const [vendor = "", device = "", name = ""] = row.split(",").map((part) => part.trim());
    if (name === "" || NOT_MODELLED.has(name)) return [];
    const vendorId = ids.value(vendor);
    if (vendorId === undefined) return [file.notRecognised(`the vendor ${vendor}`, table.offset)];
    const answer = answers.get(name) ?? readAnswer(file, name);
    answers.set(name, answer);
    if ("notRecognised" in answer) return [answer];
    const deviceId = device === "PCI_ANY_ID" ? null : ids.value(device);
    if (deviceId === undefined) return [file.notRecognised(`the device ${device}`, table.offset)];
    const { on, says, isOpenElse } = answer;
    const devices = answer.devices ?? (deviceId === null ? null : [[deviceId, deviceId] as const]);
    const own: AcsQuirkRow = { vendorId, devices, on, says };
    return isOpenElse ? [own, { vendorId, devices: null, on, says: "open" }] : [own];
  });
}

const FLAGS = /^[A-Z_| ]+$/;

function readAnswer(file: CSource, name: string): Read<Answer> {
  const body = file.body(name);
  if (body === undefined) return file.notRecognised(`no function ${name}()`);
  const unknownShape = (): NotRecognised => file.notRecognised(`${name}() answers in an unknown way`, body.offset);
  const matcher = /if \(!(\w+_match)\(dev\)\) return -ENOTTY;/.exec(body.text)?.[1];
  const match = matcher === undefined ? undefined : file.body(matcher);
  if (matcher !== undefined && match === undefined) return unknownShape();
  const whole = `${match?.text ?? ""} ${body.text}`;
  const on = portsOf(whole);
  const devices = devicesOf(file, whole);
  if (on === undefined || devices === undefined) return unknownShape();
  if (/pci_read_config_dword\(dev, pos \+ INTEL_SPT_ACS_CTRL/.test(body.text)) {
    return { on, says: "registers-elsewhere", devices, isOpenElse: false };
  }
  if (!says(body)) return unknownShape();
  return { on, says: "isolated", devices, isOpenElse: match === undefined && devices !== null };
}

/** Whether a function ends in "these flags are as good as on", in one of the two ways in which kernels have said it. */
function says({ text }: Body): boolean {
  const modern = [...text.matchAll(/return pci_acs_ctrl_enabled\(acs_flags, ([^()]*)\);/g)].map(
    ([, flags = ""]) => flags,
  );
  if (modern.length > 0) {
    const isQuirk = text.includes("PCI_DEV_FLAGS_ACS_ENABLED_QUIRK");
    return modern.every((flags) => FLAGS.test(flags) || (isQuirk && flags === "0"));
  }
  const isMasked = /acs_flags &= ~\([A-Z_| ]+\);/.test(text) && text.endsWith("return acs_flags ? 0 : 1;");
  if (text.endsWith("return acs_flags & ~flags ? 0 : 1;")) return true;
  return isMasked || /u16 flags = \([A-Z_| ]+\); int ret = acs_flags & ~flags \? 0 : 1;/.test(text);
}

function portsOf(text: string): AcsQuirkRow["on"] | undefined {
  const types = new Set(
    [...text.matchAll(/pci_pcie_type\(dev\) (!=|==) PCI_EXP_TYPE_(\w+)/g)].map(([, sign, type]) => `${sign} ${type}`),
  );
  const key = [...types].sort().join(", ");
  const known: Readonly<Record<string, AcsQuirkRow["on"]>> = {
    "": "any",
    "!= ROOT_PORT": "root-port",
    "== ROOT_PORT": "root-port",
    "!= DOWNSTREAM, != ROOT_PORT": "port",
    "!= RC_END": "root-complex-endpoint",
  };
  return known[key];
}

/** The ids that a function asks for: those of its cases or of a list beside it. `undefined` for a shape that is not known. */
function devicesOf(file: CSource, text: string): AcsQuirkRow["devices"] | undefined {
  const cases = [...text.matchAll(/case (0x[0-9a-fA-F]+)(?: \.\.\. (0x[0-9a-fA-F]+))?:/g)].map(
    ([, first, last]) => [Number(first), Number(last ?? first)] as const,
  );
  const list = /ARRAY_SIZE\((\w+)\)/.exec(text)?.[1];
  if (cases.length > 0) return list === undefined ? cases : undefined;
  const [, mask, value] = /\(dev->device & (0x[0-9a-f]+)\) == (0x[0-9a-f]+)/.exec(text) ?? [];
  if (mask !== undefined) return [[Number(value), Number(value) | (0xffff & ~Number(mask))]];
  if (list === undefined) return /\bdev->device\b/.test(text) ? undefined : null;
  const table = file.table(list);
  const items = table?.text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
  if (items === undefined || !items.every((item) => /^0x[0-9a-fA-F]+$/.test(item))) return undefined;
  return items.map((item) => [Number(item), Number(item)] as const);
}
