import { describe, expect, test } from "vitest";
import { hintOf } from "../../src/answers/answer.ts";
import type { Machine } from "../../src/host/machine.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { decide, decideAll } from "../../src/rules/verdict-table.ts";
import { rows } from "../rows.ts";
import { acs, at, bridge, endpoint, hostBridge, machineOf, oneSwitch, zen } from "./by-hand.ts";

/**
 * One host bridge that is not listed, on AMD Zen:
 *
 *     00:00.0 host bridge
 *     00:01.0 root port ── 01:00.0 switch ┬─ 02:00.0 ── 03:00.0, 03:00.1 two functions of one device
 *                                         └─ 02:01.0 ── 04:00.0
 *     00:02.0 root port ── 05:00.0
 *     00:03.0 on the root bus itself
 *     40:00.0 host bridge
 *     40:01.0 root port ── 41:00.0
 */
function machine(acsOf: Readonly<Record<string, PciFunction["acs"]>> = {}): Machine {
  const functions = [
    ...oneSwitch(),
    endpoint("03:00.0", { multifunction: true }),
    endpoint("03:00.1"),
    endpoint("04:00.0"),
    bridge("00:02.0", "root-port", 5),
    endpoint("05:00.0"),
    endpoint("00:03.0"),
    hostBridge("40:00.0", "8086:29c0"),
    bridge("40:01.0", "root-port", 0x41),
    endpoint("41:00.0"),
  ];
  for (const name of Object.keys(acsOf)) if (!functions.some(({ bdf }) => bdf === at(name))) throw new Error(name);
  return machineOf(
    functions.map((fn) => ({ ...fn, acs: acsOf[formatBdf(fn.bdf).slice(5)] ?? null })),
    { cpu: zen },
  );
}

const short = (bdf: PciFunction["bdf"]): string => formatBdf(bdf).slice(5);

describe("The way between two functions", () => {
  test.each(
    rows(`
      // provider | client  | hops | meet at | path
      03:00.0     | 03:00.0 | 0    | 03:00.0 | 03:00.0
      03:00.0     | 03:00.1 | 2    | 02:00.0 | 03:00.0 02:00.0 03:00.1
      03:00.0     | 04:00.0 | 4    | 01:00.0 | 03:00.0 02:00.0 01:00.0 02:01.0 04:00.0
      04:00.0     | 03:00.1 | 4    | 01:00.0 | 04:00.0 02:01.0 01:00.0 02:00.0 03:00.1
      03:00.0     | 02:00.0 | 1    | 02:00.0 | 03:00.0 02:00.0                         // a bridge has memory, too
      02:00.0     | 03:00.0 | 1    | 02:00.0 | 02:00.0 03:00.0
      03:00.0     | 01:00.0 | 2    | 01:00.0 | 03:00.0 02:00.0 01:00.0
      01:00.0     | 04:00.0 | 2    | 01:00.0 | 01:00.0 02:01.0 04:00.0
      00:01.0     | 04:00.0 | 3    | 00:01.0 | 00:01.0 01:00.0 02:01.0 04:00.0
      02:00.0     | 02:01.0 | 2    | 01:00.0 | 02:00.0 01:00.0 02:01.0
      03:00.0     | 05:00.0 | 6    | -       | 03:00.0 02:00.0 01:00.0 00:01.0 00:02.0 05:00.0
      05:00.0     | 03:00.0 | 6    | -       | 05:00.0 00:02.0 00:01.0 01:00.0 02:00.0 03:00.0
      05:00.0     | 00:03.0 | 3    | -       | 05:00.0 00:02.0 00:03.0
      00:03.0     | 00:03.0 | 0    | 00:03.0 | 00:03.0
      00:03.0     | 00:02.0 | 2    | -       | 00:03.0 00:02.0
      05:00.0     | 41:00.0 | 4    | -       | 05:00.0 00:02.0 40:01.0 41:00.0
      03:00.0     | 41:00.0 | 6    | -       | 03:00.0 02:00.0 01:00.0 00:01.0 40:01.0 41:00.0
    `),
  )("from %s to %s takes %s hops and turns at %s: %s", (provider = "", client = "", hops, meeting, path) => {
    const verdict = decide(machine(), at(provider), at(client));
    const isBelow = meeting !== "-";
    const reason = provider === client ? "same-function" : isBelow ? "common-upstream-bridge" : "cpu-allowed";
    expect(verdict.path.map(short).join(" ")).toBe(path);
    expect(verdict).toMatchObject({
      hops: Number(hops),
      distance: Number(hops),
      meeting: isBelow ? at(meeting ?? "") : null,
      mapType: isBelow ? "bus-addr" : "thru-host-bridge",
      reason,
    });
  });
});

