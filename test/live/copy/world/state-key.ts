import { createHash } from "node:crypto";
import type { StoredBytes } from "./stored-bytes.ts";
import type { Inode, WorldState } from "./world-state.ts";

/** Says two states alike that no program can tell apart, but for names drawn by lot. */
export function stateKey(state: WorldState): string {
  const bytes = [...state.bytes].map(([id, stored]) => `${id} ${keyOfBytes(stored)}`);
  const inodes = [...state.inodes].map(([ino, inode]) => `${ino} ${keyOfInode(inode)}`);
  return digest([...bytes.sort(), ...inodes.sort()].join("\n"));
}

/** What makes a name unguessable. */
const RANDOM = /[0-9a-f]{32}/g;

const keyOfBytes = remembered((stored: StoredBytes) => {
  const { seen, medium, unsynced } = stored;
  if (unsynced.length === 0) return keyOfBuffer(medium);
  const changes = unsynced.map(({ change, isLost }) =>
    change.kind === "size"
      ? `${isLost} size ${change.sizeBytes}`
      : `${isLost} ${change.position} ${keyOfBuffer(change.bytes)}`,
  );
  return [keyOfBuffer(seen), keyOfBuffer(medium), ...changes].join(" ");
});

const keyOfInode = remembered((inode: Inode) => {
  const { kind, uid, mode, modifiedMs } = inode;
  if (inode.kind !== "folder") return `${kind} ${uid} ${mode} ${modifiedMs}`;
  const { seen, medium, unsynced } = inode.names;
  const names = [[...seen], unsynced.length === 0 ? [] : [...medium], unsynced];
  return digest(`${uid} ${mode} ${JSON.stringify(names).replaceAll(RANDOM, "random")}`);
});

const keyOfBuffer = remembered((bytes: Buffer) => digest(bytes));

function digest(data: string | Buffer): string {
  return createHash("sha1").update(data).digest("base64");
}

function remembered<T extends object>(keyOf: (thing: T) => string): (thing: T) => string {
  const known = new WeakMap<T, string>();
  return (thing) => {
    const found = known.get(thing) ?? keyOf(thing);
    known.set(thing, found);
    return found;
  };
}
