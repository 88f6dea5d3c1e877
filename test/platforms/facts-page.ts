import { markdownTable } from "markdown-table";
import type { FactMatch, PlatformFact } from "../../src/platforms/fact.ts";
import { PLATFORM_FACTS, PLATFORM_FACTS_VERSION } from "../../src/platforms/facts.ts";

type IdSet = NonNullable<FactMatch["rootPort"]>;

function hex(value: number): string {
  return value.toString(16).padStart(4, "0");
}

function idsInWords(set: IdSet): string {
  const [patterns, before] = "only" in set ? [set.only, ""] : [set.allBut, "all but "];
  const words = patterns.map(({ vendorId, devices }) => {
    if (devices === "any") return `${hex(vendorId)}:any`;
    const ranges = devices.map(([first, last]) => (first === last ? hex(first) : `${hex(first)}–${hex(last)}`));
    return `${hex(vendorId)}:${ranges.join(" ")}`;
  });
  return before + words.join(", ");
}

function matchInWords({ partOf, cpu, onRootBus, rootPort, switchPorts, iommu }: FactMatch): string {
  const parts: string[] = [];
  if (cpu !== undefined) {
    const [first, last] = cpu.families.map((family) => family.toString(16));
    const models = cpu.models === "any" ? "" : `, models ${cpu.models.map((model) => model.toString(16)).join(" ")}`;
    parts.push(`${cpu.vendor} family ${first === last ? first : `${first}–${last}`}${models} (hexadecimal)`);
  }
  if (partOf !== undefined) parts.push(`part of ${partOf.vendor ?? partOf.architecture}`);
  if (onRootBus !== undefined) parts.push(`on each root bus a function ${idsInWords(onRootBus)}`);
  if (rootPort !== undefined) parts.push(`root ports ${idsInWords(rootPort)}`);
  if (switchPorts !== undefined) parts.push(`switch ports ${idsInWords(switchPorts)}`);
  if (iommu !== undefined) parts.push(iommu === "translates" ? "IOMMU strict or lazy" : "IOMMU off or passthrough");
  return parts.join("; ");
}

function sourceLine({ evidence, where, date, says }: PlatformFact["sources"][number]): string {
  const place = where.startsWith("https:") ? `[${evidence}](${where})` : `${evidence} (${where})`;
  return `- ${place}, ${date}: ${says}`;
}

function section(fact: PlatformFact): string {
  return [
    `### ${fact.id}`,
    "",
    `${fact.title}. Matches: ${matchInWords(fact.match)}. ${fact.words}`,
    "",
    ...fact.sources.map(sourceLine),
  ].join("\n");
}

function evidenceOf(fact: PlatformFact): string {
  return [...new Set(fact.sources.map(({ evidence }) => evidence))].join(", ");
}

function factsInMarkdown(): string {
  const table = markdownTable([
    ["Fact", "Hardware", "Way", "Write", "Read", "Evidence"],
    ...PLATFORM_FACTS.map((fact) => [
      `[${fact.id}](#${fact.id})`,
      fact.title,
      fact.path,
      fact.write ?? "unknown",
      fact.read ?? "unknown",
      evidenceOf(fact),
    ]),
  ]);
  return [`Version ${PLATFORM_FACTS_VERSION}.`, table, ...PLATFORM_FACTS.map(section)].join("\n\n");
}

/** Puts the facts between the marks of a page. */
export function withFacts(page: string): string {
  return page.replace(/(<!-- facts -->\n)[\s\S]*?(\n<!-- end of facts -->)/, (_, before: string, after: string) => {
    return `${before}\n${factsInMarkdown()}\n${after}`;
  });
}
