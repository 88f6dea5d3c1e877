/**
 * Builds the page: dist/page/, an app of several files for any static host, and dist/page.html, the same in one file that
 * works from the disk. `node --import tsx scripts/build-page.ts`.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type InlineConfig, type Plugin, type Rolldown } from "vite";
import { licenseTexts, packageFolder } from "./bundled-licenses.ts";

const root = join(import.meta.dirname, "..");
const web = join(root, "web");

/** Where the page's parts go. */
export interface PageFolders {
  readonly page: string;
  readonly file: string;
}

/** Builds both forms of the page. */
export async function buildPage({ page, file }: PageFolders): Promise<void> {
  rmSync(page, { recursive: true, force: true });
  const packages = new Set<string>();
  await build({
    ...common(packages),
    base: "./",
    plugins: [base64Files(), licensesInto(packages), contentSecurity()],
    worker: { format: "es", plugins: () => [base64Files(), licensesInto(packages)] },
    build: { ...target, outDir: page, emptyOutDir: true, assetsDir: ".", modulePreload: { polyfill: false } },
  });
  writeFileSync(join(page, "THIRD-PARTY-LICENSES.txt"), licenseTexts([...packages].sort()));
  writeFileSync(file, await inOneFile(packages));
}

const target = { target: "es2023", reportCompressedSize: false } as const;

function common(_packages: ReadonlySet<string>): InlineConfig {
  return {
    root: web,
    configFile: false,
    logLevel: "error",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  };
}

/** The page with its worker, its style and all that is loaded when it is asked for in it. */
async function inOneFile(packages: Set<string>): Promise<string> {
  const one = async (
    entry: string,
    plugins: readonly Plugin[],
  ): Promise<readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]> => {
    const built = await build({
      ...common(packages),
      plugins: [base64Files(), licensesInto(packages), ...plugins],
      build: {
        ...target,
        write: false,
        cssCodeSplit: false,
        rolldownOptions: { input: join(web, entry), output: { format: "iife", codeSplitting: false } },
      },
    });
    const [first] = Array.isArray(built) ? built : [built];
    if (first === undefined || !("output" in first)) throw new Error(`nothing was built of ${entry}`);
    return first.output;
  };
  const worker = chunkOf(await one("engine/worker.ts", []));
  const output = await one("main.tsx", [inlinedWorker()]);
  const style = output
    .flatMap((part) => (part.type === "asset" && part.fileName.endsWith(".css") ? [String(part.source)] : []))
    .join("");
  const script = inScript(chunkOf(output));
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}' 'unsafe-hashes'`,
    "worker-src blob:",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const html = readFileSync(join(web, "index.html"), "utf8");
  return html
    .replace('<meta charset="utf-8" />', (found) => `${found}\n    ${policyTag(policy)}`)
    .replace("</head>", () => `  <style>${style}</style>\n  </head>`)
    .replace('<script type="module" src="./main.tsx"></script>', () =>
      [
        '<script type="application/json" id="machines"></script>',
        `<script type="text/plain" id="engine">${inScript(worker)}</script>`,
        `<script>${script}</script>`,
      ].join("\n    "),
    );
}

function chunkOf(output: readonly (Rolldown.OutputChunk | Rolldown.OutputAsset)[]): string {
  const chunks = output.flatMap((part) => (part.type === "chunk" ? [part.code] : []));
  const [only, ...others] = chunks;
  if (only === undefined || others.length > 0) throw new Error(`${chunks.length} files of code where one is due`);
  return only;
}

/** JavaScript as it may stand in an element of HTML: nothing in it ends the element (HTML sec 4.12.1.3). */
function inScript(code: string): string {
  return code.replaceAll(/<(?=\/script|!--|script)/gi, "\\x3c");
}

function hashOf(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function policyTag(policy: string): string {
  return `<meta http-equiv="Content-Security-Policy" content="${policy}" />`;
}

/** The page of several files may load its own, and nothing else from anywhere. */
function contentSecurity(): Plugin {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return {
    name: "content-security",
    transformIndexHtml: (html) =>
      html.replace('<meta charset="utf-8" />', (found) => `${found}\n    ${policyTag(policy)}`),
  };
}

function inlinedWorker(): Plugin {
  return {
    name: "inlined-worker",
    enforce: "pre",
    resolveId: (id) => (id.endsWith("/start-worker.ts") ? join(web, "engine/start-inlined-worker.ts") : null),
  };
}

/** `FILE?base64`: the bytes of a file, in the module. */
function base64Files(): Plugin {
  return {
    name: "base64-files",
    enforce: "pre",
    load: (id) =>
      id.endsWith("?base64")
        ? `export default ${JSON.stringify(readFileSync(id.slice(0, -"?base64".length)).toString("base64"))};`
        : null,
  };
}

function licensesInto(packages: Set<string>): Plugin {
  return {
    name: "licenses",
    generateBundle: (_, bundle) => {
      for (const chunk of Object.values(bundle))
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const folder = packageFolder(id);
          if (folder !== undefined) packages.add(folder);
        }
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  mkdirSync(join(root, "dist"), { recursive: true });
  await buildPage({ page: join(root, "dist/page"), file: join(root, "dist/page.html") });
}
