import { describe, expect, test } from "vitest";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { LinkState, PciExpress } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import type { RuleOutcome } from "../../src/policy/result.ts";
import { findingLines, remarkLines, unmatchedText } from "../../src/report/check/rule-lines.ts";
import { bootScenario, check } from "./machines.ts";

const hidden = unknown("hidden by the test");

/** Two GPUs and a NIC on a switch, an NVMe controller beside it on a socket of its own; all links as fast as both ends can. */
const good = bootScenario(`cpu: amd-zen
kernel: "7.2"
iommu: passthrough
cmdline: iommu=pt pci=disable_acs_redir=pci:1000:c030,noats quiet
hostBridges:
  - numaNode: 0
    id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, link: gen5 x16 }
            below:
              - gpu: { name: gpu0, bar: 64G, link: gen5 x16 }
              - gpu: { name: gpu1, bar: 64G, link: gen5 x16 }
              - nic: { name: mlx5_0, bars: { 0: 32M }, link: gen4 x16 }
  - bus: 0x80
    numaNode: 1
    id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below: [nvme: { name: nvme0, link: gen4 x4 }]
`);

/** A hidden command line with words behind it, as `--append` puts them there. */
const appended = (words: string): Machine =>
  applyChanges(withCommandLine(hidden), [{ kind: "parameters", text: words }]);

type Change = (fn: PciFunction) => Partial<PciFunction>;

function changed(isMeant: (fn: PciFunction) => boolean, change: Change, machine = good): Machine {
  return { ...machine, functions: machine.functions.map((fn) => (isMeant(fn) ? { ...fn, ...change(fn) } : fn)) };
}

const is =
  (...names: readonly string[]) =>
  (fn: PciFunction): boolean =>
    fn.names.some((name) => names.includes(name));
const isUpstreamPort = ({ express }: PciFunction): boolean =>
  !isUnknown(express) && express !== null && express.type === "upstream-port";

function withExpress(parts: Partial<PciExpress>): Change {
  return ({ express }) => ({ express: { ...(express as PciExpress), ...parts } });
}

/** A device's link and the one that its port states. */
function linked(name: string, state: LinkState): Machine {
  const device = good.functions.find(is(name));
  const bus = device === undefined ? -1 : (device.bdf >>> 8) % 256;
  const isPort = ({ bridge }: PciFunction): boolean =>
    bridge !== null && !isUnknown(bridge) && bridge.secondary === bus;
  return changed((fn) => is(name)(fn) || isPort(fn), withExpress({ linkStatus: state }));
}

const x = (width: number, speedGTps: number): LinkState => ({ width, speedGTps });
const withoutPortAbility = (machine: Machine): Machine =>
  changed(({ bridge }) => bridge !== null, withExpress({ linkCapable: hidden }), machine);
const unlisted: Machine = { ...good, functionsMayBeMissing: "a filter took some" };
const withCommandLine = (commandLine: Machine["kernel"]["commandLine"], format = good.source.format): Machine => ({
  ...good,
  source: { ...good.source, format },
  kernel: { ...good.kernel, commandLine },
});

type Case = readonly [rule: string, what: string, outcome: RuleOutcome, machine: Machine, says: RegExp | null];

