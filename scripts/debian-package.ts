/**
 * Builds a Debian package of the single file, its manual page and its completions, into build/:
 * `node --import tsx scripts/debian-package.ts [x64] [arm64] [--fast]`. With --fast it is packed for trying, not for sending.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import packageFile from "../package.json" with { type: "json" };
import { type BuiltFile, buildSingleFile, PROCESSORS, type Processor } from "./single-file.ts";

const root = join(import.meta.dirname, "..");

/** Debian's names of processors. */
export const ARCHITECTURES: Readonly<Record<Processor, string>> = { x64: "amd64", arm64: "arm64" };

/** Where the shells of Debian look for a program's completion. */
const COMPLETIONS = {
  bash: "usr/share/bash-completion/completions/peerlane",
  zsh: "usr/share/zsh/vendor-completions/_peerlane",
  fish: "usr/share/fish/vendor_completions.d/peerlane.fish",
} as const;

/** Says what lintian would say of the file, which is no program of a C compiler. */
const LINTIAN_OVERRIDES = `peerlane: embedded-library *
peerlane: unstripped-binary-or-object [usr/bin/peerlane]
peerlane: hardening-no-pie [usr/bin/peerlane]
peerlane: hardening-no-relro [usr/bin/peerlane]
`;

/** Builds `FOLDER/peerlane_VERSION_ARCHITECTURE.deb` of a single file. Throws where dpkg-deb fails. */
export function buildDebianPackage(processor: Processor, singleFile: string, folder: string, isFast = false): string {
  const stage = mkdtempSync(join(tmpdir(), "peerlane-debian-"));
  const architecture = ARCHITECTURES[processor];
  const target = join(folder, `peerlane_${packageFile.version}_${architecture}.deb`);
  try {
    chmodSync(stage, 0o755);
    const put = (path: string, content: string | Uint8Array): void => {
      mkdirSync(dirname(join(stage, path)), { recursive: true });
      writeFileSync(join(stage, path), content, { mode: 0o644 });
    };
    putProgram(stage, singleFile);
    put("usr/share/man/man1/peerlane.1.gz", packed(readFileSync(join(root, "dist/peerlane.1"))));
    for (const [shell, path] of Object.entries(COMPLETIONS)) put(path, completion(shell));
    put("usr/share/doc/peerlane/copyright", copyright());
    put("usr/share/doc/peerlane/changelog.gz", packed(changelog()));
    put("usr/share/lintian/overrides/peerlane", LINTIAN_OVERRIDES);
    const files = filesBelow(stage);
    put("DEBIAN/md5sums", files.map((path) => `${md5(join(stage, path))}  ${path}\n`).join(""));
    put(
      "DEBIAN/control",
      control(
        architecture,
        files.map((path) => statSync(join(stage, path)).size),
      ),
    );
    const compression = isFast ? ["-Zgzip", "-z1"] : [];
    mkdirSync(folder, { recursive: true });
    execFileSync("dpkg-deb", ["--root-owner-group", ...compression, "--build", stage, target], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) },
    });
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
  return target;
}

function putProgram(stage: string, singleFile: string): void {
  mkdirSync(join(stage, "usr/bin"), { recursive: true });
  cpSync(singleFile, join(stage, "usr/bin/peerlane"));
  chmodSync(join(stage, "usr/bin/peerlane"), 0o755);
}

/** As gzip -9n packs it: the same bytes each time. */
function packed(content: Uint8Array | string): Uint8Array {
  return gzipSync(content, { level: 9 });
}

/** Made by what was built for Node, which says the same and runs on every processor that builds. */
function completion(shell: string): string {
  return execFileSync(process.execPath, [join(root, "dist/peerlane.cjs"), "completion", shell], { encoding: "utf8" });
}

function md5(path: string): string {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Seconds since 1970 that files in the package bear at most, so that one state gives one package. */
function sourceDate(): number {
  const given = Number(process.env["SOURCE_DATE_EPOCH"]);
  if (given > 0) return given;
  try {
    return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: root, encoding: "utf8" }));
  } catch {
    return Math.floor(statSync(join(root, "dist/peerlane.1")).mtimeMs / 1000);
  }
}

/**
 * Its libraries are those that the engine and the FFI ask for (glibc 2.25 and GCC's), whose floor each of Debian's releases
 * since 2019 has. There is no public address of the developers yet.
 */
function control(architecture: string, sizes: readonly number[]): string {
  const kibibytes = sizes.reduce((sum, size) => sum + Math.ceil(size / 1024), 0);
  return `Package: peerlane
Version: ${packageFile.version}
Architecture: ${architecture}
Maintainer: Developers of Peerlane <peerlane@example.invalid>
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.25), libgcc-s1 | libgcc1, libstdc++6 (>= 5)
Suggests: pciutils, qemu-system-x86
Section: admin
Priority: optional
Description: which PCI device can reach which other directly, and why not
 PCI peer-to-peer DMA lets a NIC, a GPU or an SSD read and write another
 device's memory without a stop in DRAM. Peerlane reads a machine (this host,
 or what a colleague sent of one) and says for each provider and client what
 the Linux kernel's P2PDMA rules decide, why, and what would change it.
 .
 The program brings its engine along and needs no Node.
`;
}

function copyright(): string {
  const read = (path: string): string => readFileSync(join(root, path), "utf8").trim();
  return `Peerlane is under the Apache License 2.0, which Debian systems have in
/usr/share/common-licenses/Apache-2.0.

/usr/bin/peerlane is one file, which has in it: Peerlane; the JavaScript packages named below; the FFI library koffi; and Bun,
the engine that runs them. Peerlane's sources, with the scripts that make this file of them, are its application in the sense
of the LGPL: with a changed Bun in the place of the one that they fetch they make a file with that one. The LGPL is in
/usr/share/common-licenses/LGPL-2 and LGPL-2.1.

${"-".repeat(80)}

Bun

${read("scripts/license-texts/bun.txt")}

${"-".repeat(80)}

koffi (MIT)

${read("node_modules/koffi/LICENSE.txt")}

${"-".repeat(80)}

${read("dist/THIRD-PARTY-LICENSES.txt")}
`;
}

/** In the form of Debian's changelogs; what changed stands in CHANGELOG.md. */
function changelog(): string {
  const day = new Date(sourceDate() * 1000).toUTCString().replace("GMT", "+0000");
  return `peerlane (${packageFile.version}) unstable; urgency=medium

  * Built from its sources; CHANGELOG.md there says what changed.

 -- Developers of Peerlane <peerlane@example.invalid>  ${day}
`;
}

if (process.argv[1] === import.meta.filename) {
  const asked = process.argv.slice(2);
  const named = PROCESSORS.filter((each) => asked.includes(each));
  for (const processor of named.length > 0 ? named : PROCESSORS) {
    const folder = join(root, "build");
    const built: BuiltFile = buildSingleFile(processor, folder);
    if (built.file === null) {
      console.log(`not built for ${processor}: ${built.why}`);
      process.exitCode = 1;
    } else console.log(buildDebianPackage(processor, built.file, folder, asked.includes("--fast")));
  }
}
