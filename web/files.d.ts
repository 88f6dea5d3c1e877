/** A file as text, in the module that asks for it. */
declare module "*?raw" {
  const text: string;
  export default text;
}

/** A file's bytes as base64. */
declare module "*?base64" {
  const base64: string;
  export default base64;
}

declare module "*.css" {}
