-- Presence of every user of the served domains, without asking them one by one (XEP-0356).
-- Needs mod_privilege (Debian: prosody-modules). In your prosody.cfg.lua, anywhere, then restart Prosody:
--     Include "/path/to/prosody/privileged.cfg.lua"

-- Change these four, or leave them and set the environment variables of the Prosody service.
local served = ENV_PRESENCE_DOMAINS or "localhost" -- VirtualHosts, separated by commas
local component = ENV_GATEWAY_XMPP_DOMAIN or "presence.localhost" -- xmpp.domain of the gateway
local secret = ENV_GATEWAY_XMPP_SECRET or "" -- xmpp.secret of the gateway; while it is empty nobody can connect
local rosters = ENV_PRESENCE_ROSTERS or "none" -- "both": the gateway may read and write everybody's roster, too

local lua = Lua or _G -- Prosody 13 warns about plain globals, 0.12 has no Lua.

Component (component)
	component_secret = secret ~= "" and secret or nil
	-- A gateway that returns takes the place of its dead connection, which Prosody may believe in for a quarter of an hour.
	component_conflict_resolve = "kick_old"
	-- mod_privilege hears here that the gateway has connected.
	modules_enabled = { "privilege" }

local is_served = {}
for domain in served:lower():gmatch("[^,%s]+") do
	is_served[domain] = true
	-- Opening a VirtualHost that is defined elsewhere adds to it; only an option that is set in both is overwritten.
	-- If it has privileged_entities of its own, write this entry there and delete this line here.
	VirtualHost (domain)
		privileged_entities = { [component] = { presence = "managed_entity", roster = rosters } }
end

-- A second modules_enabled would replace the VirtualHost's own list, so the module is loaded after that list was.
lua.prosody.events.add_handler("host-activated", function (host)
	if is_served[host] then
		lua.require "core.modulemanager".load(host, "privilege")
	end
end, -1)
