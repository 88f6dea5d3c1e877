import { guestFiles } from "../../src/vm/guest-files.ts";

/** Before workers start, so that two of them do not both fetch what guests boot from. */
export default async function fetchGuestFiles(): Promise<void> {
  await guestFiles();
}