test("The first function of a machine may be where two meet", () => {
  const functions = [
    bridge("00:01.0", "root-port", 1),
    endpoint("01:00.0", { multifunction: true }),
    endpoint("01:00.1"),
  ];
  const table = decideAll(machineOf(functions), {
    providers: [at("01:00.0")],
    clients: [at("01:00.1"), at("00:01.0")],
  });
  expect(table.at(0, 0)).toMatchObject({ mapType: "bus-addr", meeting: at("00:01.0"), hops: 2 });
  expect(table.at(0, 1)).toMatchObject({ mapType: "bus-addr", meeting: at("00:01.0"), hops: 1 });
});

describe("ACS on the way", () => {
  test.each(
    rows(`
      // control | it redirects
      0x00       | no
      0x01       | no   // Source Validation
      0x02       | no   // Translation Blocking
      0x04       | yes  // P2P Request Redirect
      0x08       | yes  // P2P Completion Redirect
      0x10       | no   // Upstream Forwarding
      0x20       | yes  // P2P Egress Control
      0x40       | no   // Direct Translated P2P
      0x53       | no   // all that do not
      0x2c       | yes
      0x1d       | yes  // what the kernel turns on with an IOMMU
    `),
  )("with control %s redirects: %s", (control, isRedirecting) => {
    const verdict = decide(machine({ "02:00.0": acs(Number(control)) }), at("03:00.0"), at("04:00.0"));
    expect(verdict.mapType).toBe(isRedirecting === "yes" ? "thru-host-bridge" : "bus-addr");
    expect(verdict.acsRedirect).toEqual(isRedirecting === "yes" ? [at("02:00.0")] : []);
  });

  test.each(
    rows(`
      // provider | client  | redirecting             | on its way, in the kernel's order
      03:00.0     | 04:00.0 | 00:01.0                 |                                          // above the turn
      03:00.0     | 04:00.0 | 01:00.0                 | 01:00.0                                  // the turn itself
      03:00.0     | 04:00.0 | 02:00.0                 | 02:00.0
      03:00.0     | 04:00.0 | 02:01.0                 | 02:01.0
      03:00.0     | 04:00.0 | 03:00.0                 | 03:00.0                                  // endpoints, too
      03:00.0     | 04:00.0 | 04:00.0                 | 04:00.0
      03:00.0     | 04:00.0 | 03:00.1                 |                                          // not on the way
      03:00.0     | 04:00.0 | 00:02.0 05:00.0         |
      03:00.0     | 04:00.0 | 02:01.0 02:00.0 01:00.0 | 02:00.0 01:00.0 02:01.0                  // up from the provider, then up from the client
      04:00.0     | 03:00.0 | 02:01.0 02:00.0 01:00.0 | 02:01.0 01:00.0 02:00.0
      03:00.0     | 04:00.0 | 04:00.0 02:01.0 03:00.0 | 03:00.0 04:00.0 02:01.0
      03:00.0     | 03:00.0 | 03:00.0                 | 03:00.0                                  // its own memory
      03:00.0     | 03:00.0 | 02:00.0 01:00.0         |
      03:00.0     | 03:00.1 | 02:00.0                 | 02:00.0
      03:00.0     | 03:00.1 | 01:00.0                 |
      01:00.0     | 04:00.0 | 01:00.0                 | 01:00.0
      03:00.0     | 05:00.0 | 02:00.0 00:01.0 05:00.0 |                                          // no function above both: ACS decides nothing
    `),
  )("from %s to %s, where %s redirect: %s", (provider = "", client = "", redirecting = "", listed) => {
    const acsOf = Object.fromEntries(redirecting.split(" ").map((name) => [name, acs(0x1d)]));
    const verdict = decide(machine(acsOf), at(provider), at(client));
    const plain = decide(machine(), at(provider), at(client));
    expect(verdict.acsRedirect.map(short).join(" ")).toBe(listed);
    const isRedirected = listed !== "";
    expect(verdict).toMatchObject(
      isRedirected
        ? { mapType: "thru-host-bridge", reason: "cpu-allowed" }
        : { mapType: plain.mapType, reason: plain.reason },
    );
    expect({ ...verdict, hops: verdict.hops }).toMatchObject({ hops: plain.hops, meeting: plain.meeting });
    expect(hintOf(verdict)).toEqual(
      isRedirected
        ? {
            kind: "kernel-parameter",
            value: `pci=disable_acs_redir=${listed
              ?.split(" ")
              .map((name) => `0000:${name}`)
              .join(";")}`,
            mapType: "bus-addr",
          }
        : null,
    );
  });

  test.each(
    rows(`
      // provider | client  | hidden          | redirecting | map type         | reason
      03:00.0     | 04:00.0 | 02:00.0         |             | unknown          | acs-hidden
      03:00.0     | 04:00.0 | 02:01.0 02:00.0 |             | unknown          | acs-hidden
      03:00.0     | 04:00.0 | 01:00.0         |             | unknown          | acs-hidden
      03:00.0     | 04:00.0 | 00:01.0         |             | bus-addr         | common-upstream-bridge // above the turn
      03:00.0     | 03:00.1 | 01:00.0         |             | bus-addr         | common-upstream-bridge
      03:00.0     | 04:00.0 | 02:00.0         | 02:01.0     | thru-host-bridge | cpu-allowed            // one that is known decides
      03:00.0     | 04:00.0 | 02:00.0         | 00:01.0     | unknown          | acs-hidden
      03:00.0     | 05:00.0 | 00:01.0         |             | thru-host-bridge | cpu-allowed
      03:00.0     | 03:00.0 | 03:00.0         |             | unknown          | acs-hidden
    `),
  )("from %s to %s, hidden at %s, redirecting at %s: %s, %s", (...cells) => {
    const [provider = "", client = "", hiddenAt = "", redirecting = "", mapType, reason] = cells;
    const hiddenNames = hiddenAt.split(" ");
    const acsOf = Object.fromEntries([
      ...hiddenNames.map((name) => [name, unknown(`no ACS seen of ${name}`)]),
      ...(redirecting === "" ? [] : [[redirecting, acs(0x04)]]),
    ]) as Record<string, PciFunction["acs"]>;
    const verdict = decide(machine(acsOf), at(provider), at(client));
    expect(verdict).toMatchObject({ mapType, reason });
    const onWay = new Set(verdict.meeting === null ? [] : verdict.path.map(short));
    expect(verdict.acsHidden.map(short).toSorted()).toEqual(hiddenNames.filter((name) => onWay.has(name)).toSorted());
    const why = verdict.acsHidden.map((bdf) => `no ACS seen of ${short(bdf)}`);
    expect(verdict.hidden).toEqual(mapType === "unknown" ? why : []);
    expect(verdict.distance).toBe(mapType === "unknown" ? null : verdict.hops);
    // A hidden port could keep redirecting, whatever the hint clears.
    if (hiddenNames.some((name) => onWay.has(name))) expect(hintOf(verdict)).toBeNull();
  });
});

