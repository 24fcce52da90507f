"""The scripts of the life of nodes: leases, and what becomes of members whose node is gone."""

from __future__ import annotations

from rtcsignal.backplane.lua import COMMON, Script

__all__ = ["BEAT", "BURY", "READY", "SWEEP"]

BEAT = Script(
    "beat",
    COMMON
    + r"""
local node, lease, cap, record = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
if record == '' and not has(me) then return {0} end
local t, c = call('TIME'), call('HMGET', P .. 'c', 'l', 't', 'g')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local logical = tonumber(c[1] or '1')
logical = logical + math.min(math.max(now - tonumber(c[2] or whole(now)), 0), cap)
call('HSET', P .. 'c', 'l', whole(logical), 't', whole(now))
local alive = call('ZRANGE', P .. 'n', 0, -1)
local function over(inc, reason)
  call('ZREM', P .. 'n', inc)
  if call('EXISTS', P .. 'i:' .. inc) == 1 then call('HSET', P .. 'd', inc, reason) end
end
if record ~= '' then
  for _, inc in ipairs(alive) do if nodeOf(inc) == node then over(inc, 'timeout') end end
  call('HSET', P .. 'a', node, record)
  call('HDEL', P .. 'y', node)
end
call('ZADD', P .. 'n', whole(logical + lease), me)
local gone = {}
for _, inc in ipairs(call('ZRANGEBYSCORE', P .. 'n', '-inf', '(' .. whole(logical))) do
  over(inc, 'timeout')
  gone[#gone + 1] = nodeOf(inc)
  call('HDEL', P .. 'a', nodeOf(inc))
  call('HDEL', P .. 'y', nodeOf(inc))
  tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'D', me, nodeOf(inc)}))
end
alive = call('ZRANGE', P .. 'n', 0, -1)
local working, dead = {}, {}
for _, inc in ipairs(alive) do
  local one = nodeOf(inc)
  if call('HGET', P .. 'y', one) ~= inc then working[one] = true end
end
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if not working[nodeOf(inc)] then dead[#dead + 1] = inc end
end
if record == '' then return {1, #alive, dead, gone} end
tell(alive, pack({1, 'N', me, record}))
return {1, #alive, dead, c[3] or '', alive, call('HGETALL', P .. 'a'), call('HGETALL', P .. 'y')}
""",
)
"""Say that a node is there: incarnation, node, lease and greatest gap in milliseconds; with what others are told of it
when the incarnation is new, which ends those before it.

Answers 0: no lease. 1, how many nodes there are, the incarnations to sweep, and the nodes that are gone; for a new one
in place of these who tidied up, the incarnations, what is told of each node, and which ones are ready."""

READY = Script(
    "ready",
    COMMON
    + r"""
local node = ARGV[2]
if not has(me) then return {0} end
call('HSET', P .. 'y', node, me)
tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'R', me}))
local old = {}
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if nodeOf(inc) == node then old[#old + 1] = inc end
end
return {1, old}
""",
)
"""All members of an incarnation have been entered: incarnation, node. Answers 0: no lease. 1, its predecessors that
have members left."""

SWEEP = Script(
    "sweep",
    COMMON
    + r"""
local dead, most = ARGV[2], tonumber(ARGV[3])
local reason, removed = call('HGET', P .. 'd', dead), {}
if not reason or has(dead) then return {0, removed} end
local index, flags = P .. 'i:' .. dead, ''
if reason == 'timeout' and nodeOf(dead) ~= nodeOf(me) then flags = 'o' end
while #removed < most do
  local name = call('SRANDMEMBER', index)
  if not name then break end
  local room, found = open(name), 0
  local items = call('HGETALL', room.key)
  for i = 1, #items, 2 do
    local id, value = items[i], items[i + 1]
    if id ~= '' and #removed < most and split(value) == dead then
      found = found + 1
      removed[#removed + 1] = {name, remove(room, id, dead, reason, flags), id, value, reason}
    end
  end
  if found > 0 then close(room) else call('SREM', index, name) end
end
local left = call('SCARD', index)
if left == 0 then call('HDEL', P .. 'd', dead) end
return {left, removed}
""",
)
"""Remove members of an incarnation that is over: incarnation, the one that is over, how many. Answers in how many rooms
it has some left, and of each that was removed room, version (0: no one is left), member, what was written, reason."""

BURY = Script(
    "bury",
    COMMON
    + r"""
local node, reason, found = ARGV[2], ARGV[3], {}
for _, inc in ipairs(call('ZRANGE', P .. 'n', 0, -1)) do
  if nodeOf(inc) == node then
    call('ZREM', P .. 'n', inc)
    if call('EXISTS', P .. 'i:' .. inc) == 1 then call('HSET', P .. 'd', inc, reason) end
  end
end
call('HDEL', P .. 'a', node)
call('HDEL', P .. 'y', node)
tell(call('ZRANGE', P .. 'n', 0, -1), pack({1, 'D', me, node}))
for _, inc in ipairs(call('HKEYS', P .. 'd')) do
  if nodeOf(inc) == node then found[#found + 1] = inc end
end
return found
""",
)
"""A node is over: incarnation of who says so, node, reason. Answers its incarnations that have members left."""
