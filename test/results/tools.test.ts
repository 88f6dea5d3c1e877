import { describe, expect, test } from "vitest";
import { readResults } from "../../src/results/read-results.ts";
import type { MeasuredResults } from "../../src/results/results.ts";
import { rows } from "../rows.ts";
import { resultText, shortRow } from "./short.ts";

function read(name: string): MeasuredResults {
  return readResults(resultText(name), name);
}

/** Figures of the tests whose names match, as rows. */
function figures(results: MeasuredResults, test: RegExp): string[][] {
  return results.entries.filter((entry) => test.test(entry.test)).map(shortRow);
}

describe("nvbandwidth", () => {
  const results = read("nvbandwidth.txt");

  test("GB/s are 10^9 bytes, and the data of a write goes from row to column whatever the arrow says", () => {
    expect(figures(results, /host_to_device_memcpy|device_to_device_memcpy/)).toEqual(
      rows(`
        // line:column | value | from | to | operation | mover | beside | peer
        18:8  | 26.35 GB/s | host              | gpu0 0000:19:00.0 | copy  | by to   | alone | off
        18:18 | 26.31 GB/s | host              | gpu1 0000:3b:00.0 | copy  | by to   | alone | off
        18:28 | 26.29 GB/s | host              | gpu2 0001:ca:00.0 | copy  | by to   | alone | off
        34:18 | 24.61 GB/s | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | read  | by to   | alone | on
        34:28 | 18.4 GB/s  | gpu2 0001:ca:00.0 | gpu0 0000:19:00.0 | read  | by to   | alone | on
        35:8  | 24.58 GB/s | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | read  | by to   | alone | on
        36:8  | 18.33 GB/s | gpu0 0000:19:00.0 | gpu2 0001:ca:00.0 | read  | by to   | alone | on
        43:18 | 26.11 GB/s | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | write | by from | alone | on
        43:28 | 20.02 GB/s | gpu0 0000:19:00.0 | gpu2 0001:ca:00.0 | write | by from | alone | on
        44:8  | 26.07 GB/s | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | write | by from | alone | on
        45:8  | 20.05 GB/s | gpu2 0001:ca:00.0 | gpu0 0000:19:00.0 | write | by from | alone | on
      `),
    );
  });

  test("a bidirectional test shows both ways apart, and their sum; between host and GPU one way under load", () => {
    expect(figures(results, /bidirectional/)).toEqual(
      rows(`
        25:8  | 19.02 GB/s | host              | gpu0 0000:19:00.0 | copy  | by to   | opposed | off
        25:18 | 18.96 GB/s | host              | gpu1 0000:3b:00.0 | copy  | by to   | opposed | off
        25:28 | 18.87 GB/s | host              | gpu2 0001:ca:00.0 | copy  | by to   | opposed | off
        52:18 | 23.1 GB/s  | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | write | by from | opposed | on
        53:8  | 23.2 GB/s  | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | write | by from | opposed | on
        59:18 | 23.3 GB/s  | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | write | by from | opposed | on
        60:8  | 23.4 GB/s  | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | write | by from | opposed | on
        66:18 | 46.4 GB/s  | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | write | by from | sum     | on
        67:8  | 46.6 GB/s  | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | write | by from | sum     | on
      `),
    );
  });

  test("the total of all others into one GPU has them as its source, and a latency is no rate", () => {
    expect(figures(results, /all_to_one|latency/)).toEqual(
      rows(`
        74:8  | 25.01 GB/s | gpu1 0000:3b:00.0 + gpu2 0001:ca:00.0 | gpu0 0000:19:00.0 | write | by from | alone | on
        74:18 | 25.02 GB/s | gpu0 0000:19:00.0 + gpu2 0001:ca:00.0 | gpu1 0000:3b:00.0 | write | by from | alone | on
        74:28 | 25.03 GB/s | gpu0 0000:19:00.0 + gpu1 0000:3b:00.0 | gpu2 0001:ca:00.0 | write | by from | alone | on
        81:16 | 1210.25 ns | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | read | by to | alone | on
        82:6  | 1215.5 ns  | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | read | by to | alone | on
      `),
    );
  });

  test("what is left out is counted, and all else was understood", () => {
    expect(results.leftOut).toEqual([
      { why: "tests that nvbandwidth did not run on these GPUs (waived)", count: 1 },
      { why: "pairs for which the tool printed N/A", count: 4 },
      { why: "figures of copies within one device", count: 3 },
    ]);
    expect(results).toMatchObject({ tools: ["nvbandwidth"], assumptions: [], unread: { count: 0 } });
  });

  test("JSON has the three tables of a bidirectional test in one matrix", () => {
    const json = read("nvbandwidth-json.txt");
    expect(json.entries.map(shortRow)).toEqual(
      rows(`
        22:7  | 26.11 GB/s   | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | write | by from | alone   | on
        25:7  | 26.0712 GB/s | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | write | by from | alone   | on
        41:15 | 23.1 GB/s    | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | read  | by to   | opposed | on
        42:8  | 23.2 GB/s    | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | read  | by to   | opposed | on
        43:15 | 23.3 GB/s    | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | read  | by to   | opposed | on
        44:8  | 23.4 GB/s    | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | read  | by to   | opposed | on
        45:15 | 46.4 GB/s    | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | read  | by to   | sum     | on
        46:8  | 46.6 GB/s    | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | read  | by to   | sum     | on
      `),
    );
    expect(json.unread.count).toBe(0);
  });

  test("before v0.6 a bidirectional test of copy engines shows one way, and of kernels the sum; GPUs are numbers alone", () => {
    const old = readResults(`nvbandwidth Version: v0.5
Device 0: NVIDIA L40S
Device 1: NVIDIA L40S
Running device_to_device_bidirectional_memcpy_read_ce.
memcpy CE GPU(row) <-> GPU(column) bandwidth (GB/s)
          0         1
0      0.00     20.50
1     20.25      0.00

Running device_to_device_bidirectional_memcpy_write_sm.
memcpy SM GPU(row) <-> GPU(column) bandwidth (GB/s)
          0         1
0      0.00     40.50
1     40.25      0.00

SUM device_to_device_bidirectional_memcpy_write_sm 80.75
COEFFICIENT_OF_VARIATION device_to_device_bidirectional_memcpy_write_sm 0.00

Running device_to_device_latency_sm.
Device to Device Latency SM GPU(row) <-> GPU(column) (ns)
          0         1
0       N/A    610.00
1    611.00       N/A
`);
    expect(old.unread.count).toBe(0);
    expect(old.entries.map((entry) => shortRow(entry).slice(1))).toEqual(
      rows(`
        20.5 GB/s  | gpu1 | gpu0 | read  | by to   | opposed | on
        20.25 GB/s | gpu0 | gpu1 | read  | by to   | opposed | on
        40.5 GB/s  | gpu0 | gpu1 | write | by from | sum     | on
        40.25 GB/s | gpu1 | gpu0 | write | by from | sum     | on
        610 ns     | gpu1 | gpu0 | read  | by to   | alone   | on
        611 ns     | gpu0 | gpu1 | read  | by to   | alone   | on
      `),
    );
    expect(old.assumptions).toEqual([expect.stringContaining("CUDA_DEVICE_ORDER=PCI_BUS_ID")]);
    expect(old.entries.at(-1)?.doubts).toEqual([expect.stringContaining("the latency between host and GPU")]);
  });

  test.each([
    ["memcpy CE GPU(row) -> GPU(column) bandwidth (GB/s)", "device_to_device_memcpy_read_ce"],
    ["memcpy SM GPU(row) <- GPU(column) bandwidth (GB/s)", "device_to_device_memcpy_write_sm"],
    ["memcpy CE GPU(row) <-> GPU(column) Write2 bandwidth (GB/s)", "device_to_device_bidirectional_memcpy_write_ce"],
  ])("a table of pairs without its name, %s, is %s", (description, name) => {
    const { entries } = readResults(`${description}\n 0 1\n 0 N/A 1.00\n 1 2.00 N/A\n`);
    expect(entries.map((entry) => entry.test)).toEqual([name, name]);
  });

  test("a table with one row and no name could be several tests, and is said not to be understood", () => {
    const { entries, unread } = readResults("memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)\n 0 1\n 0 1.00 2.00\n");
    expect(entries).toEqual([]);
    expect(unread.lines).toEqual([
      {
        place: { line: 1, column: 1 },
        text: "",
        why: 'the line with the name of the test (Running …, or SUM …) is not there: 2 figures of "memcpy CE CPU(row) -> GPU(column) bandwidth (GB/s)" cannot be told apart',
      },
    ]);
  });

  test("GPUs of other hosts are unknown in a build for several", () => {
    const { entries } = readResults(`nvbandwidth Version: v0.8
Process   0 (node1): device 0: NVIDIA GB200 (00000008:01:00)
Process   1 (node2): device 0: NVIDIA GB200 (00000008:01:00)
Running multinode_device_to_device_memcpy_write_ce.
memcpy CE GPU(row) <- GPU(column) bandwidth (GB/s)
           0         1
 0       N/A    397.10
 1    397.20       N/A
`);
    expect(entries.map((entry) => shortRow(entry).slice(1, 4))).toEqual([
      ["397.1 GB/s", "gpu0 0008:01:00.0", "?"],
      ["397.2 GB/s", "?", "gpu0 0008:01:00.0"],
    ]);
  });
});

