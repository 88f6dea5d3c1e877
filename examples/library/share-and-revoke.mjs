// Map this BAR for that NIC, DMA through it, revoke, on the model of a machine that is described right here:
//   node examples/library/share-and-revoke.mjs lazy
import { devices, dma } from "peerlane/model";

const [iommu = "strict"] = process.argv.slice(2);
const port = (device) => ({ rootPort: { acs: "SV+ RR+ CR+ UF+" }, below: [device] });
const devicesBelow = [port({ accel: { name: "card", bars: { 0: "1M" } } }), port({ nic: { name: "mlx5_0" } })];
const machine = { cpu: "amd-zen", kernel: "7.2", iommu, hostBridges: [{ below: devicesBelow }] };

const system = devices.buildSystem(devices.buildMachine(machine));
const vfio = devices.openVfio(system, "card");
const buffer = dma.granted(vfio.exportRanges(0, [{ start: 0, sizeBytes: 65536 }]));
const nic = new devices.RdmaNic(system, "mlx5_0");
const region = dma.granted(nic.registerBuffer(buffer));
console.log("a host writes:", nic.serveWrite(region.key, 0, new Uint8Array(4096).fill(1)));
console.log("first byte of the BAR:", system.fabric.barBytes("card", 0).slice(0, 1)[0]);
const revoked = vfio.setMemoryDecode(false);
console.log("taken back:", revoked.isDone, revoked.leftOpen, "region:", region.state);
console.log("a host writes again:", nic.serveWrite(region.key, 0, new Uint8Array(4096).fill(2)));
