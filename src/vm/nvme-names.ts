import type { NvmeController } from "./qemu.ts";

/** A controller with the name that users give it and the one that the guest's kernel gives it. */
export interface NamedController extends NvmeController {
  readonly userName: string;
  readonly kernelName: string;
}

/**
 * The controllers in the order of the guest's kernel names. A controller that the scenario names `nvme1` is `nvme1`
 * there, where there are as many; the others take the numbers left, in the scenario's order.
 */
export function nameControllers(controllers: readonly NvmeController[]): NamedController[] {
  const wanted = controllers.map(({ name }) => numberIn(name, controllers.length));
  const rest = controllers.filter((_, index) => wanted[index] === null);
  return controllers.flatMap((_, number) => {
    const holder = wanted.indexOf(number);
    const controller = holder >= 0 ? controllers[holder] : rest.shift();
    const kernelName = `nvme${number}`;
    return controller === undefined ? [] : { ...controller, userName: controller.name ?? kernelName, kernelName };
  });
}

function numberIn(name: string | null, count: number): number | null {
  const number = Number(/^nvme(0|[1-9]\d*)$/.exec(name ?? "")?.[1] ?? "NaN");
  return number < count ? number : null;
}
