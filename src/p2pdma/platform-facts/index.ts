/** What hardware is documented to do with peer writes and peer reads, apart from what the kernel decides. */
export {
  type DirectionFact,
  type Directions,
  directionsIn,
  directionsOf,
  type PlatformContext,
  platformContext,
} from "./directions.ts";
export type { FactMatch, Outcome, PlatformFact } from "./fact.ts";
export { PLATFORM_FACTS, PLATFORM_FACTS_VERSION } from "./facts.ts";
