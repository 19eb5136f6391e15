-- A process says all that is true of it, and hears which of its calls start now.
--
-- KEYS  the starts of the last minute, those of them that are not real time, the slots in flight, the calls that wait,
--       the processes that wait, and how many messages asked for turns: all of one licence, in one hash slot
-- ARGV  a message, see conversation.go; times are in milliseconds
--
-- It answers with starts {id = true}, tooLate {id = its wait} and pause, when to ask again for those that wait. It may
-- run twice for one message: what the process did not hear of has not happened.
--
-- An id begins with its process, then the number of the call in it, then one letter: r is real time, b is not, t is a
-- transfer, which is not real time either.

local starts, rest, slots, waiting, callers, arrivals = unpack(KEYS)
local m = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function mine(id) return string.sub(id, 1, #m.me) == m.me end
local function kind(id) return string.sub(id, -1) end

-- After the clock was set back nothing may be further away than it can be, or it would stay for as long.
for key, latest in pairs({[starts] = now, [rest] = now, [slots] = now + m.lease, [callers] = now + m.silence}) do
	for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. latest, '+inf')) do
		redis.call('ZADD', key, latest, id)
	end
end

-- Starts.
for _, id in ipairs(m.unused or {}) do
	redis.call('ZREM', starts, id)
	redis.call('ZREM', rest, id)
end
local function started(id, at)
	redis.call('ZADD', starts, at, id)
	if kind(id) ~= 'r' then redis.call('ZADD', rest, at, id) end
end
for _, s in ipairs(m.started or {}) do started(s.id, now - s.age) end
redis.call('ZREMRANGEBYSCORE', starts, '-inf', now - m.window)
redis.call('ZREMRANGEBYSCORE', rest, '-inf', now - m.window)

-- Slots.
local held, inFlight, restInFlight = {}, 0, 0
local function hold(id)
	inFlight = inFlight + 1
	if kind(id) ~= 'r' then restInFlight = restInFlight + 1 end
end
for _, id in ipairs(m.held or {}) do
	held[id] = true
	redis.call('ZADD', slots, now + m.lease, id)
end
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now)
for _, id in ipairs(redis.call('ZRANGE', slots, 0, -1)) do
	if mine(id) and not held[id] then
		redis.call('ZREM', slots, id)
	else
		hold(id)
	end
end

-- The queue: by class, then by arrival. Calls of one message arrive together, and their ids decide.
local asks, left, new = {}, 0, 0
if m.asks then
	local arrival = redis.call('INCR', arrivals)
	for _, ask in ipairs(m.asks) do
		asks[ask.id] = ask
		left = left + 1
		ask.new = redis.call('ZADD', waiting, 'NX', ask.class * 1e13 + arrival, ask.id) == 1
		if ask.new then new = new + 1 end
	end
	redis.call('ZADD', callers, now + m.silence, m.me)
else
	redis.call('ZREM', callers, m.me)
end
redis.call('ZREMRANGEBYSCORE', callers, '-inf', now)
local alive = {}
for _, process in ipairs(redis.call('ZRANGE', callers, 0, -1)) do alive[process] = true end
local queue = {}
for _, id in ipairs(redis.call('ZRANGE', waiting, 0, -1)) do
	if alive[string.sub(id, 1, #m.me)] and (asks[id] or not mine(id)) then
		table.insert(queue, id)
	else
		redis.call('ZREM', waiting, id)
	end
end

local function hasSlot(id)
	if kind(id) == 't' and inFlight >= m.transfers then return false end
	if kind(id) ~= 'r' and restInFlight >= m.concurrent - m.realTimeSlots then return false end
	return inFlight < m.concurrent
end

-- A log foresees starts. It holds the stamps from the one on that the next start must be a window away from; a place
-- before the first is one of a minute that is not full.
local function newLog(key, perMinute)
	local size = redis.call('ZCARD', key)
	local first = size - perMinute
	local from = math.max(first, 0)
	local log = {stamps = {}, next = first - from + 1, last = size - from}
	local found = redis.call('ZRANGE', key, from, from + #queue, 'WITHSCORES') -- one for each who waits, and never all
	for i = 2, #found, 2 do log.stamps[i / 2] = tonumber(found[i]) end
	return log
end
local function opens(log) return (log.stamps[log.next] or -math.huge) + m.window end
local function add(log, at)
	log.next, log.last = log.next + 1, log.last + 1
	log.stamps[log.last] = at
end

-- As in the limiter of one process, only the first in the queue may start, then the next. What another process waits for
-- and could have is kept for it, until it asks.
local answer, pause = {}, nil
local all, others = newLog(starts, m.calls), newLog(rest, m.calls - m.realTimeCalls)
local at, first = now, nil -- the first who may not start
for _, id in ipairs(queue) do
	if left == 0 or first and pause and new == 0 then break end -- nobody is left to answer
	local ask, goes = asks[id], false
	at = math.max(at, opens(all))
	if kind(id) ~= 'r' then at = math.max(at, opens(others)) end
	if not first and (at > now or not hasSlot(id)) then first = id end
	if not first then
		hold(id)
		if ask then
			redis.call('ZREM', waiting, id)
			redis.call('ZADD', slots, now + m.lease, id)
			started(id, now)
			answer.starts = answer.starts or {}
			answer.starts[id] = true
		end
	elseif ask and ask.new and at - now > ask.patience then
		goes = true
		redis.call('ZREM', waiting, id)
		answer.tooLate = answer.tooLate or {}
		answer.tooLate[id] = at - now
		if first == id then first = nil end
	elseif ask and not pause then
		pause = at > now and at - now or first == id and m.soon or m.later
	end
	if ask then
		left = left - 1
		if ask.new then new = new - 1 end
	end
	if not goes then
		add(all, at)
		if kind(id) ~= 'r' then add(others, at) end
	end
end
answer.pause = pause or 0

for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, m.window + m.lease) end
return cjson.encode(answer)
