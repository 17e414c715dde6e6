-- ARGV: scope, reason, threshold, base, cap, asked, jitter, generation
-- Reply: time, row
local scope, reason = ARGV[1], ARGV[2]
local threshold, base, cap = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local asked = math.min(tonumber(ARGV[6]), SERVER_CAP)
local jitter, generation = tonumber(ARGV[7]), tonumber(ARGV[8])

local known = get(scope)
local s = known or {count = 0, level = 0, set_at = 0, length = 0, reason = '',
                    generation = 0, lease = 0, cap = DEFAULT_CAP}

if generation < s.generation or remaining(s) > 0 then
  -- a late report of a trouble already known: only the server's own words lengthen it
  if asked == 0 or not is_open(s) or NOW + asked <= s.set_at + s.length then
    return {as_text(NOW), redis.call('HGET', KEYS[1], scope)}
  end
  s.set_at, s.length = NOW, asked
  return {as_text(NOW), put(scope, s)}
end

s.count = s.count + 1
if not is_open(s) and s.count < threshold and asked == 0 then
  return {as_text(NOW), put(scope, s)}
end

local level = s.level
if not is_open(s) then
  level = math.max(0, level - math.floor(math.max(0, NOW - s.set_at) / s.cap))
end
return {as_text(NOW), put(scope, {
  count = s.count,
  level = math.min(level + 1, MAX_LEVEL),
  set_at = NOW,
  length = math.max(math.min(base * 2 ^ level, cap), asked) * jitter,
  reason = reason,
  generation = s.generation + 1,
  lease = 0,
  cap = cap,
})}
