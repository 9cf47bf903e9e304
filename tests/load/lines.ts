/** The lines of a stream, in the memory of one piece of it. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** The last lines of a stream, read to its end. */
export async function lastOf(stream: ReadableStream<Uint8Array>, count: number): Promise<string> {
  const last: string[] = [];
  for await (const line of linesOf(stream)) {
    last.push(line);
    if (last.length > count) last.shift();
  }
  return last.join("\n");
}
