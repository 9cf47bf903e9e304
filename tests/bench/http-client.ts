import type { Socket } from "bun";

/**
 * An HTTP/1.1 client for the load generator: kept-alive connections, one request at a time on each, and nothing
 * else. Cheaper than fetch, since it runs on the cores that it measures. Takes only answers with a content-length.
 */
export interface HttpClient {
  /**
   * Resolves with the answer's status and body. Waits for a connection while all are in use.
   *
   * @param own lines of this request's head, each with its end
   */
  post(path: string, body: string, own?: string): Promise<Answer>;
  close(): void;
}

export interface Answer {
  status: number;
  body: string;
}

interface ClientOptions {
  /** As `http://127.0.0.1:3000`. */
  origin: string;
  headers: Record<string, string>;
  connections: number;
}

interface Connection {
  socket: Socket<Connection>;
  /** What of the request the system has not taken yet. */
  unsent: Buffer | null;
  received: Buffer | null;
  answered: PromiseWithResolvers<Answer> | null;
}

export async function openHttpClient({ origin, headers, connections }: ClientOptions): Promise<HttpClient> {
  const { hostname, port, host } = new URL(origin);
  const fixed = Object.entries({ host, ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("");
  const idle: Connection[] = [];
  const waiting: ((connection: Connection) => void)[] = [];
  const all = await Promise.all(Array.from({ length: connections }, () => connect(hostname, Number(port))));
  idle.push(...all);

  return {
    async post(path, body, own = "") {
      const connection = idle.pop() ?? (await new Promise<Connection>((resolve) => waiting.push(resolve)));
      const answered = Promise.withResolvers<Answer>();
      connection.answered = answered;
      write(
        connection,
        Buffer.from(
          `POST ${path} HTTP/1.1\r\n${fixed}${own}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
        ),
      );
      const answer = await answered.promise;
      const next = waiting.shift();
      if (next) next(connection);
      else idle.push(connection);
      return answer;
    },
    close() {
      for (const { socket } of all) socket.end();
    },
  };
}

async function connect(hostname: string, port: number): Promise<Connection> {
  const socket = await Bun.connect<Connection>({
    hostname,
    port,
    socket: {
      data: ({ data: connection }, chunk) => receive(connection, chunk),
      drain: ({ data: connection }) => {
        if (connection.unsent) write(connection, connection.unsent);
      },
      close: ({ data: connection }) => connection.answered?.reject(new Error("the connection was closed")),
      error: ({ data: connection }, error) => connection.answered?.reject(error),
    },
  });
  const connection: Connection = { socket, unsent: null, received: null, answered: null };
  socket.data = connection;
  return connection;
}

function write(connection: Connection, bytes: Buffer): void {
  const written = Math.max(0, connection.socket.write(bytes));
  connection.unsent = written < bytes.length ? bytes.subarray(written) : null;
}

const headEnd = Buffer.from("\r\n\r\n");
/** `HTTP/1.1 202` */
const statusAt = 9;

function receive(connection: Connection, chunk: Buffer): void {
  const bytes = connection.received ? Buffer.concat([connection.received, chunk]) : chunk;
  const end = bytes.indexOf(headEnd);
  const head = end < 0 ? "" : bytes.toString("latin1", 0, end);
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const bodyAt = end + headEnd.length;
  if (end < 0 || bytes.length < bodyAt + length) {
    // What was given is the system's buffer, which the next read overwrites.
    connection.received = bytes === chunk ? Buffer.from(chunk) : bytes;
    return;
  }
  connection.received = null;
  const { answered } = connection;
  connection.answered = null;
  answered?.resolve({
    status: Number(head.slice(statusAt, statusAt + 3)),
    body: bytes.toString("utf8", bodyAt, bodyAt + length),
  });
}
