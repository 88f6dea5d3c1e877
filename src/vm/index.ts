export { bootRecipes, bootScenario } from "./boot.ts";
export type { GuestDisk, GuestDisks } from "./guest-disks.ts";
export { type GuestFiles, guestFiles } from "./guest-files.ts";
export type { GuestReport, MeasuredPair } from "./measured.ts";
export { runGuestShell, runInGuest } from "./run-in-guest.ts";
