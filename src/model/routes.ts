/** What the fabric does with the address that the kernel hands out for a pair, beside the verdict. */
export type { PeerAddress } from "../routes/peer-address.ts";
export type { PeerDifference } from "../routes/peer-difference.ts";
export { type PeerRoute, PeerRoutes, type PeerRouting } from "../routes/peer-routes.ts";
