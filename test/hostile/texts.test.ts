import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { feed, feedBytes, hex, type Outcome, peerlane } from "./run-cli.ts";

const MIB = 2 ** 20;
const SLOW = { timeout: 600_000 };

/** An error of ours, and no crash. */
function expectRefusal({ status, out, err }: Outcome, message: RegExp): void {
  expect(err).toMatch(message);
  expect(err).not.toMatch(/heap|stack trace|at .*\.mjs/);
  expect(out).toBe("");
  expect(status).toBe(2);
}

/** How each format begins, what may be repeated in it, and how it ends. */
const formats: Readonly<Record<string, { start: string; member: (index: number) => string; end: string }>> = {
  "a snapshot": {
    start: '{"schema":"peerlane.snapshot/1","source":{"madeOf":"sysfs"},"reasons":["x"],"functions":[{}',
    member: (index) => `,{"bdf":"${hex(index >>> 8, 4)}:00:00.0","names":["a"],"label":null}`,
    end: "]}",
  },
  "a dump of rdma_topo": {
    start: '[{"realpath":"/sys/devices/x"}',
    member: (index) => `,{"realpath":"/sys/devices/pci0000:00/${hex(index, 8)}:00:00.0","config":"","modalias":""}`,
    end: "]",
  },
  "XML of hwloc": {
    start: '<topology version="2.0"><object type="Machine">',
    member: (index) =>
      `<object type="PCIDev" pci_busid="${hex(index, 8)}:00:00.0" pci_type="0600 [8086:2020] [0000:0000] 04"/>\n`,
    end: "</object></topology>",
  },
  "XML of NCCL": {
    start: '<system version="1"><cpu numaid="0">',
    member: (index) => `<pci busid="${hex(index, 8)}:00:00.0" class="0x030200"/>\n`,
    end: "</cpu></system>",
  },
};

describe.each(Object.entries(formats))("%s", (_, { start, member, end }) => {
  const block = (index: number): Buffer =>
    Buffer.from(Array.from({ length: 10_000 }, (__, at) => member(index * 10_000 + at)).join(""));

  test(`of ${feedBytes / 2 ** 30} GB on standard input is refused`, SLOW, async () => {
    expectRefusal(await feed(block, feedBytes, Buffer.from(start)), /64 MiB/);
  });

  test("of as much as a text may have is refused, with little memory", SLOW, () => {
    const blocks: Buffer[] = [Buffer.from(start)];
    for (let length = start.length, index = 0; length < 62 * MIB; index++) {
      const next = block(index);
      blocks.push(next);
      length += next.length;
    }
    const bytes = Buffer.concat([...blocks, Buffer.from(end)]);
    expectRefusal(peerlane(["tree", "-"], bytes), /standard input/);
  });
});

test("large texts of small parts are refused, with little memory", SLOW, () => {
  const fill = (text: string, part: string, end: string): string =>
    text + part.repeat(Math.floor((62 * MIB) / part.length)) + end;
  const texts = [
    fill('[{"realpath":1},[', "[],".repeat(100), "0]]"),
    fill('[{"realpath":1}', ",{}", "]"),
    fill('{"schema":"peerlane.snapshot/1","a":[', `[${"0,".repeat(120_000)}0],`, "0]}"),
    fill('{"schema":"peerlane.snapshot/1","a":"', "\\u0000", '"}'),
    fill('<system version="1">', "<pci/>", "</system>"),
    fill('<system version="1">', "<cpu/>", "</system>"),
    fill('<topology version="2.0">', '<object type="Package"/>', "</topology>"),
    fill('<topology version="2.0"><object type="Machine">', '<info name="a" value="b"/>', "</object></topology>"),
    fill('<topology version="2.0" a="', "x", '"/>'),
    fill('<topology version="2.0"', ' a="x"', "/>"),
    fill('<topology version="2.0"><!--', "x", "--></topology>"),
    fill("<topology><![CDATA[", "]]", "]]></topology>"),
  ];
  for (const text of texts) {
    const { status, err } = peerlane(["tree", "-"], text);
    expect(err, text.slice(0, 60)).not.toMatch(/heap|stack trace/);
    expect([0, 2], `${text.slice(0, 60)} ${err}`).toContain(status);
  }
});

describe("Deep nesting is refused with its place", () => {
  const deep = 1_000_000;
  const texts: Readonly<Record<string, string>> = {
    "in a snapshot": `{"schema":"peerlane.snapshot/1","a":${"[".repeat(deep)}`,
    "in a snapshot, of objects": `{"schema":"peerlane.snapshot/1","a":${'{"a":'.repeat(deep)}`,
    "in a dump of rdma_topo": `[{"realpath":${"[".repeat(deep)}${"]".repeat(deep)}}]`,
    "in XML of hwloc": `<topology version="2.0">${'<object type="Group">'.repeat(deep)}`,
    "in XML of NCCL": `<system version="1">${'<pci busid="x">'.repeat(deep)}`,
    "in a scenario": `hostBridges: ${"[".repeat(100_000)}`,
  };
  test.each(Object.entries(texts))("%s", (_, text) => {
    expectRefusal(peerlane(["tree", "-"], text), /standard input:1/);
  });
});

describe("XML with declarations of its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-entities-"));
  const secret = join(folder, "secret.txt");
  let server: Server | undefined;
  let requests = 0;
  let address = "";

  beforeAll(async () => {
    writeFileSync(secret, "0000:42:00.0");
    const listening = createServer((_, response) => {
      requests++;
      response.end("0000:42:00.0");
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    address = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/x`;
  });
  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const roots = ['<topology version="2.0">E</topology>', '<system version="1"><pci busid="E"/></system>'];

  test.each(roots)("that expand to billions is refused: %s", async (root) => {
    const levels = Array.from(
      { length: 10 },
      (_, level) => `<!ENTITY a${level} "${level === 0 ? "x" : `&a${level - 1};`.repeat(10)}">`,
    );
    const name = root.slice(1).split(" ")[0] ?? "";
    const text = `<!DOCTYPE ${name} [${levels.join("")}]>${root.replace("E", "&a9;")}`;
    expectRefusal(peerlane(["tree", "-"], text), /declares entities/);
    expectRefusal(peerlane(["tree", "-"], root.replace("E", "&a9;")), /entity/);
  });

  test.each(roots)("that name files or hosts is refused, and nothing is asked for: %s", async (root) => {
    const name = root.slice(1).split(" ")[0] ?? "";
    for (const source of [`file://${secret}`, secret, address]) {
      const entity = `<!DOCTYPE ${name} [<!ENTITY e SYSTEM "${source}">]>${root.replace("E", "&e;")}`;
      const parameter = `<!DOCTYPE ${name} [<!ENTITY % e SYSTEM "${source}"> %e;]>${root.replace("E", "")}`;
      expectRefusal(await feed(Buffer.from(entity), entity.length), /declares entities/);
      expectRefusal(await feed(Buffer.from(parameter), parameter.length), /declares entities/);
      // A document type that is elsewhere is not looked at, as that of hwloc itself.
      const outside = `<!DOCTYPE ${name} SYSTEM "${source}">${root.replace("E", "&e;")}`;
      const { status, out, err } = await feed(Buffer.from(outside), outside.length);
      expect(err).toMatch(/entity/);
      expect(out + err).not.toContain("42:00");
      expect(status).toBe(2);
      const include = `${root.replace("E", `<xi:include href="${source}" parse="text"/>`)}`;
      expect((await feed(Buffer.from(include), include.length)).out).not.toContain("42:00");
    }
    expect(requests).toBe(0);
  });
});
