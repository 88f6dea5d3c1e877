/** Made by `npm run build:guest-probe` from probe.c; do not edit. */

/** SHA-256 of the source that the program was compiled from. */
export const PROBE_SOURCE_SHA256 = "a2b2c58f0007858f5f8decc1659b2fc45ac6e47714fdfacf938a94e1db7bdf90";

/** The program for the guest: a static x86-64 ELF file, gzip, base64. */
export const PROBE_PROGRAM: string =
  "H4sIAAAAAAACA6WTz2sTURDHZ5Oupu1hW8GCBzFKREWaZqMHka5kaaIT2Iu01UOtskkWLDbZkqy0wZ8Qgz5CzvbuP1DwElupsdHEqij01CLYi+KKUlqhrUTJk33dVFuLCs5l3nf2M4+ZeTs3QspJB8dB3RxwAix1xRFgOmDHW5zrCATgGDggADw0MJaHXy2wwVccsMFDy5o7/d6IbYN/NzsNkNTEmZudbWDwSKc+LResAkLiTEgshsRpJBWBL/UiWQqTr/KDJgDoftRmpWU+u3F1rhz07AEU8BXmBz0uJM/EGSTfwqtLSF9npnx3ejo4JM+RPMZMtXF4HrMr6Sb6AqOlcrDB1a6QCkbfmGlKKeav7gZTt06ZJ+6+/lLB6i9DnULWwwHIZ0MiXatKPhMSpxVSlXvDZFnu6e2esEjMXXchmUXyVuAxWwyTopLfv5MDSO9FUsa89B0AzCOUUoV8MLdTSlmjHx+ybqcLjQAwbj2JQqg8aU1HHueYXBF4zEsv2aieWndJ3CKlqfvh3LWW9TlNWq+LZFYhVYbfY3jJwrPFkdvrXGEH+zCPZEEhXxh6i0XK5t0apT+51t+4qM3ptbUeumqUisW+fvmc3C+fly+USpjr9GDe8Lgw827RnKhRSiqFTgAQeKFZH9IS7XEtrifTEjRBPK4OScCCkUE9ekmC4eSAoUngTmpqTIJTXV3H3QeDWmRATbhFv9fv9bWLRw/HtIjovyweskMA3tTFlJE01Ah4DW3EAG9Sj6mGCt6oHo9rCQP+15oB2E7U/+0xew/GbG1yG/lNElrtmN/Wo/Yejtr70wFb59f9Lvvs28TV9+/AX/It79yirwU7fx/8uf4fERLBalAEAAA=";
