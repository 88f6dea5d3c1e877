import { expect, test } from "vitest";
import { workbench } from "./shell.ts";

const { run, write } = workbench();

write("empty.txt", "");
write("blank.txt", "\n \n\n");
write("letter.txt", "Dear all,\nthe server is slow, please have a look.\n");
write("picture.png", "\u0089PNG\r\n\u001a\n\u0000\u0000\u0000\rIHDR\u0000\u0000");
write("other.json", '{ "name": "peerlane", "version": 1 }\n');
write("policy.yaml", 'policy: test\nrequire:\n  - { provider: "nvme0", client: "nvme1", path: direct }\n');
write("misspelt-policy.yaml", 'policy: test\nrequier:\n  - { provider: "nvme0", client: "nvme1" }\n');
write("misspelt.yaml", "hostBridges:\n  - below:\n      - nvmee\n");
write("broken.yaml", "hostBridges: [\n");
write("workload.yaml", "machine: one-switch.yaml\nworkload:\n  - cpoy: { from: nvme1, to: nvme0, size: 4K }\n");

/** What people type wrong; each is answered with what is wrong, where, and the way out. */
const LINES = [
  // verbs
  "matirx $MIXED",
  "expalin nvme0 nvme1 $MIXED",
  "help matirx",
  "nvmee0 $MIXED",
  "$MIXED nvme0 nvme1 nvme2",
  // options
  "matrix $MIXED --iomu pt",
  "tree $MIXED --providers nvme",
  "explain nvme0 nvme1 $MIXED --jsno",
  "matrix $MIXED --width 10",
  "matrix $MIXED --width wide",
  "matrix $MIXED --color sometimes",
  "matrix $MIXED --json --markdown",
  "check policy.yaml $MIXED --junit --sarif",
  "matrix $MIXED --root .",
  "matrix $MIXED --pair 01:00.0=02:00.0",
  // what if
  "matrix $MIXED --kernel abc",
  "matrix $MIXED --kernel 7",
  "matrix $MIXED --rules 4.19",
  "matrix $MIXED --rules six",
  "matrix $MIXED --cpu pentium",
  "matrix $MIXED --cpu amd",
  "matrix $MIXED --iommu on",
  "matrix $MIXED --iommu none",
  "matrix $MIXED --append iommu=soft",
  "matrix $MIXED --append iommu=pt --iommu lazy",
  "matrix $MIXED --append",
  "matrix $MIXED --set nonsense",
  "matrix $MIXED --set 00:04.0.acs=+XX",
  "matrix $MIXED --move 01:00.0",
  "matrix $MIXED --move 01:00.0=under:01:00.1",
  // sources
  "no-such.txt",
  "matrix no-such.txt",
  "matrix .",
  "matrix empty.txt",
  "matrix blank.txt",
  "matrix letter.txt",
  "matrix picture.png",
  "matrix other.json",
  "matrix misspelt.yaml",
  "matrix broken.yaml",
  "matrix - < /dev/null",
  "diff - - < $MIXED",
  "diff $MIXED no-such.txt",
  "tree $MIXED $MIXED",
  "tree --svg out.svg",
  "tree $MIXED --svg out.svg",
  "matrix --csv out.csv $MIXED",
  // one kind of file for another
  "matrix policy.yaml",
  "matrix workload.yaml",
  "compare $MIXED",
  "compare policy.yaml $MIXED",
  "compare no-such.txt $MIXED",
  "compare - - < $MIXED",
  "check $MIXED policy.yaml",
  "check $SCENARIO $MIXED",
  "check . $MIXED",
  "check empty.txt $MIXED",
  "check misspelt-policy.yaml $MIXED",
  "check --write policy.yaml $MIXED",
  "check --write - $MIXED --json",
  "simulate $SCENARIO",
  "simulate workload.yaml",
  "vm $MIXED",
  "vm policy.yaml",
  // devices
  "explain nvme nvme0 $MIXED",
  "explain nvme[01] nvme2 $MIXED",
  "explain nvme0 nvme9 $MIXED",
  "explain nvme0 gpu $MIXED",
  "explain nvme0 gpu:0 $MIXED",
  "explain nvme0 $MIXED",
  "explain 0000:3f:00.0 nvme0 $MIXED",
  "matrix $MIXED --providers ,",
  "matrix $MIXED --providers 'nvme[3-1]'",
  "fix nvme0 $MIXED",
  "fix --all nvme $MIXED",
  "find $MIXED nvme0",
  "find gpu:nvme $MIXED",
  "find gpu0 no-such.txt",
  "find --p2pmem $MIXED",
  "check hidden.txt policy.yaml",
  "find nvme[7-9] $MIXED",
  // the others
  "schema matrices",
  "completion tcsh",
  "lab no-such-design",
  "lab replay",
] as const;

test("wrong inputs are answered with what is wrong, where, and the way out; exit code 2", async () => {
  const answers = new Map<string, string>();
  const waiting = [...LINES];
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
      const { status, out, err } = await run(`peerlane ${line}`);
      answers.set(line, `$ peerlane ${line}\n${out}${err}${status === 2 ? "" : `exit ${status}\n`}`);
    }
  };
  await Promise.all([work(), work(), work()]);
  const text = LINES.map((line) => answers.get(line)).join("\n");
  await expect(text).toMatchFileSnapshot("golden/wrong-inputs.txt");
  expect(text).not.toContain("    at ");
});
