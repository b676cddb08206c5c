import { fileURLToPath } from 'node:url'

/** The folder of package.json; this file runs as build/test/support/repository.js. */
export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
