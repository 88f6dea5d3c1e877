/** What `check` prints. */
export { checkJson } from "./json.ts";
export { checkJunit } from "./junit.ts";
export { checkMarkdown } from "./markdown.ts";
export { checkSarif } from "./sarif.ts";
export { checkSchema } from "./schema.ts";
export { checkText } from "./text.ts";
