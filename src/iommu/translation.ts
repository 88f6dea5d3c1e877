import type { Iova, PhysAddr } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";

/** Why an IOMMU refused a request. */
export type FaultReason = "no-domain" | "not-present" | "no-write" | "no-read" | "blocked";

/** What an IOMMU says of one request within one page. */
export type Translation =
  | {
      readonly ok: true;
      readonly phys: PhysAddr /** Bytes from there on that lie in the same mapping's page. */;
      readonly contiguousBytes: number;
    }
  | { readonly ok: false; readonly reason: FaultReason };

/** A fault as the unit logs it. */
export interface IommuFault {
  readonly requester: Bdf;
  readonly address: Iova;
  readonly isWrite: boolean;
  readonly reason: FaultReason;
}

/** The IOMMUs of a machine as the root complex asks them. */
export interface Translator {
  /** False for requesters in passthrough, without an IOMMU above them: their addresses are bus addresses. */
  translates(requester: Bdf): boolean;
  /** Translates one address of a requester for which {@link translates} holds; a refusal is logged in `faults`. */
  translate(requester: Bdf, address: Iova, isWrite: boolean): Translation;
  readonly faults: readonly IommuFault[];
}
