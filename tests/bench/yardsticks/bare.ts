/** The yardstick for single requests: the same body read, parsed and answered, and nothing done with it. */
const server = Bun.serve({
  port: 0,
  async fetch(request) {
    const body = (await request.json()) as { title: string };
    return Response.json(
      { data: { id: Bun.randomUUIDv7(), status: "pending", title: body.title } },
      { status: 202 },
    );
  },
});
console.log(`listening on http://127.0.0.1:${server.port}`);
