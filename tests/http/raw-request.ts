import { createConnection } from "node:net";
import { text } from "node:stream/consumers";

/** What a client is answered that writes its request byte by byte, which must ask to close the connection. */
export async function rawRequest(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.write(request.replaceAll("\n", "\r\n"), "latin1");
  return text(socket);
}