describe("p2pBandwidthLatencyTest", () => {
  const results = read("p2p.txt");

  test("writes go from row to column, reads come back; without access the copy goes through memory of the host", () => {
    expect(figures(results, /Unidirectional/)).toEqual(
      rows(`
        24:17 | 11.2 GB/s  | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | copy  | by unknown | alone | off
        24:25 | 6.1 GB/s   | gpu0 0000:21:00.0 | gpu2 0000:0d:1f.0 | copy  | by unknown | alone | off
        25:9  | 11.3 GB/s  | gpu1 0001:ca:00.0 | gpu0 0000:21:00.0 | copy  | by unknown | alone | off
        25:25 | 6.2 GB/s   | gpu1 0001:ca:00.0 | gpu2 0000:0d:1f.0 | copy  | by unknown | alone | off
        26:10 | 6.3 GB/s   | gpu2 0000:0d:1f.0 | gpu0 0000:21:00.0 | copy  | by unknown | alone | off
        26:17 | 6.4 GB/s   | gpu2 0000:0d:1f.0 | gpu1 0001:ca:00.0 | copy  | by unknown | alone | off
        29:17 | 20.15 GB/s | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | write | by from    | alone | on
        29:25 | 6.11 GB/s  | gpu0 0000:21:00.0 | gpu2 0000:0d:1f.0 | write | by unknown | alone | off
        30:9  | 20.25 GB/s | gpu1 0001:ca:00.0 | gpu0 0000:21:00.0 | write | by from    | alone | on
        30:25 | 6.21 GB/s  | gpu1 0001:ca:00.0 | gpu2 0000:0d:1f.0 | write | by unknown | alone | off
        31:10 | 6.31 GB/s  | gpu2 0000:0d:1f.0 | gpu0 0000:21:00.0 | write | by unknown | alone | off
        31:17 | 6.41 GB/s  | gpu2 0000:0d:1f.0 | gpu1 0001:ca:00.0 | write | by unknown | alone | off
        34:17 | 17.35 GB/s | gpu1 0001:ca:00.0 | gpu0 0000:21:00.0 | read  | by to      | alone | on
        34:25 | 6.12 GB/s  | gpu2 0000:0d:1f.0 | gpu0 0000:21:00.0 | read  | by unknown | alone | off
        35:9  | 17.45 GB/s | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | read  | by to      | alone | on
        35:25 | 6.22 GB/s  | gpu2 0000:0d:1f.0 | gpu1 0001:ca:00.0 | read  | by unknown | alone | off
        36:10 | 6.32 GB/s  | gpu0 0000:21:00.0 | gpu2 0000:0d:1f.0 | read  | by unknown | alone | off
        36:17 | 6.42 GB/s  | gpu1 0001:ca:00.0 | gpu2 0000:0d:1f.0 | read  | by unknown | alone | off
      `),
    );
  });

  test("a bidirectional figure is the sum of both ways, and latencies are those that the GPU saw", () => {
    const pair = figures(results, /Bidirectional|Latency/).filter(
      (row) => row[2]?.startsWith("gpu0") && row[3]?.startsWith("gpu1"),
    );
    expect(pair).toEqual(
      rows(`
        39:17 | 14.1 GB/s | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | copy  | by unknown | sum   | off
        44:17 | 38.5 GB/s | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | copy  | by unknown | sum   | on
        49:16 | 13200 ns  | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | copy  | by unknown | alone | off
        59:17 | 1250 ns   | gpu0 0000:21:00.0 | gpu1 0001:ca:00.0 | write | by from    | alone | on
      `),
    );
    expect(results.leftOut).toEqual([
      { why: "figures of copies within one device", count: 27 },
      { why: "times that the CPU took to start copies", count: 12 },
    ]);
    expect(results).toMatchObject({ tools: ["p2pBandwidthLatencyTest"], assumptions: [], unread: { count: 0 } });
  });

  test("a sample that does not say reads or writes is an old one, and reads; without its first lines access is unknown", () => {
    const { entries, assumptions } = readResults(`Unidirectional P2P=Disabled Bandwidth Matrix (GB/s)
   D\\D     0      1
     0 752.60   9.50
     1   9.60 735.64
Unidirectional P2P=Enabled Bandwidth Matrix (GB/s)
   D\\D     0      1
     0 752.60  10.50
     1  10.60 735.64
P2P=Enabled Latency Matrix (us)
   D\\D     0      1
     0   3.01   8.50
     1   8.60   3.02
`);
    expect(entries.map((entry) => shortRow(entry).slice(1))).toEqual(
      rows(`
        9.5 GB/s  | gpu1 | gpu0 | copy | by unknown | alone | off
        9.6 GB/s  | gpu0 | gpu1 | copy | by unknown | alone | off
        10.5 GB/s | gpu1 | gpu0 | read | by to      | alone | unknown
        10.6 GB/s | gpu0 | gpu1 | read | by to      | alone | unknown
        8500 ns   | gpu1 | gpu0 | read | by to      | alone | unknown
        8600 ns   | gpu0 | gpu1 | read | by to      | alone | unknown
      `),
    );
    expect(assumptions).toEqual([
      expect.stringContaining("CUDA_DEVICE_ORDER"),
      expect.stringContaining("does not say whether it read or wrote"),
    ]);
  });
});

