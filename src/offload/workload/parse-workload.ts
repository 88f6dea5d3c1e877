import { buildScenario } from "../../host/scenario/build-scenario.ts";
import type { ScenarioInput } from "../../host/scenario/input.ts";
import { scenarioMachine } from "../../host/scenario/scenario-machine.ts";
import { issueError } from "../../host/yaml/issues.ts";
import { objectSource } from "../../host/yaml/object-source.ts";
import { readYaml, type ValuePath, type YamlSource } from "../../host/yaml/yaml-source.ts";
import { formatPlace, PeerlaneError, type Place } from "../../pci/error.ts";
import { buildModel } from "./build-model.ts";
import { StepBuilder } from "./build-step.ts";
import type { WorkloadInput } from "./input.ts";
import { refuseTooMuch } from "./limits.ts";
import { workloadSchema } from "./schema.ts";
import { SharedNames } from "./shared-names.ts";
import type { Workload, WorkloadMachine, WorkloadStep } from "./workload.ts";
import type { WorkloadParts } from "./workload-parts.ts";

/**
 * Reads a workload file. `file` is its name for messages. Throws `bad-input` or `too-large` with file, line and column
 * for anything that is not a workload; never returns a partial one.
 */
export function parseWorkload(text: string, file: string): Workload {
  return workloadOf(readYaml(text, file));
}

/**
 * The workload that a program describes: what a workload file says, as an object. `name` is what messages call it. Throws as
 * {@link parseWorkload}, with the way to the value in place of the line.
 */
export function buildWorkload(parts: WorkloadParts, name = "workload"): Workload {
  return workloadOf(objectSource(parts, name));
}

function workloadOf(source: YamlSource): Workload {
  const result = workloadSchema.safeParse(source.value);
  if (!result.success) throw issueError(result.error.issues, source);
  const input = result.data;
  const steps = buildSteps(input, source);
  refuseTooMuch(steps);
  return {
    file: source.file,
    name: input.name ?? source.file,
    machine: machineOf(input.machine, source),
    model: buildModel(input.model ?? {}, source),
    steps,
  };
}

function machineOf(input: string | ScenarioInput, source: YamlSource): WorkloadMachine {
  if (typeof input === "string") return { kind: "source", path: input, place: source.placeOf(["machine"]) };
  const scenario = buildScenario(input, below(source, ["machine"]));
  return { kind: "inline", machine: scenarioMachine(scenario) };
}

/** A part of a file as a source of its own, whose places are those of the file. */
function below(source: YamlSource, above: ValuePath): YamlSource {
  return {
    file: source.file,
    value: null,
    placeOf: (path) => source.placeOf([...above, ...path]),
    placeOfKey: (path, key) => source.placeOfKey([...above, ...path], key),
  };
}

function buildSteps(input: WorkloadInput, source: YamlSource): readonly WorkloadStep[] {
  const placeByName = new Map<string, Place>();
  const names = new SharedNames();
  return input.workload.map((each, index) => {
    const step = new StepBuilder(source, ["workload", index], names).build(each, index);
    const other = placeByName.get(step.name);
    if (other !== undefined) {
      throw new PeerlaneError("bad-input", `another step has this name: '${step.name}'`, {
        place: step.place,
        facts: { other: formatPlace(other) },
        remedy: "give each step a `name:` of its own: reports tell steps apart by it",
      });
    }
    placeByName.set(step.name, step.place);
    return step;
  });
}
