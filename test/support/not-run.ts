/** Starts the name of a test that stands for a suite left out for want of a program; the reporter gathers these into one line. */
export const NOT_RUN = 'not run here: ';
