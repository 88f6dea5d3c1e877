import { afterAll, beforeAll } from "vitest";
import { factsOf, type GuestCheck } from "./guest-run.ts";
import { DiskImages } from "./images.ts";

/** Boots once for all tests of a block; `facts` are what a check of its program reported, and fail where it failed. */
export function booted(boot: () => Promise<ReadonlyMap<string, GuestCheck>>): {
  readonly facts: (name: string) => object;
} {
  let checks: ReadonlyMap<string, GuestCheck> = new Map();
  beforeAll(async () => {
    checks = await boot();
  });
  return { facts: (name) => factsOf(checks, name) };
}

/** Disk images that are removed after a block. */
export function imagesOfBlock(): DiskImages {
  const images = new DiskImages();
  afterAll(() => images.remove());
  return images;
}
