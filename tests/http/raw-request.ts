import { createConnection, type Socket } from "node:net";
import { text } from "node:stream/consumers";

/** What a client is answered that writes its request byte by byte, which must ask to close the connection. */
export async function rawRequest(url: string, request: string): Promise<string> {
  const socket = connect(url);
  socket.write(request.replaceAll("\n", "\r\n"), "latin1");
  return text(socket);
}

/** A request whose body has begun, and does not go on. `request` is its method and path. */
export function sendHalf({ url, adminKey }: { url: string; adminKey: string }, request: string): Socket {
  const socket = connect(url);
  socket.write(
    [
      `${request} HTTP/1.1`,
      "Host: here",
      `Authorization: Bearer ${adminKey}`,
      "Content-Type: application/json",
      "Content-Length: 100",
      "",
      "{",
    ].join("\r\n"),
  );
  return socket;
}

function connect(url: string): Socket {
  const { hostname, port } = new URL(url);
  return createConnection({ host: hostname, port: Number(port) });
}
