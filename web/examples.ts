/** Machines that come with the page: each is loaded when it is opened. */
export interface Example {
  readonly name: string;
  /** What is to be seen on it. */
  readonly about: string;
  readonly load: () => Promise<Uint8Array>;
}

type Loaded = Promise<{ readonly default: string }>;

function text(load: () => Loaded): Example["load"] {
  return async () => new TextEncoder().encode((await load()).default);
}

function base64(load: () => Loaded): Example["load"] {
  return async () => Uint8Array.from(atob((await load()).default), (character) => character.charCodeAt(0));
}

export const EXAMPLES: readonly Example[] = [
  {
    name: "gpu-nic-server",
    about: "8 GPUs and 8 NICs below 4 switches of 2 sockets, and 2 SSDs",
    load: text(() => import("../examples/gpu-nic-server.yaml?raw")),
  },
  {
    name: "one-switch",
    about: "two SSDs below one switch, a third beside it",
    load: text(() => import("../examples/one-switch.yaml?raw")),
  },
  {
    name: "two-host-bridges",
    about: "SSDs below two host bridges",
    load: text(() => import("../examples/two-host-bridges.yaml?raw")),
  },
  {
    name: "nested-switches",
    about: "a switch below a switch",
    load: text(() => import("../examples/nested-switches.yaml?raw")),
  },
  {
    name: "mixed-drivers",
    about: "drivers that ask the kernel, and drivers that do not",
    load: text(() => import("../examples/mixed-drivers.yaml?raw")),
  },
  {
    name: "small-bar-gpu",
    about: "a GPU whose BAR does not show all of its memory",
    load: text(() => import("../examples/small-bar-gpu.yaml?raw")),
  },
  {
    name: "mixed-acs",
    about: "sysfs of a machine with a real kernel: a switch of which one port redirects, on an Intel CPU",
    load: base64(() => import("../test/machines/recorded/mixed-acs.intel.strict.tar.gz?base64")),
  },
];
