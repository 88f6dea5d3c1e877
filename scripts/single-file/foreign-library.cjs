/*
 * Stands in the single file in the place of the FFI's package of one processor: loads its binary, which is inside, from a file
 * without a name, so that nothing stays and nobody else can have put another there. (The engine's own way is a file of a known
 * name in the folder for temporary files, which stays.)
 */
const {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

/** open(2): a file without a name, in a folder; `O_DIRECTORY` is a part of it, and differs between processors. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

const bytes = readFileSync(require("./koffi.binary"));

function loadNameless(folder) {
  const file = openSync(folder, O_TMPFILE | constants.O_RDWR, 0o700);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    process.dlopen(module, `/proc/self/fd/${file}`);
  } finally {
    closeSync(file);
  }
}

/** For file systems that have no such files, and without /proc: in a folder that is ours alone, and goes. */
function loadNamed(parent) {
  const folder = mkdtempSync(join(parent, "peerlane-"));
  try {
    writeFileSync(join(folder, "koffi.node"), bytes, { mode: 0o700 });
    process.dlopen(module, join(folder, "koffi.node"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Some are mounted so that nothing in them can be executed. */
const FOLDERS = [tmpdir(), "/dev/shm", "/run"];
const ways = [loadNameless, loadNamed].flatMap((load) => FOLDERS.map((folder) => () => load(folder)));
let failure;
const isLoaded = ways.some((way) => {
  try {
    way();
    return true;
  } catch (error) {
    failure ??= error;
    return false;
  }
});
if (!isLoaded) throw failure;
