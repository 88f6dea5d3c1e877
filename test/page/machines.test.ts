import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { violations } from "./axe.ts";
import { NO_BROWSER, openPage, startBrowser } from "./browser.ts";
import { MACHINES } from "./machines.ts";

/** Pictures of each machine, to be looked at. */
const pictures = join(import.meta.dirname, "../../build/page-test/pictures");

let browser: Browser;

describe.skipIf(NO_BROWSER !== null)(
  `On five machines${NO_BROWSER === null ? "" : ` (skipped: ${NO_BROWSER})`}`,
  () => {
    beforeAll(async () => {
      mkdirSync(pictures, { recursive: true });
      browser = await startBrowser();
    });
    afterAll(() => browser.close());

    test.for(MACHINES)("$name is looked at by clicking and typing", async ({ name, bytes, word }) => {
      const { page, faults } = await openPage(browser, { colorScheme: name.includes("amd") ? "dark" : "light" });
      await page.getByLabel("A file").setInputFiles({ name, mimeType: "application/octet-stream", buffer: bytes });
      await page.locator(".summary .document").waitFor();

      // Topology: find a device, go to it, close a bridge and open it, nearer and further.
      const tree = page.getByRole("tree");
      const count = await tree.getByRole("treeitem").count();
      expect(count).toBeGreaterThan(2);
      const every = page.getByLabel("every device");
      if (await every.isVisible()) {
        await every.check();
        expect(await tree.getByRole("treeitem").count()).toBeGreaterThan(count);
      }
      await page.getByLabel("Find").fill(word);
      await page
        .getByRole("search")
        .getByText(/[1-9]\d* found/)
        .waitFor();
      await page.keyboard.press("Enter");
      await page.locator(".topology .details").getByText(word).first().waitFor();
      const all = await tree.getByRole("treeitem").count();
      await tree.focus();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("Enter");
      await expect.poll(() => tree.getByRole("treeitem").count()).toBeLessThan(all);
      await page.keyboard.press("Enter");
      await expect.poll(() => tree.getByRole("treeitem").count()).toBe(all);
      const camera = (): Promise<string | null> => tree.locator("> g").getAttribute("transform");
      const before = await camera();
      await page.getByRole("button", { name: "Zoom in" }).click();
      expect(await camera()).not.toBe(before);
      await page.getByRole("button", { name: "Fit" }).click();
      await page.getByLabel("IOMMU groups").check();

      // Matrix: colours and orders, and a pair by the mouse.
      await page.getByLabel("Order by").selectOption("name");
      await page.getByLabel("Colour by").selectOption("locality");
      await page.getByLabel("Colour by").selectOption("bandwidth");
      await page.locator(".matrix .legend").getByText("GB/s of writes").waitFor();
      const grid = page.getByRole("grid");
      await grid.scrollIntoViewIfNeeded();
      const box = await grid.boundingBox();
      if (box === null) throw new Error("the matrix is not drawn");
      await grid.click({ position: { x: Math.min(box.width - 4, 220), y: Math.min(box.height - 4, 130) } });
      const why = page.locator(".explanation");
      await why.getByRole("heading", { name: "The way" }).waitFor();
      expect(await why.locator(".hops li").count()).toBeGreaterThan(0);
      await expect.poll(() => page.locator(".highlight .lit").count()).toBeGreaterThan(0);
      expect(await page.locator(".cell-words").textContent()).toMatch(/→|itself/);

      expect(new URL(page.url()).hash).toMatch(/pair=.*color=bandwidth.*order=name/);
      await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
      expect(await violations(page)).toEqual([]);
      expect(faults).toEqual([]);
      await page.context().close();
    });

    test("what would help is looked for when it is asked for", async () => {
      const { page, faults } = await openPage(browser, {
        hash: "#example=gpu-nic-server&pair=0000:18:00.0,0000:19:00.0",
      });
      await page.getByRole("button", { name: "Look for fixes" }).click();
      await page.locator(".fixes .document").getByText("disable_acs_redir").first().waitFor();
      expect(await violations(page)).toEqual([]);
      expect(faults).toEqual([]);
      await page.context().close();
    });

    test("the picture of docs/page.md is of this page (PEERLANE_RECORD=1 takes it anew)", async () => {
      const { page, faults } = await openPage(browser, {
        viewport: { width: 1180, height: 900 },
        hash: "#example=gpu-nic-server&pair=0000:18:00.0,0000:19:00.0",
      });
      await page.locator(".hops li").first().waitFor();
      await expect.poll(() => page.locator(".highlight rect.lit").count()).toBe(3);
      const folder =
        process.env["PEERLANE_RECORD"] === "1" ? join(import.meta.dirname, "../../docs/pictures") : pictures;
      await page.screenshot({ path: join(folder, "page.png") });
      expect(faults).toEqual([]);
      await page.context().close();
    });

    test("the first page and a narrow screen are for everybody, too", async () => {
      const { page, faults } = await openPage(browser, { viewport: { width: 390, height: 800 } });
      expect(await violations(page)).toEqual([]);
      await page.getByRole("button", { name: "nested-switches" }).click();
      await page.getByRole("tree").waitFor();
      expect(await violations(page)).toEqual([]);
      // Nothing but what scrolls by itself is wider than the screen.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await page.screenshot({ path: join(pictures, "narrow.png") });
      expect(faults).toEqual([]);
      await page.context().close();
    });
  },
);
