import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import packageFile from "../../package.json" with { type: "json" };
import { makeContainerTree } from "../../scripts/container-tree.ts";
import { ARCHITECTURES, buildDebianPackage } from "../../scripts/debian-package.ts";
import { buildSingleFile, type Processor } from "../../scripts/single-file.ts";
import { lacking } from "../cli/shell.ts";
import { listPages } from "../docs/pages.ts";

const root = join(import.meta.dirname, "../..");
// Not in /tmp: the program is over 100 MB, and that may be memory.
const folder = mkdtempSync(join(root, "node_modules/.package-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const processor = process.arch as Processor;
const built = buildSingleFile(processor, folder);
const file = built.file ?? "";
const why = built.file === null ? ` (skipped: ${built.why})` : "";
const forNode = [process.execPath, join(root, "dist/peerlane.cjs")] as const;

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const ran = ({ status, stdout, stderr }: SpawnSyncReturns<string>): Ran => ({ status, out: stdout, err: stderr });

function run(program: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Ran {
  const [name = "", ...words] = program;
  const environment = { ...process.env, NO_COLOR: "1", COLUMNS: "100", ...env };
  return ran(spawnSync(name, words, { cwd, encoding: "utf8", env: environment }));
}

/** The commands of all pages, of which a quick run takes some. */
function commandsOfPages(): readonly string[] {
  const blocks = listPages().flatMap((page) => [...readFileSync(page, "utf8").matchAll(/```console\n([\s\S]*?)```/g)]);
  const lines = blocks.flatMap(([, body = ""]) => body.split("\n").filter((line) => line.startsWith("$ ")));
  const every = process.env["PEERLANE_SLOW"] === "1" ? 1 : 4;
  return [...new Set(lines.map((line) => line.slice(2)))].filter((_, index) => index % every === 0);
}

describe.skipIf(why !== "")(`The single file${why}`, () => {
  test.for([
    ...commandsOfPages(),
    "npx peerlane --version",
    "npx peerlane -V",
    "npx peerlane --help",
    "npx peerlane completion zsh",
    // Letters that are not ASCII in a text that is not to be touched.
    "npx peerlane collect",
    "npx peerlane schema matrix",
    "npx peerlane matirx examples/one-switch.yaml",
    "npx peerlane matrix no-such-file",
    "cat examples/one-switch.yaml | npx peerlane matrix -",
    "npx peerlane capture test/machines/recorded/one-switch.intel.strict.tar.gz | gunzip",
    // Where the reader goes, the exit code stays.
    "set -o pipefail; npx peerlane explain nvme0 nvme2 examples/one-switch.yaml --json | true",
    "npx peerlane matrix examples/one-switch.yaml > /dev/full",
  ])("prints what Node prints, and ends with its exit code: %s", (command) => {
    const shell = (program: string): Ran => run(["bash", "-c", command.replaceAll("npx peerlane", program)], root);
    expect(shell(`'${file}'`)).toEqual(shell(forNode.map((word) => `'${word}'`).join(" ")));
  });

  test("takes no settings of the engine from the folder where somebody stands", () => {
    const here = join(folder, "here");
    mkdirSync(here);
    writeFileSync(join(here, ".env"), "NO_COLOR=\nFORCE_COLOR=1\nCOLUMNS=40\n");
    writeFileSync(join(here, "bunfig.toml"), 'preload = ["./preload.js"]\n');
    writeFileSync(join(here, "preload.js"), 'console.log("loaded")\n');
    const words = ["matrix", join(root, "examples/one-switch.yaml")];
    const environment = { NO_COLOR: undefined, COLUMNS: undefined };
    expect(run([file, ...words], here, environment)).toEqual(run([...forNode, ...words], here, environment));
  });

  test("says nothing of where it was built", () => {
    const bytes = readFileSync(file);
    for (const path of [root, join(tmpdir(), "peerlane-single-file-")]) expect(bytes.includes(path)).toBe(false);
  });
});

/** Mounts /proc for what runs in a tree, without which the engine does not start, and /sys; as root, or as root of a namespace. */
const isRoot = process.getuid?.() === 0;
const namespaces = isRoot
  ? ["unshare", "--mount"]
  : ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork"];
const nobody = isRoot ? "--userspec=65534:65534" : "--userspec=0:0";
const noNamespaces =
  run([...namespaces, "sh", "-c", "mount -t tmpfs none /mnt && chroot --help"], root).status === 0
    ? why
    : " (skipped: no namespaces here)";

describe.skipIf(noNamespaces !== "")(`In a tree with it and the libraries that it asks for${noNamespaces}`, () => {
  const tree = join(folder, "tree");
  if (noNamespaces === "") {
    mkdirSync(tree);
    makeContainerTree(tree, file);
    cpSync(join(root, "examples/gpu-nic-server.yaml"), join(tree, "gpu-nic-server.yaml"));
    cpSync(join(root, "test/machines/recorded/mixed-acs.intel.strict.tar.gz"), join(tree, "mixed.tar.gz"));
    writeFileSync(
      join(tree, "policy.yaml"),
      'policy: test\nrequire:\n  - { provider: "nvme0", client: "nvme1", path: direct }\n',
    );
  }

  /** Runs the program there as a user who may do nothing. */
  function inTree(words: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
    const shell =
      'tree=$1; user=$2; shift 2; mount -t proc proc "$tree/proc" && mount --rbind /sys "$tree/sys" && exec chroot "$user" "$tree" /usr/bin/peerlane "$@"';
    return run([...namespaces, "sh", "-c", shell, "sh", tree, nobody, ...words], root, env);
  }

  test.for([
    ["matrix", "gpu-nic-server.yaml"],
    ["matrix", "mixed.tar.gz", "--json"],
    ["fix", "nvme0", "nvme1", "mixed.tar.gz"],
    ["fix", "--all", "gpu:nic", "gpu-nic-server.yaml"],
    ["check", "policy.yaml", "mixed.tar.gz"],
    ["collect"],
  ])("it prints what Node prints: %j", (words) => {
    expect(inTree(words)).toEqual(run([...forNode, ...words], tree));
  });

  test("its FFI is loaded, and nothing of it stays", () => {
    const data = join(tree, "data");
    mkdirSync(data);
    chmodSync(data, 0o777);
    writeFileSync(join(data, "source"), createHash("sha512").update("data").digest().toString("hex").repeat(8192));
    const words = ["copy", "/data/source", "/data/target", "--fallback", "--verify", "--yes"];
    const { status, out, err } = inTree(words, { XDG_STATE_HOME: "/data/state" });
    expect({ status, err }).toMatchObject({ status: 0 });
    expect(out).toContain("verified: every byte is the same");
    expect(readFileSync(join(data, "target")).equals(readFileSync(join(data, "source")))).toBe(true);
    expect(readdirSync(join(tree, "tmp"))).toEqual([]);
  });
});

const noDebian = why || lacking("dpkg-deb", "dpkg", "md5sum");

describe.skipIf(noDebian !== "")(`The Debian package${noDebian}`, () => {
  const scratch = join(folder, "debian");
  const deb = noDebian === "" ? buildDebianPackage(processor, file, folder, true) : "";
  const dpkg = (...words: readonly string[]): Ran =>
    run(
      [
        "dpkg",
        `--root=${scratch}`,
        "--log=/dev/null",
        "--force-not-root",
        "--force-depends",
        "--force-script-chrootless",
        ...words,
      ],
      root,
      { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`, LC_ALL: "C" },
    );
  const installed = (): readonly string[] =>
    readdirSync(scratch, { recursive: true, encoding: "utf8" })
      .filter((path) => !/^var(\/lib(\/dpkg(\/.*)?)?)?$/.test(path))
      .sort();

  test("says what it is", () => {
    const fields = execFileSync("dpkg-deb", ["--field", deb, "Package", "Version", "Architecture"], {
      encoding: "utf8",
    });
    expect(fields).toBe(
      `Package: peerlane\nVersion: ${packageFile.version}\nArchitecture: ${ARCHITECTURES[processor]}\n`,
    );
  });

  test("is installed, used, removed, and leaves nothing", () => {
    mkdirSync(join(scratch, "var/lib/dpkg/updates"), { recursive: true });
    mkdirSync(join(scratch, "var/lib/dpkg/info"));
    for (const name of ["status", "available"]) writeFileSync(join(scratch, "var/lib/dpkg", name), "");
    expect(dpkg("--install", deb)).toMatchObject({ status: 0 });
    const summed = run(["md5sum", "--check", "--quiet", "var/lib/dpkg/info/peerlane.md5sums"], scratch);
    expect(summed).toEqual({ status: 0, out: "", err: "" });
    const program = join(scratch, "usr/bin/peerlane");
    expect(run([program, "--version"], root)).toEqual({ status: 0, out: `${packageFile.version}\n`, err: "" });
    const words = ["matrix", "examples/gpu-nic-server.yaml"];
    expect(run([program, ...words], root)).toEqual(run([...forNode, ...words], root));
    const completion = join(scratch, "usr/share/bash-completion/completions/peerlane");
    expect(run(["bash", "-c", `. '${completion}' && complete -p peerlane`], root)).toMatchObject({
      status: 0,
      err: "",
    });
    const copyright = readFileSync(join(scratch, "usr/share/doc/peerlane/copyright"), "utf8");
    for (const name of ["JavaScriptCore", "koffi (MIT)", "commander ", "zod "]) expect(copyright).toContain(name);
    expect(dpkg("--purge", "peerlane")).toMatchObject({ status: 0 });
    expect(installed()).toEqual([]);
  });

  const noManual = lacking("man");
  test.skipIf(noManual !== "")(`has a page that man finds and reads without a warning${noManual}`, () => {
    const pages = join(folder, "pages");
    execFileSync("dpkg-deb", ["--extract", deb, pages]);
    const words = ["man", "--warnings", "--pager=cat", "peerlane"];
    const environment = { MANPATH: join(pages, "usr/share/man"), LC_ALL: "C.UTF-8", MANROFFOPT: "" };
    const { status, out, err } = run(words, root, environment);
    expect({ status, err }).toEqual({ status: 0, err: "" });
    expect(out).toContain("PEERLANE(1)");
  });
});
