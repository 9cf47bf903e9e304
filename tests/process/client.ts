/** The API as a caller sees it, over the network or straight into a server's `fetch`. */

export interface Answer<Data = unknown> {
  status: number;
  headers: Headers;
  /** What stands under `data`; of a problem, the problem itself. */
  data: Data;
}

export interface ListedNotification {
  id: string;
  title: string;
  status: string;
  reason: string | null;
}

export interface ListedDelivery {
  id: string;
  notification_id: string;
  channel: string;
  status: string;
  reason: string | null;
  attempts: { at: string; provider: string; outcome: string; answer: string }[];
}

export interface NotificationDetail extends ListedNotification {
  deliveries: ListedDelivery[];
}

export interface Client {
  call<Data>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<Data>>;
  /** Every row of a list, page by page, up to the first one that is not wanted. */
  all<Row>(path: string, isWanted?: (row: Row) => boolean): Promise<Row[]>;
  /** Sends one notification, which must be taken, and gives its id. */
  send(notification: object): Promise<string>;
  notification(id: string): Promise<NotificationDetail>;
  /** The same caller with another key. */
  as(key: string): Client;
}

type Fetch = (request: Request) => Response | Promise<Response>;

const pageRows = 100;

/** @param fetchRequest what answers; by default the service at `url` */
export function createClient({
  url,
  key,
  fetchRequest = fetch,
}: {
  url: string;
  key: string;
  fetchRequest?: Fetch;
}): Client {
  async function request(method: string, path: string, body?: unknown, more: Record<string, string> = {}) {
    const response = await fetchRequest(
      new Request(url + path, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...more },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const { status } = response;
    return {
      status,
      headers: response.headers,
      json: (await response.json()) as { data?: unknown; next?: string | null },
    };
  }

  async function taken<Data>(method: string, path: string, body?: unknown): Promise<Data> {
    const { status, json } = await request(method, path, body);
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(json)}`);
    return json.data as Data;
  }

  return {
    async call<Data>(method: string, path: string, body?: unknown, more?: Record<string, string>) {
      const { status, headers, json } = await request(method, path, body, more);
      return { status, headers, data: (json.data ?? json) as Data };
    },
    async all<Row>(path: string, isWanted: (row: Row) => boolean = () => true) {
      const rows: Row[] = [];
      const separator = path.includes("?") ? "&" : "?";
      for (let after: string | null = ""; after !== null; ) {
        const page = `${path}${separator}limit=${pageRows}${after && `&after=${after}`}`;
        const { status, json } = await request("GET", page);
        if (status !== 200) throw new Error(`GET ${page} answered ${status}: ${JSON.stringify(json)}`);
        const wanted = (json.data as Row[]).filter(isWanted);
        rows.push(...wanted);
        after = wanted.length < (json.data as Row[]).length ? null : (json.next ?? null);
      }
      return rows;
    },
    async send(notification) {
      const { id } = await taken<{ id: string }>("POST", "/v1/notifications", notification);
      return id;
    },
    notification: (id) => taken("GET", `/v1/notifications/${id}`),
    as: (other) => createClient({ url, key: other, fetchRequest }),
  };
}

/** Whether every notification has come to its end, those that are scheduled aside. */
export async function nothingOpen(client: Client): Promise<boolean> {
  for (const status of ["pending", "processing"]) {
    const { data } = await client.call<unknown[]>("GET", `/v1/notifications?status=${status}&limit=1`);
    if (data.length > 0) return false;
  }
  return true;
}
