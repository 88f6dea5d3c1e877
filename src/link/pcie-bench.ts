import type { LinkState } from "../pci/express.ts";
import { acknowledgeLimit, DLLP_BYTES } from "./acknowledge.ts";
import { linkGbps } from "./rate.ts";
import { readBytes, type StreamForm, writeBytes } from "./stream.ts";

/**
 * The analytic model of the SIGCOMM 2018 study of PCIe (repository pcie-bench/pcie-model), to compare with. It takes off the
 * data's direction what acknowledges it, at the limits of {@link acknowledgeLimit} as if a symbol time were one byte of the
 * whole link, and the SKP symbols of 8b/10b at every rate. Gbit/s, as it has them.
 */
export interface PcieBench {
  /** What it leaves for TLPs in each direction. */
  readonly tlpGbps: number;
  /** Data of writes. */
  writeGbps(sizeBytes: number): number;
  /** Data of reads. */
  readGbps(sizeBytes: number): number;
  /** Data in each direction of as many reads as writes. */
  readWriteGbps(sizeBytes: number): number;
}

/** What it adds to {@link StreamForm}. */
export interface PcieBenchForm extends StreamForm {
  /** Bytes of a completion where it is cut at the read completion boundary; `null`: at MaxPayload. */
  readonly completionBytes: number | null;
}

const SKIP_SHARE = 4 / 1538;

/** Its answers for a link of generation 1 to 5. Throws a `RangeError` for a width that links do not have. */
export function pcieBench(link: LinkState, form: PcieBenchForm): PcieBench {
  const limit = acknowledgeLimit(link.speedGTps, link.width, form.payloadBytes);
  const raw = linkGbps(link);
  const tlpGbps = raw - raw * ((2 * DLLP_BYTES) / limit + SKIP_SHARE);
  // It cuts completions at their own size, also where a request is for less.
  const completions = { ...form, payloadBytes: form.completionBytes ?? form.payloadBytes, readRequestBytes: Infinity };
  const read = (sizeBytes: number): ReturnType<typeof readBytes> => ({
    answers: readBytes(link, completions, sizeBytes).answers,
    requests: readBytes(link, form, sizeBytes).requests,
  });
  return {
    tlpGbps,
    writeGbps: (sizeBytes) => (sizeBytes * tlpGbps) / writeBytes(link, form, sizeBytes),
    readGbps: (sizeBytes) => {
      const { answers, requests } = read(sizeBytes);
      return (sizeBytes * tlpGbps) / Math.max(answers, requests);
    },
    readWriteGbps: (sizeBytes) => {
      const { answers, requests } = read(sizeBytes);
      return (sizeBytes * tlpGbps) / Math.max(answers, requests + writeBytes(link, form, sizeBytes));
    },
  };
}
