/** Who issues the reads or writes of a flow, and how. */
export type Engine =
  /** One operation after the other, as fast as the way takes them. */
  | { readonly kind: "stream" }
  /** An NVMe drive: commands of the flow's size, each with an access to the medium, which has a rate of its own. */
  | {
      readonly kind: "nvme";
      readonly queueDepth?: number;
      readonly accessNs?: number;
      /** 10^9 bytes per second of the medium; `null`: no less than its link. */
      readonly mediumGBps?: number | null;
    }
  /** A NIC whose network brings or takes so many Gbit/s. */
  | { readonly kind: "nic"; readonly lineGbps: number }
  /** A copy engine with so many bytes under way; `null`: as many as tags and buffers allow. */
  | { readonly kind: "gpu-copy"; readonly inFlightBytes?: number | null };

/** What an engine comes to. */
export interface Pace {
  /** Operations under way at once; `Infinity` where nothing limits them. */
  readonly commands: number;
  /** Nanoseconds between that an operation may begin and its first request. */
  readonly accessNs: number;
  /** 10^9 bytes per second in which operations begin at most; `Infinity` where nothing limits it. */
  readonly gbps: number;
  /** Bytes asked for or sent that did not arrive yet, at most; `Infinity` where nothing limits them. */
  readonly inFlightBytes: number;
  /** What of it nobody stated. */
  readonly assumptions: readonly string[];
}

/** What is taken of a drive where nobody states it: as data sheets of datacentre drives have it. */
export const ASSUMED_DRIVE = { queueDepth: 64, accessNs: 80_000 } as const;

export function paceOf(engine: Engine): Pace {
  const free: Pace = {
    commands: Number.POSITIVE_INFINITY,
    accessNs: 0,
    gbps: Number.POSITIVE_INFINITY,
    inFlightBytes: Number.POSITIVE_INFINITY,
    assumptions: [],
  };
  switch (engine.kind) {
    case "stream":
      return free;
    case "nic":
      return { ...free, gbps: engine.lineGbps / 8 };
    case "gpu-copy":
      return { ...free, inFlightBytes: engine.inFlightBytes ?? Number.POSITIVE_INFINITY };
    case "nvme": {
      const { queueDepth, accessNs, mediumGBps } = engine;
      const assumptions: string[] = [];
      if (queueDepth === undefined)
        assumptions.push(`an NVMe drive has ${ASSUMED_DRIVE.queueDepth} commands under way`);
      if (accessNs === undefined) {
        assumptions.push(`an NVMe drive takes ${ASSUMED_DRIVE.accessNs / 1000} µs to reach its medium`);
      }
      return {
        ...free,
        commands: queueDepth ?? ASSUMED_DRIVE.queueDepth,
        accessNs: accessNs ?? ASSUMED_DRIVE.accessNs,
        gbps: mediumGBps ?? Number.POSITIVE_INFINITY,
        assumptions,
      };
    }
  }
}
