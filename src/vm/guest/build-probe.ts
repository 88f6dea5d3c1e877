/** Compiles `probe.c` and writes `probe.ts`, which carries the program as text. Needs gcc for x86-64. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const folder = import.meta.dirname;
const flags =
  "-Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -Wall -Wextra " +
  "-Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noseparate-code -s";
const scratch = mkdtempSync(join(tmpdir(), "peerlane-probe-"));
try {
  const program = join(scratch, "probe");
  execFileSync("gcc", [...flags.split(" "), "-o", program, join(folder, "probe.c")], { stdio: "inherit" });
  const hash = createHash("sha256")
    .update(readFileSync(join(folder, "probe.c")))
    .digest("hex");
  const text = gzipSync(readFileSync(program), { level: 9 }).toString("base64");
  writeFileSync(
    join(folder, "probe.ts"),
    `/** Made by \`npm run build:guest-probe\` from probe.c; do not edit. */

/** SHA-256 of the source that the program was compiled from. */
export const PROBE_SOURCE_SHA256 =
  "${hash}";

/** The program for the guest: a static x86-64 ELF file, gzip, base64. */
export const PROBE_PROGRAM: string =
  "${text}";
`,
  );
} finally {
  rmSync(scratch, { recursive: true });
}
