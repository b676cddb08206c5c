/** How much of everything: `full` for results, `short` while developing (BENCH_SHORT=1), whose numbers mean little. */
export type Effort = 'full' | 'short'
