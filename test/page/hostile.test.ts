import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_BROWSER, openPage, startBrowser, type Watched } from "./browser.ts";

const MARKUP = `<img src=x onerror=alert(1)></script><script>alert(2)</script>"'&lt;`;

let browser: Browser;

/** Functions of lspci with such a name, as many as there are. */
function lspci(count: number, name: string): string {
  const lines = Array.from({ length: count }, (_, at) => {
    const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
    return `${hex(at >> 16, 4)}:${hex((at >> 8) & 255, 2)}:${hex((at >> 3) & 31, 2)}.${at & 7} Non-Volatile memory controller [0108]: ${name} [1b36:0010] (prog-if 02 [NVM Express])\n\tControl: I/O- Mem+ BusMaster+\n\tRegion 0: Memory at fe000000 (64-bit, non-prefetchable) [size=16K]\n`;
  });
  return lines.join("\n");
}

const openText = async (page: Page, name: string, content: string | Uint8Array): Promise<void> => {
  const buffer = Buffer.from(content);
  await page.getByLabel("A file").setInputFiles({ name, mimeType: "text/plain", buffer });
};

const works = async ({ page }: Watched): Promise<void> => {
  const another = page.getByRole("button", { name: "Open another" });
  if (await another.isVisible()) await another.click();
  await page.getByRole("button", { name: "one-switch" }).click();
  await page.getByRole("navigation").getByRole("button", { name: "one-switch", exact: true }).waitFor();
};

describe.skipIf(NO_BROWSER !== null)(
  `What somebody sent, hostile${NO_BROWSER === null ? "" : ` (skipped: ${NO_BROWSER})`}`,
  () => {
    beforeAll(async () => {
      browser = await startBrowser();
    });
    afterAll(() => browser.close());

    test("markup, escapes and directions in names are text", async () => {
      const watched = await openPage(browser);
      const { page, faults } = watched;
      const name = `${MARKUP}\u001b[31m\u202e\u2066`;
      await openText(page, `${MARKUP.replaceAll("/", "")}.txt`, lspci(3, name));
      await page.locator(".summary .document").waitFor();
      await page.getByRole("tree").getByRole("treeitem").first().waitFor();
      const grid = page.getByRole("grid");
      if (await grid.isVisible()) {
        await grid.focus();
        await page.keyboard.press("Enter");
        await page.locator(".hops li").first().waitFor();
      }
      expect(await page.locator("img, #page script").count()).toBe(0);
      const text = (await page.locator("#page").textContent()) ?? "";
      expect(text).toContain("<img src=x");
      expect(text).not.toMatch(/\p{Cf}|(?![\n\t])\p{Cc}/u);
      expect(await page.title()).not.toMatch(/\p{Cf}|(?![\n\t])\p{Cc}/u);
      expect(faults).toEqual([]);
      await page.context().close();
    });

    test.for<readonly [what: string, content: string | Uint8Array, says: RegExp]>([
      ["nothing at all", "", /the input is empty/],
      ["bytes of no format", new Uint8Array(4096).fill(0x81), /→/],
      [
        "an XML with an entity that grows",
        `<?xml version="1.0"?><!DOCTYPE topology [<!ENTITY a "aa">]><topology>&a;</topology>`,
        /→|:/,
      ],
      ["a scenario whose aliases grow", `a: &a [x,x,x]\nb: &b [*a,*a,*a]\nscenario: x\nhostBridges: [*b,*b,*b]\n`, /→/],
      ["a snapshot that is none", `{"schema":"peerlane.snapshot/1","functions":[{}]}`, /:/],
      ["a bomb", gzipSync(Buffer.alloc(120 * 2 ** 20)), /→/],
    ])("%s is refused in words, and the page goes on", async ([, content, says]) => {
      const watched = await openPage(browser);
      await openText(watched.page, "sent.txt", content);
      const alert = watched.page.getByRole("alert");
      await alert
        .getByText(/sent\.txt|input|unpack/)
        .first()
        .waitFor();
      expect(await alert.textContent()).toMatch(says);
      await works(watched);
      expect(watched.faults).toEqual([]);
      await watched.page.context().close();
    });

    test("links that were cut, or hold anything else, are refused in words", async () => {
      for (const hash of ["#machine=AAAA", "#machine=%3Cscript%3E", "#example=%3Cimg%3E", "#pair=x,y&color=z"]) {
        const { page, faults } = await openPage(browser, { hash });
        await page.getByRole("heading", { name: "Open a machine" }).waitFor();
        if (!hash.startsWith("#pair")) await page.getByRole("alert").getByText("→").waitFor();
        expect(faults).toEqual([]);
        await page.context().close();
      }
    });

    test("what takes too long is ended, which is said, and the next machine is read", async () => {
      const watched = await openPage(browser);
      const { page } = watched;
      await page.clock.install();
      await openText(page, "long.txt", lspci(20_000, "x"));
      await page.getByRole("button", { name: "Stop" }).waitFor();
      // The page answers while the worker reads.
      await page.getByLabel("Or its text").fill("typed meanwhile");
      await page.clock.fastForward(21_000);
      await page.getByRole("alert").getByText("no answer within 20 seconds").waitFor();
      await works(watched);
      await page.context().close();
    });

    test("what is read is stopped by a button", async () => {
      const watched = await openPage(browser);
      await openText(watched.page, "long.txt", lspci(20_000, "x"));
      await watched.page.getByRole("button", { name: "Stop" }).click();
      await watched.page.getByRole("alert").getByText("stopped").waitFor();
      await works(watched);
      await watched.page.context().close();
    });
  },
);