describe("perftest", () => {
  test("MB/sec and MiB/sec are 2^20 bytes, Gb/sec 10^9 bits; the client's NIC reads what it writes to the other side", () => {
    const results = read("perftest.txt");
    expect(results.entries.map((entry) => [entry.test, entry.sizeBytes, ...shortRow(entry)].map(String))).toEqual(
      rows(`
        ib_write_bw  | 65536   | 34:50 | 12.04027392 GB/s  | gpu1 0000:ca:00.0 | mlx5_0 | write | by to      | alone | on
        ib_write_bw  | 8388608 | 35:50 | 12.05731328 GB/s  | gpu1 0000:ca:00.0 | mlx5_0 | write | by to      | alone | on
        ib_read_bw   | 65536   | 52:49 | 24.5625 GB/s      | host              | mlx5_1 | read  | by to      | alone | off
        ib_send_bw   | 65536   | 63:50 | 48.130162688 GB/s | host              | mlx5_1 | send  | by unknown | sum   | off
        ib_write_lat | 2       | 73:52 | 1080 ns           | host              | mlx5_1 | write | by to      | alone | off
      `),
    );
    expect(results.entries.map(({ label }) => label)).toEqual([
      "average, by the client, 1 queue pair",
      "average, by the client, 1 queue pair",
      "average, by the server, 2 queue pairs",
      "both ways together, by the client, 1 queue pair",
      "half of a round trip, by the client, 1 queue pair",
    ]);
    expect(results.assumptions).toEqual([
      "perftest prints no PCI domain of a GPU: 0000 is assumed",
      "a figure of perftest is that of the whole way from memory to memory: the network and the other host limit it too",
    ]);
    expect(results).toMatchObject({ tools: ["perftest"], unread: { count: 0 } });
  });

  const head = (title: string, more = ""): string =>
    `                    ${title}\n Dual-port       : OFF\t\tDevice         : mlx5_2\n Number of qps   : 1\t\tTransport type : IB\n${more}`;

  test.each([
    ["RDMA_Write BW Test", " TX depth        : 128\n", "host → mlx5_2 by to"],
    ["RDMA_Read BW Test", " TX depth        : 128\n", "mlx5_2 → host by from"],
    ["Send BW Test", " TX depth        : 128\n", "host → mlx5_2 by to"],
    ["Send Post List BW Test", " TX depth        : 128\n", "host → mlx5_2 by to"],
    ["RDMA_Write BW Test", " CQ Moderation   : 100\n", "? → ? by unknown"],
    ["RDMA_Write BW Test", " Use ROCm memory : ON\n TX depth        : 128\n", "? → mlx5_2 by to"],
  ])("%s with%j", (title, more, expected) => {
    const text = `${head(title, more)} #bytes #iterations BW peak[MB/sec] BW average[MB/sec] MsgRate[Mpps]\n 65536 5000 1.00 2.00 0.000032\n`;
    const [entry] = readResults(text).entries;
    const [, value, from, to, , mover] = entry === undefined ? [] : shortRow(entry);
    expect(`${from} → ${to} ${mover}`).toBe(expected);
    expect(value).toBe("0.002097152 GB/s");
  });

  test("a server that waits for its client is one", () => {
    const waiting = "* Waiting for client to connect... *\n";
    const text = `${waiting}${head("RDMA_Write BW Test")} #bytes #iterations BW peak[Gb/sec] BW average[Gb/sec] MsgRate[Mpps]\n 65536 5000 0.00 8.00 0.015259\n`;
    expect(readResults(text).entries.map(shortRow)).toEqual(
      rows("6:18 | 1 GB/s | mlx5_2 | host | write | by from | alone | off"),
    );
  });

  test("columns of ports and of the CPU are known, and a row that is not whole is told", () => {
    const text = `${head("RDMA_Write BW Test", " TX depth        : 128\n")} #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]   BW Port1[Gb/sec]   MsgRate Port1[Mpps]   BW Port2[Gb/sec]   MsgRate Port2[Mpps]
 65536 5000 9.00 8.00 0.015 4.00 0.007 4.00 0.007
 65536 5000 9.00 8.00
 #bytes     #iterations    BW average[Gb/se
 65536 5000 9.00 8.00 0.015
 #bytes     #iterations    BW peak[MiB/sec]    BW average[MiB/sec]   MsgRate[Mpps]    CPU_Util[%]
 1048576 5000 0.00 1000.00 0.001 	    3.25
`;
    const { entries, unread } = readResults(text);
    expect(entries.map((entry) => shortRow(entry).slice(0, 2))).toEqual([
      ["6:18", "1 GB/s"],
      ["11:20", "1.048576 GB/s"],
    ]);
    expect(unread.lines.map(({ place, why }) => `${place.line}: ${why}`)).toEqual([
      "7: the row has 4 of 9 figures",
      "8: the head of a table of perftest is cut: what its figures are is not known",
      "9: no reader knows it",
    ]);
  });

  test("what server and client printed, one after the other without their heads, is not mixed up; a head may lack its last column", () => {
    const text = `$ ib_write_bw -d mlx5_2 --report_gbits
* Waiting for client to connect... *
${head("RDMA_Write BW Test")}
 local address: LID 0000 QPN 0x0e3d PSN 0x264ade RKey 0x053e00 VAddr 0x00ee75e9060000
 #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]
 1048576    5000             92.62              92.60              0.011041
 local address: LID 0000 QPN 0x0e42 PSN 0xe4c7de RKey 0x053e00 VAddr 0x00eed30bae0000
 #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]
 1048576    5000             92.62              92.60              0.011041
`;
    expect(readResults(text).entries.map((entry) => shortRow(entry).slice(1))).toEqual(
      rows(`
        11.575 GB/s | mlx5_2 | host | write | by from    | alone | off
        11.575 GB/s | ?      | ?    | copy  | by unknown | alone | unknown
      `),
    );
  });

  test("JSON has no unit, and the rate of messages tells it", () => {
    const results = read("perftest-json.txt");
    expect(results.entries.map(shortRow)).toEqual(
      rows("27:15 | 24.5625 GB/s | host | mlx5_0 | write | by to | alone | off"),
    );
    const binary = resultText("perftest-json.txt").replace('"BW_average": 196.50', '"BW_average": 23424.63');
    expect(readResults(binary).entries[0]?.bytesPerSecond).toBeCloseTo(23424.63 * 2 ** 20, 3);
    const neither = resultText("perftest-json.txt").replace('"BW_average": 196.50', '"BW_average": 19.65');
    expect(readResults(neither)).toMatchObject({ entries: [], unread: { count: 1 } });
  });

  test.each([
    ["Finding PCIe BUS 0001:3b:00.0\nPicking GPU number 5\n", "gpu5 0001:3b:00.0", "on"],
    ["Finding PCIe BUS 0001:3b:00.0\n", "0001:3b:00.0", "on"],
    [
      "Using ROCm Device with ID: 2, Name: AMD Instinct MI250X, PCI Bus ID: 0xc1, GCN Arch: gfx90a\n",
      "0000:c1:00.0",
      "on",
    ],
    ["[pid = 7722, dev = 0] device name = [Tesla V100-SXM2-32GB]\n", "?", "on"],
  ])("memory of a GPU: %j", (lines, expected, peer) => {
    const text = `${lines}${head("RDMA_Write BW Test", " TX depth : 128\n")} #bytes #iterations BW peak[MB/sec] BW average[MB/sec] MsgRate[Mpps]\n 65536 5000 1.00 2.00 0.000032\n`;
    const [entry] = readResults(text).entries;
    expect(entry === undefined ? [] : [shortRow(entry)[2], entry.peer]).toEqual([expected, peer]);
  });
});

