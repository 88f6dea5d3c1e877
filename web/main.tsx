import { render } from "preact";
import { colorVariables } from "../src/drawing/svg.ts";
import { followState, openFromAddress } from "./state/store.ts";
import "./style.css";
import { App } from "./ui/app.tsx";

const colors = new CSSStyleSheet();
colors.replaceSync(
  `:root{${colorVariables(0)}}@media (prefers-color-scheme:dark){:root{${colorVariables(1)}}}@media print{:root{${colorVariables(0)}}}`,
);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, colors];

const page = document.getElementById("page");
if (page !== null) render(<App />, page);
openFromAddress().then(followState, followState);