describe("links", () => {
  const own = "links: [{ devices: gpu, atLeast: gen5 x16 }]";
  const capable = "links: [{ devices: all, atLeast: as-capable }]";
  const root = "links: [{ devices: gpu, atLeast: as-capable, toRoot: true }]";
  const strict = "links: [{ devices: gpu, atLeast: as-capable, idle: fail }]";
  const ports = "links: [{ devices: ['00:01.0', '02:01.0'], atLeast: gen5 x16 }]";
  const idle = linked("gpu0", x(16, 2.5));
  test.each<Case>([
    [own, "good", "pass", good, null],
    [
      own,
      "narrow",
      "fail",
      linked("gpu1", x(8, 32)),
      /^gpu1: x8 32GT\/s; both ends can \(port 02:01\.0\) x16 32GT\/s$/,
    ],
    [own, "idle", "pass", idle, /^gpu0: x16 2\.5GT\/s; both ends can .* x16 32GT\/s, as idle GPUs have it/],
    [own, "slow and narrow", "fail", linked("gpu0", x(8, 2.5)), /^gpu0: x8 2\.5GT\/s/],
    [own, "idle, of less than is wanted", "fail", linked("gpu0", x(16, 2.5)), null],
    [own, "hidden", "unknown", changed(is("gpu0"), withExpress({ linkStatus: hidden })), /^gpu0: hidden by the test$/],
    [own, "all hidden", "unknown", changed(is("gpu0"), () => ({ express: hidden })), /^gpu0: hidden by the test$/],
    [own, "a port that hides what it can", "unknown", withoutPortAbility(idle), /it may be idle/],
    [own, "no link", "fail", changed(is("gpu0"), () => ({ express: null })), /^gpu0: it has no PCIe link$/],
    [own.replace("gpu", "accel"), "nothing matches", "fail", good, /^'accel': no such device in this machine$/],
    [
      own.replace("gpu,", "accel, optional: true,"),
      "nothing matches, and may",
      "pass",
      good,
      /no device matches 'accel'/,
    ],
    [own.replace("gpu", "gpuu0"), "misspelt", "fail", good, /^'gpuu0': .*did you mean gpu0/],
    [own.replace("gpu", "accel"), "not all is listed", "unknown", unlisted, /a filter took some/],
    [
      "links: [{ devices: gpu, atLeast: gen5 }]",
      "narrow, and only the speed counts",
      "pass",
      linked("gpu1", x(8, 32)),
      null,
    ],
    [
      "links: [{ devices: gpu, atLeast: x8 }]",
      "slow, and only the width counts",
      "pass",
      linked("gpu1", x(8, 8)),
      null,
    ],
    ["links: [{ devices: nic, atLeast: gen5 x16 }]", "less than is wanted", "fail", good, /^mlx5_0: x16 16GT\/s/],
    [capable, "good", "pass", good, null],
    [capable, "down-trained", "fail", linked("nvme0", x(4, 8)), /^nvme0: x4 8GT\/s; both ends can/],
    [
      capable,
      "a port that hides what it can",
      "unknown",
      withoutPortAbility(linked("nvme0", x(4, 8))),
      /what the link of .* can do/,
    ],
    [capable, "a full link below such a port", "pass", withoutPortAbility(good), null],
    [
      capable,
      "hidden ability",
      "unknown",
      changed(is("nvme0"), withExpress({ linkCapable: hidden })),
      /^nvme0: .*does not show/,
    ],
    [capable, "idle", "pass", idle, /^gpu0: .*look under load/],
    [strict, "idle, and that is asked", "fail", idle, /^gpu0: .*look under load/],
    [capable, "no link", "pass", changed(is("gpu0"), () => ({ express: null })), null],
    [
      capable,
      "a switch's link, not asked",
      "pass",
      changed(isUpstreamPort, withExpress({ linkStatus: x(8, 32) })),
      null,
    ],
    [ports, "of ports: those below them", "pass", good, null],
    [ports, "of a port: narrow below it", "fail", linked("gpu1", x(8, 32)), /^gpu1: x8 32GT\/s/],
    [
      "links: [{ devices: '02:02.0', atLeast: gen5 x16 }]",
      "of a port below which nothing is shown",
      "unknown",
      { ...good, functions: good.functions.filter(({ names }) => !names.includes("mlx5_0")) },
      /^02:02\.0: the source shows nothing below/,
    ],
    [root, "good", "pass", good, null],
    [
      root,
      "a switch's link",
      "unknown",
      changed(isUpstreamPort, withExpress({ linkStatus: x(8, 32) })),
      /^01:00\.0: x8 32GT\/s/,
    ],
    [
      root,
      "a switch's link hidden",
      "unknown",
      changed(isUpstreamPort, withExpress({ linkStatus: hidden })),
      /^01:00\.0: hidden/,
    ],
  ])("%s: %s: %s", judged);

  test("a link of a switch that both of its ends state is told once, whoever is below", () => {
    const isEnd = (fn: PciFunction): boolean =>
      isUpstreamPort(fn) ||
      (fn.bridge !== null &&
        fn.bdf ===
          good.functions.find(({ express }) => !isUnknown(express) && express !== null && express.type === "root-port")
            ?.bdf);
    const slow = changed(isEnd, withExpress({ linkStatus: x(8, 32), linkCapable: x(16, 32) }));
    const [rule] = check(slow, root).results;
    expect(rule?.counts).toEqual({ pass: 2, fail: 1, unknown: 0 });
  });
});

