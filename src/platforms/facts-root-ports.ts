import type { NumberRange, PlatformFact, ProcessorKind } from "./fact.ts";

/** Root ports that pass no peer traffic, as the kernel's ACS quirks have them (checked: Linux 7.2.13, 7.3.4). */
interface IsolatedRootPorts {
  readonly id: string;
  readonly title: string;
  readonly architecture: ProcessorKind["architecture"];
  readonly ports: readonly { readonly vendorId: number; readonly devices: readonly NumberRange[] }[];
  readonly words: string;
  /** Hash of the commit, its month, and what it says. */
  readonly commit: readonly [hash: string, date: string, says: string];
}

const isolated: readonly IsolatedRootPorts[] = [
  {
    id: "annapurna-root-ports",
    title: "Amazon Annapurna Labs (Graviton)",
    architecture: "aarch64",
    ports: [{ vendorId: 0x1c36, devices: [[0x0031, 0x0031]] }],
    words: "Root ports of Amazon's Annapurna Labs cannot send peer traffic to each other.",
    commit: [
      "76e67e9e0f0f",
      "2019-09",
      "Amazon: no peer transactions through the root ports, and none can pass traffic to another.",
    ],
  },
  {
    id: "qualcomm-root-ports",
    title: "Qualcomm QDF24xx, HXT SD4800",
    architecture: "aarch64",
    ports: [
      { vendorId: 0x17cb, devices: [[0x0400, 0x0401]] },
      { vendorId: 0x1dbf, devices: [[0x0401, 0x0401]] },
    ],
    words: "Each root port is a root complex of its own that ends every transaction; none passes traffic to another.",
    commit: [
      "33be632b8443",
      "2017-02",
      "Qualcomm: the hardware has no peer-to-peer, and no root port can pass traffic to another; the quirk's table has HXT's as the same design.",
    ],
  },
  {
    id: "ampere-emag-root-ports",
    title: "Ampere eMAG, APM X-Gene",
    architecture: "aarch64",
    ports: [
      { vendorId: 0x10e8, devices: [[0xe004, 0xe004]] },
      { vendorId: 0x1def, devices: [[0xe005, 0xe00c]] },
    ],
    words: "Root ports of X-Gene and eMAG do not allow peer traffic between each other.",
    commit: [
      "4ef76ad0462c",
      "2018-02",
      "Ampere: isolation in the hardware, all peer-to-peer features off; as X-Gene's.",
    ],
  },
  {
    id: "nxp-lx2-root-ports",
    title: "NXP LX2160A and its kin",
    architecture: "aarch64",
    ports: [
      {
        vendorId: 0x1957,
        devices: [
          [0x8d80, 0x8d83],
          [0x8d88, 0x8d8b],
          [0x8d90, 0x8d93],
          [0x8d98, 0x8d9b],
          [0x8da0, 0x8da1],
          [0x8da8, 0x8da9],
          [0x8db0, 0x8db1],
          [0x8db8, 0x8db9],
        ],
      },
    ],
    words: "Each root port is a root complex of its own that keeps peer traffic out.",
    commit: [
      "d08c8b855140",
      "2021-07",
      "NXP: every root port is a root complex with its own segment and shuts peer traffic off.",
    ],
  },
  {
    id: "loongson-root-ports",
    title: "Loongson",
    architecture: "loongarch64",
    ports: [
      {
        vendorId: 0x0014,
        devices: [0x3c09, 0x3c19, 0x3c29, 0x7a09, 0x7a19, 0x7a29, 0x7a39, 0x7a49, 0x7a59, 0x7a69].map(
          (device): NumberRange => [device, device],
        ),
      },
    ],
    words: "Loongson's root ports do not allow peer traffic between each other.",
    commit: ["1f3303aa92e1", "2025-04", "Loongson: no peer transactions between root ports."],
  },
];

/** Root ports that pass no peer traffic. */
export const rootPortFacts: readonly PlatformFact[] = isolated.map(
  ({ id, title, architecture, ports, words, commit }) => {
    const [hash, date, says] = commit;
    return {
      id,
      title,
      match: { partOf: { architecture }, rootPort: { only: ports } },
      path: "any-through-root-complex",
      write: "fails",
      read: "fails",
      words,
      sources: [{ evidence: "kernel", where: `https://git.kernel.org/torvalds/c/${hash}`, date, says }],
    };
  },
);
