import { z } from "zod";
import { byteSize, line } from "../../host/yaml/scalars.ts";
import { choice, fields } from "../../host/yaml/schema-parts.ts";
import { barIndex, block, blockSize, commandsIn, count, device, listOf, offset, size } from "./schema-values.ts";
import type { ChangeInput, SharingInput } from "./sharing-input.ts";

/** What is exported is not moved by that: as much as a BAR holds. */
const exportedSize = byteSize("a size", 1, 2 ** 50);
const made = line("a name for what the step makes", 60);
const buffer = line("the name of a buffer that a step before this one exports", 60);
const region = line("the name of a region that a step before this one imports", 60);

const exported = fields("export", {
  device,
  bar: barIndex.optional(),
  offset: offset.optional(),
  size: exportedSize.optional(),
  ranges: listOf(fields("a range", { offset, size: exportedSize }), "a list of ranges, one '- ' each", 64).optional(),
  as: made,
});

const imported = fields("import", {
  buffer,
  nic: device,
  mode: choice(["on-demand", "pinned-revocable", "pinned"]).optional(),
  as: made,
});

const memory = line("the name of memory that a step before this one maps", 60);

const traffic = { read: size.optional(), write: size.optional(), offset: offset.optional() };
const driveKeys = { blockSize, commandsIn, block };

/** A bare word is the device. */
function change(what: string, by: boolean): z.ZodType<ChangeInput> {
  const during = fields("during", {
    ...{ region: region.optional(), memory: memory.optional(), drive: device.optional() },
    ...{ ...traffic, ...driveKeys, after: offset.optional() },
  }).optional();
  const ways = choice(["memory-decode-off", "close", "remove"]).optional();
  return z.union([
    device.transform((name) => ({ device: name })),
    by ? fields(what, { device, by: ways, during }) : fields(what, { device, during }),
  ]);
}

const guest = fields("guest", {
  name: line("a guest's name", 60),
  devices: listOf(device, "a list of devices", 64).optional(),
  ram: byteSize("an amount of RAM", 4096, 2 ** 36).optional(),
  maps: listOf(fields("a map", { buffer, at: offset }), "a list of buffers, one '- ' each", 64).optional(),
});

/** The keys of steps that share a device's memory, use it, and take it back. */
export const sharingShape: { readonly [K in keyof SharingInput]-?: z.ZodType<SharingInput[K]> } = {
  export: exported.optional(),
  import: imported.optional(),
  rdma: fields("rdma", { region, ...traffic, count }).optional(),
  reset: change("reset", false).optional(),
  revoke: change("revoke", true).optional(),
  restore: change("restore", false).optional(),
  guest: guest.optional(),
  dma: fields("dma", {
    guest: line("the name of a guest of a step before this one", 60),
    ...{ device, read: size.optional(), write: size.optional(), at: offset, count },
  }).optional(),
  mmap: fields("mmap", { device, size: byteSize("a size", 1, 2 ** 36), as: made }).optional(),
  directIo: fields("directIo", {
    ...{ memory, drive: device, ...driveKeys, ...traffic, count },
  }).optional(),
};