describe("bars", () => {
  const rule = "bars: [{ devices: gpu, atLeast: 64G }]";
  const bars = (parts: object): Machine =>
    changed(is("gpu0"), (fn) => ({
      bars: isUnknown(fn.bars) ? fn.bars : fn.bars.map((bar) => ({ ...bar, ...parts })),
    }));
  test.each<Case>([
    [rule, "good", "pass", good, null],
    [rule, "small", "fail", bars({ sizeBytes: 256 * 2 ** 20 }), /^gpu0: BAR \d is the largest: 256 MiB$/],
    [
      rule,
      "without an address",
      "fail",
      bars({ busAddress: null, physAddress: null }),
      /^gpu0: .*64 GiB, and no address$/,
    ],
    [rule, "hidden", "unknown", changed(is("gpu0"), () => ({ bars: hidden })), /^gpu0: hidden by the test$/],
    [rule, "size hidden", "unknown", bars({ sizeBytes: hidden }), /^gpu0: .*hidden by the test$/],
    [rule, "address hidden", "unknown", bars({ busAddress: hidden }), /^gpu0: .*hidden by the test$/],
    [rule, "none", "fail", changed(is("gpu0"), () => ({ bars: [] })), /^gpu0: it has no memory BAR$/],
    [rule.replace("gpu", "accel"), "nothing matches", "fail", good, /'accel'/],
    [rule.replace("gpu", "gpu9"), "misspelt", "fail", good, /did you mean gpu0 or gpu1/],
    [rule.replace("gpu", "gpu, optional: true"), "good, optional", "pass", good, null],
  ])("%s: %s: %s", judged);
});

