import { describe, expect, test } from "vitest";
import { compareResults } from "../../src/compare/compare.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { readResults } from "../../src/results/read-results.ts";
import { compared, machineOf, type Parts, verdicts } from "./machines.ts";
import { fioRead, ibWrite, ncclTest, nvbandwidth, nvbandwidthHost, nvbandwidthLatency, p2pTest } from "./tools.ts";

/** Name, output, machine, and what each of its figures is. */
type Case = readonly [name: string, text: string, parts: Parts, figures: readonly string[]];

const BOTH = "Bidirectional P2P=Enabled Bandwidth";
const WRITES = "Unidirectional P2P=Enabled Bandwidth (P2P Writes)";
const OFF = "Unidirectional P2P=Disabled Bandwidth";
const OVER_ANOTHER = ["other-link other-link", "other-link other-link"];
/** Data goes up to the root complex of a processor of which nothing is published. */
const UNKNOWN_ROOT = { acs: "SV+ RR+ CR+ UF+", cpu: "{ vendor: AuthenticAMD, family: 23, model: 49 }" };
const GOES_UP = "up-to-the-root-complex";
const UP = { acs: "SV+ RR+ CR+ UF+" };

const cases: Readonly<Record<string, readonly Case[]>> = {
  "as expected": [
    ["writes of nvbandwidth", nvbandwidth("write", [54.1, 56.2]), {}, ["expected", "expected"]],
    ["reads of nvbandwidth", nvbandwidth("read", [54.1, 57.9]), {}, ["expected", "expected"]],
    ["writes of p2pBandwidthLatencyTest", p2pTest(WRITES, [53, 55]), {}, ["expected", "expected"]],
    ["both directions, as their sum", p2pTest(BOTH, [108, 109]), {}, ["expected", "expected"]],
    ["P2P disabled: through memory of the host", p2pTest(OFF, [37, 45]), {}, ["expected", "expected"]],
    ["no access to peers, though enabled", p2pTest(WRITES, [37, 45], { reach: false }), {}, ["expected", "expected"]],
    ["host to GPU", nvbandwidthHost("host_to_device_memcpy", "->", [55, 56]), {}, ["expected", "expected"]],
    ["GPU to host", nvbandwidthHost("device_to_host_memcpy", "<-", [53, 55]), {}, ["expected", "expected"]],
    [
      "both to the host at once: half each",
      nvbandwidthHost("all_to_host_memcpy", "<-", [27, 28]),
      {},
      ["expected", "expected"],
    ],
    ["a NIC that reads a GPU", ibWrite("mlx5_0", "Gb", 440, { gpu: "03:00" }), {}, ["expected"]],
    ["MiB/s of perftest are 2^20", ibWrite("mlx5_0", "MiB", 52_000), {}, ["expected"]],
    ["all_reduce of two ranks", ncclTest("all_reduce_perf", [[67_108_864, 53.5]]), {}, ["expected"]],
    ["a disk", fioRead("nvme0n1", "6789MiB/s"), {}, ["expected"]],
    ["a disk that several jobs read", fioRead("nvme0n1", "6789MiB/s", "1024KiB", 4), {}, ["expected"]],
    ["a latency between GPUs", nvbandwidthLatency([700, 800]), {}, ["expected", "expected"]],
  ],
  "as expected, and held back": [
    [
      "by a link with fewer lanes",
      nvbandwidth("write", [26.5, 27.5]),
      { gpu1: "link: gen5 x8 of gen5 x16" },
      ["expected slow-link", "expected slow-link"],
    ],
    [
      "by the root complex",
      nvbandwidth("write", [52, 53]),
      UP,
      ["expected up-to-the-root-complex", "expected up-to-the-root-complex"],
    ],
    ["by MaxPayload", nvbandwidth("write", [50, 51]), { port: "maxPayload: 128" }, ["expected", "expected"]],
  ],
  low: [
    ["with no reason on the path", nvbandwidth("write", [49, 49.5]), {}, ["low unexplained", "low unexplained"]],
    [
      "as a link of half the lanes",
      nvbandwidth("write", [27.9, 28]),
      {},
      ["low peer-off as-less-link", "low peer-off as-less-link"],
    ],
    [
      "peers said to be on, and as through memory of the host",
      nvbandwidth("write", [40, 41]),
      {},
      ["low peer-off", "low peer-off"],
    ],
    [
      "behind an IOMMU that translates",
      nvbandwidthHost("device_to_host_memcpy", "<-", [41, 42]),
      { iommu: "strict" },
      ["low iommu", "low iommu"],
    ],
    ["several at once", nvbandwidthHost("all_to_host_memcpy", "<-", [19, 19]), {}, ["low shared", "low shared"]],
    ["both directions at once", p2pTest(BOTH, [95, 96]), {}, ["low shared", "low shared"]],
    ["below the copies through memory", p2pTest(OFF, [4, 5]), {}, ["low unexplained", "low unexplained"]],
    ["a NIC behind its network", ibWrite("mlx5_0", "Gb", 196), {}, ["low network as-less-link"]],
    ["a collective", ncclTest("all_reduce_perf", [[67_108_864, 41]]), {}, ["low nccl shared"]],
    ["a disk", fioRead("nvme0n1", "5000MiB/s"), {}, ["low disk"]],
    ["a latency", nvbandwidthLatency([4000, 3900]), {}, ["low unexplained", "low unexplained"]],
    [
      "with a loss that is in the prediction already",
      nvbandwidth("write", [9, 9.1]),
      { gpu1: "link: gen5 x8 of gen5 x16" },
      ["low unexplained slow-link", "low unexplained slow-link"],
    ],
  ],
  impossible: [
    [
      "a sum of both directions read as one",
      nvbandwidthHost("device_to_host_memcpy", "<-", [110, 112]),
      {},
      ["impossible sum-for-one-way cache", "impossible sum-for-one-way cache"],
    ],
    [
      "GiB for GB",
      nvbandwidthHost("device_to_host_memcpy", "<-", [64, 65]),
      {},
      ["impossible gib-for-gb cache", "impossible gib-for-gb cache"],
    ],
    ["bits for bytes", ibWrite("mlx5_0", "MiB", 440_000, { gpu: "03:00" }), {}, ["impossible bits-for-bytes"]],
    ["a disk through the page cache", fioRead("nvme0n1", "30.0GiB/s"), {}, ["impossible cache"]],
    ["nothing that explains it", ibWrite("mlx5_0", "MiB", 300_000, { gpu: "03:00" }), {}, ["impossible unexplained"]],
    ["P2P disabled is no NVLink", p2pTest(OFF, [600, 650]), {}, ["impossible unexplained", "impossible unexplained"]],
  ],
  "better than predicted": [
    [
      "above the range and below what the link carries",
      nvbandwidth("write", [60, 62.9]),
      {},
      ["better other-link assumption", "better other-link assumption"],
    ],
    [
      "where no other link can be",
      nvbandwidthHost("device_to_host_memcpy", "<-", [62, 62.9]),
      {},
      ["better assumption", "better assumption"],
    ],
    [
      "both ways through one uplink, and as much as if they turned below it: no word of another link alone",
      p2pTest(BOTH, [80, 108]),
      UP,
      ["better turned-in-switch other-link", "better turned-in-switch other-link"],
    ],
    ["both ways through one uplink, and more than all links", p2pTest(BOTH, [200, 210]), UP, OVER_ANOTHER],
    ["a latency that is shorter", nvbandwidthLatency([20, 700]), {}, ["better", "expected"]],
  ],
  "within a range too wide to judge": [
    ["of what nobody measured", nvbandwidth("write", [20, 40]), UNKNOWN_ROOT, [`wide ${GOES_UP}`, `wide ${GOES_UP}`]],
    [
      "but nearly all that is predicted is fine",
      nvbandwidth("write", [54, 20]),
      UNKNOWN_ROOT,
      [`expected ${GOES_UP}`, `wide ${GOES_UP}`],
    ],
    [
      "and below it is low",
      nvbandwidth("write", [9, 20]),
      UNKNOWN_ROOT,
      [`low unexplained ${GOES_UP}`, `wide ${GOES_UP}`],
    ],
  ],
  "over another link": [
    ["of NVIDIA's GPUs", nvbandwidth("write", [263, 264]), {}, ["other-link other-link", "other-link other-link"]],
    ["both directions", p2pTest(BOTH, [510, 511]), {}, ["other-link other-link", "other-link other-link"]],
    ["a collective", ncclTest("all_reduce_perf", [[134_217_728, 360]]), {}, ["other-link other-link"]],
    [
      "or a sum, where half of it fits",
      nvbandwidth("write", [110, 111]),
      {},
      ["other-link other-link sum-for-one-way", "other-link other-link sum-for-one-way"],
    ],
  ],
  "held against nothing": [
    ["another machine", nvbandwidth("write", [50, 50], { buses: ["17", "65"] }), {}, ["no-figure", "no-figure"]],
    ["an address of no GPU", nvbandwidth("write", [50, 50], { buses: ["03", "05"] }), {}, ["no-figure", "no-figure"]],
    ["an RDMA device that is not there", ibWrite("mlx5_7", "Gb", 196), {}, ["no-figure"]],
    ["a disk that is not there", fioRead("sda", "500MiB/s"), {}, ["no-figure"]],
    ["small messages", ibWrite("mlx5_0", "Gb", 3, { bytes: 64 }), {}, ["no-figure"]],
    [
      "small operations of NCCL",
      ncclTest("all_reduce_perf", [
        [8, 0.01],
        [1_048_576, 9],
      ]),
      {},
      ["no-figure", "no-figure"],
    ],
    ["small blocks", fioRead("nvme0n1", "1200MiB/s", "4096B"), {}, ["no-figure"]],
    ["a link that the source hides", nvbandwidth("write", [20, 20]), { hidden: "gpu1" }, ["no-figure", "no-figure"]],
  ],
};

