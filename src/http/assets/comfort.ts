/** What pages can do beyond their forms. Without it everything works all the same. */
export {}
