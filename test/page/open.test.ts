import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NO_BROWSER, openPage, startBrowser } from "./browser.ts";

const root = join(import.meta.dirname, "../..");
const recorded = (name: string): string => join(root, "test/machines/recorded", name);

let browser: Browser;

describe.skipIf(NO_BROWSER !== null)(`The page${NO_BROWSER === null ? "" : ` (skipped: ${NO_BROWSER})`}`, () => {
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  const summaryOf = (page: Page): ReturnType<Page["locator"]> => page.locator(".summary");

  test("opens an example, and says what it comes to in the words of the command line", async () => {
    const { page, faults } = await openPage(browser);
    await page.getByRole("button", { name: "gpu-nic-server" }).click();
    await summaryOf(page).getByText("of 136 pairs: 0 direct, 136 through the host bridge").waitFor();
    await page.getByRole("treeitem", { name: /^gpu0 GPU 18:00\.0/ }).waitFor();
    expect(await page.title()).toBe("gpu-nic-server – Peerlane");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("opens several files as tabs, among which one goes to and fro", async () => {
    const { page, faults } = await openPage(browser);
    await page
      .getByLabel("A file")
      .setInputFiles([recorded("one-switch.intel.strict.tar.gz"), recorded("two-host-bridges.amd-zen.strict.tar.gz")]);
    const tabs = page.getByRole("navigation", { name: "Open machines" });
    await tabs.getByRole("button", { name: "two-host-bridges.amd-zen.strict.tar.gz", exact: true }).waitFor();
    await summaryOf(page).getByText("two-host-bridges").first().waitFor();
    await tabs.getByRole("button", { name: "one-switch.intel.strict.tar.gz", exact: true }).click();
    await summaryOf(page).getByText("one-switch").first().waitFor();
    await tabs.getByRole("button", { name: "Close one-switch.intel.strict.tar.gz" }).click();
    await summaryOf(page).getByText("two-host-bridges").first().waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("opens pasted text, and answers a cell of the matrix by the keyboard alone", async () => {
    const { page, faults } = await openPage(browser);
    await page.getByLabel("Or its text").fill(readFileSync(join(root, "examples/one-switch.yaml"), "utf8"));
    await page.getByRole("button", { name: "Open the text" }).click();
    const grid = page.getByRole("grid");
    await grid.focus();
    await page.keyboard.press("End");
    await page.keyboard.press("Enter");
    const why = page.locator(".explanation");
    await why.getByRole("heading", { name: "The way" }).waitFor();
    expect(await why.getByRole("listitem").count()).toBeGreaterThan(2);
    expect(await page.locator(".highlight rect.lit").count()).toBeGreaterThanOrEqual(2);
    expect(page.url()).toContain("pair=");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("says what is wrong with a file as the command line does", async () => {
    const { page } = await openPage(browser);
    await page.getByLabel("Or its text").fill("scenario: 1\nhostBridges: [oops");
    await page.getByRole("button", { name: "Open the text" }).click();
    const alert = page.getByRole("alert");
    await alert.getByText("pasted text:").waitFor();
    expect(await alert.textContent()).toMatch(/→/);
    await page.context().close();
  });

  test("carries a machine in a link", async () => {
    const first = await openPage(browser);
    await first.page.getByLabel("A file").setInputFiles(recorded("mixed-acs.intel.strict.tar.gz"));
    await first.page.getByRole("button", { name: "Link" }).click();
    await first.page.waitForURL(/machine=/);
    const hash = new URL(first.page.url()).hash;
    const head = await first.page.locator(".summary .document").textContent();
    await first.page.context().close();
    const { page, faults } = await openPage(browser, { hash });
    await page.locator(".summary .document").waitFor();
    expect(await page.locator(".summary .document").textContent()).toBe(head);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});
