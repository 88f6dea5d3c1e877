export { type BootOptions, bootScenario, qemuVersion } from "./boot.ts";
export { cacheFolder, type GuestFiles, type GuestFilesOptions, guestFiles } from "./guest-files.ts";
export type { GuestReport, Measured, MeasuredPair } from "./measured.ts";
export { type QemuMachine, qemuMachine } from "./qemu.ts";
