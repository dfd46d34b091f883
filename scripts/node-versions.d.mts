export const majors: readonly number[];
export const nodeBinary: (major: number, folder: string) => string;
