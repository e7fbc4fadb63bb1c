-- Copyright: (c) 2026, hal9.migrate contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Copies a request to the comparator of a migration without waiting for anything. What
-- cannot be sent at once is dropped, and shows as eligible but not mirrored: each copy
-- carries how many requests this thread has found eligible so far.

local SECONDS = 2         -- after which a copy is given up
local PAUSE = 1           -- seconds without a try after the comparator did not answer
local LONGEST = 16384     -- bytes of a request's head; a longer one is dropped

local found = {}          -- eligible requests by migration, since this thread began
local waiting = {}        -- copies under way, by comparator
local buckets = {}        -- copies that may still be sent now, by comparator
local not_before = {}     -- when a comparator that did not answer is tried again
local began = nil

local function is_line(text)
  return not string.find(text, "[\r\n]")
end

-- The request's line and headers, as they came.
local function head_of(txn)
  local lines = { txn.sf:method() .. " " .. txn.sf:pathq() .. " HTTP/1.1" }
  for name, values in pairs(txn.http:req_get_headers()) do
    for _, value in pairs(values) do
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  for _, line in ipairs(lines) do
    if not is_line(line) then return nil end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- Hand one copy over; true when the comparator has answered anything.
local function hand_over(host, port, copy)
  local connection = core.tcp()
  connection:settimeout(SECONDS)
  local answer = nil
  if connection:connect(host, port) and connection:send(copy) then
    answer = connection:receive("*l")
  end
  connection:close()
  return answer ~= nil
end

local function copy_of(head, migration, router, count)
  local source = router .. "/" .. began .. "/" .. tostring(core.thread)
  return table.concat({
    "POST /mirror?migration=", migration, " HTTP/1.1\r\nHost: hal9\r\n",
    "X-Hal9-Source: ", source, "\r\nX-Hal9-Eligible: ", tostring(count), "\r\n",
    "Content-Length: ", tostring(#head), "\r\n\r\n", head,
  })
end

-- Whether one more copy fits the rate; a second's worth may come at once. The comparator
-- keeps to the rate more strictly; this keeps a flood away from it.
local function fits(comparator, per_second)
  local now = core.now().sec + core.now().usec / 1000000
  local most = math.max(1, per_second)
  local bucket = buckets[comparator] or { tokens = most, at = now }
  buckets[comparator] = bucket
  local filled = bucket.tokens + (now - bucket.at) * per_second
  bucket.tokens = math.min(most, filled)
  bucket.at = now
  if bucket.tokens < 1 then return false end
  bucket.tokens = bucket.tokens - 1
  return true
end

local function fire(host, port, copy)
  local comparator = host .. ":" .. port
  waiting[comparator] = (waiting[comparator] or 0) + 1
  core.register_task(function()
    local well, answered = pcall(hand_over, host, port, copy)
    waiting[comparator] = waiting[comparator] - 1
    if not (well and answered) then
      not_before[comparator] = core.now().sec + PAUSE
    end
  end)
end

local function mirror(txn, migration, router, host, port, per_second, at_a_time)
  began = began or string.format("%d.%06d", core.now().sec, core.now().usec)
  found[migration] = (found[migration] or 0) + 1
  local comparator = host .. ":" .. port
  if (waiting[comparator] or 0) >= tonumber(at_a_time) then return end
  if core.now().sec < (not_before[comparator] or 0) then return end
  if not fits(comparator, tonumber(per_second)) then return end
  local head = head_of(txn)
  if head == nil or #head > LONGEST then return end
  fire(host, tonumber(port), copy_of(head, migration, router, found[migration]))
end

-- No error of the mirror may reach a user: the request goes on in any case.
core.register_action("hal9_mirror", { "http-req" }, function(...)
  pcall(mirror, ...)
end, 6)
