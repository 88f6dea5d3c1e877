export { bootScenario } from "./boot.ts";
export { type GuestFiles, guestFiles } from "./guest-files.ts";
export type { GuestReport, MeasuredPair } from "./measured.ts";
