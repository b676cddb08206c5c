-- Stands in for the module of this name, which Debian does not package. It answers as that one does, and goes wrong where
-- that one goes wrong: whatever throws or never calls `done` leaves the HTTP request without an answer.
local http = require "net.http"
local json = require "util.json"
local st = require "util.stanza"

local ROSTER = "jabber:iq:roster"
local roster_url = module:get_option_string("http_roster_url")
local online = prosody.hosts[module.host].sessions

-- done(contacts), or done() when the answer is not 200.
local function fetch(username, done)
	local headers = { Accept = "application/json, text/plain, */*" }
	http.request(roster_url:format(username), { headers = headers }, function (body, code)
		if code == 200 then
			done(assert(json.decode(body)))
		elseif code ~= 0 then
			done()
		end
	end)
end

local function to_item(contact)
	return { name = contact.name, subscription = "both", groups = contact.groups or {} }
end

local function add_item(query, jid, item)
	query:tag("item", { jid = jid, subscription = item and item.subscription or "remove", name = item and item.name })
	for group in pairs(item and item.groups or {}) do
		query:text_tag("group", tostring(group))
	end
	query:up()
end

local function push(user, jid)
	local iq = st.iq({ type = "set", id = "push" }):query(ROSTER)
	add_item(iq, jid, user.roster[jid])
	for _, session in pairs(user.sessions) do
		if session.interested then
			session.send(iq)
		end
	end
end

-- A session without presence throws here, after the push and before the contacts that were to follow.
local function tell_presence(user, jid, present)
	for _, session in pairs(user.sessions) do
		local presence = st.presence({ from = session.full_jid, type = "unavailable" })
		if present then
			presence = st.clone(session.presence)
		end
		presence.attr.to = jid
		module:send(presence)
	end
end

-- Who came and who went; whoever stayed stays as he was.
local function follow(username, contacts)
	local user = online[username]
	local came, went = {}, {}
	for jid in pairs(contacts) do
		came[jid] = not user.roster[jid] or nil
	end
	for jid in pairs(user.roster) do
		went[jid] = jid and not contacts[jid] or nil
	end
	for jid in pairs(came) do
		user.roster[jid] = to_item(contacts[jid])
		push(user, jid)
		tell_presence(user, jid, true)
	end
	for jid in pairs(went) do
		user.roster[jid] = nil
		push(user, jid)
		tell_presence(user, jid, false)
	end
end

local function refresh(username, done)
	local user = online[username]
	if not (user and user.roster) then
		return done(true)
	end
	fetch(username, function (contacts)
		if contacts then
			follow(username, contacts)
		end
		done(contacts ~= nil)
	end)
end

local function send_roster(session, stanza)
	local reply = st.reply(stanza):query(ROSTER)
	for jid, item in pairs(session.roster) do
		if jid then
			add_item(reply, jid, item)
		end
	end
	session.send(reply)
end

module:hook("iq-get/self/jabber:iq:roster:query", function (event)
	local session, stanza = event.origin, event.stanza
	session.interested = true
	local about = session.roster[false]
	if about.downloaded then
		send_roster(session, stanza)
		return true
	end
	fetch(session.username, function (contacts)
		if not contacts then
			session.send(st.error_reply(stanza, "cancel", "internal-server-error"))
			return session:close("internal-server-error")
		end
		local another_came_first = about.downloaded
		if not another_came_first then
			for jid, contact in pairs(contacts) do
				session.roster[jid] = to_item(contact)
			end
		end
		about.downloaded = true
		send_roster(session, stanza)
		if another_came_first then
			follow(session.username, contacts)
		end
	end)
	return true
end)

module:hook("iq-set/self/jabber:iq:roster:query", function (event)
	event.origin.send(st.error_reply(event.stanza, "cancel", "service-unavailable"))
	return true
end)

local function answer(response, text)
	response.headers.content_type = "application/json"
	response:send(text)
end

module:provides("http", {
	route = {
		["GET /refresh/*"] = function (event, username)
			refresh(username, function (ok)
				answer(event.response, ('{"status":"%s","message":"roster update complete"}'):format(ok and "ok" or "error"))
			end)
			return true
		end,

		-- Of nobody, the last one is never done.
		["POST /refresh"] = function (event)
			local usernames = assert(json.decode(event.request.body))
			local updated, errors = 0, 0
			local function done(ok)
				if ok then
					updated = updated + 1
				else
					errors = errors + 1
				end
				if updated + errors == #usernames then
					answer(event.response,
						('{"status":"ok","message":"roster update complete","updated":%d,"errors":%d}'):format(updated, errors))
				end
			end
			for _, username in ipairs(usernames) do
				refresh(username, done)
			end
			return true
		end,
	},
})