describe("nccl-tests", () => {
  const results = read("nccl-tests.txt");

  test("the bus bandwidth is the figure of a link; of two ranks both ways are busy, of more it is that of all", () => {
    const all = "gpu0 0000:19:00.0 + gpu1 0000:3b:00.0 + gpu2 0000:4c:00.0 + ?";
    expect(results.entries.map((entry) => [entry.test, ...shortRow(entry)])).toEqual(
      rows(`
        all_reduce_perf | 14:73  | 21.99 GB/s | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | collective | by unknown | opposed | on
        all_reduce_perf | 14:105 | 22 GB/s    | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | collective | by unknown | opposed | on
        all_reduce_perf | 15:73  | 22.04 GB/s | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | collective | by unknown | opposed | on
        all_reduce_perf | 15:105 | 22.04 GB/s | gpu0 0000:19:00.0 | gpu1 0000:3b:00.0 | collective | by unknown | opposed | on
        sendrecv_perf   | 32:73  | 19.62 GB/s | ${all} | ${all} | send | by unknown | opposed | unknown
        sendrecv_perf   | 32:106 | 19.59 GB/s | ${all} | ${all} | send | by unknown | opposed | unknown
        alltoall_perf   | 44:58  | 2.91 GB/s  | gpu0 0000:05:00.0 | gpu1 0000:06:00.0 | collective | by unknown | opposed | unknown
        alltoall_perf   | 44:90  | 2.91 GB/s  | gpu0 0000:05:00.0 | gpu1 0000:06:00.0 | collective | by unknown | opposed | unknown
      `),
    );
    expect(results.entries.map(({ sizeBytes, latencyNs, flows }) => [sizeBytes, latencyNs, flows])[0]).toEqual([
      67108864, 3051200, 2,
    ]);
    expect(results).toMatchObject({ tools: ["nccl-tests"], unread: { count: 0 } });
  });

  test("wrong values are a doubt of the figure that has them", () => {
    expect(results.entries.map(({ doubts }) => doubts.length)).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
  });

  const table = (channels: string, command = ""): string => `${command}# nThread 1 nGpus 2 minBytes 8
#  Rank  0 Group  0 Pid   8756 on      node1 device  0 [0000:19:00] NVIDIA L40S
#  Rank  1 Group  0 Pid   8756 on      node1 device  1 [0000:3b:00] NVIDIA L40S
${channels}#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong
    67108864      16777216     float     sum      -1   3051.2   21.99   21.99      0   3050.1   22.00   22.00      0
`;
  const channel = (via: string): string => `node1:1:2 [0] NCCL INFO Channel 00/02 : 0[19000] -> 1[3b000] via ${via}\n`;

  test.each([
    [table(""), "unknown"],
    [table(channel("P2P/IPC")), "on"],
    [table(channel("P2P/CUMEM/read")), "on"],
    [table(channel("SHM/direct/direct")), "off"],
    [table(channel("P2P/IPC") + channel("SHM/direct/direct")), "unknown"],
    [table("", "$ NCCL_P2P_DISABLE=1 ./build/all_reduce_perf -b 8 -e 128M -f 2 -g 2\n"), "off"],
  ])("what NCCL says of its channels is whether peers were used (%#)", (text, peer) => {
    expect(readResults(text).entries.map((entry) => entry.peer)).toEqual([peer, peer]);
  });

  test.each([
    ["broadcast_perf", "0", "gpu0 → gpu1 alone"],
    ["broadcast_perf", "1", "gpu1 → gpu0 alone"],
    ["scatter_perf", "1", "gpu1 → gpu0 alone"],
    ["reduce_perf", "0", "gpu1 → gpu0 alone"],
    ["gather_perf", "1", "gpu0 → gpu1 alone"],
    ["unnamed", "0", "gpu0 + gpu1 → gpu0 + gpu1 alone"],
    ["all_gather_perf", "-1", "gpu0 → gpu1 opposed"],
  ])("%s with root %s goes one way: %s", (name, root, expected) => {
    const text = table("", name === "unnamed" ? "" : `$ ./build/${name} -g 2\n`).replace("     -1 ", `     ${root} `);
    const [entry] = readResults(text).entries;
    const [, , from = "", to = "", , , way] = entry === undefined ? [] : shortRow(entry);
    expect(`${from} → ${to} ${way}`.replaceAll(/ 0000:\w\w:00\.0/g, "")).toBe(expected);
    expect(entry?.flows).toBe(root === "-1" ? 2 : 1);
  });

  test("JSON has the ranks, the test's name and the root", () => {
    const json = read("nccl-tests-json.txt");
    expect(json.entries.map((entry) => [entry.test, ...shortRow(entry)])).toEqual(
      rows(`
        reduce_perf | 13:56 | 19.96 GB/s | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | collective | by unknown | alone | unknown
        reduce_perf | 14:52 | 19.92 GB/s | gpu1 0000:3b:00.0 | gpu0 0000:19:00.0 | collective | by unknown | alone | unknown
      `),
    );
    expect(json.entries.map(({ sizeBytes, latencyNs }) => [sizeBytes, latencyNs])).toEqual([
      [1048576, 52500],
      [1048576, 52600],
    ]);
    expect(json.unread.count).toBe(0);
  });

  test("timestamps, figures of each iteration and pages that eat the # are no hindrance", () => {
    const text = `  Rank  0 Group  0 Pid    127 on a device  0 [0x07] NVIDIA A10G
  Rank  1 Group  0 Pid    127 on a device  1 [0x00] NVIDIA A10G

       size         count      type   redop    root     time   algbw   busbw  #wrong   i_min   i_max   i_p99   i_cv%     time   algbw   busbw  #wrong   i_min   i_max   i_p99   i_cv%           timestamp
        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)    (us)    (us)     (%)     (us)  (GB/s)  (GB/s)            (us)    (us)    (us)     (%) %Y-%m-%d %H:%M:%S
     1048576        262144     float     sum      -1    99.9   10.50   10.60       0     1.0     2.0     2.0     0.5    99.9   11.50   11.60       0     1.0     2.0     2.0     0.5  2026-01-02 03:04:05
`;
    expect(readResults(text).entries.map((entry) => shortRow(entry).slice(1, 4))).toEqual([
      ["10.6 GB/s", "gpu0 0000:07:00.0", "gpu1"],
      ["11.6 GB/s", "gpu0 0000:07:00.0", "gpu1"],
    ]);
  });

  test("a row with a hole is told, not guessed", () => {
    const { entries, unread } = readResults(
      `${table("")}   134217728      33554432     float     sum      -1   6090.4   22.04\n`,
    );
    expect(entries).toHaveLength(2);
    expect(unread.lines.map(({ why }) => why)).toEqual(["the row has 4 figures, its table 8 columns of them"]);
  });
});

