import { describe, expect, test } from "vitest";
import { DATA_IS_LOST, iommuGates } from "../../src/answers/driver-gates.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { AskedWay } from "../../src/platforms/who-asks.ts";
import { rows } from "../rows.ts";
import { linux, machineOf } from "../rules/by-hand.ts";
import { hidden, iommu } from "./gate-cases.ts";
import { asked, gate, ifBound, judged, way, waysOf } from "./ways.ts";

const machine = (mode: string, release: string | null = "7.2"): Machine =>
  machineOf([], { iommu: iommu(mode), kernel: { ...linux("7.2"), release: release ?? hidden } });

const uio = way("user-space", { id: "uio" });
const nvidia = way("does-not-ask", { id: "nvidia", address: "nvidia", title: "Peer memory" });
const busAddress = (mode: string): Gate =>
  gate(
    "iommu-translates",
    "warns",
    `the IOMMU translates (${mode}) and the DMA address is a bus address: a switch that sends peer traffic up ` +
      `all the same meets an IOMMU fault, and ${DATA_IS_LOST}; test with real data, or use iommu=pt`,
    { about: "bus address" },
  );
const iova = (id: string, prefix = ""): Gate =>
  gate(
    "iommu-translates",
    "warns",
    `${prefix}the IOMMU translates (strict), and the driver takes only the yes from the kernel: its address is ` +
      "an IOVA, so that packets go up to the root complex although a bridge is shared: right, and slower",
    {
      about: `${id} ${prefix}`,
      remedy:
        "boot with iommu=pt: the address is then the CPU's, and packets turn at the switch where ACS does not redirect them",
    },
  );
const physical = (effect: Gate["effect"], prefix = ""): Gate =>
  gate(
    "iommu-translates",
    effect,
    `${prefix}the IOMMU translates (strict), and with uio a program gives devices physical addresses, which it rejects`,
    { about: `uio ${prefix}`, remedy: "bind vfio-pci in place of uio, or boot with iommu=pt" },
  );
const RAW =
  "the NVIDIA driver hands out raw bus addresses on every path, by its published source, which the IOMMU rejects (reported for Linux 7.0)";
const TURNS =
  "the NVIDIA driver hands out raw bus addresses, by its published source; on this path they turn at the switch and do not meet the IOMMU, which rejects them on others (reported for Linux 7.0)";
const MAPPED =
  "the NVIDIA driver maps peers by the DMA API from Linux 5.9 to 6.11, by its published source, and NVIDIA does not support peer copies so";
/** What is said beside where there is another way. */
const OTHERS = "; that is 'Peer memory', and 'The way' takes other addresses";
const ofNvidia = (effect: Gate["effect"], words = RAW, prefix = "", others = ""): Gate =>
  gate(
    "iommu-translates",
    effect,
    `${prefix}the IOMMU translates (strict): ${words}; boot with iommu=pt, and test with real data${others}`,
    {
      about: `nvidia ${prefix}${words}`,
      remedy: "boot with iommu=pt, as NVIDIA's guides ask for; and test with real data",
    },
  );

describe("Bus addresses and an IOMMU that translates", () => {
  test.each(
    rows(`
      // ways                       | pair             | IOMMU       | warning
      none                          | bus-addr         | strict      | yes
      none                          | bus-addr         | lazy        | yes
      none                          | bus-addr         | passthrough | no
      none                          | bus-addr         | off         | no
      none                          | bus-addr         | ?           | no
      none                          | thru-host-bridge | strict      | no
      none                          | not-supported    | strict      | no
      asks-and-obeys                | bus-addr         | lazy        | yes
      asks-and-obeys user-space     | bus-addr         | strict      | yes
      (asks-yes-or-no)              | bus-addr         | strict      | yes
      user-space                    | bus-addr         | strict      | no
      does-not-ask                  | bus-addr         | strict      | no   // not NVIDIA's
      no-peer-dma                   | bus-addr         | strict      | no
      (asks-and-obeys) no-peer-dma  | bus-addr         | strict      | no
    `),
  )("%s, %s, %s: %s", (ways = "", pair = "", mode = "", warning) => {
    const found = iommuGates(judged(pair, asked(waysOf(ways))), machine(mode));
    expect(found).toStrictEqual(warning === "yes" ? [busAddress(mode)] : []);
  });

  test("a device that copies within itself meets none", () => {
    expect(iommuGates(judged("bus-addr", asked([]), "03:00.0"), machine("strict"))).toEqual([]);
  });
});

