/**
 * What Redis does in one step. The keys of the cache come in pairs, a value and its lease; a lease is
 * `r<token>` (readers may fill), `w<token>` (one writer is saving) or `c<n>` (n writers are saving, or what was
 * deleted is being saved: whatever they saved, nobody knows which came last). It ends by its time to live when
 * its owner died.
 */

/** Keys of one script, which holds up the server: 500 take it less than 2 ms. */
export const scriptKeysMax = 500;

/** Gives each pair's value and, unless it is being written, its readers' lease, made where there is none. */
const lease = `
local out = {}
for i = 1, #KEYS, 2 do
  local lease = redis.call('GET', KEYS[i + 1])
  if not lease then
    lease = 'r' .. ARGV[1]
    local done = redis.pcall('SET', KEYS[i + 1], lease, 'PX', ARGV[2])
    if done.err then lease = '' end
  elseif string.sub(lease, 1, 1) ~= 'r' then
    lease = ''
  end
  out[i] = redis.call('GET', KEYS[i])
  out[i + 1] = lease
end
return out`;

/** Keeps each value whose lease is still the one given. */
const fill = `
for i = 1, #KEYS, 2 do
  local at = (i - 1) / 2 * 3
  if redis.call('GET', KEYS[i + 1]) == ARGV[at + 1] then
    redis.call('SET', KEYS[i], ARGV[at + 2], 'PX', ARGV[at + 3])
    redis.call('DEL', KEYS[i + 1])
  end
end
return 1`;

const breakLease = `
local function breakLease(key)
  local lease = redis.call('GET', key)
  if not lease then return false end
  local kind = string.sub(lease, 1, 1)
  if kind == 'r' then redis.call('DEL', key) return false end
  if kind == 'w' and redis.pcall('SET', key, 'c1', 'KEEPTTL').err then redis.call('DEL', key) end
  return true
end`;

const drop = `${breakLease}
for i = 1, #KEYS, 2 do
  redis.call('DEL', KEYS[i])
  breakLease(KEYS[i + 1])
end
return 1`;

/** Keeps each value, but for what is being written. */
const put = `${breakLease}
for i = 1, #KEYS, 2 do
  if breakLease(KEYS[i + 1]) then redis.call('DEL', KEYS[i])
  else redis.call('SET', KEYS[i], ARGV[i], 'PX', ARGV[i + 1]) end
end
return 1`;

const begin = `
redis.call('DEL', KEYS[1])
local mark = redis.call('GET', KEYS[2]) or ''
local kind = string.sub(mark, 1, 1)
if kind == 'w' then mark = 'c2'
elseif kind == 'c' then mark = 'c' .. (tonumber(string.sub(mark, 2)) + 1)
else mark = 'w' .. ARGV[1] end
redis.call('SET', KEYS[2], mark, 'PX', ARGV[2])
return 1`;

/** Ends what \`begin\` began: ARGV is the token, the value ('' for none) and its time to live. */
const finish = `
local mark = redis.call('GET', KEYS[2]) or ''
redis.call('DEL', KEYS[1])
local kind = string.sub(mark, 1, 1)
if mark == 'w' .. ARGV[1] then
  redis.call('DEL', KEYS[2])
  if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
elseif kind == 'w' then
  redis.call('SET', KEYS[2], 'c1', 'KEEPTTL')
elseif kind == 'c' and tonumber(string.sub(mark, 2)) > 1 then
  redis.call('SET', KEYS[2], 'c' .. (tonumber(string.sub(mark, 2)) - 1), 'KEEPTTL')
else
  redis.call('DEL', KEYS[2])
end
return 1`;

/**
 * A sliding window as a list of slots, "end of the slot in ms:requests let through so far", oldest first; the
 * head is the newest that has left the window. So the requests in the window are a difference of two numbers,
 * and a request costs the same however many there are. ARGV: max, the window and a slot in ms.
 */
const limit = `
local max, windowMs, slotMs = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local function slot(at)
  local text = redis.call('LINDEX', KEYS[1], at)
  if not text then return nil end
  local split = string.find(text, ':', 1, true)
  return tonumber(string.sub(text, 1, split - 1)), tonumber(string.sub(text, split + 1))
end
local lastMs, sum = slot(-1)
local oldestMs, used = nil, 0
if lastMs and lastMs + windowMs > nowMs then
  oldestMs = slot(1)
  while oldestMs + windowMs <= nowMs do
    redis.call('LPOP', KEYS[1])
    oldestMs = slot(1)
  end
  local _, gone = slot(0)
  used = sum - gone
elseif lastMs then
  redis.call('DEL', KEYS[1])
end
local allowed = used < max
if allowed then
  if used == 0 then
    redis.call('DEL', KEYS[1])
    redis.call('RPUSH', KEYS[1], '0:0')
    lastMs, sum = 0, 0
  end
  local endMs = math.max(lastMs, (math.floor(nowMs / slotMs) + 1) * slotMs)
  local text = string.format('%.0f:%.0f', endMs, sum + 1)
  if endMs == lastMs then redis.call('LSET', KEYS[1], -1, text) else redis.call('RPUSH', KEYS[1], text) end
  redis.call('PEXPIRE', KEYS[1], windowMs + slotMs)
  used = used + 1
  oldestMs = oldestMs or endMs
end
if used < max then return {1, max - used, 0} end
return {allowed and 1 or 0, 0, (oldestMs or nowMs) + windowMs - nowMs}`;

/**
 * KEYS: the lock and its last fence. The fence is the server's time in µs, or one more than the last: so it
 * rises even after all was flushed, as long as the server's clock does not go back meanwhile.
 */
const lock = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('TIME')
local fence = math.max((tonumber(redis.call('GET', KEYS[2])) or 0) + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text, 'PX', ARGV[3])
return text`;

const renew = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const release = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** By name, with the number of keys where that is fixed; a cluster takes one pair at a time. */
export function redisScripts({ cluster }: { cluster: boolean }) {
  const pairs = cluster ? { numberOfKeys: 2 } : {};
  return {
    cacheLease: { lua: lease, ...pairs },
    cacheFill: { lua: fill, ...pairs },
    cacheDrop: { lua: drop, ...pairs },
    cachePut: { lua: put, ...pairs },
    cacheBegin: { lua: begin, numberOfKeys: 2 },
    cacheFinish: { lua: finish, numberOfKeys: 2 },
    rateLimit: { lua: limit, numberOfKeys: 1 },
    lockAcquire: { lua: lock, numberOfKeys: 2 },
    lockRenew: { lua: renew, numberOfKeys: 1 },
    lockRelease: { lua: release, numberOfKeys: 1 },
  };
}

type Words = (string | number)[];

/** The scripts as the client's methods. */
export interface RedisScripts {
  cacheLease(...words: Words): Promise<(string | null)[]>;
  cacheFill(...words: Words): Promise<number>;
  cacheDrop(...words: Words): Promise<number>;
  cachePut(...words: Words): Promise<number>;
  cacheBegin(value: string, lease: string, token: string, ttlMs: number): Promise<number>;
  cacheFinish(value: string, lease: string, token: string, text: string, ttlMs: number): Promise<number>;
  rateLimit(
    key: string,
    max: number,
    windowMs: number,
    slotMs: number,
  ): Promise<[allowed: number, remaining: number, resetMs: number]>;
  lockAcquire(
    lock: string,
    fence: string,
    token: string,
    ttlMs: number,
    fenceTtlMs: number,
  ): Promise<string | null>;
  lockRenew(lock: string, token: string, ttlMs: number): Promise<number>;
  lockRelease(lock: string, token: string): Promise<number>;
}
