-- ARGV: scope, generation, scope, generation, ...
-- Reply: time, then each scope that was open and is now closed
local reply = {as_text(NOW)}
for i = 1, #ARGV, 2 do
  local scope, generation = ARGV[i], tonumber(ARGV[i + 1])
  local s = get(scope)
  if s and generation >= s.generation then
    if is_open(s) then
      s.count, s.set_at, s.length, s.lease = 0, NOW, 0, 0
      put(scope, s)
      reply[#reply + 1] = scope
    elseif s.generation == 0 then
      redis.call('HDEL', KEYS[1], scope) -- it never opened, so nothing is left to be known
    elseif s.count > 0 then
      s.count = 0
      put(scope, s)
    end
  end
end
return reply
