import { type Command, Option } from "commander";
import { addMachineOptions, addNamingOptions, addOutputOptions, listed, SOURCE_HELP } from "../options.ts";
import type { CheckOptions } from "../verbs/check.ts";
import type { DiffOptions } from "../verbs/diff.ts";
import type { FindOptions } from "../verbs/find.ts";
import type { FixOptions } from "../verbs/fix.ts";
import type { Finish } from "./finish.ts";

/** The verbs that say what to do: `fix`, `find`, `check`, `diff`. */
export function addAdvisingVerbs(program: Command, finish: Finish): void {
  addFix(program, finish);
  addFind(program, finish);
  addCheck(program, finish);
  addDiff(program, finish);
}

function addFix(program: Command, finish: Finish): void {
  const command = program
    .command("fix")
    .description("the smallest changes that make a pair work, each shown by the rules, with what else they change")
    .argument("[names...]", `two devices, provider and client, then a source (${SOURCE_HELP})`)
    .option("--all <classes>", "all pairs of two classes instead of two devices, as gpu:nic");
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where the pair is direct or something helps, 1 where nothing does, 3 where the source hides what decides.
Nothing is written to any device: what is printed is for you to run.

Examples:
  sudo peerlane fix nvme0 mlx5_0
  peerlane fix 03:00.0 05:00.0 dump.txt --kernel 7.2 --cpu intel
  peerlane fix --all gpu:nic server.tar.gz`,
    )
    .action(async (names: readonly string[], options: FixOptions) => {
      const { runFix } = await import("../verbs/fix.ts");
      finish(await runFix(names, options));
    });
}

function addFind(program: Command, finish: Finish): void {
  const command = program
    .command("find")
    .description("the provider of peer memory that the kernel would choose for these clients")
    .argument("<clients...>", "devices or classes that share the memory; the last may be a source (a file or -)")
    .option("--source <file>", "read the machine from here")
    .option("--providers <names>", "only these candidates, whether or not they have peer memory now", listed);
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where there is one, 1 where no provider reaches all clients, 3 where the source hides what decides.

Examples:
  sudo peerlane find mlx5_0 nvme1
  peerlane find nvme1 nvme2 server.tar.gz
  peerlane find nic --providers gpu --source dump.txt`,
    )
    .action(async (names: readonly string[], options: FindOptions) => {
      const { runFind } = await import("../verbs/find.ts");
      finish(await runFind(names, options));
    });
}

function addCheck(program: Command, finish: Finish): void {
  const command = program
    .command("check")
    .description("hold a machine against a policy: pairs that must work, pairs that must not, groups to keep apart")
    .argument("<policy>", "a policy file (YAML); examples/policies has some")
    .argument("[source]", SOURCE_HELP)
    .addOption(new Option("--junit", "print JUnit XML, for a CI server").conflicts(["json", "markdown", "sarif"]))
    .addOption(new Option("--sarif", "print SARIF 2.1.0, for code scanning").conflicts(["json", "markdown"]));
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where all rules hold, 1 where one fails, 3 where the source hides what decides.

Examples:
  sudo peerlane check fleet.yaml
  peerlane check fleet.yaml server.tar.gz --junit > peerlane.xml`,
    )
    .action(async (policy: string, source: string | undefined, options: CheckOptions) => {
      const { runCheck } = await import("../verbs/check.ts");
      finish(await runCheck(policy, source, options));
    });
}

function addDiff(program: Command, finish: Finish): void {
  const command = program
    .command("diff")
    .description("what differs between two machines, or one before and after: topology, links, ACS, groups, verdicts")
    .argument("<before>", SOURCE_HELP)
    .argument("[after]", "the other one; without it, this host")
    .option("--rules <release>", "the kernel release whose rules decide on both sides");
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      "\nExits with 0 where nothing differs, 1 where something does.\n\nExamples:\n  peerlane diff before.json.gz after.json.gz\n  sudo peerlane diff yesterday.json.gz",
    )
    .action(async (before: string, after: string | undefined, options: DiffOptions) => {
      const { runDiff } = await import("../verbs/diff.ts");
      finish(await runDiff(before, after, options));
    });
}
