/** The public form of every function: arguments are checked, devices go by any name, machines are frozen. */
export * from "./decide.ts";
export * from "./read.ts";
export * from "./show.ts";
