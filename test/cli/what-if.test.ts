import { describe, expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { run } = workbench();

const CHANGED_PLACES = "--move 01:00.0=under:00:05.0 --move 02:00.0=under:00:04.0";

const VERDICTS = /"mapType": "[a-z-]+"/g;

describe.concurrent("explain asks what if, and exits by the answer,", () => {
  test.for([
    ["ACS bits were written", 0, "$MIXED --set 00:04.0.acs=-RR-CR"],
    ["ACS bits were written that do not matter", 1, "$MIXED --set 00:04.0.acs=-SV"],
    ["several were", 0, "$MIXED --set 00:04.0.acs=-RR --set 00:04.0.acs=-CR"],
    ["the kernel had a parameter", 0, "$MIXED --append pci=disable_acs_redir=00:04.0"],
    ["the CPU were another", 0, "$BRIDGES --cpu amd-zen --kernel 6.12"],
    ["the kernel were older than the allow-list", 1, "$BRIDGES --cpu amd-zen --kernel 4.20"],
    ["the rules were older", 1, "$BRIDGES --cpu amd-zen --rules 4.20"],
    ["devices changed places with those of a port without ACS", 0, `$MIXED ${CHANGED_PLACES}`],
  ] as const)("%s", async ([, status, line]) => {
    const { out, err, ...rest } = await run(`peerlane explain nvme0 nvme1 ${line}`);
    const told = line.includes("--move") ? "note: after a move firmware numbers buses" : "";
    expect({ ...rest, err: err.slice(0, told.length) }).toEqual({ status, err: told });
    if (told === "") expect(err).toBe("");
    expect(out).not.toBe("");
  });
});

describe.concurrent("matrix asks what if", () => {
  test.for(["--set 00:04.0.acs=-RR-CR", "--iommu off", "--kernel 6.12", "--cpu amd-zen", CHANGED_PLACES])(
    "with %s, and says what it changes",
    async (option) => {
      const { status, out } = await run(`peerlane matrix $MIXED ${option}`);
      expect(status).toBe(0);
      expect(out).toContain("What if: ");
    },
  );

  test("with the same verdicts on the screen's JSON as in explain", async () => {
    const [matrix, explain] = await Promise.all([
      run("peerlane matrix $MIXED --providers nvme0 --clients nvme1 --set 00:04.0.acs=-RR-CR --json"),
      run("peerlane explain nvme0 nvme1 $MIXED --set 00:04.0.acs=-RR-CR --json"),
    ]);
    expect(matrix.out.match(VERDICTS)?.[0]).toBe('"mapType": "bus-addr"');
    expect(explain.out.match(VERDICTS)?.[0]).toBe('"mapType": "bus-addr"');
  });

  test("without a change where the option says what is so", async () => {
    const { out } = await run("peerlane matrix $MIXED --iommu strict");
    expect(out).not.toContain("What if: ");
  });
});

describe.concurrent("what was asked stands in the first line", () => {
  const asked = "--append pci=disable_acs_redir=00:04.0";
  const said = "What if: kernel parameters pci=disable_acs_redir=00:04.0";

  test.for([
    "matrix $MIXED",
    "tree $MIXED",
    "explain nvme0 nvme1 $MIXED",
    "explain nvme0 nvme1 $MIXED --history",
    "find $MIXED",
    "fix nvme0 nvme1 $MIXED",
  ])("of %s", async (line) => {
    const [text, markdown] = await Promise.all([
      run(`peerlane ${line} ${asked}`),
      run(`peerlane ${line} ${asked} --markdown`),
    ]);
    expect(text.out.split("\n")[0]).toBe(said);
    expect(markdown.out.split("\n")[0]).toBe(said.replaceAll("_", "\\_"));
    expect(text.out.match(/What if: /g)).toHaveLength(1);
  });

  test.for(["matrix --svg", "tree --svg", "matrix --dot", "tree --dot"])("of what %s draws", async (line) => {
    const { out } = await run(`peerlane ${line} $MIXED ${asked}`);
    expect(out).toMatch(line.endsWith("svg") ? /<title>.*What if: kernel parameters/ : /label="[^"]*What if: kernel/);
  });

  test("of no CSV", async () => {
    const { out } = await run(`peerlane matrix $MIXED ${asked} --csv`);
    expect(out).not.toContain("What if: ");
  });
});

describe.concurrent("diff asks what if of the second machine, and exits by what gets worse,", () => {
  test.for([
    ["nothing asked", 0, "diff $MIXED $MIXED", "no difference"],
    ["something of one source, which is then both sides", 0, "diff $MIXED --iommu pt", ": as it is → as asked"],
    ["the IOMMU passing addresses through", 0, "diff $MIXED $MIXED --iommu pt", "What if: "],
    ["a redirection cleared by a parameter", 0, "diff $MIXED $MIXED --append pci=disable_acs_redir=00:04.0", "better"],
    ["a redirection set", 1, "diff $CLEARED $CLEARED --set 00:04.0.acs=+RR+CR", "worse"],
    ["a CPU whose root complex is trusted", 0, "diff $BRIDGES $BRIDGES --cpu epyc", "What if: "],
    ["what both hide", 0, "diff $HIDDEN $HIDDEN --kernel 7.2 --cpu epyc", "no difference"],
  ] as const)("%s", async ([, status, line, said]) => {
    const outcome = await run(`peerlane ${line}`);
    expect(outcome).toMatchObject({ status, out: expect.stringContaining(said) });
  });
});

