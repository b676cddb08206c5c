/** Of every test account that is given no other. */
export const PASSWORD = 'correct-horse'
