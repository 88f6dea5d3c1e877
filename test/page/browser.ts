import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { inject } from "vitest";

/** Where distributions keep the browser. */
const PROGRAMS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const program = process.env["PEERLANE_CHROMIUM"] ?? PROGRAMS.find((path) => existsSync(path));

/** Why there is no browser; `null` where there is one. */
export const NO_BROWSER: string | null =
  program === undefined ? "no Chromium: scripts/system-packages.sh all installs it" : null;

/** Starts the browser of this system. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: program ?? "", args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

/** A page that remembers what went wrong in it: its console's errors, exceptions, and requests to anywhere. */
export interface Watched {
  readonly page: Page;
  readonly faults: string[];
}

/** The page of one file, from the disk, in a window of its own. */
export async function openPage(
  browser: Browser,
  {
    hash = "",
    url = `file://${inject("pageFile")}`,
    ...options
  }: BrowserContextOptions & { hash?: string; url?: string } = {},
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url.replace(/[^/]*$/, "")) && !/^(?:data|blob):/.test(asked))
      faults.push(`request: ${asked}`);
  });
  await page.goto(`${url}${hash}`);
  return { page, faults };
}
