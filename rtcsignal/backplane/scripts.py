"""What the nodes do to the rosters in Redis, each in one atomic step: scripts in Lua. See `rtcsignal.backplane.lua`."""

from __future__ import annotations

from rtcsignal.backplane.lua import COMMON, GAP, LEASE, Script
from rtcsignal.backplane.nodescripts import BEAT, BURY, READY, SWEEP

__all__ = [
    "BEAT",
    "BURY",
    "END",
    "ENTER",
    "GAP",
    "LEASE",
    "LEAVE",
    "LOOK",
    "READY",
    "SCRIPTS",
    "SHARE",
    "SWEEP",
    "UPDATE",
    "Script",
]

LOOK = Script(
    "look",
    COMMON
    + r"""
local room = open(ARGV[2])
return {room.version, snapshot(room)}
""",
)
"""Room -> its version, its members, what is shared."""

ENTER = Script(
    "enter",
    COMMON
    + r"""
local id, data, seen, at = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local ends, shares = tonumber(ARGV[7]), tonumber(ARGV[8])
if not has(me) then return {0} end
local room = open(ARGV[2])
local follows = (room.counts[me] or 0) > 0
local isWrong = seen ~= '' and tonumber(seen) ~= room.version
if seen == '-1' then
  isWrong = false
  local user, key = string.match(data, '^(%[".-")[,%]]'), cjson.decode(data)[7] or ''
  for _, value in ipairs(room.incs[1] and call('HVALS', room.key) or {}) do
    if string.find(value, user, 1, true) or (key ~= '' and string.find(value, key, 1, true)) then isWrong = true end
  end
end
if isWrong then
  if follows then return {1, room.version, false, false} end
  return {1, room.version, snapshot(room)}
end
if at == '' or room.version == 0 then
  local t = call('TIME')
  local now = t[1] * 1000000 + t[2]
  if at == '' then at = whole(now) end
  if room.version == 0 then room.version = now end
end
local old = room.incs[1] and call('HGET', room.key, id)
local former = old and split(old)
if former ~= me then
  count(room, me, 1)
  if former then count(room, former, -1) end
end
for i = 9, 9 + 4 * (ends - 1), 4 do
  local value = call('HGET', room.key, ARGV[i])
  if value and ARGV[i] ~= id then
    local inc = split(value)
    if ARGV[i + 3] ~= '' then tell({inc}, ARGV[i + 3]) end
    remove(room, ARGV[i], inc, ARGV[i + 1], ARGV[i + 2])
  end
end
local incs, first = others(room), 9 + 4 * ends
for i = first, first + 3 * (shares - 1), 3 do
  if share(room, ARGV[i], ARGV[i + 1], ARGV[i + 2]) then
    room.version = room.version + 1
    tell(incs, pack({1, 'S', me, room.name, room.version, ARGV[i], ARGV[i + 1]}))
  end
end
room.version = room.version + 1
close(room, id, me .. ' ' .. at .. ' ' .. data)
if incs[1] then tell(incs, pack({1, 'J', me, room.name, room.version, id, tonumber(at), data})) end
if follows then return {2, room.version, tonumber(at), false, false} end
return {2, room.version, tonumber(at), snapshot(room)}
""",
)
"""Take a seat: incarnation, room, member, what others know, the version that was seen ('': any, -1: any in which no one
is this user, or has its key), when it joined ('': now), how many ends and how many values to share. Then of each end
member, reason, flags and a frame for its node before that; of each value key, JSON ('': remove), and '=' or 'x' (only
if there is none).

Answers 0: no lease. 1: changed; version, snapshot. 2: taken; version, when, snapshot. A snapshot is false if the node
hears of the room already. A member that is there, of whatever incarnation, is only written anew. The room has its new
member before others end, so it stays the same room."""

UPDATE = Script(
    "update",
    COMMON
    + r"""
local id, data = ARGV[3], ARGV[4]
local room = open(ARGV[2])
local old = call('HGET', room.key, id)
if not old then return 0 end
local inc, at = split(old)
if inc ~= me then return 0 end
room.version = room.version + 1
close(room, id, me .. ' ' .. at .. ' ' .. data)
tell(others(room), pack({1, 'J', me, room.name, room.version, id, tonumber(at), data}))
return room.version
""",
)
"""What others know of a member has changed: incarnation, room, member, what they know. Answers the version, or 0: it is
not there."""

LEAVE = Script(
    "leave",
    COMMON
    + r"""
local id = ARGV[3]
local room = open(ARGV[2])
local value = call('HGET', room.key, id)
if not value then return -1 end
local inc = split(value)
local node, number = string.match(inc, '^([^.]+)%.(%d+)$')
local mine, most = string.match(me, '^([^.]+)%.(%d+)$')
if node ~= mine or tonumber(number) > tonumber(most) then return -1 end
local version = remove(room, id, inc, ARGV[4], '')
close(room)
return version
""",
)
"""A seat has ended: incarnation, room, member, reason. Answers the version, 0: no one is left, -1: it was not there.
Needs no lease: it removes only what this incarnation, or one before it, has entered."""

END = Script(
    "end",
    COMMON
    + r"""
local id, at, reason, flags = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not has(me) then return -2 end
local room = open(ARGV[2])
local value = call('HGET', room.key, id)
if not value then return -1 end
local inc, joined = split(value)
if joined ~= at then return -1 end
local version = remove(room, id, inc, reason, flags)
close(room)
return version
""",
)
"""End a membership of another node: incarnation, room, member, when it joined, reason, flags. Answers as `LEAVE`, or
-2: no lease."""

SHARE = Script(
    "share",
    COMMON
    + r"""
local key, value = ARGV[3], ARGV[4]
if not has(me) then return -2 end
local room = open(ARGV[2])
if not room.incs[1] then return -1 end
share(room, key, value, '=')
room.version = room.version + 1
close(room)
tell(others(room), pack({1, 'S', me, room.name, room.version, key, value}))
return room.version
""",
)
"""Change what is shared: incarnation, room, key, JSON ('': remove). Answers the version; -1: no such room, -2: no
lease."""

SCRIPTS = (LOOK, ENTER, UPDATE, LEAVE, END, SHARE, BEAT, READY, SWEEP, BURY)
