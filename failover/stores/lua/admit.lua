-- ARGV: scope, lease
-- Reply: time, entry, generation, seconds
local scope, lease = ARGV[1], tonumber(ARGV[2])
local s = get(scope)
if not s or not is_open(s) then
  return {as_text(NOW), 'go', s and s.generation or 0, '0'}
end
local left = remaining(s)
if left == 0 then left = math.max(0, math.min(s.lease - NOW, lease)) end
if left > 0 then
  return {as_text(NOW), 'refused', s.generation, as_text(left)}
end
s.generation, s.lease = s.generation + 1, NOW + lease
put(scope, s)
return {as_text(NOW), 'probe', s.generation, '0'}
