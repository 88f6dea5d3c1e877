import { describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import { findDevices } from "../../src/host/select.ts";
import { fixJson } from "../../src/report/fix/json.ts";
import type { FixJson, LikelyFixJson, ProvedFixJson } from "../../src/report/json-types.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { FIVE_MACHINES, machineOf } from "./five-machines.ts";

function asked(file: string, providers: string, clients: string): FixJson {
  const machine = machineOf(file);
  return fixJson(
    advise(
      machine,
      findDevices(machine, providers).flatMap((provider) =>
        findDevices(machine, clients).map((client) => ({ provider, client })),
      ),
    ),
  );
}

const isProved = (proposal: ProvedFixJson | LikelyFixJson): proposal is ProvedFixJson => proposal.outcome === "proved";
const isLikely = (proposal: ProvedFixJson | LikelyFixJson): proposal is LikelyFixJson => proposal.outcome === "likely";

describe("fix --json of 64 pairs", () => {
  const json = asked(FIVE_MACHINES["a server with eight GPUs"], "gpu", "nic");
  const [first] = json.proposals.filter(isProved);

  test("has a proposal with its outcome, why, and both forms of the parameter", () => {
    expect(first).toMatchObject({
      outcome: "proved",
      why: "16 pairs direct, 48 pairs through the host bridge",
      titleByIds: "pci=disable_acs_redir=pci:1000:c030",
      title: expect.stringMatching(/^pci=disable_acs_redir=0000:17:00\.0;/),
    });
  });

  test("has names beside addresses: of pairs, of other pairs, of examples", () => {
    expect(json.pairs[0]).toMatchObject({ provider: "0000:18:00.0", providerName: "gpu0", clientName: "mlx5_0" });
    expect(first?.pairs[0]).toMatchObject({ providerName: "gpu0", clientName: "mlx5_0", mapType: "bus-addr" });
    expect(first?.otherVerdicts[0]).toMatchObject({ providerName: "gpu0", clientName: "gpu1" });
    expect(first?.otherPairs.classes[0]?.example).toMatchObject({ providerName: "gpu0", clientName: "gpu1" });
    expect(first?.isolationLost).toMatchObject({
      classes: [{ example: [{ name: "gpu0" }, { name: "mlx5_0" }] }, {}, {}],
    });
  });

  test("has what pairs are predicted to carry, alike ones together, and nothing of those that stay", () => {
    expect(first?.carries).toEqual([
      {
        providers: "GPU",
        clients: "NIC",
        pairs: 16,
        example: { provider: "0000:18:00.0", client: "0000:19:00.0", providerName: "gpu0", clientName: "mlx5_0" },
        write: { before: 44.5, after: 56.3 },
        read: { before: 54.4, after: 57.1 },
      },
    ]);
  });

  test("says each reason once, and of how many pairs it is", () => {
    const all = [...json.pairs, ...json.proposals.filter(isProved).flatMap(({ pairs }) => pairs)];
    const texts = json.reasons.map(({ mapType, text }) => `${mapType}: ${text}`);
    expect(texts).toEqual([
      "thru-host-bridge: ACS redirects peer requests; the host bridge is on the allow-list of Linux 7.2",
      "thru-host-bridge: the host bridge is on the allow-list of Linux 7.2",
      "bus-addr: they have a common upstream bridge, and nothing on the way redirects",
    ]);
    for (const [index, { pairs }] of json.reasons.entries()) {
      expect(all.filter(({ reason }) => reason === index)).toHaveLength(pairs);
    }
  });
});

describe("fix --json", () => {
  test("has no pair of a function with itself", () => {
    const { pairs, proposals } = asked(FIVE_MACHINES["a desktop"], "gpu", "gpu");
    expect(pairs.map(({ providerName, clientName }) => `${providerName} ${clientName}`)).toEqual([
      "gpu0 gpu1",
      "gpu1 gpu0",
    ]);
    for (const proposal of proposals.filter(isProved)) expect(proposal.pairs).toHaveLength(2);
  });

  test("says of a newer kernel's reason that it is that kernel's", () => {
    const machine = machineOf(FIVE_MACHINES["a server with sixteen GPUs"]);
    const old = { ...machine, kernel: { ...machine.kernel, release: "5.4" } };
    const [provider, client] = [findDevices(old, "gpu0")[0], findDevices(old, "gpu2")[0]];
    if (provider === undefined || client === undefined) throw new Error("no such devices");
    const json = fixJson(advise(old, [{ provider, client }], { slots: false }));
    const kernels = json.proposals.filter(isProved).filter(({ kinds }) => kinds.includes("kernel"));
    expect(kernels).not.toEqual([]);
    for (const { pairs } of kernels) {
      expect(pairs.map(({ reason }) => json.reasons[reason]?.text).join()).not.toMatch(/Linux 5\.4/);
    }
  });

  test("says what may help, and what would have to be known, each sentence once; it is not among what does not help", () => {
    const machine = readCapturedMachine("mixed-acs.intel.strict");
    const nvmes = findDevices(machine, "nvme");
    const [provider, client] = nvmes;
    if (provider === undefined || client === undefined) throw new Error("no two drives");
    const json = fixJson(advise(machine, [{ provider, client }]));
    const likely = json.proposals.filter(isLikely);
    expect(likely.length).toBeGreaterThan(0);
    for (const { title, open, hidden } of likely) {
      expect(open).toBe(1);
      expect(json.rejected.map((rejected) => rejected.title)).not.toContain(title);
      for (const at of hidden) expect(json.hidden[at]).toBeTypeOf("string");
    }
    expect(new Set(json.hidden).size).toBe(json.hidden.length);
    expect(json.proposals.map(({ outcome }) => outcome)).toEqual(
      json.proposals.map(({ outcome }) => outcome).toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)),
    );
  });

  test("has the gate of each remedy in its table", () => {
    const { remedies, gates } = asked(FIVE_MACHINES["a guest"], "all", "all");
    expect(remedies.map(({ gate, possible }) => [gates[gate]?.kind, possible])).toEqual([
      ["bar-missing", false],
      ["virtual-machine", true],
      ["registers-only", false],
    ]);
  });
});
