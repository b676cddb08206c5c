/** For tests of what programs call. */
export const NO_PAGES = { routes: [], front: async () => {}, fault: async () => {} }
