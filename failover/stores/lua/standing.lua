-- One standing at a time, in the hash KEYS[1]: field = scope, value = a JSON row.
-- Put in front of every verb below. It says in Lua what failover/core/health.py says in Python;
-- the constants in capitals come from there.

local function server_time()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local NOW = server_time()

-- Lua numbers become integers in a reply, so times travel as text.
local function as_text(seconds)
  return string.format('%.17g', seconds)
end

local function is_number(value, least, most)
  return type(value) == 'number' and value >= least and value <= most
end

local function is_count(value, most)
  return is_number(value, 0, most) and value == math.floor(value)
end

local function is_standing(row)
  return is_count(row.count, MAX_GENERATION) and is_count(row.level, MAX_LEVEL)
    and is_number(row.set_at, 0, 1e12) and is_number(row.length, 0, MAX_LENGTH)
    and type(row.reason) == 'string' and is_count(row.generation, MAX_GENERATION)
    and is_number(row.lease, 0, 1e12) and is_number(row.cap, 1e-3, 1e12)
    and is_number(row.expires, 0, 1e12)
end

local function decoded(text)
  if #text > MAX_STANDING then return nil end
  local ok, row = pcall(cjson.decode, text)
  if ok and type(row) == 'table' then return row end
  return nil
end

-- What is known against a scope, or nil. A row that can't be read goes; a newer one stays.
local function get(scope)
  local text = redis.call('HGET', KEYS[1], scope)
  if not text then return nil end
  local row = decoded(text)
  if row and is_number(row.v, ROW_VERSION + 1, MAX_GENERATION) then return nil end
  if row and row.v == ROW_VERSION and is_standing(row) then
    if row.expires > NOW then return row end
    return nil
  end
  redis.call('HDEL', KEYS[1], scope)
  return nil
end

-- Beyond the bound, the rows that would be forgotten first make room.
local function make_room()
  if redis.call('HLEN', KEYS[1]) <= MAX_SCOPES then return end
  local all = redis.call('HGETALL', KEYS[1])
  local order = {}
  for i = 1, #all, 2 do
    local row = decoded(all[i + 1])
    local expires = row and tonumber(row.expires) or 0
    order[#order + 1] = {scope = all[i], expires = expires}
  end
  table.sort(order, function(a, b) return a.expires < b.expires end)
  for i = 1, #order - math.floor(MAX_SCOPES * 0.9) do
    redis.call('HDEL', KEYS[1], order[i].scope)
  end
end

local function put(scope, s)
  local text = string.format(
    '{"v":%d,"count":%d,"level":%d,"set_at":%.17g,"length":%.17g,"reason":%s,'
      .. '"generation":%d,"lease":%.17g,"cap":%.17g,"expires":%.17g}',
    ROW_VERSION, s.count, s.level, s.set_at, s.length, cjson.encode(s.reason),
    s.generation, s.lease, s.cap, NOW + RETENTION)
  redis.call('HSET', KEYS[1], scope, text)
  redis.call('PEXPIRE', KEYS[1], math.ceil(RETENTION * 1000))
  make_room()
  return text
end

local function is_open(s)
  return s.length > 0
end

local function remaining(s)
  local age = NOW - s.set_at
  if is_open(s) and -CLOCK_SLACK <= age and age < s.length then return s.length - age end
  return 0
end
