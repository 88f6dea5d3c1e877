/**
 * Codes (base class and subclass) of the class names that `lspci` prints, from the class list of the PCI ID database
 * (used under its BSD licence), as one text per base class: subclass and name, separated by bars.
 */
const subclasses: Readonly<Record<string, string>> = {
  "00": "00 Non-VGA unclassified device|01 VGA compatible unclassified device|05 Image coprocessor",
  "01": "00 SCSI storage controller|01 IDE interface|02 Floppy disk controller|03 IPI bus controller|04 RAID bus controller|05 ATA controller|06 SATA controller|07 Serial Attached SCSI controller|08 Non-Volatile memory controller|09 Universal Flash Storage controller|80 Mass storage controller",
  "02": "00 Ethernet controller|01 Token ring network controller|02 FDDI network controller|03 ATM network controller|04 ISDN controller|05 WorldFip controller|06 PICMG controller|07 Infiniband controller|08 Fabric controller|80 Network controller",
  "03": "00 VGA compatible controller|01 XGA compatible controller|02 3D controller|80 Display controller",
  "04": "00 Multimedia video controller|01 Multimedia audio controller|02 Computer telephony device|03 Audio device|80 Multimedia controller",
  "05": "00 RAM memory|01 FLASH memory|02 CXL|80 Memory controller",
  "06": "00 Host bridge|01 ISA bridge|02 EISA bridge|03 MicroChannel bridge|04 PCI bridge|05 PCMCIA bridge|06 NuBus bridge|07 CardBus bridge|08 RACEway bridge|09 Semi-transparent PCI-to-PCI bridge|0a InfiniBand to PCI host bridge|80 Bridge",
  "07": "00 Serial controller|01 Parallel controller|02 Multiport serial controller|03 Modem|04 GPIB controller|05 Smard Card controller|80 Communication controller",
  "08": "00 PIC|01 DMA controller|02 Timer|03 RTC|04 PCI Hot-plug controller|05 SD Host controller|06 IOMMU|80 System peripheral|99 Timing Card",
  "09": "00 Keyboard controller|01 Digitizer Pen|02 Mouse controller|03 Scanner controller|04 Gameport controller|80 Input device controller",
  "0a": "00 Generic Docking Station|80 Docking Station",
  "0b": "00 386|01 486|02 Pentium|10 Alpha|20 Power PC|30 MIPS|40 Co-processor",
  "0c": "00 FireWire (IEEE 1394)|01 ACCESS Bus|02 SSA|03 USB controller|04 Fibre Channel|05 SMBus|06 InfiniBand|07 IPMI Interface|08 SERCOS interface|09 CANBUS|80 Serial bus controller",
  "0d": "00 IRDA controller|01 Consumer IR controller|10 RF controller|11 Bluetooth|12 Broadband|20 802.1a controller|21 802.1b controller|80 Wireless controller",
  "0e": "00 I2O",
  "0f": "01 Satellite TV controller|02 Satellite audio communication controller|03 Satellite voice communication controller|04 Satellite data communication controller",
  "10": "00 Network and computing encryption device|10 Entertainment encryption device|80 Encryption controller",
  "11": "00 DPIO module|01 Performance counters|10 Communication synchronizer|20 Signal processing management|80 Signal processing controller",
  "12": "00 Processing accelerators|01 SNIA Smart Data Accelerator Interface (SDXI) controller",
};

const codeByName = new Map<string, number>();
for (const [base, list] of Object.entries(subclasses)) {
  for (const entry of list.split("|")) {
    codeByName.set(entry.slice(3).toLowerCase(), Number.parseInt(base + entry.slice(0, 2), 16));
  }
}

/** The 16-bit class of a printed class name (`PCI bridge` is 0x0604), whatever its case; `undefined` for others. */
export function classOfName(name: string): number | undefined {
  return codeByName.get(name.toLowerCase());
}
