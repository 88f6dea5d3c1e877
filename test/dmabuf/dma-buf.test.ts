import { describe, expect, it } from "vitest";
import { DmaBuf, type ExporterOps } from "../../src/dmabuf/dma-buf.ts";
import { Reservation } from "../../src/dmabuf/reservation.ts";
import { errnoOf, granted, importer } from "./fakes.ts";
import { Bed } from "./test-bed.ts";

const ok = { ok: true, value: null } as const;

function exporter(parts: Partial<ExporterOps> = {}): ExporterOps {
  return { attach: () => ok, map: () => ({ ok: true, value: [] }), unmap: () => {}, release: () => {}, ...parts };
}

describe("the reservation", () => {
  it("cannot be locked twice: that would be a dead lock", () => {
    const reservation = new Reservation();
    const twice = (): void => reservation.withLock("a", () => reservation.withLock("b", () => {}));
    expect(twice).toThrow("b takes the reservation lock that a holds");
  });

  it("is free again after its holder threw", () => {
    const reservation = new Reservation();
    const fail = (): void => {
      throw new Error("oh");
    };
    expect(() => reservation.withLock("a", fail)).toThrow("oh");
    expect(reservation.withLock("b", () => 1)).toBe(1);
  });

  it("tells of progress when the lock is given back, and when a fence is signalled without it", () => {
    const reservation = new Reservation();
    let told = 0;
    reservation.onProgress(() => told++);
    const fence = reservation.withLock("a", () => reservation.addFence("a"));
    expect([told, reservation.pending]).toEqual([1, ["a"]]);
    fence.signal();
    expect([told, reservation.pending]).toEqual([2, []]);
    expect(() => fence.signal()).toThrow("twice");
  });

  it("takes fences under the lock only", () => {
    expect(() => new Reservation().addFence("a")).toThrow("needs the reservation lock");
  });
});

describe("a buffer", () => {
  it("is mapped and unmapped under the lock only", () => {
    const buffer = new DmaBuf("b", 4096, exporter());
    const attachment = granted(buffer.attach(importer(new Bed())));
    expect(() => buffer.map(attachment, "bidirectional")).toThrow("map needs the reservation lock");
    expect(() => buffer.unmap(attachment)).toThrow("unmap needs the reservation lock");
    expect(() => buffer.pin(attachment)).toThrow("pin needs the reservation lock");
    expect(() => buffer.invalidateMappings()).toThrow("needs the reservation lock");
  });

  it("pins for a static importer while that has it mapped, and not for one that can be told", () => {
    const calls: string[] = [];
    const pin = (): typeof ok => {
      calls.push("pin");
      return ok;
    };
    const buffer = new DmaBuf("b", 4096, exporter({ pin, unpin: () => calls.push("unpin") }));
    const bed = new Bed();
    const fixed = granted(buffer.attach(importer(bed)));
    const told = granted(buffer.attach(importer(bed, { invalidateMappings: () => {} })));
    buffer.reservation.withLock("test", () => {
      buffer.map(told, "bidirectional");
      expect([calls, buffer.pinnedBy]).toEqual([[], []]);
      buffer.map(fixed, "bidirectional");
      expect([calls, buffer.pinnedBy]).toEqual([["pin"], ["importer"]]);
      buffer.unmap(fixed);
      buffer.unmap(told);
    });
    expect(calls).toEqual(["pin", "unpin"]);
  });

  it("gives the pin of a static importer back where the mapping fails", () => {
    const map = (): { ok: false; errno: "EREMOTEIO"; reason: string } => ({
      ok: false,
      errno: "EREMOTEIO",
      reason: "no",
    });
    const buffer = new DmaBuf("b", 4096, exporter({ map, pin: () => ok }));
    const attachment = granted(buffer.attach(importer(new Bed())));
    const answer = buffer.reservation.withLock("test", () => buffer.map(attachment, "to-device"));
    expect([errnoOf(answer), buffer.pinnedBy, buffer.mappedBy]).toEqual(["EREMOTEIO", [], []]);
  });

  it("is released with its last reference, and not before its importers are gone", () => {
    let released = 0;
    const buffer = new DmaBuf("b", 4096, exporter({ release: () => released++ }));
    const attachment = granted(buffer.attach(importer(new Bed())));
    expect(() => buffer.put()).toThrow("while importers are attached");
    buffer.detach(attachment);
    buffer.put();
    expect([released, buffer.references]).toEqual([1, 0]);
    expect(() => buffer.get()).toThrow("is released");
    expect(() => buffer.attach(importer(new Bed()))).toThrow("is released");
  });

  it("is not left by an importer that has it mapped or pinned", () => {
    const buffer = new DmaBuf("b", 4096, exporter());
    const attachment = granted(buffer.attach(importer(new Bed(), { invalidateMappings: () => {} })));
    buffer.reservation.withLock("test", () => buffer.map(attachment, "bidirectional"));
    expect(() => buffer.detach(attachment)).toThrow("mapped or pinned");
    buffer.reservation.withLock("test", () => {
      buffer.unmap(attachment);
      buffer.pin(attachment);
    });
    expect(() => buffer.detach(attachment)).toThrow("mapped or pinned");
    buffer.reservation.withLock("test", () => buffer.unpinAll(attachment));
    buffer.detach(attachment);
    expect(() => buffer.detach(attachment)).toThrow("is not attached");
  });

  it("has no way around mapping unless its exporter offers one", () => {
    const buffer = new DmaBuf("b", 4096, exporter());
    const attachment = granted(buffer.attach(importer(new Bed())));
    expect(errnoOf(buffer.reservation.withLock("test", () => buffer.backing(attachment)))).toBe("EOPNOTSUPP");
  });
});
