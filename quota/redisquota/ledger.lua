-- The ledger of a licence: its calls do what those of actito.Ledger do.
--
-- KEYS  the ledger, a hash; its lapses, a sorted set of those of its fields that time changes, by when it does; and its
--       bookings, a sorted set of a bucket, a zero byte and the id of a unit each: all in one hash slot
-- ARGV  a call, see ledgercall.go; times are in milliseconds, and absent where there is none
--
-- The fields of the ledger:
--   format                    of these fields
--   server                    the one on which the books were last found complete
--   unit <id>                 id, tables, state, counts, lease, reset, probe, found, once, content, execution, call
--   window <bucket>           at, from, reset, rolling, limit
--   closed <bucket>           opens, probe
--   once <key>                the id of its unit
--   execution <id>            the id of its unit
--
-- It answers with what became of the call, and with now. A call may come twice, when its first answer was lost: a unit
-- knows by which call it was booked. A call that is refused writes nothing but what lapsed.

local ledger, lapses, bookings = unpack(KEYS)
local call = cjson.decode(ARGV[1])
local format, hour, day = '1', 60 * 60 * 1000, 24 * 60 * 60 * 1000
local week = 7 * day

local now = call.now
if not now then
	local clock = redis.call('TIME')
	now = clock[1] * 1000 + math.floor(clock[2] / 1000)
end

local kept -- how long what was written matters

local function refuse(...) error({refused = table.concat({...})}) end

local function damaged(key, what)
	refuse('key ', key, ' ', what, ': restore the ledger, or delete its keys (', table.concat(KEYS, ', '), ') to start anew')
end

local function read(field)
	local text = redis.call('HGET', ledger, field)
	if not text then return nil end
	local ok, value = pcall(cjson.decode, text)
	if not ok or type(value) ~= 'table' then damaged(ledger, 'is damaged in its field "' .. field .. '"') end
	return value
end

-- write enters a field that time changes at a moment.
local function write(field, value, changes)
	redis.call('HSET', ledger, field, cjson.encode(value))
	redis.call('ZADD', lapses, changes, field)
	kept = math.max(kept or week, changes - now)
end

local function remove(field)
	redis.call('HDEL', ledger, field)
	redis.call('ZREM', lapses, field)
end

-- Units.
local states = {reserved = true, begun = true, held = true, used = true}

local function unit(id)
	local u = read('unit ' .. id)
	if u and not (u.id == id and states[u.state] and type(u.counts) == 'number' and type(u.tables) == 'table') then
		damaged(ledger, 'is damaged in its field "unit ' .. id .. '"')
	end
	return u
end

local function save(u)
	write('unit ' .. u.id, u, math.min(u.counts + week, u.lease or math.huge, u.reset or math.huge))
end

-- finish notes that the lease is over.
local function finish(u, state)
	u.state, u.lease, u.reset = state, nil, nil
	save(u)
end

local function forget(u)
	remove('unit ' .. u.id)
	for _, bucket in ipairs(u.tables) do redis.call('ZREM', bookings, bucket .. '\0' .. u.id) end
	if u.once then redis.call('HDEL', ledger, 'once ' .. u.once) end
	if u.execution then redis.call('HDEL', ledger, 'execution ' .. u.execution) end
end

-- find returns the unit of a key or of an execution.
local function find(field)
	local id = redis.call('HGET', ledger, field)
	return id and unit(id) or nil
end

