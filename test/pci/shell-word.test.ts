import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { shellWord, shownShellWord } from "../../src/pci/shell-word.ts";

const WORDS: readonly (readonly [word: string, written: string])[] = [
  ["pci=disable_acs_redir", "pci=disable_acs_redir"],
  ["/sys/bus/pci/devices/0000:01:00.0", "/sys/bus/pci/devices/0000:01:00.0"],
  ["a_b-c+d,e%f@g", "a_b-c+d,e%f@g"],
  ["", "''"],
  ["a b", "'a b'"],
  [" a", "' a'"],
  ["a ", "'a '"],
  ["00:01.0;00:02.0", "'00:01.0;00:02.0'"],
  ["$HOME", "'$HOME'"],
  ["it's", "'it'\\''s'"],
  ["a\nb", "'a\nb'"],
  ["é", "'é'"],
];

const ON_A_SCREEN: readonly (readonly [word: string, written: string])[] = [
  ["plain", "plain"],
  ["a b", "'a b'"],
  ["é", "'é'"],
  ["a\nb", "$'a\\012b'"],
  ["\u0001 ~", "$'\\001 ~'"],
  ["\t\u001f\u007f", "$'\\011\\037\\177'"],
  ["it's\t", "$'it\\047s\\011'"],
  ["back\\\t", "$'back\\134\\011'"],
  ["\u202e", "$'\\342\\200\\256'"],
  ["é\u200b", "$'\\303\\251\\342\\200\\213'"],
];

test.each(WORDS)("%j is one word, %j", (word, written) => {
  expect(shellWord(word)).toBe(written);
});

test.each(ON_A_SCREEN)("on a screen %j is %j", (word, written) => {
  expect(shownShellWord(word)).toBe(written);
});

test("a shell reads all of them as they were", () => {
  const both = [...WORDS, ...ON_A_SCREEN];
  const command = `printf '%s\\0' ${both.map(([, written]) => written).join(" ")}`;
  const read = execFileSync("bash", ["--norc", "-c", command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  expect(read.split("\0")).toEqual([...both.map(([word]) => word), ""]);
});
