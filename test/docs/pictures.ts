import { readFileSync } from "node:fs";
import { join } from "node:path";
import { matrixSvg } from "../../src/drawing/matrix-svg.ts";
import { treeSvg } from "../../src/drawing/tree-svg.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";

const root = join(import.meta.dirname, "../..");
const file = "examples/gpu-nic-server.yaml";

/** The server with eight GPUs, booted with these parameters. */
function serverWith(parameters: string): VerdictTable {
  const text = readFileSync(join(root, file), "utf8");
  const machine = afterBoot(readScenario(`${text}cmdline: "${parameters}"\n`, file));
  return decideAll(machine, selectDevices(machine, { all: false }));
}

/** The pictures of docs/pictures, by the file each is in. */
export const PICTURES: Readonly<Record<string, () => string>> = {
  "docs/pictures/eight-gpus.tree.svg": () => {
    const table = serverWith("");
    return treeSvg({ table, expectedGroups: expectedIommuGroups(table.machine, table.topology) });
  },
  "docs/pictures/eight-gpus.matrix.svg": () => matrixSvg(serverWith("pci=disable_acs_redir=pci:1000:c030")),
};