describe.each(Object.entries(cases))("%s:", (_, rows) => {
  test.each(rows)("%s", (_name, text, parts, figures) => {
    expect(verdicts(compared(text, parts))).toEqual(figures);
  });
});

describe("Devices", () => {
  const sixes = (count: number): string => {
    const row = (at: number): string =>
      ` ${at} ${Array.from({ length: count }, (_, column) => (column === at ? "N/A" : "54")).join(" ")}\n`;
    const head = Array.from({ length: count }, (_, at) => at).join(" ");
    return `Running device_to_device_memcpy_write_ce.\nmemcpy CE GPU(row) <- GPU(column) bandwidth (GB/s)\n   ${head}\n${Array.from({ length: count }, (_, at) => row(at)).join("")}\nSUM device_to_device_memcpy_write_ce 1\n`;
  };

  test("without addresses are numbered in the order of PCI, which is said", () => {
    const { figures, assumptions } = compared(sixes(2));
    expect(figures.map(({ verdict }) => verdict)).toEqual(["expected", "expected"]);
    expect(assumptions).toContainEqual(expect.stringContaining("CUDA_DEVICE_ORDER=PCI_BUS_ID"));
  });

  test("without addresses, and fewer than the machine has, are not the first ones", () => {
    const text = nvbandwidthHost("host_to_device_memcpy", "->", [54, 54]).replaceAll(/^Device.*\n/gm, "");
    const one = text.replace("0         1", "0").replace("     54     54", "     54");
    const { figures } = compared(one);
    expect(figures.map(({ verdict, why }) => [verdict, why])).toEqual([
      ["no-figure", expect.stringContaining("CUDA_VISIBLE_DEVICES")],
    ]);
  });

  test("without addresses, on a machine of unlike ones, are matched by number not at all", () => {
    const machine = machineOf();
    const functions = machine.functions.map((fn) => (fn.names.includes("gpu0") ? { ...fn, deviceId: 0x20b5 } : fn));
    const { figures } = compareResults({ ...machine, functions }, readResults(sixes(2)));
    expect(figures.map(({ why }) => why)).toEqual(
      Array.from({ length: 2 }, () => expect.stringContaining("the fastest first")),
    );
  });

  test("that are slices are held against nothing", () => {
    const names = ["NVIDIA H100 PCIe MIG 1g.10gb", "NVIDIA H100 PCIe MIG 1g.10gb"] as const;
    const { figures } = compared(nvbandwidth("write", [13, 13], { names }));
    expect(figures.map(({ why }) => why)).toEqual(Array.from({ length: 2 }, () => expect.stringContaining("MIG")));
  });

  test.each([
    ["an NVSwitch", "10de:22a3", 0x068000, ["NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3"], [44, 388], true],
    ["modules by name", "15b3:1021", 0x020000, ["NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB"], [24, 250], true],
    ["neither", "15b3:1021", 0x020000, ["NVIDIA H100 PCIe", "NVIDIA H100 PCIe"], [54, 250], false],
  ] as const)(
    "with %s: what PCIe could carry is no proof that all is well",
    (_, id, classCode, names, values, isJoined) => {
      const machine = machineOf();
      const [vendorId, deviceId] = id.split(":").map((part) => Number.parseInt(part, 16)) as [number, number];
      const functions = machine.functions.map((fn) =>
        fn.names.includes("mlx5_0") ? { ...fn, vendorId, deviceId, classCode } : fn,
      );
      const { figures } = compareResults(
        { ...machine, functions },
        readResults(nvbandwidth("write", values, { names })),
      );
      expect(figures.map(({ verdict }) => verdict)).toEqual([isJoined ? "no-figure" : "expected", "other-link"]);
      if (isJoined) expect(figures[0]?.why).toContain("NVLink");
    },
  );

  test("without addresses, and more than the machine has, are matched by number not at all", () => {
    const { figures } = compared(sixes(3));
    expect(new Set(figures.map(({ why }) => why))).toEqual(
      new Set(["the output numbers GPUs up to 2, and this machine has 2 GPUs: none is matched by number"]),
    );
  });

  test.each([
    ["another vendor", { gpuIds: "1002:74a1" }, ["NVIDIA H100 PCIe", "NVIDIA H100 PCIe"], 2],
    ["the same vendor", {}, ["NVIDIA H100 PCIe", "NVIDIA A100 PCIe"], 0],
    ["a name without a vendor", { gpuIds: "1002:74a1" }, ["H100", "H100"], 0],
  ] as const)("whose name is that of %s are said to contradict the machine", (_, parts, names, count) => {
    expect(compared(nvbandwidth("write", [54, 54], { names }), parts).contradictions).toHaveLength(count);
  });

  test("whose model is another than the machine's are said to contradict it", () => {
    const machine = machineOf();
    const functions = machine.functions.map((fn) =>
      fn.names.includes("gpu0") ? { ...fn, label: "NVIDIA Corporation GA100 [A100 PCIe 40GB]" } : fn,
    );
    const text = nvbandwidth("write", [54, 54]);
    expect(compareResults({ ...machine, functions }, readResults(text)).contradictions).toEqual([
      "the output says that GPU 0 is 'NVIDIA H100 PCIe', and the machine has A100 PCIe 40GB at 0000:03:00.0: another machine?",
    ]);
  });

  test("keep their names for the results where the machine is shown without them", () => {
    const named = machineOf().functions;
    const bare = { ...machineOf(), functions: named.map((fn) => ({ ...fn, names: [] })) };
    const results = readResults(ibWrite("mlx5_0", "Gb", 440));
    expect(compareResults(bare, results).counts["no-figure"]).toBe(1);
    expect(compareResults(bare, results, { named }).counts.expected).toBe(1);
  });
});

