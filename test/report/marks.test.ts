import { describe, expect, it } from "vitest";
import { findProvider } from "../../src/advice/find-provider.ts";
import { advise } from "../../src/advice/fix/advise.ts";
import { answersOf } from "../../src/advice/fix/prove.ts";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevice, findDevices } from "../../src/host/select.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import { checkMarkdown } from "../../src/report/check/markdown.ts";
import { checkText } from "../../src/report/check/text.ts";
import { documentText } from "../../src/report/document-text.ts";
import { findBlocks } from "../../src/report/find.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { exampleText, machineOf } from "../policy/machines.ts";

/** What a what-if changes is marked in what is said of the machine as it would be. */
const server = machineOf("gpu-nic-server.yaml");
const { before, after } = askWhatIf(server, { append: "pci=disable_acs_redir=pci:1000:c030" });
const screen = { width: 400, color: false };

describe("fix", () => {
  const fixText = (pairs: (machine: Machine) => Parameters<typeof advise>[1]): string => {
    const asked = pairs(after);
    return documentText(fixBlocks(advise(after, asked), { asIs: answersOf(before, asked, undefined) }), screen);
  };

  it("marks pairs of a group that were something else", () => {
    const text = fixText((machine) =>
      findDevices(machine, "gpu").flatMap((provider) =>
        findDevices(machine, "nic").map((client) => ({ provider, client })),
      ),
    );
    expect(text).toMatch(
      /^ {2}16 pairs, gpu0 → mlx5_0 …: direct\* \(\*: on the machine as it is through the host bridge\): /m,
    );
    expect(text).toMatch(/^ {2}48 pairs, gpu0 → mlx5_2 …: through the host bridge: /m);
  });

  it("marks a single pair", () => {
    const text = fixText((machine) => [
      { provider: findDevice(machine, "gpu0"), client: findDevice(machine, "mlx5_0") },
    ]);
    expect(text).toMatch(/reaches memory of gpu0 \(0000:18:00\.0\): direct, 4 hops\*; nothing to fix on the path$/m);
    expect(text).toContain("  *: on the machine as it is through the host bridge, 4 hops");
  });
});

describe("check", () => {
  const policy = parsePolicy(exampleText("policies/gpu-server.yaml"), "gpu-server.yaml");
  const [was, is] = [checkPolicy(before, policy), checkPolicy(after, policy)];

  it("marks rules that came to something else", () => {
    const lines = String(checkText(is, screen, was)).split("\n");
    expect(lines.filter((line) => line.includes("  * "))).toEqual([
      "✓ each GPU has a NIC on its switch  * ✗ fail → ✓ pass",
      "✓ each NIC has a GPU on its switch  * ✗ fail → ✓ pass",
      "✓ a GPU and a NIC below one switch carry nearly what they could  * ✗ fail → ✓ pass",
    ]);
    expect(String(checkMarkdown(is, was)).match(/\* ✗ fail → ✓ pass/g)).toHaveLength(3);
  });

  it("marks none where nothing was asked", () => {
    expect(String(checkText(is, screen)) + String(checkMarkdown(is))).not.toContain("→ ✓");
  });
});

describe("find --p2pmem", () => {
  it("marks paths that were something else, and says whom the kernel would choose as it is", () => {
    const mixed = readCapturedMachine("mixed-acs.intel.strict");
    const asked = askWhatIf(mixed, { append: "pci=disable_acs_redir=0000:00:04.0" });
    const client = findDevice(mixed, "nvme1");
    const [old, now] = [findProvider(asked.before, [client]), findProvider(asked.after, [client])];
    const text = documentText(findBlocks(now, old), screen);
    expect(text).toMatch(/nvme0 \(0000:01:00\.0\) .* direct, 2 hops\*$/m);
    expect(text).toMatch(/nvme2 \(0000:02:00\.0\) .* not supported$/m);
    expect(text).toContain("*: on the machine as it is none: no published peer memory reaches every client");
    expect(documentText(findBlocks(now), screen)).not.toContain("*");
  });
});
