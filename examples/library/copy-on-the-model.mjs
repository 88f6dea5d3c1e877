// What a copy between two devices moves over each link, and whether the bytes arrive, on the model of a machine:
//   node examples/library/copy-on-the-model.mjs server.json.gz
import { readFileSync } from "node:fs";
import { formatBdf, readMachine } from "peerlane";
import { devices, memory, offload } from "peerlane/model";

const [file = "test/machines/recorded/nested-switches.intel.strict.tar.gz"] = process.argv.slice(2);
const machine = await readMachine(readFileSync(file), file);
const [from, to] = memory.providersOf(machine).filter(({ bar }) => bar === 2);

for (const switchForwarding of ["per-spec", "always-upstream"]) {
  const system = devices.buildSystem(machine, { switchForwarding });
  const request = { from: { fn: from.owner, bar: from.bar }, to: { fn: to.owner, bar: to.bar }, lengthBytes: 65536 };
  system.fabric.barBytes(from.owner, from.bar).fill(0, request.lengthBytes, 0x5a);
  const { outcome, driverSaw, traffic } = offload.copyBetweenDevices(system, request);
  console.log(`switches route ${switchForwarding}: ${formatBdf(from.owner)} → ${formatBdf(to.owner)}: ${outcome}`);
  console.log(`  the driver saw ${driverSaw}, ${traffic.dramReadBytes + traffic.dramWrittenBytes} bytes through DRAM`);
}
