/**
 * Packs what was built, installs it by its name into an empty project with install scripts blocked, and runs it there with
 * each release of Node: `node --import tsx scripts/installed-package.ts`. Says how many packages and bytes that is. Fails where npm warns of
 * Peerlane, where two releases of Node print different matrices, where a Node that is too old gets anything but one
 * sentence, and where publint or attw have something to say of its package.json.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installedPackages } from "./licenses.ts";
import { nodeOf, SUPPORTED, TOO_OLD } from "./nodes.ts";

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(program: string, words: readonly string[], cwd: string): Ran {
  // What npm was told for the checkout does not hold in a user's project.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return spawnSync(program, words, { cwd, encoding: "utf8", env: { ...env, NO_COLOR: "1", COLUMNS: "100" } });
}

function runOrThrow(program: string, words: readonly string[], cwd: string): Ran {
  const ran = run(program, words, cwd);
  if (ran.status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${ran.status}\n${ran.stderr}`);
  return ran;
}

const root = join(import.meta.dirname, "..");
const project = mkdtempSync(join(tmpdir(), "peerlane-installed-"));
const MATRIX = [
  "node_modules/peerlane/dist/peerlane.cjs",
  "matrix",
  "node_modules/peerlane/examples/gpu-nic-server.yaml",
];
const complaints: string[] = [];

function install(tarball: string): void {
  writeFileSync(join(project, "package.json"), '{ "private": true }\n');
  const words = [
    "install",
    "--ignore-scripts",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    `peerlane@file:${tarball}`,
  ];
  const whole = run("npm", words, project);
  const { stderr } = whole.status === 0 ? whole : runOrThrow("npm", [...words, "--omit=optional"], project);
  if (whole.status !== 0) console.log("skipped the optional package koffi: npm does not get it here");
  const ours = stderr.split("\n").filter((line) => line.includes("peerlane"));
  if (ours.length > 0) complaints.push(`npm warns of Peerlane:\n${ours.join("\n")}`);
}

function sayMeasures(tarball: string): void {
  const modules = join(project, "node_modules");
  const bytes = readdirSync(modules, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  const packages = installedPackages(project).map(({ name, version }) => `${name} ${version}`);
  console.log(`packed: ${statSync(tarball).size} bytes`);
  console.log(`installed: ${packages.length} packages, ${bytes} bytes: ${packages.join(", ")}`);
}

/** Scripts that npm would run while it installs, or with which it says that it has some. */
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"];

/** Nothing of ours runs while installing; the command is there by its name, and the FFI loads all the same. */
function checkBlocked(): void {
  const manifest = JSON.parse(readFileSync(join(project, "node_modules/peerlane/package.json"), "utf8")) as {
    readonly scripts?: Readonly<Record<string, string>>;
    readonly version: string;
  };
  const running = INSTALL_SCRIPTS.filter((name) => manifest.scripts?.[name] !== undefined);
  if (running.length > 0) complaints.push(`package.json has scripts that run while installing: ${running.join(", ")}`);
  const { status, stdout, stderr } = run("npm", ["exec", "--offline", "--", "peerlane", "--version"], project);
  if (stdout !== `${manifest.version}\n`) complaints.push(`the command ended with ${status}: ${stdout}${stderr}`);
  if (!existsSync(join(project, "node_modules/koffi"))) return;
  const loaded = run("node", ["-e", "process.stdout.write(typeof require('koffi').load)"], project);
  if (loaded.stdout !== "function") complaints.push(`koffi does not load without its install script: ${loaded.stderr}`);
  console.log(`installed with scripts blocked: peerlane ${stdout.trim()}, and its FFI loads`);
}

/** The manual page lies where package.json says, and is one. */
function checkManual(): void {
  const installed = join(project, "node_modules/peerlane");
  const { man } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { man: string };
  const page = readFileSync(join(installed, man), "utf8");
  if (!page.startsWith(".TH PEERLANE 1 ")) complaints.push(`${man} is no manual page`);
  console.log(`${man}: ${page.split("\n").length - 1} lines`);
}

function checkNodes(): void {
  const matrices = new Map<string, string>();
  for (const major of SUPPORTED) {
    const node = nodeOf(major);
    if (node.program === null) {
      console.log(`skipped Node ${major}: ${node.why}`);
      continue;
    }
    const { status, stdout, stderr } = run(node.program, MATRIX, project);
    if (status !== 0 || stderr !== "") complaints.push(`Node ${node.version} ended with ${status}: ${stderr}`);
    matrices.set(node.version, stdout);
  }
  const [first = ""] = matrices.values();
  if (!first.includes("of 136 pairs: 0 direct, 136 through the host bridge"))
    complaints.push(`this is no matrix: ${first}`);
  for (const [version, matrix] of matrices)
    if (matrix !== first) complaints.push(`Node ${version} prints another matrix:\n${matrix}`);
  console.log(`the same matrix with Node ${[...matrices.keys()].join(", ")}`);
}

function checkOldNode(): void {
  const node = nodeOf(TOO_OLD);
  if (node.program === null) {
    console.log(`skipped Node ${TOO_OLD}: ${node.why}`);
    return;
  }
  const { status, stdout, stderr } = run(node.program, MATRIX, project);
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { engines: { node: string } };
  const [, oldest = "?"] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
  const sentence = `peerlane needs Node ${oldest} or newer, and this is Node ${node.version.slice(1)}\n`;
  if (status === 0 || stdout !== "" || stderr !== sentence)
    complaints.push(`Node ${node.version} ended with ${status} and '${stdout}${stderr}' instead of '${sentence}'`);
  console.log(`Node ${node.version}: ${stderr.trim()}`);
}

/** What package.json says, held against how Node, TypeScript and bundlers look things up. The library is ES modules alone. */
function checkManifest(tarball: string): void {
  for (const [tool, ...words] of [
    ["publint", "--strict", tarball],
    ["attw", "--profile", "esm-only", "--no-emoji", tarball],
  ] as const) {
    const { status, stdout, stderr } = run(join(root, "node_modules/.bin", tool), words, root);
    if (status === 0) console.log(`${tool}: no problems`);
    else complaints.push(`${tool}:\n${stdout}${stderr}`);
  }
}

try {
  const { stdout } = runOrThrow("npm", ["pack", "--ignore-scripts", "--pack-destination", project], root);
  const tarball = join(project, stdout.trim().split("\n").at(-1) ?? "");
  checkManifest(tarball);
  install(tarball);
  sayMeasures(tarball);
  checkBlocked();
  checkManual();
  checkNodes();
  checkOldNode();
} finally {
  rmSync(project, { recursive: true, force: true });
}
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