describe("Ways that the IOMMU meets otherwise", () => {
  const yesOrNo = way("asks-yes-or-no", { id: "amd" });
  const aside = { aside: "it is no PCIe" };

  test.each<[name: string, pair: string, ways: readonly AskedWay[], gates: readonly Gate[]]>([
    ["a yes or no, below a switch", "bus-addr", [yesOrNo], [iova("amd")]],
    ["a yes or no, over the host bridge", "thru-host-bridge", [yesOrNo], []],
    ["a yes or no, and a no", "not-supported", [yesOrNo], []],
    ["a yes or no that is aside", "bus-addr", [way("asks-yes-or-no", aside), ...waysOf("no-peer-dma")], []],
    [
      "two that say the same are said once",
      "bus-addr",
      [yesOrNo, way("asks-yes-or-no", { id: "intel" })],
      [iova("amd")],
    ],
    ["what obeys comes first", "bus-addr", [yesOrNo, way("asks-and-obeys")], [busAddress("strict"), iova("amd")]],
    ["uio, below a switch", "bus-addr", [uio], [physical("warns")]],
    ["uio, over the host bridge", "thru-host-bridge", [uio], [physical("blocks")]],
    ["uio, and a no", "not-supported", [uio], [physical("blocks")]],
    ["uio, and another way", "thru-host-bridge", [uio, way("no-peer-dma")], [physical("warns")]],
    ["another way, and uio", "thru-host-bridge", [way("no-peer-dma"), uio], [physical("warns")]],
    ["uio, and a way that is aside", "thru-host-bridge", [uio, way("no-peer-dma", aside)], [physical("blocks")]],
    ["VFIO", "thru-host-bridge", [way("user-space", { id: "vfio-domain" })], []],
    ["VFIO and uio", "thru-host-bridge", [way("user-space", { id: "vfio-domain" }), uio], [physical("warns")]],
    ["NVIDIA's, below a switch", "bus-addr", [nvidia], [ofNvidia("warns", TURNS)]],
    ["NVIDIA's, over the host bridge", "thru-host-bridge", [nvidia], [ofNvidia("blocks")]],
    ["NVIDIA's, and a no", "not-supported", [nvidia], [ofNvidia("blocks")]],
    [
      "NVIDIA's, and another way",
      "thru-host-bridge",
      [nvidia, way("asks-and-obeys")],
      [ofNvidia("warns", RAW, "", OTHERS)],
    ],
    [
      "another way, and NVIDIA's",
      "thru-host-bridge",
      [way("asks-and-obeys"), nvidia],
      [ofNvidia("warns", RAW, "", OTHERS)],
    ],
    [
      "NVIDIA's, and a way that is aside",
      "thru-host-bridge",
      [nvidia, way("no-peer-dma", aside)],
      [ofNvidia("blocks")],
    ],
    ["NVIDIA's that is aside", "thru-host-bridge", [way("does-not-ask", { address: "nvidia", ...aside })], []],
    [
      "two of NVIDIA's are said once",
      "bus-addr",
      [nvidia, way("does-not-ask", { address: "nvidia" })],
      [ofNvidia("warns", TURNS)],
    ],
    [
      "one that asks nobody, and is not NVIDIA's",
      "thru-host-bridge",
      [way("does-not-ask", { address: "dma-api" })],
      [],
    ],
    [
      "all of them",
      "bus-addr",
      [nvidia, uio, yesOrNo],
      [iova("amd"), physical("warns"), ofNvidia("warns", TURNS, "", OTHERS)],
    ],
  ])("%s", (_name, pair, ways, gates) => {
    expect(iommuGates(judged(pair, asked(ways)), machine("strict"))).toStrictEqual(gates);
  });

  test.each<[driver: string, pair: string, one: AskedWay, gate: Gate]>([
    ["amdgpu", "bus-addr", yesOrNo, iova("amd", "if amdgpu is bound to the provider: ")],
    ["igb_uio", "not-supported", uio, physical("blocks", "if igb_uio is bound to the provider: ")],
    ["nvidia", "not-supported", nvidia, ofNvidia("blocks", RAW, "if nvidia is bound to the provider: ")],
  ])("%s is said with if, where the driver is hidden", (driver, pair, one, expected) => {
    const given = [ifBound(driver, one)];
    expect(iommuGates(judged(pair, asked(given, "drivers are hidden")), machine("strict"))).toStrictEqual([
      { ...expected, doubt: "drivers are hidden" },
    ]);
    expect(iommuGates(judged(pair, asked(given)), machine("strict"))).toStrictEqual([expected]);
    const bare = iommuGates(judged(pair, asked([one], "drivers are hidden")), machine("strict"));
    expect(bare.map(({ doubt }) => doubt)).toEqual([undefined]);
  });
});

describe("NVIDIA's driver, by the kernel's age", () => {
  const either = `on Linux 6.12 and newer ${RAW}; ${MAPPED}`;
  test.each<[release: string | null, pair: string, gate: Gate]>([
    ["5.15", "thru-host-bridge", { ...ofNvidia("warns", MAPPED), isUnsupported: true }],
    ["6.11", "thru-host-bridge", { ...ofNvidia("warns", MAPPED), isUnsupported: true }],
    ["6.12", "thru-host-bridge", ofNvidia("blocks", RAW)],
    ["6.13", "thru-host-bridge", ofNvidia("blocks", RAW)],
    ["6.12", "bus-addr", ofNvidia("warns", TURNS)],
    [null, "bus-addr", ofNvidia("warns", `on Linux 6.12 and newer ${TURNS}; ${MAPPED}`)],
    [null, "thru-host-bridge", { ...ofNvidia("blocks", either), doubt: "hidden here" }],
    [
      "5.14.0-503.el9",
      "thru-host-bridge",
      {
        ...ofNvidia("blocks", either),
        doubt: "5.14.0-503.el9 carries back-ports that its number does not tell",
      },
    ],
  ])("%s, %s", (release, pair, expected) => {
    expect(iommuGates(judged(pair, asked([nvidia])), machine("strict", release))).toStrictEqual([expected]);
  });

  test("a hidden driver's doubt comes before the kernel's", () => {
    const found = iommuGates(
      judged("thru-host-bridge", asked([ifBound("nvidia", nvidia)], "drivers are hidden")),
      machine("strict", null),
    );
    expect(found).toMatchObject([{ effect: "blocks", doubt: "drivers are hidden" }]);
  });
});