describe("A table of pairs", () => {
  const one = machine({ "02:01.0": acs(0x1d) });
  const names = one.functions.map(({ bdf }) => bdf);

  test("says of each pair what is said of it alone, in whatever order the clients come", () => {
    for (const clients of [names, names.toReversed(), [...names, ...names.slice(3, 6)]]) {
      const table = decideAll(one, { providers: names, clients });
      for (const [i, provider] of names.entries()) {
        for (const [j, client] of clients.entries()) {
          const alone = decide(one, provider, client);
          const { mapType, hops, distance, reason } = table.at(i, j);
          expect([short(provider), short(client), mapType, hops, distance, reason]).toEqual([
            short(provider),
            short(client),
            alone.mapType,
            alone.hops,
            alone.distance,
            alone.reason,
          ]);
          expect([table.mapType(i, j), table.hops(i, j), table.distance(i, j)]).toEqual([mapType, hops, distance]);
          expect(table.redirected(i, j)).toBe(alone.acsRedirect.length > 0);
          expect(table.why(i, j)).toMatchObject({ reason, hidden: alone.hidden, acsRedirect: alone.acsRedirect });
        }
      }
    }
  });

  test.each([
    [-1, 0],
    [0, -1],
    [names.length, 0],
    [0, names.length],
  ])("has no pair (%i, %i)", (i, j) => {
    const table = decideAll(one, { providers: names, clients: names });
    expect(() => table.mapType(i, j)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `no pair (${i}, ${j}) in a table of ${names.length} × ${names.length}`,
      }),
    );
  });

  test("is refused for a function that is not there, and for more pairs than memory holds", () => {
    const stranger = { code: "unknown-device", message: "no function 0000:7f:00.0 in this machine" };
    expect(() => decide(one, at("7f:00.0"), at("03:00.0"))).toThrow(expect.objectContaining(stranger));
    const many = Array.from({ length: 10_001 }, () => at("03:00.0"));
    expect(() => decideAll(one, { providers: many, clients: many })).toThrow(
      expect.objectContaining({
        code: "too-large",
        message: "10001 providers × 10001 clients are too many pairs",
        remedy: "name the devices of interest with --providers and --clients",
      }),
    );
  });
});