describe("machine parameters", () => {
  const rule = (...parameters: readonly string[]): string => `machine: { parameters: [${parameters.join(", ")}] }`;
  test.each<Case>([
    [rule("iommu=pt", "pci=noats"), "good", "pass", good, null],
    [rule("quiet", "not iommu=off"), "a word alone", "pass", good, null],
    [rule("pci=disable_acs_redir=pci:1000:c030"), "an option with a value", "pass", good, null],
    [rule("pci"), "whatever its value", "pass", good, null],
    [rule("iommu=off"), "missing", "fail", good, /^iommu=off: the command line has iommu=pt$/],
    [rule("intel_iommu=on"), "missing altogether", "fail", good, /^intel_iommu=on: it is not on the command line$/],
    [rule("not pci=noats"), "forbidden", "fail", good, /^not pci=noats: the command line has pci=/],
    [rule("not pci"), "forbidden whatever its value", "fail", good, /^not pci: /],
    [rule("amd-iommu=fullflush"), "a dash for an underscore", "pass", withCommandLine("amd_iommu=fullflush"), null],
    [rule("intel_iommu=on"), "dashes in its name", "pass", withCommandLine("intel-iommu=on"), null],
    [rule("pci=disable_acs_redir"), "an option with any value", "pass", good, null],
    [
      rule("not pci=disable_acs_redir"),
      "an option forbidden whatever its value",
      "fail",
      good,
      /the command line has pci=/,
    ],
    [rule("not pci=config_acs"), "the other list", "fail", withCommandLine("pci=config_acs=xx0@pci:0:0"), /config_acs/],
    [rule("not pci=config_acs"), "none of it", "pass", good, null],
    ...(
      [
        ["not pci=disable_acs_redir=0000:02:00.0", "an entry behind another", "fail"],
        ["not pci=disable_acs_redir=02:00.0", "without its domain", "fail"],
        ["not pci=disable_acs_redir=0:2:0.0", "without zeros", "fail"],
        ["not pci=disable_acs_redir=0001:02:00.0", "of another domain", "pass"],
        ["not pci=disable_acs_redir=02:02.0", "another entry", "pass"],
        ["pci=disable_acs_redir=02:00.0;02:01.0", "the entries in another order", "pass"],
        ["pci=disable_acs_redir=02:00.0;02:02.0", "one entry is there", "fail"],
        ["pci=disable_acs_redir=pci:0x1000:C030", "ids as others write them", "pass"],
      ] as const
    ).map(([one, what, outcome]): Case => {
      const line = withCommandLine("pci=disable_acs_redir=0000:02:01.0;0000:02:00.0;pci:1000:c030");
      return [rule(one), what, outcome, line, outcome === "pass" ? null : /the command line has pci=disable_acs_redir/];
    }),
    [
      rule("not pci=config_acs=xx0@0000:02:00.0"),
      "without domain",
      "fail",
      withCommandLine("pci=config_acs=XX0@02:00.0"),
      /config/,
    ],
    [
      rule("not pci=config_acs=xx0@02:00.0"),
      "other flags",
      "pass",
      withCommandLine("pci=config_acs=xx1@02:00.0"),
      null,
    ],
    [rule("iommu=pt"), "hidden", "unknown", withCommandLine(hidden), /^iommu=pt: hidden by the test$/],
    [rule("iommu=pt"), "behind a hidden line", "pass", appended("iommu=pt"), null],
    [rule("not iommu=pt"), "behind a hidden line", "fail", appended("iommu=pt"), /has iommu=pt$/],
    [rule("not iommu=off"), "before those of a what-if", "unknown", appended("iommu=pt"), /hidden by the test$/],
    [rule("pci=noats"), "before those of a what-if", "unknown", appended("iommu=pt"), /hidden by the test$/],
    [
      rule("not hugepages"),
      "left out of a snapshot",
      "unknown",
      withCommandLine("iommu=pt", "snapshot"),
      /keeps only parameters/,
    ],
    [rule("not pci=nomsi"), "a value left out", "unknown", withCommandLine("pci=…", "snapshot"), /leaves out a part/],
    [rule("iommu=pt"), "for init", "fail", withCommandLine("quiet -- iommu=pt"), null],
    [
      rule("ip=dhcp"),
      "a value that names somebody",
      "fail",
      withCommandLine("ip=10.0.0.7"),
      /^ip=dhcp: the command line has ip=…$/,
    ],
  ])("%s: %s: %s", judged);
});

/** The build with CONFIG_PCI_P2PDMA, by what the release says where no configuration is shown. */
describe("p2pdma", () => {
  const of = (release: string, config: Machine["kernel"]["config"] = hidden): Machine => ({
    ...good,
    kernel: { ...good.kernel, release, config },
  });
  const rule = "machine: { p2pdma: true }";
  const without = /^CONFIG_PCI_P2PDMA: without|without CONFIG_PCI_P2PDMA/;
  test.each<Case>([
    [rule, "Ubuntu 5.15", "fail", of("5.15.0-91-generic"), without],
    [rule, "Ubuntu 5.4", "fail", of("5.4.0-100-generic"), without],
    [rule, "RHEL 8", "fail", of("4.18.0-553.el8"), without],
    [rule, "Debian 12", "fail", of("6.1.0-18-amd64"), without],
    [rule, "before 4.20", "fail", of("4.15"), /came with Linux 4\.20/],
    [rule.replace("true", "false"), "Ubuntu 5.15", "pass", of("5.15.0-91-generic"), null],
    [
      rule,
      "a configuration that has it, of a vendor without",
      "pass",
      of("5.15.0-91-generic", { CONFIG_PCI_P2PDMA: "y" }),
      null,
    ],
    [rule, "nobody's build", "unknown", of("6.12.5"), /hidden by the test/],
    [rule, "a vendor that builds it in", "unknown", of("6.8.0-45-generic"), /hidden by the test/],
  ])("%s: %s: %s", judged);

  test.each(["5.15.0-91-generic", "5.4.0-100-generic", "4.18.0-553.el8", "6.1.0-18-amd64"])(
    "%s: the answer is that of a pair",
    (release) => {
      const pairs = "require: [{ provider: gpu0, client: mlx5_0, path: supported }]";
      const { results } = check(of(release), `${rule}\n${pairs}`);
      expect(results.map(({ outcome }) => outcome)).toEqual(["fail", "fail"]);
    },
  );
});

