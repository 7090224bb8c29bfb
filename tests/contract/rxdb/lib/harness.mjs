// What a scenario is given: phones, plain views of the server, free slots for visits, and checks.
import { isDeepStrictEqual } from 'node:util';
import { kinds, newId, serverSet } from '../fields.mjs';
import { digestOf } from './digest.mjs';
import { Http } from './http.mjs';
import { Phone } from './phone.mjs';

export class Harness {
  constructor(server, users, options) {
    Object.assign(this, { server, users, options, phones: [], views: {}, n: Math.floor(Date.now() / 1000) % 1_000_000, free: null });
  }

  /** A phone of user 'a', 'b' (same village) or 'other' (another village); each is a device of its own. */
  async phone(who, options) {
    const phone = await Phone.open(new Http(this.server, { ...this.user(who), device: newId() }), options);
    phone.who = who;
    this.phones.push(phone);
    return phone;
  }

  user(who) {
    if (!this.users[who]) throw new Error(`this scenario needs user '${who}'`);
    return this.users[who];
  }

  /** Plain HTTP as a user, without any store and without faults. */
  view(who) { return (this.views[who] ??= new Http(this.server, { ...this.user(who), device: newId() })); }

  /** Reads what the village has: its place, households to visit, days already taken. Makes households where there are too few. */
  async prepare() {
    const view = this.view('a');
    const households = await view.pullAll('household');
    const visits = await view.pullAll('visit');
    this.like = { household: [...households.values()][0], visit: [...visits.values()][0] };
    this.place_id = this.options.place_id ?? this.like.household?.place_id;
    if (!this.place_id) throw new Error('no household in the village of user a: give --place NUMBER');
    const { parent, day } = kinds.visit;
    this.taken = new Set([...visits.values()].map((visit) => `${visit[parent]} ${visit[day]}`));
    // with --household the visits go to that one first; a village with fewer than 20 gets more, so that 5,000 visits find free days
    let ids = this.options.household ? [this.options.household, ...[...households.keys()].filter((id) => id !== this.options.household)] : [...households.keys()];
    if (ids.length < 20) {
      const ops = Array.from({ length: 20 - ids.length }, () => ({ kind: 'household', id: newId(), base_rev: null, at: new Date().toISOString(), doc: this.make('household') }));
      const { results } = await view.push(ops);
      const refused = results.find(({ outcome }) => outcome !== 'applied');
      if (refused) throw new Error(`could not make households: ${JSON.stringify(refused)}`);
      ids = [...ids, ...ops.map(({ id }) => id)];
    }
    this.households = ids;
    this.free = this.slots();
  }

  /** Pairs of household and past day that no visit has yet. */
  * slots() {
    for (let back = 1; back < 3000; back++) {
      const day = new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10);
      for (const household_id of this.households) if (!this.taken.has(`${household_id} ${day}`)) yield { household_id, day };
    }
  }

  /** A new valid record of a kind, not yet anywhere. */
  make(kind, more = {}) {
    return { ...kinds[kind].make({ n: ++this.n, place_id: this.place_id, like: this.like[kind], slot: kind === 'visit' ? this.free.next().value : undefined }), ...more };
  }

  /** A change of the first (0) or second (1) set of fields. */
  edit(kind, which) { return kinds[kind].edits[which](++this.n); }

  /** Lets phones work without a network for the time of `work`. A live phone would send each edit at once. */
  async offline(phones, work) {
    for (const phone of phones) phone.http.offline = true;
    await work();
    for (const phone of phones) phone.http.offline = false;
  }

  ok(condition, message) { if (!condition) throw new Error(message); }

  equal(actual, expected, message) {
    if (!isDeepStrictEqual(actual, expected)) throw new Error(`${message}: got ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
  }

  /** The last outcome of a record on a phone must be one of those named. */
  outcome(phone, id, ...allowed) {
    const outcome = phone.outcomesOf(id).at(-1)?.outcome;
    this.ok(allowed.includes(outcome), `outcome of ${id} is ${outcome}, expected ${allowed.join(' or ')}`);
  }

  has(doc, patch, message) { for (const [name, value] of Object.entries(patch)) this.equal(doc?.[name] ?? null, value, `${message}: ${name}`); }

  /** The phone holds exactly what the server says it should: ids, revs, contents; and both digests agree. */
  async level(phone) {
    const view = this.view(phone.who);
    const theirs = (await view.digest(Object.keys(kinds))).kinds;
    for (const kind of Object.keys(kinds)) {
      const server = await view.pullAll(kind);
      const local = await phone.all(kind);
      for (const id of phone.away) if (!server.has(id) && !local.get(id)?.rev) local.delete(id);
      for (const id of server.keys()) this.ok(local.has(id), `${kind} ${id} is missing on the phone of ${phone.who}`);
      for (const id of local.keys()) this.ok(server.has(id), `${kind} ${id} is on the phone of ${phone.who} but should not be`);
      for (const [id, doc] of server) {
        const mine = local.get(id);
        this.equal(mine.rev, doc.rev, `${kind} ${id}: rev on the phone of ${phone.who}`);
        for (const name of Object.keys(kinds[kind].columns)) if (!serverSet.has(name)) this.equal(mine[name] ?? null, doc[name] ?? null, `${kind} ${id}: ${name} on the phone of ${phone.who}`);
      }
      const expected = digestOf([...server.values()].map(({ id, rev }) => [id, rev]));
      this.equal({ count: theirs[kind]?.count ?? 0, sum: theirs[kind]?.sum ?? 0 }, expected, `digest of ${kind} by the server against its own records`);
      this.equal(await phone.digest(kind), expected, `digest of ${kind} on the phone of ${phone.who}`);
    }
  }

  /** Ends a scenario: every phone syncs once more without faults and is level; nothing on the wire broke the contract. */
  async finish() {
    for (const phone of this.phones) Object.assign(phone.http, { fault: null, offline: false });
    for (const phone of this.phones) await phone.sync();
    for (const phone of this.phones) await phone.sync(); // what the others sent meanwhile
    for (const phone of this.phones) await this.level(phone);
    const breaches = [...this.phones.map(({ http }) => http), ...Object.values(this.views)].flatMap((http) => http.breaches);
    this.ok(!breaches.length, `on the wire: ${breaches.slice(0, 5).join('; ')}`);
  }

  /** All at once: a phone that a failed scenario left in the middle of a sync may never close, and must not keep the others open. */
  async close() {
    const phones = this.phones;
    this.phones = [];
    for (const view of Object.values(this.views)) view.breaches = [];
    await Promise.all(phones.map((phone) => phone.close()));
  }
}
