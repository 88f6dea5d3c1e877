export { type Advice, advise } from "./advise.ts";
export type { Pair } from "./idea.ts";
export type { ParameterEffect } from "./parameter-effects.ts";
export type { ProvedFix, RejectedIdea } from "./prove.ts";
