/**
 * Loaded before `peerlane` (node --require): has a signal sent to it at one of its calls that change something.
 * KILL_AT_CALL is the number of that call, the signal, whom it goes to (`process`, `group`), and the moment: `before` the
 * call, `during` it (of those that do not block), `after` it.
 */
"use strict";
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");

const [number, signal, whom, moment] = (process.env.KILL_AT_CALL ?? "").split(",");
let calls = 0;

function kill() {
  process.kill(whom === "group" ? -process.pid : process.pid, signal);
}

for (const name of ["writeSync", "fsyncSync", "linkSync", "renameSync", "unlinkSync", "mkdirSync"]) {
  const call = fs[name];
  fs[name] = (...words) => {
    const isIt = ++calls === Number(number);
    if (isIt && moment === "before") kill();
    const result = call(...words);
    if (isIt && moment !== "before") kill();
    return result;
  };
}
for (const name of ["write", "fdatasync", "ftruncate"]) {
  const call = fs[name];
  fs[name] = (...words) => {
    const isIt = ++calls === Number(number);
    if (isIt && moment === "before") kill();
    const done = words.pop();
    call(...words, (...results) => {
      if (isIt && moment === "after") kill();
      done(...results);
    });
    if (isIt && moment === "during") kill();
  };
}
syncBuiltinESMExports();
