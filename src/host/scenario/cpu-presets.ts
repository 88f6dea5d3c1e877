/** CPUs that a scenario (or `--cpu`) can name. */
export const CPU_PRESETS = {
  /** EPYC 7001, family 0x17: the first family whose root complex the kernel trusts. */
  "amd-zen": { architecture: "x86_64", vendor: "AuthenticAMD", family: 0x17, model: 1, name: "AMD EPYC Processor" },
  /** Opteron 6300, family 0x15. */
  "amd-pre-zen": {
    architecture: "x86_64",
    vendor: "AuthenticAMD",
    family: 0x15,
    model: 2,
    name: "AMD Opteron 63xx class CPU",
  },
  /** Xeon Scalable, family 6 model 85. */
  intel: {
    architecture: "x86_64",
    vendor: "GenuineIntel",
    family: 6,
    model: 85,
    name: "Intel Xeon Processor (Skylake)",
  },
  arm: { architecture: "aarch64", vendor: null, family: null, model: null, name: null },
} as const;

/** One of {@link CPU_PRESETS}. */
export type CpuPreset = keyof typeof CPU_PRESETS;
