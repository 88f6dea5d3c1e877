// What two writers into one GPU are predicted to carry, each alone and both at once:
//   node examples/library/what-flows-carry.mjs server.json.gz gpu0 gpu1 mlx5_0
import { readFileSync } from "node:fs";
import { isUnknown, readMachine } from "peerlane";
import { sharesOf } from "peerlane/decide";

const [file = "examples/gpu-nic-server.yaml", provider = "gpu0", ...clients] = process.argv.slice(2);
const machine = await readMachine(readFileSync(file), file);
const writers = clients.length === 0 ? ["gpu1", "mlx5_0"] : clients;
const flows = writers.map((client) => ({ provider, client, operation: "write" }));

for (const [i, share] of sharesOf(machine, flows, { sizeBytes: 65536 }).entries()) {
  if (isUnknown(share)) {
    console.log(`${writers[i]}: not known: ${share.unknown}`);
    continue;
  }
  const { value, low, high, why } = share.alone;
  const alone = `${value.toFixed(1)} GB/s alone (${low.toFixed(1)} to ${high.toFixed(1)}; held by ${why})`;
  console.log(`${writers[i]} into ${provider}: ${share.gbps.toFixed(1)} GB/s of ${alone}`);
}
