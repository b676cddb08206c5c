-- Rosters from the gateway, by mod_http_roster_admin (https://modules.prosody.im, needs lua-cjson) in place of mod_roster,
-- and the presence of every user of the served domains with them: the gateway is in everybody's roster. In your
-- prosody.cfg.lua, anywhere, then restart Prosody:
--     Include "/path/to/prosody/roster-module.cfg.lua"

-- Change these five, or leave them and set the environment variables of the Prosody service.
local served = ENV_PRESENCE_DOMAINS or "localhost" -- VirtualHosts, separated by commas
local component = ENV_GATEWAY_XMPP_DOMAIN or "presence.localhost" -- xmpp.domain of the gateway
local secret = ENV_GATEWAY_XMPP_SECRET or "" -- xmpp.secret of the gateway; while it is empty nobody can connect
local address = ENV_PRESENCE_ADDRESS or "127.0.0.1:8080" -- http.host and http.port of the gateway
local token = ENV_PRESENCE_ROSTER_TOKEN or "" -- one of its roster.tokens: letters, digits, - and _ only

-- The gateway tells Prosody's HTTP port when a roster has changed: domains.<domain>.roster.refreshUrl is
-- http://localhost:5280/roster_admin/refresh. Prosody takes the Host header for the name of a VirtualHost and answers
-- 404 to any other, so for a domain that is not called localhost set refreshHost to its name. (In its place: an http_host
-- of your own for the VirtualHost, or http_default_host in the global section, which fits one domain only.)
-- The port has no password: keep http_interfaces on loopback.

local lua = Lua or _G -- Prosody 13 warns about plain globals, 0.12 has no Lua.

Component (component)
	component_secret = secret ~= "" and secret or nil
	-- A gateway that returns takes the place of its dead connection, which Prosody may believe in for a quarter of an hour.
	component_conflict_resolve = "kick_old"

local is_served = {}
for domain in served:lower():gmatch("[^,%s]+") do
	is_served[domain] = true
	-- Opening a VirtualHost that is defined elsewhere adds to it; only an option that is set in both is overwritten.
	-- If it has storage or modules_disabled of its own, write these entries there and delete the lines here. If your
	-- storage is one word for all, such as "sql", call it default_storage: a table here hides it.
	VirtualHost (domain)
		http_roster_url = ("http://gateway:%s@%s/roster/%s/%%s"):format(token, address, domain)
		storage = { roster = "memory" }
		modules_disabled = { "roster" }
end

-- Prosody keeps the roster of a user who was probed while she was offline, or whose client has sent a subscription, and the
-- module would show it at her next login, however old. So whoever has gone is forgotten.
local function forget_roster(event)
	local host, username = event.session.host, event.session.username
	local jid = username .. "@" .. host
	if lua.prosody.bare_sessions[jid] then
		return
	end
	local cache = lua.prosody.hosts[host].roster_cache
	if cache then
		cache:set(jid, nil)
	end
	lua.require "core.storagemanager".open(host, "roster"):set(username, nil)
end

-- The module puts usernames into the URL as they are, and half of "o;brien" or "josé" would ask for somebody else's roster, or
-- for none at all.
local is_escaping = false
local function escape_usernames()
	if is_escaping then
		return
	end
	is_escaping = true
	local http = lua.require "net.http"
	local request = http.request
	http.request = function (url, ...)
		local before, username = tostring(url):match("^(http://gateway:[^/]*@[^/]*/roster/[^/]+/)(.+)$")
		return request(before and before .. http.urlencode(username) or url, ...)
	end
end

-- A second modules_enabled would replace the VirtualHost's own list, so these are loaded after that list was.
lua.prosody.events.add_handler("host-activated", function (host)
	if is_served[host] then
		escape_usernames()
		local modules = lua.require "core.modulemanager"
		modules.load(host, "http")
		modules.load(host, "http_roster_admin")
		lua.prosody.hosts[host].events.add_handler("resource-unbind", forget_roster, -100)
	end
end, -1)
