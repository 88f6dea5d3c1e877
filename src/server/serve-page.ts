import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PeerlaneError } from "../pci/error.ts";

/** The page, served. */
export interface PageServer {
  /** With the token: who has it may read the machine. */
  readonly url: string;
  readonly port: number;
  /** Ends it with all of its connections. */
  readonly close: () => Promise<void>;
}

/** It listens there, and nowhere else. */
const LOOPBACK = "127.0.0.1";

/**
 * Serves a page on the loopback address, to whoever has the token in its address: other users of the machine can connect
 * there, too, and so can pages of other sites that a browser shows, by a name that leads to the loopback address. So a
 * request has to name this server as its host and, where it has one, as its origin. `page` is made anew for each request.
 * `port` 0 is any that is free. Throws `environment` where the port is taken.
 */
export async function servePage(page: () => Promise<string>, port: number): Promise<PageServer> {
  const token = randomBytes(16).toString("hex");
  let hosts: readonly string[] = [];
  const server = createServer((request, response) => {
    answerTo(request, { token, hosts, page }).then(
      (answer) => send(response, answer, request.method === "HEAD"),
      () => response.destroy(),
    );
  });
  // A page asks once: who holds connections open is not waited for.
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  server.keepAliveTimeout = 1000;
  server.maxConnections = 64;
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(port, LOOPBACK, done);
  }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "EADDRINUSE" ? "is taken" : `cannot be used: ${cause.message}`;
    throw new PeerlaneError("environment", `port ${port} ${why}`, {
      remedy: "leave --port out, and one that is free is taken",
      cause,
    });
  });
  const { port: taken } = server.address() as AddressInfo;
  hosts = [`${LOOPBACK}:${taken}`, `localhost:${taken}`];
  return {
    url: `http://${LOOPBACK}:${taken}/${token}/`,
    port: taken,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: "text/html" | "text/plain";
  readonly body: string;
}

interface Served {
  readonly token: string;
  readonly hosts: readonly string[];
  readonly page: () => Promise<string>;
}

async function answerTo(
  { method, url = "", headers }: IncomingMessage,
  { token, hosts, page }: Served,
): Promise<Answer> {
  const refuse = (status: number, body: string): Answer => ({ status, type: "text/plain", body: `${body}\n` });
  const { host, origin } = headers;
  if (host === undefined || !hosts.includes(host)) return refuse(421, "this server has another name");
  if (origin !== undefined && !hosts.some((name) => origin === `http://${name}`))
    return refuse(403, "pages of other sites get nothing here");
  if (method !== "GET" && method !== "HEAD") return refuse(405, "there is nothing to be changed here");
  if (!isSame(url, `/${token}/`))
    return refuse(404, "nothing here: the address that peerlane serve printed has a token");
  try {
    return { status: 200, type: "text/html", body: await page() };
  } catch (error) {
    return refuse(500, error instanceof Error ? error.message : String(error));
  }
}

/** Compares in a time that does not tell where they differ. */
function isSame(given: string, due: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(due)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function send(response: ServerResponse, { status, type, body }: Answer, isHead: boolean): void {
  response.writeHead(status, {
    "Content-Type": `${type}; charset=utf-8`,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    // The page has its own policy within; this is what only a header can say.
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(isHead ? undefined : body);
}
