/**
 * Builds dist/: `node --import tsx scripts/build.ts`. Not by tsdown's own command: on Node 20, our floor, it says at each
 * start that it will leave Node 20 one day.
 */
import { build } from "tsdown";

await build({ logLevel: "error" });
