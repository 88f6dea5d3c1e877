import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { PeerlaneError } from "../pci/error.ts";

/**
 * The user's folder of what must outlive a run: journals of copies, rescue files of probes (XDG Base Directory
 * Specification 0.8). Throws `environment` for a user without a home.
 */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { XDG_STATE_HOME: state } = environment;
  return join(state !== undefined && isAbsolute(state) ? state : join(homeFolder(), ".local/state"), "peerlane");
}

function homeFolder(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new PeerlaneError("environment", "this user has no home folder to keep state in", {
      remedy: "set XDG_STATE_HOME to a folder that can be written",
      cause,
    });
  }
}
