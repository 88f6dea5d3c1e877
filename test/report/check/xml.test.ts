import { expect, test } from "vitest";
import { xmlAttribute, xmlText } from "../../../src/report/check/xml.ts";

test.for([
  // a value, between tags, in an attribute
  ["a < b & c", "a &lt; b &amp; c", "a &lt; b &amp; c"],
  ['say "x"', 'say "x"', "say &quot;x&quot;"],
  ["two\nlines", "two\nlines", "two&#10;lines"],
  ["a\ttab", "a&#9;tab", "a&#9;tab"],
  ["a\rreturn", "a&#13;return", "a&#13;return"],
  ["\u001b[2J", "\ufffd[2J", "\ufffd[2J"],
  ["\u202etxt", "&#8238;txt", "&#8238;txt"],
  ["\u009b2J", "&#155;2J", "&#155;2J"],
  ["\ud800 alone", "\ufffd alone", "\ufffd alone"],
] as const)("%j is written so that XML holds it and a terminal obeys nothing", ([value, text, attribute]) => {
  expect(xmlText(value)).toBe(text);
  expect(xmlAttribute(value)).toBe(attribute);
});
