/**
 * CPUs that a scenario (or `--cpu`) can name: as much of each as the kernel asks, and no model. What somebody measured
 * or documented of one model holds for none of these.
 */
export const CPU_PRESETS = {
  /** From family 0x17 on the kernel trusts the root complex. */
  "amd-zen": {
    architecture: "x86_64",
    vendor: "AuthenticAMD",
    family: 0x17,
    model: null,
    name: "AMD Zen, model not given",
  },
  /** Any family below. */
  "amd-pre-zen": {
    architecture: "x86_64",
    vendor: "AuthenticAMD",
    family: 0x15,
    model: null,
    name: "AMD before Zen, model not given",
  },
  /** Families 6, 18 and 19 are made today. */
  intel: { architecture: "x86_64", vendor: "GenuineIntel", family: null, model: null, name: "Intel, model not given" },
  arm: { architecture: "aarch64", vendor: null, family: null, model: null, name: null },
} as const;

/** One of {@link CPU_PRESETS}. */
export type CpuPreset = keyof typeof CPU_PRESETS;
