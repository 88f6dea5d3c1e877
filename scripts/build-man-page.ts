/** Writes the manual page to dist/peerlane.1, from the help of the program. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import packageFile from "../package.json" with { type: "json" };
import { manPage } from "./man-page.ts";

writeFileSync(join(import.meta.dirname, "../dist/peerlane.1"), await manPage(packageFile.version));
