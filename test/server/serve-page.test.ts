import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type PageServer, servePage } from "../../src/server/serve-page.ts";

let served: PageServer | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

interface Asked {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the server; the token's path where no other is given. */
function ask(
  { port, url }: PageServer,
  { path = new URL(url).pathname, method = "GET", headers = {} }: Asked,
): Promise<{
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}> {
  return new Promise((done, fail) => {
    const sent = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => done({ status: response.statusCode, body, headers: response.headers }));
    });
    sent.on("error", fail);
    sent.end();
  });
}

const start = async (page: () => Promise<string> = async () => "<p>page</p>"): Promise<PageServer> => {
  served = await servePage(page, 0);
  return served;
};

describe("A served page", () => {
  test("is given to whoever has its address, made anew each time", async () => {
    let loads = 0;
    const server = await start(async () => `load ${++loads}`);
    expect(await ask(server, {})).toMatchObject({ status: 200, body: "load 1" });
    expect(await ask(server, { headers: { host: `localhost:${server.port}` } })).toMatchObject({ body: "load 2" });
    const { headers } = await ask(server, { headers: { origin: `http://127.0.0.1:${server.port}` } });
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": "frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    });
  });

  test.for<readonly [what: string, status: number, asked: (server: PageServer) => Asked]>([
    ["no token", 404, () => ({ path: "/" })],
    ["another token", 404, ({ url }) => ({ path: new URL(url).pathname.replace(/[0-9a-f]/, "x") })],
    ["a path below the token", 404, ({ url }) => ({ path: `${new URL(url).pathname}../etc/passwd` })],
    ["a name that leads here, as of a rebound DNS entry", 421, () => ({ headers: { host: "evil.example" } })],
    ["this address at another port", 421, () => ({ headers: { host: "127.0.0.1:1" } })],
    ["a page of another site", 403, () => ({ headers: { origin: "https://evil.example" } })],
    ["a page in a sandbox", 403, () => ({ headers: { origin: "null" } })],
    ["POST", 405, () => ({ method: "POST" })],
    ["OPTIONS, before a request of another site", 405, () => ({ method: "OPTIONS" })],
  ])("refuses %s", async ([, status, asked]) => {
    const server = await start();
    const answer = await ask(server, asked(server));
    expect(answer.status).toBe(status);
    expect(answer.body).not.toContain("<p>page</p>");
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("says what the machine's reader says, and goes on", async () => {
    let isBroken = true;
    const server = await start(async () => {
      if (isBroken) throw new Error("cannot open dump.txt");
      return "well";
    });
    expect(await ask(server, {})).toMatchObject({ status: 500, body: "cannot open dump.txt\n" });
    isBroken = false;
    expect(await ask(server, {})).toMatchObject({ status: 200, body: "well" });
  });

  test("listens on the loopback address alone", async () => {
    const server = await start();
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
  });

  test("has another token each time", async () => {
    const first = new URL((await start()).url).pathname;
    await served?.close();
    expect(new URL((await start()).url).pathname).not.toBe(first);
  });

  test("ends with its connections", async () => {
    const server = await start();
    const held = connect(server.port, "127.0.0.1");
    await new Promise((done) => held.once("connect", done));
    const ended = new Promise((done) => held.once("close", done));
    await server.close();
    await ended;
  });

  test("names a port that is taken", async () => {
    const server = await start();
    await expect(servePage(async () => "", server.port)).rejects.toMatchObject({
      code: "environment",
      message: `port ${server.port} is taken`,
    });
  });
});