describe("fio", () => {
  test("the first figure is binary; the disks stand last; of several jobs there is their sum", () => {
    const results = read("fio.txt");
    expect(results.entries.map((entry) => [entry.test, ...shortRow(entry)])).toEqual(
      rows(`
        seq     | 8:24  | 7.118782464 GB/s  | nvme0n1 | host | read  | by from | alone   | off
        one     | 37:23 | 0.409993216 GB/s  | md0     | host | read  | by from | opposed | off
        one     | 39:25 | 0.20447232 GB/s   | host    | md0  | write | by to   | opposed | off
        two     | 42:23 | 0.0328204288 GB/s | md0     | host | read  | by from | alone   | off
        group 0 | 45:13 | 0.442499072 GB/s  | md0     | host | read  | by from | opposed | off
        group 0 | 46:13 | 0.20447232 GB/s   | host    | md0  | write | by to   | opposed | off
      `),
    );
    expect(
      results.entries.map(({ sizeBytes, latencyNs, flows, label }) => [sizeBytes, latencyNs, flows, label]),
    ).toEqual([
      [131072, 588500, 1, "1 job, libaio"],
      [4096, 20100.5, 3, "2 of 3 jobs, io_uring"],
      [4096, 2500000, 3, "2 of 3 jobs, io_uring"],
      [null, null, 3, "1 of 3 jobs, io_uring"],
      [null, null, 1, "all 3 jobs together"],
      [null, null, 1, "all 3 jobs together"],
    ]);
    expect(results.entries.map(({ isPart }) => isPart ?? false)).toEqual([false, true, true, true, false, false]);
    expect(results).toMatchObject({ tools: ["fio"], unread: { count: 0 } });
  });

  test("fio 2 prints KB/s and means KiB; without the lines of disks the disk is unknown", () => {
    const { entries, assumptions } =
      readResults(`fiotest: (g=0): rw=read, bs=4K-4K/8K-16K/4K-4K, ioengine=libaio, iodepth=64
fiotest: (groupid=0, jobs=1): err= 0: pid=2070: Fri Mar  3 10:00:00 2017
  read : io=1024.0MB, bw=2000.5KB/s, iops=15996, runt=   160msec
    clat (usec): min=1, max=2, avg= 3.50, stdev= 0.10

Run status group 0 (all jobs):
   READ: io=1024.0MB, aggrb=2000KB/s, minb=2000KB/s, maxb=2000KB/s, mint=160msec, maxt=160msec
`);
    expect(entries.map(shortRow)).toEqual(rows("3:26 | 0.002048512 GB/s | ? | host | read | by from | alone | off"));
    expect(entries.map(({ latencyNs, sizeBytes }) => [latencyNs, sizeBytes])).toEqual([[3500, 4096]]);
    expect(assumptions).toContain("fio 2 prints KB/s, MB/s and GB/s and means 1024 bytes and its powers");
  });

  test("JSON says whose memory it was: p2pmem of a function, or the host's", () => {
    const { entries, unread } = read("fio-json.txt");
    expect(entries.map((entry) => [entry.test, ...shortRow(entry)])).toEqual(
      rows(`
        peer    | 24:22 | 3.000000123 GB/s | nvme1n1 | 0000:03:00.0 | read  | by from | alone | on
        dram    | 39:16 | 0.002048 GB/s    | nvme1n1 | host         | read  | by from | alone | off
        many    | 52:51 | 0.000001 GB/s    | host    | nvme1n1      | write | by to   | alone | off
        many    | 60:50 | 5e-7 GB/s        | host    | nvme1n1      | write | by to   | alone | off
        group 2 | 52:51 | 0.0000015 GB/s   | host    | nvme1n1      | write | by to   | alone | off
      `),
    );
    expect(entries.map(({ latencyNs, sizeBytes, flows }) => [latencyNs, sizeBytes, flows])).toEqual([
      [35000.5, 131072, 1],
      [1.5, 131072, 1],
      [null, 131072, 2],
      [null, 131072, 2],
      [null, 131072, 1],
    ]);
    expect(entries.map(({ doubts }) => doubts.length)).toEqual([0, 0, 1, 0, 1]);
    expect(unread.count).toBe(0);
  });

  test("of several jobs on several disks their sum is from or to all of these; of several groups of them no disk is known", () => {
    const job = (name: string, group: number, rate: string): string =>
      `${name}: (groupid=${group}, jobs=1): err= 0: pid=1: Tue Dec  1 07:01:00 2026\n  read: IOPS=7000, BW=${rate} (7119MB/s)(66.3GiB/10001msec)\n`;
    const sum = (group: number, rate: string): string =>
      `Run status group ${group} (all jobs):\n   READ: bw=${rate} (1MB/s), 1MiB/s-1MiB/s (1MB/s-1MB/s), io=1MiB (1MB), run=1-1msec\n`;
    const disks = "Disk stats (read/write):\n  nvme0n1: ios=1/0, merge=0/0\n  nvme1n1: ios=1/0, merge=0/0\n";
    const one = readResults(`${job("a", 0, "1000MiB/s")}${job("b", 0, "2000MiB/s")}${sum(0, "3000MiB/s")}${disks}`);
    expect(one.entries.map(({ isPart, flows }) => [isPart ?? false, flows])).toEqual([
      [true, 2],
      [true, 2],
      [false, 2],
    ]);
    const two = readResults(
      `${job("a", 0, "1MiB/s")}${job("b", 1, "1MiB/s")}${sum(0, "1MiB/s")}${sum(1, "1MiB/s")}${disks}`,
    );
    expect(two.entries.map(({ from }) => from.kind)).toEqual(["unknown", "unknown"]);
    expect(two.assumptions).toContainEqual(expect.stringContaining("stonewall"));
  });

  test("JSON of several jobs has their sum for each way, from or to all disks that they used", () => {
    const job = (disk: string, read: number, write: number): string =>
      `{"jobname":"a","groupid":0,"job options":{"filename":"/dev/${disk}"},"read":{"io_bytes":${read},"bw_bytes":${read},"iops":1},"write":{"io_bytes":${write},"bw_bytes":${write},"iops":1}}`;
    const sums = (...jobs: readonly string[]): string[][] =>
      readResults(`{"fio version":"fio-3.39","global options":{"direct":"1"},"jobs":[${jobs.join(",")}]}`)
        .entries.filter(({ isPart }) => isPart === undefined)
        .map((entry) => [...shortRow(entry).slice(1, 7), String(entry.flows)]);
    expect(sums(job("nvme0n1", 3e9, 0), job("nvme1n1", 4e9, 0))).toEqual(
      rows("7 GB/s | nvme0n1 + nvme1n1 | host | read | by from | alone | 2"),
    );
    expect(sums(job("nvme0n1", 3e9, 0), job("nvme0n1", 0, 2e9))).toEqual(
      rows(`
        3 GB/s | nvme0n1 | host    | read  | by from | opposed | 1
        2 GB/s | host    | nvme0n1 | write | by to   | opposed | 1
      `),
    );
  });

  test.each([
    ['"direct" : "1"', 0],
    ['"direct" : "0"', 1],
    ['"rw" : "read"', 1],
    ['"ioengine" : "io_uring_cmd"', 0],
  ])("JSON of a job with %s: %i doubts about the page cache", (option, count) => {
    const text = `{"fio version":"fio-3.39","jobs":[{"jobname":"a","job options":{${option},"filename":"/dev/nvme0n1"},"read":{"io_bytes":1,"bw_bytes":5,"iops":1}}]}`;
    expect(readResults(text).entries.map(({ doubts }) => doubts.length)).toEqual([count]);
  });

  test.each([
    ['"mem" : "mmapshared:/dev/p2pmem0"', "/dev/p2pmem0", "on"],
    ['"iomem" : "mmap:/mnt/file"', "/mnt/file", "unknown"],
    ['"ioengine" : "libcufile"', "?", "unknown"],
    ['"mem" : "shmhuge"', "host", "off"],
  ])("memory by the job's options: %s", (option, memory, peer) => {
    const text = `{"fio version":"fio-3.39","jobs":[{"jobname":"a","job options":{${option},"filename":"/dev/nvme0n1:/dev/nvme1n1"},"read":{"io_bytes":1,"bw_bytes":5,"iops":1}}]}`;
    const [entry] = readResults(text).entries;
    expect(entry === undefined ? [] : shortRow(entry).slice(2)).toEqual([
      "nvme0n1 + nvme1n1",
      memory,
      "read",
      "by from",
      "alone",
      peer,
    ]);
  });
});

