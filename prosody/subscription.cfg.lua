-- Presence of those users only who accept the gateway as a contact; nothing about their domain changes.
-- In your prosody.cfg.lua, anywhere, then restart Prosody:
--     Include "/path/to/prosody/subscription.cfg.lua"

-- Change these two, or leave them and set the environment variables of the Prosody service.
local component = ENV_GATEWAY_XMPP_DOMAIN or "presence.localhost" -- xmpp.domain of the gateway
local secret = ENV_GATEWAY_XMPP_SECRET or "" -- xmpp.secret of the gateway; while it is empty nobody can connect

Component (component)
	component_secret = secret ~= "" and secret or nil
	-- A gateway that returns takes the place of its dead connection, which Prosody may believe in for a quarter of an hour.
	component_conflict_resolve = "kick_old"