describe("A link", () => {
  test("that every low figure crosses, and none that is as expected, is named", () => {
    const both = `${nvbandwidthHost("device_to_host_memcpy", "<-", [54, 12])}\n${nvbandwidth("write", [12, 12])}`;
    expect(compared(both).suspects.map(formatBdf)).toEqual(["0000:04:00.0"]);
  });

  test("is not named where all figures are low, or one alone", () => {
    expect(compared(nvbandwidth("write", [12, 12])).suspects).toEqual([]);
    expect(compared(nvbandwidthHost("device_to_host_memcpy", "<-", [54, 12])).suspects).toEqual([]);
  });

  test("that was asleep when the source was taken is no reason to call a figure impossible", () => {
    const { figures } = compared(nvbandwidth("write", [54, 54]), { gpu1: "link: gen1 x16 of gen5 x16" });
    expect(figures.map(({ verdict }) => verdict)).toEqual(["expected", "expected"]);
  });
});

test("Why only a bound is known names the link that the source hides", () => {
  const { figures } = compared(nvbandwidth("write", [20, 20]), { hidden: "gpu1" });
  expect(figures[0]?.why).toBe("only a bound is known: the link of 0000:04:00.0: not shown");
});

test("Accelerators may have links of their own as GPUs do", () => {
  const machine = machineOf();
  const functions = machine.functions.map((fn) =>
    fn.names.some((name) => name.startsWith("gpu")) ? { ...fn, classCode: 0x120000, vendorId: 0x1002 } : fn,
  );
  const text = nvbandwidth("write", [263, 264], { names: ["AMD Instinct MI300X", "AMD Instinct MI300X"] });
  const { figures } = compareResults({ ...machine, functions }, readResults(text));
  expect(figures.map(({ verdict }) => verdict)).toEqual(["other-link", "other-link"]);
  expect(figures[0]?.causes[0]?.text).toContain("likely xGMI");
});

test("A latency of which its tool is in doubt is held against nothing", () => {
  const text = nvbandwidthLatency([700, 4000]).replace("v0.8", "v0.7");
  const { figures } = compared(text);
  expect(figures.map(({ verdict }) => verdict)).toEqual(["no-figure", "no-figure"]);
  expect(figures[0]?.why).toContain("between host and GPU");
});

test("10,000 figures take time that grows with their number alone, and each is held", () => {
  const one = nvbandwidth("write", [54, 20]);
  const { counts } = compared(one.repeat(5000));
  expect(counts).toMatchObject({ expected: 5000, low: 5000 });
});
