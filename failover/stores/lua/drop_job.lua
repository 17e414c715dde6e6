-- KEYS: the job; ARGV: the beginning of its row, as it was read
-- Removes a row that its reader could not use, unless somebody has replaced it by now.
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return {as_text(NOW)}
