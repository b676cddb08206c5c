export const CONFIG_OPTION = { config: { type: 'string', default: 'gateway.yaml' } } as const
