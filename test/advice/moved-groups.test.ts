import { describe, expect, test } from "vitest";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { bootScenario, check } from "../policy/machines.ts";

/** A GPU alone on a root port; a chassis without ACS that has a free slot. */
const before = `
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: gpu0 }]
      - rootPort: { at: 02.0 }
        below:
          - switch: { acs: false }
            below:
              - port: { at: 00.0, acs: false }
                below:
                  - switch: { acs: false }
                    below:
                      - nic: { name: nic0 }
                      - port: { at: 01.0, acs: false }
`;

/** The same, written with the GPU in that slot. */
const after = before
  .replace("        below: [gpu: { name: gpu0 }]\n", "")
  .replace(
    "port: { at: 01.0, acs: false }\n",
    "port: { at: 01.0, acs: false }\n                        below: [gpu: { name: gpu0 }]\n",
  );

/** A GPU with its audio function; a switch with a free slot. */
const audio = `
cpu: intel
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below:
          - functions: [gpu: { name: gpu0 }, device: { name: audio0, class: 040300 }]
      - rootPort: { at: 02.0 }
        below:
          - switch: { acs: false }
            below:
              - nic: { name: nic0 }
              - port: { at: 01.0, acs: false }
`;

const apart = "separate: [{ devices: [gpu, nic] }]";
const cardApart = "separate: [{ devices: [gpu0, audio0] }]";

describe("IOMMU groups after a move", () => {
  test.each([
    ["a card joins the group of its new slot", before, apart, "gpu0=under:05:01.0", "pass", "fail"],
    ["the machine written that way says the same", after, apart, undefined, "fail", "fail"],
    ["the audio function of a card stays with it", audio, cardApart, "gpu0=under:03:01.0", "fail", "fail"],
    ["so it does where it is named instead of the card", audio, cardApart, "audio0=under:03:01.0", "fail", "fail"],
    ["a card of two functions stays apart from the NIC", audio, apart, "gpu0=under:03:01.0", "pass", "pass"],
  ] as const)("%s", (_name, text, policy, move, now, then) => {
    expect(check(bootScenario(text), policy).outcome).toBe(now);
    const whatIf = askWhatIf(readScenario(text, "s.yaml"), move === undefined ? {} : { move: [move] }, false);
    expect(check(whatIf.after, policy).outcome).toBe(then);
  });
});