describe.concurrent("words that people use ask the same as ours:", () => {
  test.for([
    ["--iommu pt", "--iommu passthrough"],
    ["--iommu identity", "--iommu passthrough"],
    ["--iommu DMA-FQ", "--iommu lazy"],
    ["--iommu DMA", "--iommu strict"],
    ["--cpu epyc", "--cpu amd-zen"],
    ["--cpu Ryzen", "--cpu amd-zen"],
    ["--cpu Xeon", "--cpu intel"],
    ["--cpu bulldozer", "--cpu amd-pre-zen"],
    ["--cpu aarch64", "--cpu arm"],
    ["--append iommu=pt", "--iommu passthrough --append iommu=pt"],
    ["--append iommu=pt --append pci=noats", "--append 'iommu=pt pci=noats'"],
    ["--append 'quiet pci=noats'", "--append quiet --append pci=noats"],
  ] as const)("%s is %s", async ([spoken, ours]) => {
    const [one, other] = await Promise.all(
      [spoken, ours].map((words) => run(`peerlane matrix $MIXED ${words} --json`)),
    );
    expect(one).toEqual(other);
    expect(one?.status).toBe(0);
  });
});

describe.concurrent("a scenario with options prints what the scenario prints that is written that way,", () => {
  const head = "cpu: intel\\nkernel: 7.2\\niommu: strict\\n";
  const body =
    "hostBridges: [{ below: [{ rootPort: { name: rp, acs: true }, below: [functions: [nvme: { cmb: 16M }, gpu]] }] }]";
  test.for([
    ["--iommu passthrough", "s/strict/passthrough/"],
    ["--iommu off --kernel 6.1", "s/strict/off/; s/7.2/6.1/"],
    ["--cpu amd-zen", "s/intel/amd-zen/"],
    [
      "--append pci=disable_acs_redir=pci:0:0 --iommu lazy",
      "s/strict/lazy/; s/7.2/7.2\\ncmdline: pci=disable_acs_redir=pci:0:0/",
    ],
    ["--append iommu=pt", "s/strict/passthrough/; s/7.2/7.2\\ncmdline: iommu=pt/"],
    ["--append 'quiet intel-iommu=off'", "s/strict/off/; s/7.2/7.2\\ncmdline: quiet intel-iommu=off/"],
    // It is said of what was asked alone that the other vendor's parameter changes nothing.
    [
      "--append 'intel_iommu=on,strict amd_iommu=off iommu=pt'",
      "s/strict/passthrough/; s/7.2/7.2\\ncmdline: intel_iommu=on,strict amd_iommu=off iommu=pt/",
    ],
  ] as const)("%s", async ([options, edit]) => {
    const { out, err } = await run(
      `d=$(mktemp -d); cd $d; printf '${head}${body}' > m.yaml; peerlane matrix m.yaml --all ${options} --json 2>&1 > asked.json; ` +
        `sed -i '${edit}' m.yaml; peerlane matrix m.yaml --all --json 2>&1 > written.json; ` +
        `node -e 'const read = (f) => { const { whatIf, ...all } = JSON.parse(require("fs").readFileSync(f, "utf8")); const notes = all.notes.filter(({ message }) => !message.startsWith("--append")); return JSON.stringify({ ...all, notes }, null, 1); };` +
        ` console.log(read("asked.json") === read("written.json"))'; rm -r $d`,
    );
    expect({ out, err }).toEqual({ out: "true\n", err: "" });
  });
});

describe.concurrent("a what-if that cannot be asked", () => {
  const cases = [
    ["ACS has no bit 'XX'", "--set 00:04.0.acs=-XX"],
    ["cannot set 'nonsense'", "--set nonsense"],
    ["no device '00:09.0'", "--set 00:09.0.acs=-RR"],
    ["cannot move '01:00.0'", "--move 01:00.0"],
    ["no device '09:00.0'", "--move 01:00.0=under:09:00.0"],
    ["'abc' is no kernel release", "--kernel abc"],
    ["'abc' is no kernel release", "--rules abc"],
    ["is invalid", "--iommu none"],
    ["is invalid", "--cpu pentium"],
    ["argument missing", "--set"],
  ] as const;
  test.for(["matrix", "explain nvme0 nvme1"].flatMap((verb) => cases.map((each) => [verb, ...each] as const)))(
    "of %s says '%s' for %s",
    async ([verb, message, option]) => {
      const { status, out, err } = await run(`peerlane ${verb} $MIXED ${option}`);
      expect({ status, out }).toEqual({ status: 2, out: "" });
      expect(err).toContain(message);
    },
  );
});

describe.concurrent("verbs that advise say that they speak of another machine,", () => {
  const asked = "--cpu amd-zen --kernel 7.3";
  test.for([
    ["fix", `fix nvme0 nvme1 $MIXED ${asked}`],
    ["find", `find nvme0 $MIXED ${asked}`],
    ["report", `report $MIXED ${asked}`],
  ] as const)("%s", async ([, line]) => {
    const [text, plain] = await Promise.all([run(`peerlane ${line}`), run(`peerlane ${line.replace(asked, "")}`)]);
    expect(text.out).toContain("What if: ");
    expect(plain.out).not.toContain("What if: ");
  });
});
