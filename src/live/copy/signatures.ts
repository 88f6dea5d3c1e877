/** How much of the start of a disk {@link signaturesOf} looks at. */
export const SIGNATURE_BYTES: number = 68 * 1024;

/** Where well-known contents of disks have their mark, from the start of the disk. */
const MARKS: readonly { readonly name: string; readonly at: number; readonly bytes: string }[] = [
  { name: "a GPT partition table", at: 512, bytes: "EFI PART" },
  { name: "a GPT partition table", at: 4096, bytes: "EFI PART" },
  { name: "an ext2, ext3 or ext4 file system", at: 1080, bytes: "\x53\xef" },
  { name: "an XFS file system", at: 0, bytes: "XFSB" },
  { name: "a Btrfs file system", at: 0x10040, bytes: "_BHRfS_M" },
  { name: "an F2FS file system", at: 1024, bytes: "\x10\x20\xf5\xf2" },
  { name: "an NTFS file system", at: 3, bytes: "NTFS    " },
  { name: "a FAT file system", at: 82, bytes: "FAT32   " },
  { name: "an LVM physical volume", at: 512, bytes: "LABELONE" },
  { name: "an encrypted LUKS volume", at: 0, bytes: "LUKS\xba\xbe" },
  { name: "a member of a RAID", at: 4096, bytes: "\xfc\x4e\x2b\xa9" },
  { name: "swap space", at: 4086, bytes: "SWAPSPACE2" },
];
const MBR_MARK = { at: 510, bytes: "\x55\xaa" };

/** What the first bytes of a disk show to be on it, in words; empty where nothing is known by its mark. */
export function signaturesOf(start: Buffer): readonly string[] {
  const has = ({ at, bytes }: { at: number; bytes: string }): boolean =>
    start.toString("latin1", at, at + bytes.length) === bytes;
  const found = [...new Set(MARKS.filter(has).map(({ name }) => name))];
  if (found.length > 0) return found;
  return has(MBR_MARK) ? ["a partition table or boot sector"] : [];
}
