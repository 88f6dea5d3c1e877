/** Whether Peerlane is its single executable file here, which brings its engine along; a Node runs it otherwise. */
export function isSingleFile(): boolean {
  const { Bun } = globalThis as { Bun?: { readonly isStandaloneExecutable?: boolean } };
  return Bun?.isStandaloneExecutable === true;
}
