export async function benchLspciText(): Promise<never> { throw new Error("todo"); }
