/** Takes the exit code of a verb. */
export type Finish = (code: number) => void;
