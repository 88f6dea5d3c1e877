import { PeerlaneError } from "../pci/error.ts";

/** What a failed write is to the user. */
export function writeError(name: string, cause: unknown): PeerlaneError {
  const { message, code } = cause as NodeJS.ErrnoException;
  return new PeerlaneError("operation-failed", `cannot write ${name}: ${reasonOf(message)}`, {
    ...remedyFor(code),
    cause,
  });
}

function remedyFor(code: string | undefined): { readonly remedy?: string } {
  if (code === "ENOSPC" || code === "EDQUOT") return { remedy: "make room there, or name another place" };
  if (code === "EACCES" || code === "EPERM" || code === "EROFS" || code === "EBUSY") {
    return {
      remedy: "a file is written beside its place and renamed: its folder must be writable; name another place",
    };
  }
  return {};
}

/** Without the name of the temporary, which says nothing to anybody. */
function reasonOf(message: string): string {
  return message.replace(/, \w+(?: '.*')?$/s, "");
}
