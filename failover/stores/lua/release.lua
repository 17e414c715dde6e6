-- ARGV: scope, generation
-- Reply: time
local s = get(ARGV[1])
if s and tonumber(ARGV[2]) == s.generation and s.lease ~= 0 then
  s.lease = 0
  put(ARGV[1], s)
end
return {as_text(NOW)}
