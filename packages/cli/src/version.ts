/** The version of the program; a test keeps it in step with package.json. */
export const VERSION = "0.1.0";
