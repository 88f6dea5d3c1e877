import { spawnSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";

/** First line of what a tool prints of its version, or that it is not there. */
export function versionOf(tool: string): string {
  const { stdout, error } = spawnSync(tool, ["--version"], { encoding: "utf8" });
  return error === undefined ? (stdout.split("\n")[0] ?? "").trim() : `no ${tool}`;
}

/** The machine and the tools that numbers hang on, as one paragraph. */
export function machineDetails(): string {
  const processors = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const tools = ["gcc", "lspci", "lstopo"].map(versionOf).join(", ");
  return (
    `${processors[0]?.model.trim() ?? "unknown CPU"}, ${processors.length} CPUs, ${memory} GiB, ` +
    `Linux ${release().split(".", 2).join(".")}, Node ${process.version} (V8 ${process.versions.v8}), ${tools}.`
  );
}
