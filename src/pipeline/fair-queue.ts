/** Whose turn an item waits for. */
export interface Place {
  /** Owners take turns, so that the one who sends much does not hold up the one who sends little. */
  owner: string;
  /** 0 goes first: of what an owner has, a lane waits until nothing is left in those before it. */
  lane: number;
}

export interface Waiting<Item> {
  item: Item;
  rows: number;
  sinceMs: number;
  place: Place;
}

export interface FairQueue<Item> {
  push(waiting: Waiting<Item>): void;
  /** The next ones, of `rowsMax` rows together; one that has more by itself is given alone. */
  take(rowsMax: number): Waiting<Item>[];
  /** Takes out those of each lane that came before its time. */
  takeOlder(thanMsOf: (lane: number) => number): Waiting<Item>[];
  items(): number;
  rows(): number;
  /** Of an owner, in all lanes. */
  rowsOf(owner: string): number;
  /** Since when an owner's first in a lane, and the first of the lane, waits; null where none does. */
  oldestOf(place: Place): number | null;
  oldestIn(lane: number): number | null;
}

interface Owner<Item> {
  lanes: Lane<Item>[];
  rows: number;
  /** Rows that it may take before it is another's turn. */
  credit: number;
}

interface Lane<Item> {
  /** What was taken is gone; its places go later. */
  waiting: (Waiting<Item> | undefined)[];
  head: number;
}

/** Places that are empty, at least, before the rest moves up. */
const compactAt = 1000;

/**
 * Deficit round robin over the owners (Shreedhar and Varghese, "Efficient fair queueing using deficit round robin", 1995): each
 * gets the same number of rows, whatever the size of its items. Of what an owner has, the first lane goes first, and a
 * lane keeps its order. Owners before lanes, since whoever calls everything critical would otherwise be alone.
 *
 * @param turnRows how many an owner takes before it is another's turn
 */
export function createFairQueue<Item>({
  lanes,
  turnRows,
}: {
  lanes: number;
  turnRows: number;
}): FairQueue<Item> {
  // A map keeps the order in which owners came: its first has the turn, and is put last by being added anew.
  const owners = new Map<string, Owner<Item>>();
  let items = 0;
  let rows = 0;

  const laneOf = ({ owner, lane }: Place) => owners.get(owner)?.lanes[lane];

  function shift(owner: Owner<Item>, lane: Lane<Item>, next: Waiting<Item>): void {
    // A thousand bulk requests that nobody waits for any more would be a gigabyte.
    lane.waiting[lane.head] = undefined;
    lane.head += 1;
    owner.rows -= next.rows;
    items -= 1;
    rows -= next.rows;
    // A lane that never runs empty would grow for ever.
    if (lane.head < lane.waiting.length && (lane.head < compactAt || lane.head * 2 < lane.waiting.length))
      return;
    lane.waiting.splice(0, lane.head);
    lane.head = 0;
  }

  function take(rowsMax: number): Waiting<Item>[] {
    const batch: Waiting<Item>[] = [];
    let batchRows = 0;
    for (let turn = firstOf(owners); turn !== undefined; turn = firstOf(owners)) {
      const [name, owner] = turn;
      let lane = owner.lanes.find(hasWaiting);
      for (; lane !== undefined; lane = owner.lanes.find(hasWaiting)) {
        const next = headOf(lane);
        if (next === undefined || next.rows > owner.credit) break;
        if (batchRows + next.rows > rowsMax && batch.length > 0) return batch;
        batch.push(next);
        batchRows += next.rows;
        owner.credit -= next.rows;
        shift(owner, lane, next);
      }
      owners.delete(name);
      if (lane === undefined) continue;
      owner.credit += turnRows;
      owners.set(name, owner);
    }
    return batch;
  }

  function takeOlder(thanMsOf: (lane: number) => number): Waiting<Item>[] {
    const thanMs = Array.from({ length: lanes }, (_, lane) => thanMsOf(lane));
    const older: Waiting<Item>[] = [];
    for (const [name, owner] of owners) {
      for (const [index, lane] of owner.lanes.entries()) {
        let next = headOf(lane);
        for (; next !== undefined && next.sinceMs < (thanMs[index] ?? 0); next = headOf(lane)) {
          older.push(next);
          shift(owner, lane, next);
        }
      }
      if (!owner.lanes.some(hasWaiting)) owners.delete(name);
    }
    return older;
  }

  function addOwner(name: string): Owner<Item> {
    const owner: Owner<Item> = {
      lanes: Array.from({ length: lanes }, () => ({ waiting: [], head: 0 })),
      rows: 0,
      credit: turnRows,
    };
    owners.set(name, owner);
    return owner;
  }

  return {
    push(waiting) {
      const { place } = waiting;
      const owner = owners.get(place.owner) ?? addOwner(place.owner);
      const lane = owner.lanes[place.lane];
      if (lane === undefined) throw new Error(`there is no lane ${place.lane}`);
      lane.waiting.push(waiting);
      owner.rows += waiting.rows;
      items += 1;
      rows += waiting.rows;
    },
    take,
    takeOlder,
    items: () => items,
    rows: () => rows,
    rowsOf: (owner) => owners.get(owner)?.rows ?? 0,
    oldestOf(place) {
      const lane = laneOf(place);
      return lane === undefined ? null : (headOf(lane)?.sinceMs ?? null);
    },
    oldestIn(index) {
      let oldest: number | null = null;
      for (const { lanes } of owners.values()) {
        const lane = lanes[index];
        const since = lane === undefined ? undefined : headOf(lane)?.sinceMs;
        if (since !== undefined && (oldest === null || since < oldest)) oldest = since;
      }
      return oldest;
    },
  };
}

const headOf = <Item>(lane: Lane<Item>) => lane.waiting[lane.head];
const hasWaiting = (lane: Lane<unknown>) => lane.head < lane.waiting.length;
const firstOf = <Key, Value>(map: Map<Key, Value>): [Key, Value] | undefined => map.entries().next().value;
