import type { PlatformFact } from "./fact.ts";
import { amdFacts } from "./facts-amd.ts";
import { armFacts } from "./facts-arm.ts";
import { intelFacts } from "./facts-intel.ts";
import { powerFacts } from "./facts-power.ts";
import { rootPortFacts } from "./facts-root-ports.ts";
import { switchFacts } from "./facts-switches.ts";

/** Changes with every change of a row. */
export const PLATFORM_FACTS_VERSION = "2026-11-29";

/** Every documented behaviour that we know of. What is not here is unknown. */
export const PLATFORM_FACTS: readonly PlatformFact[] = [
  ...switchFacts,
  ...amdFacts,
  ...intelFacts,
  ...powerFacts,
  ...armFacts,
  ...rootPortFacts,
];
