export { looksLikeRdmaTopo, readRdmaTopo } from "./read-dump.ts";
export { writeRdmaTopo } from "./write-dump.ts";
