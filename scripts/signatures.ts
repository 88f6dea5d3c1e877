/**
 * Has npm check the registry's signatures of all that is installed. Fails on a signature that is wrong, and on one that is
 * missing where the registry signs. Where none can be had (a mirror without keys, no way to npm's own keys) it says so
 * and passes, unless PEERLANE_REQUIRE_SIGNATURES=1, as for a release.
 */
import { spawnSync } from "node:child_process";

/** How npm's check came out. */
export interface SignatureCheck {
  readonly outcome: "right" | "wrong" | "not checked";
  readonly message: string;
}

/** What `npm audit signatures --json` printed and ended with; a status of `null` where it was ended. */
export interface NpmAnswer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Without a way to the keys: what npm says of the network, and of a registry that has none. */
const UNREACHABLE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E?TIMEDOUT|ENOTCACHED|E404|E50\d)\b/;
const NO_KEYS = /no dependencies to audit that were installed from a supported registry/;

/** Judges npm's answer: what it cannot be held to say is wrong. */
export function judge({ status, stdout, stderr }: NpmAnswer): SignatureCheck {
  if (status === null) return { outcome: "not checked", message: "npm did not answer in time" };
  const { invalid, missing } = readLists(stdout);
  const bad = [...invalid.map((each) => `${each}: wrong signature`), ...missing.map((each) => `${each}: no signature`)];
  if (bad.length > 0) return { outcome: "wrong", message: bad.join("\n") };
  if (status === 0) return { outcome: "right", message: "the registry's signatures are right" };
  const text = `${stdout}\n${stderr}`;
  if (NO_KEYS.test(text)) return { outcome: "not checked", message: "the registry has no keys to sign with" };
  const code = UNREACHABLE.exec(text)?.[1];
  if (code !== undefined) return { outcome: "not checked", message: `the keys cannot be fetched from here (${code})` };
  return { outcome: "wrong", message: stderr.trim() || `npm ended with ${status}` };
}

function readLists(stdout: string): { readonly invalid: string[]; readonly missing: string[] } {
  const names = (list: unknown): string[] =>
    Array.isArray(list)
      ? list.map((each: { name?: unknown; version?: unknown }) => `${each.name}@${each.version}`)
      : [];
  try {
    const { invalid, missing } = JSON.parse(stdout) as { invalid?: unknown; missing?: unknown };
    return { invalid: names(invalid), missing: names(missing) };
  } catch {
    return { invalid: [], missing: [] };
  }
}

const PATIENCE_MS = 120_000;

if (process.argv[1] === import.meta.filename) {
  const words = ["audit", "signatures", "--json", "--fetch-retries=0", "--fetch-timeout=30000"];
  const answer = spawnSync("npm", words, { encoding: "utf8", timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 });
  const { outcome, message } = judge(answer);
  const isRequired = process.env["PEERLANE_REQUIRE_SIGNATURES"] === "1";
  console.log(`signatures of installed packages: ${outcome}\n  ${message.replaceAll("\n", "\n  ")}`);
  process.exitCode = outcome === "wrong" || (outcome === "not checked" && isRequired) ? 1 : 0;
}
