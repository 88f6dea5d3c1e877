import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type TradeOff, tradeOffs, withTradeOffs } from "./trade-off-page.ts";

const page = join(import.meta.dirname, "../../docs/trade-off.md");
let all: readonly TradeOff[];

beforeAll(() => {
  all = tradeOffs();
});

test("docs/trade-off.md is what is simulated (npm run docs:trade-off)", async () => {
  await expect(withTradeOffs(readFileSync(page, "utf8"), all)).toMatchFileSnapshot(page);
});

test("an offload below one switch touches neither DRAM nor the CPU's lanes; a bounce has each byte in DRAM twice", () => {
  for (const { offload, bounce } of all) {
    expect([offload.dramGBps, offload.rootGBps, offload.lanes]).toEqual([0, 0, 0]);
    expect(bounce.lanes).toBe(16);
    expect(Math.abs(bounce.dramGBps / bounce.gbps - 2)).toBeLessThan(0.06);
  }
});

test("what the page says in short: alike while the uplink has room, then the bounce ends at what it carries", () => {
  for (const { nics, drives, offload, bounce } of all) {
    const wanted = Math.min(25 * nics, 7 * drives);
    expect(offload.gbps / wanted).toBeGreaterThan(0.98);
    expect(bounce.gbps).toBeLessThan(27.5);
    if (wanted <= 25) expect(Math.abs(offload.gbps / bounce.gbps - 1)).toBeLessThan(0.01);
    else expect(bounce.gbps).toBeGreaterThan(25);
  }
});