describe("peerlane bench", () => {
  test("the screen and its JSON have the disk, the provider and the host", () => {
    expect(read("bench.txt").entries.map(shortRow)).toEqual(
      rows(`
        9:18 | 5.905580032 GB/s  | 0000:04:00.0 | 0000:03:00.0 | read | by from | alone | on
        9:30 | 6.5498251264 GB/s | 0000:04:00.0 | host         | read | by from | alone | off
      `),
    );
    expect(read("bench.txt").entries.map(({ latencyNs, sizeBytes }) => [latencyNs, sizeBytes])).toEqual([
      [22500, 65536],
      [20100, 65536],
    ]);
    expect(read("bench.txt").unread.count).toBe(0);
    expect(read("bench-json.txt").entries.map(shortRow)).toEqual(
      rows(`
        11:58 | 2.805e-7 GB/s | 0000:04:00.0 | 0000:03:00.0 | read  | by from | opposed | on
        12:59 | 1.195e-7 GB/s | 0000:03:00.0 | 0000:04:00.0 | write | by to   | opposed | on
      `),
    );
  });

  test("of a mixed job on the screen, reads and writes stand apart", () => {
    const text = `  nvme1n1: randrw (70 % reads), blocks of 4 KiB, depth 8, its first 256 MiB, 2 s per side
                     DRAM
  throughput         100 MiB/s
  read throughput    70 MiB/s
  read latency mean  90 µs
  write throughput   30 MiB/s
`;
    expect(readResults(text).entries.map((entry) => [...shortRow(entry), String(entry.latencyNs)])).toEqual(
      rows(`
        4:22 | 0.07340032 GB/s | nvme1n1 | host    | read  | by from | opposed | off | 90000
        6:22 | 0.03145728 GB/s | host    | nvme1n1 | write | by to   | opposed | off | null
      `),
    );
  });
});