describe("a rule about pairs that has none", () => {
  const noPair = /^no pair: /;
  const seven = changed(is("gpu0", "gpu1", "mlx5_0", "nvme0"), ({ bdf }) => ({ iommuGroup: bdf }));
  const more = { ...seven, functionsMayBeMissing: "a filter took some" };
  test.each<Case>([
    ["separate: [{ devices: gpu0 }]", "one device", "fail", seven, noPair],
    ["separate: [{ devices: gpu0, from: gpu0 }]", "from itself", "fail", seven, noPair],
    ["separate: [{ devices: 'mlx5_*' }]", "a pattern of one", "fail", seven, noPair],
    ["separate: [{ devices: gpu0 }]", "one device, others may be there", "fail", more, noPair],
    ["separate: [{ devices: 'mlx5_*' }]", "a pattern, others may be there", "unknown", more, noPair],
    ["separate: [{ devices: gpu0, optional: true }]", "one device, optional", "pass", seven, noPair],
    ["separate: [{ devices: gpu0, from: gpu }]", "from a class with others", "pass", seven, null],
    ["separate: [{ devices: mlx5_0, from: nic }]", "from a class of itself", "pass", seven, noPair],
    ["separate: [{ devices: nic }]", "a class of one", "pass", seven, noPair],
    ["separate: [{ devices: nic, optional: false }]", "a class of one that must have more", "fail", seven, noPair],
    ["separate: [{ devices: gpu }]", "a class of two", "pass", seven, null],
    ["together: [{ devices: [gpu0] }]", "one device", "fail", seven, noPair],
    ["together: [{ devices: nic }]", "a class of one", "fail", seven, noPair],
    ["together: [{ devices: nic, optional: true }]", "a class of one, optional", "pass", seven, noPair],
    ["forbid: [{ provider: gpu0, client: gpu0 }]", "the same device", "fail", seven, noPair],
    ["forbid: [{ provider: nic, client: nic }]", "a class of one", "pass", seven, noPair],
    ["require: [{ provider: gpu0, client: gpu0 }]", "the same device", "fail", seven, noPair],
  ])("%s: %s: %s", judged);
});

describe("together", () => {
  const rule = "together: [{ devices: gpu }]";
  const grouped = (group: PciFunction["iommuGroup"], ...names: readonly string[]): Machine =>
    changed(
      is(...names),
      () => ({ iommuGroup: group }),
      changed(is("gpu0"), () => ({ iommuGroup: 7 })),
    );
  test.each<Case>([
    [rule, "good", "pass", grouped(7, "gpu1"), null],
    [rule, "apart", "fail", grouped(8, "gpu1"), /^gpu1: in IOMMU group 8, and gpu0 in 7$/],
    [rule, "in none", "fail", grouped(null, "gpu1"), /^gpu1: in no IOMMU group/],
    [rule, "predicted", "fail", good, /as predicted from ACS and topology$/],
    [
      rule,
      "hidden",
      "unknown",
      changed(
        ({ bridge }) => bridge !== null,
        () => ({ acs: hidden }),
      ),
      /group is not known/,
    ],
    [rule.replace("gpu", "accel"), "nothing matches", "fail", grouped(7, "gpu1"), /'accel'/],
    [rule.replace("gpu", "[gpu0, gpuu1]"), "misspelt", "fail", grouped(7, "gpu1"), /did you mean gpu1/],
  ])("%s: %s: %s", judged);
});

