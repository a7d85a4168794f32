// Stands in for @actions/exec, which @actions/core imports to describe the runner's operating system: a thing this action never
// asks for. Nothing in dist/index.js may start a process (SECURITY.md).
function refuse() {
  throw new Error('this action starts no process');
}

export const exec = refuse;
export const getExecOutput = refuse;
