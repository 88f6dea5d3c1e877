import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KernelLog, parseRecord } from "../../../src/live/messages/kernel-log.ts";

describe("a record of the kernel's log", () => {
  test("has a number, a time and a text", () => {
    expect(parseRecord("6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n")).toEqual({
      sequence: 339,
      timeUs: 5140900,
      text: "NET: Registered",
    });
  });

  test("may have further fields before its text, and escaped bytes in it", () => {
    expect(parseRecord("4,7,12,c,caller=T1;a\\x09b;c")?.text).toBe("a\tb;c");
  });

  test("of any other form is none", () => {
    for (const text of ["", "6,339", "x,1,2,-;text"]) expect(parseRecord(text)).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => void parseRecord(text)));
  });
});

describe("the kernel's log", () => {
  test("that cannot be read has a reason and no messages", () => {
    const log = KernelLog.open("/nowhere/kmsg");
    expect(log.reason).toMatch(/ENOENT/);
    expect(log.take()).toEqual([]);
    log.close();
  });
});