describe("count", () => {
  const rule = "count: [{ devices: gpu, is: 2 }]";
  const maybe = changed(is("nvme0"), () => ({ classCode: hidden, names: [] }));
  test.each<Case>([
    [rule, "good", "pass", good, null],
    [rule.replace("2", "8"), "too few", "fail", good, /^devices: 2 found$/],
    [rule.replace("is: 2", "is: 1"), "too many", "fail", good, /^devices: 2 found$/],
    [rule.replace("is: 2", "atLeast: 1"), "enough", "pass", good, null],
    [rule, "one may be another", "unknown", maybe, /^devices: 2 found, and 1 that may be such/],
    [rule.replace("is: 2", "atLeast: 2"), "one more may be one", "pass", maybe, null],
    [rule, "not all is listed", "unknown", unlisted, /2 found: a filter took some/],
    [rule.replace("is: 2", "is: 1"), "too many, and not all is listed", "fail", unlisted, null],
    [rule.replace("gpu, is: 2", "accel, is: 0"), "none, as is wanted", "pass", good, null],
    [rule.replace("gpu, is: 2", "gpuu0, is: 0"), "misspelt", "fail", good, /did you mean gpu0/],
    [rule.replace("gpu", "accel"), "nothing matches", "fail", good, /^devices: 0 found$/],
  ])("%s: %s: %s", judged);
});

describe("locality of a required pair", () => {
  const rule = (more: string): string => `require: [{ provider: gpu, client: nic, ${more} }]`;
  const far = "require: [{ provider: gpu, client: nvme, path: any, locality: NODE }]";
  const treeHidden: Machine = {
    ...good,
    functions: good.functions.filter(({ bridge }) => bridge === null).map((fn) => ({ ...fn, attachment: hidden })),
    hostBridges: hidden,
  };
  const switchesHidden = changed(
    ({ bridge }) => bridge !== null,
    () => ({ express: hidden }),
  );
  test.each<Case>([
    [rule("locality: PXB"), "good", "pass", good, null],
    [rule("locality: PIX"), "good", "pass", good, null],
    [far, "another socket", "fail", good, /^gpu0 → nvme0, gpu1 → nvme0: SYS, and NODE or nearer is wanted$/],
    [far.replace("NODE", "SYS"), "another socket, which may be", "pass", good, null],
    [
      rule("path: any, locality: PXB"),
      "the kernel refuses, and does not count",
      "pass",
      changed(
        () => true,
        () => ({ command: 0 }),
      ),
      null,
    ],
    [rule("path: any, maxHops: 3"), "too many hops", "fail", good, /4 hops, more than 3/],
    [rule("path: any, locality: PXB"), "hidden", "unknown", treeHidden, /are connected/],
    [rule("path: any, maxHops: 4"), "hops hidden", "unknown", treeHidden, null],
    [
      rule("path: any, locality: PIX"),
      "which bridges are one switch is hidden",
      "unknown",
      switchesHidden,
      /PIX or PXB, and PIX is wanted/,
    ],
    [rule("path: any, locality: PXB"), "the same, and either will do", "pass", switchesHidden, null],
    [
      rule("path: any, each: provider, locality: PXB").replace("nic", "accel"),
      "nothing matches",
      "fail",
      good,
      /'accel'/,
    ],
    [rule("path: any, locality: PXB").replace("nic", "mlx5_1"), "misspelt", "fail", good, /did you mean mlx5_0/],
    [
      "require: [{ provider: gpu, client: [nic, nvme], each: provider, path: any, locality: PXB }]",
      "one is near enough",
      "pass",
      good,
      null,
    ],
    [
      "require: [{ provider: gpu, client: nvme, each: provider, path: any, locality: PXB }]",
      "none is",
      "fail",
      good,
      /^gpu0, gpu1: its only client, nvme0: SYS, and PXB or nearer is wanted$/,
    ],
  ])("%s: %s: %s", judged);
});

function judged(text: string, what: string, outcome: RuleOutcome, machine: Machine, says: RegExp | null): void {
  const wanted = what === "idle, of less than is wanted" ? text.replace("gen5", "gen6") : text;
  const result = check(machine, wanted);
  const [rule, other] = result.results;
  if (rule === undefined || other !== undefined) throw new Error("not one rule");
  const decided = rule.outcome === "pass" ? [] : findingLines(result, rule);
  const lines = [...decided, ...remarkLines(result, rule), unmatchedText(rule)];
  expect({ outcome: rule.outcome, lines }).toMatchObject({ outcome });
  if (says !== null) expect(lines.join("\n")).toMatch(new RegExp(says.source, "m"));
}
