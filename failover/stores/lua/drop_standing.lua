-- ARGV: scope, row
-- Removes a row that its reader could not use, unless somebody has replaced it by now.
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return {as_text(NOW)}
