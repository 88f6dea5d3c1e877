/** Outputs of tools about two GPUs, made of the figures that a case gives: two of a row are `0 to 1` and `1 to 0`. */

/** What may differ of the GPUs that a tool names. */
export interface Named {
  readonly buses?: readonly [string, string];
  readonly names?: readonly [string, string];
}

const BUSES: readonly [string, string] = ["03", "04"];
const NAMES: readonly [string, string] = ["NVIDIA H100 PCIe", "NVIDIA H100 PCIe"];

function matrix([first, second]: readonly [number, number]): string {
  return `           0         1\n 0       N/A     ${first}\n 1     ${second}       N/A\n`;
}

/** nvbandwidth between two GPUs: `kind` is write or read, one way or both at once. */
export function nvbandwidth(
  kind: "write" | "read",
  values: readonly [number, number],
  { buses = BUSES, names = NAMES }: Named = {},
): string {
  const arrow = kind === "write" ? "<-" : "->";
  const test = `device_to_device_memcpy_${kind}_ce`;
  return `nvbandwidth Version: v0.8
Device 0: ${names[0]} (00000000:${buses[0]}:00)
Device 1: ${names[1]} (00000000:${buses[1]}:00)

Running ${test}.
memcpy CE GPU(row) ${arrow} GPU(column) bandwidth (GB/s)
${matrix(values)}
SUM ${test} 1
`;
}

/** nvbandwidth between host and both GPUs: one at a time, or all at once. */
export function nvbandwidthHost(test: string, arrow: "<-" | "->", values: readonly [number, number]): string {
  return `nvbandwidth Version: v0.8
Device 0: ${NAMES[0]} (00000000:03:00)
Device 1: ${NAMES[1]} (00000000:04:00)

Running ${test}_ce.
memcpy CE CPU(row) ${arrow} GPU(column) bandwidth (GB/s)
           0         1
 0     ${values[0]}     ${values[1]}

SUM ${test}_ce 1
`;
}

/** A latency table of nvbandwidth between GPUs, in nanoseconds. */
export function nvbandwidthLatency(values: readonly [number, number]): string {
  return `nvbandwidth Version: v0.8
Device 0: ${NAMES[0]} (00000000:03:00)
Device 1: ${NAMES[1]} (00000000:04:00)

Running device_to_device_latency_sm.
Device to Device Latency SM GPU(row) <-> GPU(column) (ns)
${matrix(values)}
SUM device_to_device_latency_sm 1
`;
}

/** A bandwidth table of p2pBandwidthLatencyTest. */
export function p2pTest(
  title: string,
  values: readonly [number, number],
  { buses = BUSES, names = NAMES, reach = true }: Named & { readonly reach?: boolean } = {},
): string {
  const can = reach ? "CAN" : "CANNOT";
  return `[P2P (Peer-to-Peer) GPU Bandwidth Latency Test]
Device: 0, ${names[0]}, pciBusID: ${buses[0]}, pciDeviceID: 0, pciDomainID:0
Device: 1, ${names[1]}, pciBusID: ${buses[1]}, pciDeviceID: 0, pciDomainID:0
Device=0 ${can} Access Peer Device=1
Device=1 ${can} Access Peer Device=0

${title} Matrix (GB/s)
   D\\D     0      1
     0 1161.25  ${values[0].toFixed(2)}
     1  ${values[1].toFixed(2)} 1163.40
`;
}

/** `ib_write_bw` by a client, of memory of the host or of the GPU at an address. */
export function ibWrite(
  device: string,
  unit: "MiB" | "Gb",
  value: number,
  { bytes = 65536, gpu = "" }: { readonly bytes?: number; readonly gpu?: string } = {},
): string {
  const memory = gpu === "" ? "" : `CUDA device 0: PCIe address is ${gpu}\n\nPicking device No. 0\n`;
  return `${memory}                    RDMA_Write BW Test
 Dual-port       : OFF		Device         : ${device}
 Number of qps   : 1		Transport type : IB
 TX depth        : 128
 #bytes     #iterations    BW peak[${unit}/sec]    BW average[${unit}/sec]   MsgRate[Mpps]
 ${bytes}      5000             ${value}            ${value}		     0.183720
`;
}

/** `all_reduce_perf` or another of the nccl-tests on two GPUs, a row for each size. */
export function ncclTest(test: string, rows: readonly (readonly [bytes: number, busbw: number])[]): string {
  const lines = rows.map(([bytes, busbw]) => `${bytes}  ${bytes / 4}  float  sum  -1  100.0  ${busbw}  ${busbw}  0`);
  return `# Collective test starting: ${test}
# nThread 1 nGpus 2 minBytes 8 maxBytes 134217728 step: 2(factor) warmup iters: 5 iters: 20 agg iters: 1 validation: 1 graph: 0
#
# Using devices
#  Rank  0 Group  0 Pid   2001 on      node1 device  0 [0000:03:00] NVIDIA H100 PCIe
#  Rank  1 Group  0 Pid   2001 on      node1 device  1 [0000:04:00] NVIDIA H100 PCIe
#
#                                                              out-of-place
#       size         count      type   redop    root     time   algbw   busbw #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)
${lines.join("\n")}
`;
}

/** fio with direct I/O from a disk, in blocks of a size, by so many jobs of one name. */
export function fioRead(disk: string, rate: string, block = "1024KiB", jobs = 1): string {
  return `job: (g=0): rw=read, bs=(R) ${block}-${block}, (W) ${block}-${block}, (T) ${block}-${block}, ioengine=libaio, iodepth=32
fio-3.36
Starting 1 process

job: (groupid=0, jobs=${jobs}): err= 0: pid=1000: Mon Jan  1 00:00:00 2026
  read: IOPS=6789, BW=${rate} (7119MB/s)(66.3GiB/10001msec)

Run status group 0 (all jobs):
   READ: bw=${rate} (7119MB/s), ${rate}-${rate} (7119MB/s-7119MB/s), io=66.3GiB (71.2GB), run=10001-10001msec

Disk stats (read/write):
  ${disk}: ios=67890/0, sectors=1/0, merge=0/0, ticks=1/0, in_queue=1, util=99.00%
`;
}
