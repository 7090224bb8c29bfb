// The main job with the types that openapi-typescript makes of the document (build/schema.d.ts): what tsc accepts here, the service does.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./build/schema.js";

type Household = components["schemas"]["Household"];
type Visit = components["schemas"]["Visit"];

const [base, password] = process.argv.slice(2) as [string, string];

async function signedIn(username: string) {
  const http = createClient<paths>({ baseUrl: base, headers: { "Accept-Language": "en" } });
  const { data } = await http.POST("/v1/auth/token", {
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: { grant_type: "password", username, password, device_id: randomUUID() },
  });
  assert(data);
  http.use({ onRequest: ({ request }) => request.headers.set("Authorization", `Bearer ${data.access_token}`) });
  return http;
}

const worker = await signedIn("worker-1");
const me = (await worker.GET("/v1/me")).data;
assert.equal(me?.role, "village");

// Page by page
const page = (cursor?: string) => worker.GET("/v1/households", { params: { query: { limit: 20, ...(cursor && { cursor }) } } });
const households: Household[] = [];
for (let from: string | null | undefined = ""; from !== null; ) {
  const { data } = await page(from);
  assert(data);
  households.push(...data.items);
  from = data.next;
}
assert(households.length > 20);

// Log a visit, and once more because the reply was lost
const household = households.find((one) => one.head_id !== null);
assert(household?.head_id);
const body = {
  id: randomUUID(),
  household_id: household.id,
  visited_on: "2020-02-02",
  outcome: "met" as const,
  met_ids: [household.head_id],
  purposes: ["elder_care"],
  notes: "老人精神好",
} satisfies components["schemas"]["NewVisit"];
const first = await worker.POST("/v1/visits", { body });
assert.equal(first.response.status, 201);
assert.equal(first.response.headers.get("Location"), `/v1/visits/${body.id}`);
const again = await worker.POST("/v1/visits", { body });
assert.equal(again.response.status, 200);
assert.deepEqual(again.data, first.data);

// Change it as it was read, and then as it is no more
const path = { id: body.id };
const change = (rev: string, agreed: string | null) =>
  worker.PATCH("/v1/visits/{id}", { params: { path, header: { "If-Match": rev } }, body: { agreed } });
const etag = first.response.headers.get("ETag");
assert(etag);
assert.equal((await change(etag, "下周再来")).data?.rev, 2);
const stale = (await change(etag, null)).error;
assert.deepEqual([stale?.type, stale?.status, stale?.rev], ["/problems/stale", 412, 2]);

// A day to come is refused, and the problem says where
const day = new Date(Date.now() + 3 * 86_400_000).toISOString().slice(0, 10);
const refused = await worker.POST("/v1/visits", {
  body: { household_id: household.id, visited_on: day, outcome: "absent" },
});
assert.equal(refused.error?.type, "/problems/day-to-come");
assert.deepEqual(refused.error.errors?.map((fault) => fault.pointer), ["/visited_on"]);

// The township reads it
const township = await signedIn("township-1");
const read: Visit | undefined = (await township.GET("/v1/visits/{id}", { params: { path } })).data;
assert.deepEqual([read?.agreed, read?.notes, read?.worker_id], ["下周再来", body.notes, me.id]);

// Somebody else's village does not
const other = await (await signedIn("worker-3")).GET("/v1/visits/{id}", { params: { path } });
assert.deepEqual([other.data, other.error?.type], [undefined, "/problems/not-found"]);
