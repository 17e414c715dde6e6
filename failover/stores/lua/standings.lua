-- Reply: time, then scope, row, scope, row, ...; reading them is left to the many who ask
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, as_text(NOW))
return reply