-- units returns those of a bucket, which are read once.
local unitsOf = {}
local function units(bucket)
	if unitsOf[bucket] then return unitsOf[bucket] end
	local list = {}
	for i, booking in ipairs(redis.call('ZRANGEBYLEX', bookings, '[' .. bucket .. '\0', '(' .. bucket .. '\1')) do
		local id = string.sub(booking, #bucket + 2)
		list[i] = unit(id) or damaged(ledger, 'has no unit "' .. id .. '", which is booked')
	end
	unitsOf[bucket] = list
	return list
end

-- lapse does what time alone does to the books.
local function lapse()
	for _, field in ipairs(redis.call('ZRANGEBYSCORE', lapses, '-inf', now)) do
		local id = string.match(field, '^unit (.*)$')
		local u = id and unit(id)
		if not u then
			remove(field)
		elseif u.state == 'begun' then
			finish(u, 'held')
		else
			forget(u)
		end
	end
end

-- book enters a unit in the buckets of the call.
local function book(u)
	local windows = {}
	u.tables = {}
	for i, b in ipairs(call.buckets) do
		local before = read('window ' .. b.name)
		u.tables[i] = b.name
		windows[b.name] = {
			at = math.max(u.counts, before and before.at or u.counts), -- known for a week after the newest
			from = call.from, reset = call.reset, rolling = call.rolling,
			limit = u.found and before and before.limit or b.limit, -- that of who imports, not of who counts
		}
	end
	for bucket, w in pairs(windows) do
		write('window ' .. bucket, w, w.at + week)
		redis.call('ZADD', bookings, 0, bucket .. '\0' .. u.id)
	end
	save(u)
	if u.once then redis.call('HSET', ledger, 'once ' .. u.once, u.id) end
	if u.execution then redis.call('HSET', ledger, 'execution ' .. u.execution, u.id) end
end

-- count counts what is booked of a budget in a window, and tells when the window ends, or one more is left of a rolling
-- one. A unit counts as long as the day or the rolling window counts it, whichever is longer. One from later than the
-- window counts too: the clock was set back, and that frees nothing.
local function count(bucket, w)
	local n, gone = {used = 0, held = 0, reserved = 0, reset = w.reset}, {} -- gone: when those that count will not any more
	for _, u in ipairs(units(bucket)) do
		local ends = w.rolling and u.counts + w.rolling or -math.huge
		if w.from and w.reset and u.counts >= w.from then ends = math.max(ends, w.reset) end
		if ends > now then
			table.insert(gone, ends)
			local kind = u.state == 'used' and 'used' or 'held'
			n[kind] = n[kind] + 1
			if not u.found then n.reserved = n.reserved + 1 end
		end
	end
	if w.rolling and #gone > 0 then
		table.sort(gone)
		n.reset = gone[math.min(math.max(1, #gone - w.limit + 1), #gone)]
	end
	return n
end

-- newest returns the window of the newest reservation in a bucket, and what it counts now.
local function newest(bucket)
	local w = read('window ' .. bucket)
	if not w then return nil end
	if w.reset and now >= w.reset then w.from, w.reset = nil, nil end
	return w, count(bucket, w)
end

-- The server. Some that only look like Redis do not tell who they are: each of those is one that never changes.
local function info(section)
	local text = redis.pcall('INFO', section)
	if type(text) == 'string' then return text end
	for _, reason in ipairs({'not supported', '[Uu]nknown', 'not allowed from script'}) do
		if string.find(text.err, reason) then return '' end
	end
	refuse('INFO tells whether the ledger may have lost bookings: let the user run it: ', text.err)
end

-- server names the server, and the time for which it has been the master: what another one was told before may be lost.
local function server()
	return (string.match(info('server'), 'run_id:(%w+)') or '-') .. ' ' .. (string.match(info('replication'), 'master_replid:(%w+)') or '-')
end

local function keeps()
	local policy = string.match(info('memory'), 'maxmemory_policy:([%w-]+)')
	if policy and policy ~= 'noeviction' then
		refuse('maxmemory-policy is ', policy, ', by which Redis may delete the ledger: set it to noeviction')
	end
end

-- The calls.
local calls = {}

function calls.reserve()
	if call.sent and math.abs(now - call.sent) > call.skew then return {skewed = true} end
	lapse()
	local own = unit(call.id)
	if own and own.call ~= call.call then refuse('reservation ', call.id, ' exists') end
	local here, complete = server(), redis.call('HGET', ledger, 'server')
	if complete ~= here then
		keeps()
		if own then forget(own) end -- the caller hears that it is not booked
		return {unverified = {server = here, another = complete ~= false}}
	end
	if own then return {} end

	if not call.change then
		for _, b in ipairs(call.buckets) do
			local w, n = newest(b.name)
			if w and n.reserved > 0 and w.limit ~= b.limit then
				return {limits = table.concat({n.reserved, ' imports of table ', b.name, ' are booked under a limit of ', w.limit,
					', and this client has one of ', b.limit, ': clients that share a ledger need the same limits; see ChangeLimits'})}
			end
		end
	end
	local first = call.once and find('once ' .. call.once)
	if first then return {started = {execution = first.execution, same = first.content == call.content}} end

	local probe, closures = nil, {}
	for _, b in ipairs(call.buckets) do
		local n = count(b.name, {from = call.from, reset = call.reset, rolling = call.rolling, limit = b.limit - b.keep})
		local c = read('closed ' .. b.name)
		local room, due = n.used + n.held < b.limit - b.keep, c and now >= c.probe
		if not room or c and not due then
			local full = {table = b.name, limit = b.limit, used = n.used, held = n.held, kept = b.keep, reset = n.reset, closed = room}
			if c and (room or c.opens > (n.reset or 0)) then full.reset = c.opens end
			return {full = full}
		end
		probe, closures[b.name] = probe or due, c
	end
	book({
		id = call.id, state = 'reserved', counts = math.max(now, call.from or now), -- on its day
		lease = now + call.lease, reset = call.reset, probe = probe, once = call.once, content = call.content, call = call.call,
	})
	for bucket, c in pairs(closures) do write('closed ' .. bucket, {opens = c.opens, probe = now + hour}, c.opens) end
	return {}
end

function calls.begin()
	lapse()
	local u = unit(call.id)
	if not u or u.state ~= 'reserved' and u.state ~= 'begun' then return {lost = true} end
	if u.state == 'reserved' then
		u.state, u.reset, u.counts = 'begun', nil, math.max(u.counts, now)
		save(u)
	end
	return {}
end

function calls.settle()
	lapse()
	local u = unit(call.id)
	if not u then return {lost = call.state ~= 'free'} end
	if call.state == 'free' then
		if u.state == 'used' then refuse('reservation ', u.id, ' was settled before as used: it cannot be freed') end
		forget(u)
	elseif call.state == 'held' then
		if u.state ~= 'used' then finish(u, 'held') end
	else
		if u.execution and call.execution and u.execution ~= call.execution then
			refuse('reservation ', u.id, ' was settled before with execution ', u.execution, ', not ', call.execution)
		end
		local found = call.execution and find('execution ' .. call.execution)
		if found and found.found and found.id ~= u.id then forget(found) end -- it was this one
		if u.probe and u.state ~= 'used' then
			for _, bucket in ipairs(u.tables) do remove('closed ' .. bucket) end
		end
		u.execution = u.execution or call.execution
		finish(u, 'used')
		if u.execution then redis.call('HSETNX', ledger, 'execution ' .. u.execution, u.id) end
	end
	return {}
end

function calls.close()
	lapse()
	local field = 'closed ' .. call.bucket
	if call.opens then
		local c = read(field)
		local opens = math.max(call.opens, c and c.opens or call.opens)
		write(field, {opens = opens, probe = now + hour}, opens)
	else
		remove(field)
	end
	return {}
end

function calls.usage()
	lapse()
	local c, w, n = read('closed ' .. call.bucket), newest(call.bucket)
	local u = {opens = c and c.opens, used = 0, held = 0}
	if w then
		u.limit, u.used, u.held, u.reset = w.limit, n.used, n.held, n.reset
		u.left = c and 0 or math.max(0, w.limit - n.used - n.held)
	end
	return {usage = u}
end

function calls.count()
	if not call.execution then refuse('the execution to count has no ID') end
	lapse()
	local known = find('execution ' .. call.execution)
	if known then return {added = known.call == call.call} end
	if unit(call.id) then refuse('reservation ', call.id, ' exists') end
	if #call.buckets > 0 then
		book({id = call.id, state = 'used', counts = call.at, found = true, execution = call.execution, call = call.call})
	end
	return {added = true}
end

function calls.entries()
	lapse()
	local list = units(call.bucket)
	return {entries = #list > 0 and list or nil}
end

function calls.confirm()
	if server() ~= call.server then refuse('meanwhile Redis was restarted, or another server took over: reserve again') end
	keeps()
	redis.call('HSET', ledger, 'server', call.server)
	kept = week
	return {}
end

-- Other keys, and what others left at these, are not touched.
local function usable()
	local there, missing = 0, nil
	for i, want in ipairs({'hash', 'zset', 'zset'}) do
		local is = redis.call('TYPE', KEYS[i]).ok
		if is == want then
			there = there + 1
		elseif is == 'none' then
			missing = KEYS[i]
		else
			refuse('key ', KEYS[i], ' is a ', is, ', which is not the ledger\'s: rename it')
		end
	end
	if there == 0 then return end
	if missing then damaged(missing, 'is gone') end
	local found = redis.call('HGET', ledger, 'format')
	if not found then damaged(ledger, 'is no ledger') end
	if found ~= format then
		refuse('key ', ledger, ': a newer version of this package wrote it: its format is ', found, ', and this version reads ', format)
	end
end

local ok, answer = pcall(function()
	usable()
	local answer = calls[call.op]()
	if kept then
		redis.call('HSET', ledger, 'format', format)
		redis.call('ZADD', lapses, '+inf', '') -- so that none of the three is ever empty, which is to be gone
		redis.call('ZADD', bookings, 0, '')
		for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, math.max(redis.call('PTTL', key), kept + day)) end
	end
	return answer
end)
if not ok then
	if type(answer) ~= 'table' then return redis.error_reply(answer) end
	if answer.err then return answer end
end
answer.now = now
return cjson.encode(answer)
