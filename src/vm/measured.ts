import { type Bdf, formatBdf, parseBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";

/** What the real kernel decided for one provider and one client, with its evidence. */
export interface MeasuredPair {
  readonly provider: Bdf;
  readonly client: Bdf;
  /** What `calc_map_type_and_dist` returned, as a kprobe saw it. */
  readonly mapType: "bus-addr" | "thru-host-bridge" | "not-supported";
  /** The hop count that it stored, supported or not. */
  readonly hops: number;
  /** What `pwrite` and `pread` of one page of peer memory returned: bytes, or the negative errno. */
  readonly write: number;
  readonly read: number;
  /** Functions that the kernel's message names as redirecting, in its order. */
  readonly acsRedirect: readonly Bdf[];
  /** The kernel's messages while it decided, without their time stamps. */
  readonly messages: readonly string[];
}

/** What a boot of a real kernel showed. */
export interface Measured {
  readonly kernelRelease: string;
  readonly qemuVersion: string;
  readonly pairs: readonly MeasuredPair[];
}

/** A guest's report: its decisions, and its sysfs and procfs as a `.tar.gz`. */
export interface GuestReport {
  readonly measured: Measured;
  readonly tree: Uint8Array;
}

interface RawPair {
  provider: Bdf;
  client: Bdf;
  io: string;
  decisions: { map: number; hops: number }[];
  log: string[];
}

/** Parses what the guest wrote to its second serial port. Throws `operation-failed` where it is cut short or odd. */
export function parseReport(text: string, qemuVersion: string): GuestReport {
  const lines = text.split(/\r?\n/);
  if (!lines[0]?.startsWith("@peerlane 1")) throw broken("the guest's script did not start");
  const end = lines.indexOf("@end");
  if (end < 0) throw broken("the guest's report is cut short");
  const treeAt = lines.indexOf("@tree");
  if (treeAt < 0 || treeAt > end) throw broken("the guest's report has no tree");
  const release = lines.find((line) => line.startsWith("@kernel "))?.slice("@kernel ".length) ?? "";
  return {
    measured: { kernelRelease: release, qemuVersion, pairs: parsePairs(lines.slice(0, treeAt)) },
    tree: decodeBase64(lines.slice(treeAt + 1, end).join("")),
  };
}

function broken(message: string): PeerlaneError {
  return new PeerlaneError("operation-failed", message, {
    remedy: "run again with --debug to see the guest's console",
  });
}

function decodeBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]+=*$/.test(text)) throw broken("the guest's tree is damaged");
  return new Uint8Array(Buffer.from(text, "base64"));
}

function parsePairs(lines: readonly string[]): MeasuredPair[] {
  const raw: RawPair[] = [];
  for (const line of lines) {
    const [, word = "", rest = ""] = /^@(\w+) ?(.*)$/.exec(line) ?? [];
    const current = raw.at(-1);
    if (word === "pair") raw.push(startPair(rest));
    else if (word === "io" && current !== undefined) current.io = rest;
    else if (word === "decision" && current !== undefined) current.decisions.push(parseDecision(rest));
    else if (word === "log" && current !== undefined) current.log.push(rest.replace(/^\[ *\d+\.\d+\] /, ""));
  }
  const busAddr = codeOfBusAddr(raw);
  return raw.map((pair) => finishPair(pair, busAddr));
}

function startPair(text: string): RawPair {
  const [provider, client] = text.split(" ").map(parseBdf);
  if (provider === undefined || client === undefined) throw broken(`the guest reports a pair '${text}'`);
  return { provider, client, io: "", decisions: [], log: [] };
}

function parseDecision(text: string): { map: number; hops: number } {
  const match = /^map=(?:0x)?([0-9a-f]+) dist=(-?\d+)$/.exec(text.trim());
  if (match === null) throw broken(`the kernel's trace says '${text}'`);
  return { map: Number.parseInt(match[1] ?? "", 16), hops: Number(match[2]) };
}

/**
 * Releases number the map types differently but in one order: not supported, bus address, through the host bridge. A
 * provider as its own client, without ACS of its own, is always a bus address: that sets the scale.
 */
function codeOfBusAddr(pairs: readonly RawPair[]): number {
  const codes = new Set(
    pairs.filter((pair) => pair.provider === pair.client).flatMap((pair) => pair.decisions.map(({ map }) => map)),
  );
  const [code] = codes;
  if (pairs.length > 0 && (codes.size !== 1 || code === undefined)) throw broken("no provider was its own client");
  return code ?? 0;
}

const mapTypes = { "-1": "not-supported", "0": "bus-addr", "1": "thru-host-bridge" } as const;

function finishPair(pair: RawPair, busAddr: number): MeasuredPair {
  const name = `${formatBdf(pair.provider)} for ${formatBdf(pair.client)}`;
  const [decision] = pair.decisions;
  if (decision === undefined) throw broken(`the kernel decided nothing on ${name}: ${pair.io}`);
  const mapType = mapTypes[String(decision.map - busAddr) as keyof typeof mapTypes];
  const io = /^write=(-?\d+) read=(-?\d+)$/.exec(pair.io);
  if (mapType === undefined || io === null) throw broken(`odd answer on ${name}: map ${decision.map}, ${pair.io}`);
  return {
    provider: pair.provider,
    client: pair.client,
    mapType,
    hops: decision.hops,
    write: Number(io[1]),
    read: Number(io[2]),
    acsRedirect: redirectingFunctions(pair.log),
    messages: pair.log,
  };
}

function redirectingFunctions(log: readonly string[]): Bdf[] {
  const list = log.map((line) => /pci=disable_acs_redir=(\S+)/.exec(line)?.[1]).find((found) => found !== undefined);
  return (list ?? "").split(";").flatMap((name) => parseBdf(name) ?? []);
}
