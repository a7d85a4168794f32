import { describe, expect, test } from '@jest/globals';
import { resolvePaths } from '../../src/github/source-paths.js';

const tree = ['README.md', 'include/x86.h', 'include/string.h', 'src/a.c', 'src/core/a.c', 'src/core/vmx/part.c', 'src/rich/vmx/part.c'];
const resolve = (files: readonly string[], complete = true) => Object.fromEntries(resolvePaths(files, tree, complete));

describe('a name that a compiler wrote', () => {
  test.each([
    ['of a runner', '/home/runner/work/hyp/hyp/src/core/a.c', 'src/core/a.c'],
    ['of a runner, written round a corner', '/home/runner/work/hyp/hyp/src/rich/../core/./a.c', 'src/core/a.c'],
    ['of another checkout', '/build/hyp/src/core/a.c', 'src/core/a.c'],
    ['of another checkout, by its longest end', '/build/src/core/a.c', 'src/core/a.c'],
    ['of Windows', 'C:\\build\\include\\x86.h', 'include/x86.h'],
    ['relative, the end of one path', 'vmx/../core/vmx/part.c', 'src/core/vmx/part.c'],
    ['relative and whole', 'include/x86.h', 'include/x86.h'],
  ])('%s', (_, file, path) => expect(resolve([file])).toEqual({ [file]: path }));

  test.each([
    ['of a runner, not in the tree', '/home/runner/work/hyp/hyp/src/gone.c'],
    ['of the system', '/usr/include/string.h'],
    ['of the system, below a folder of the same name', '/usr/lib/gcc/x/include/string.h'],
    ['relative, the end of two paths', 'vmx/part.c'],
    ['relative, part of a name only', '86.h'],
    ['that climbs out', '../../src/a.c'],
    ['of nothing', '.'],
    ['known nowhere', '/build/other.c'],
  ])('silent: %s', (_, file) => expect(resolve([file])).toEqual({}));

  test('lies under the folder that most others lie under', () => {
    const files = ['/build/hyp/src/core/a.c', '/build/hyp/include/x86.h', '/opt/toolchain/include/string.h'];
    expect(resolve(files)).toEqual({ [`${files[0]}`]: 'src/core/a.c', [`${files[1]}`]: 'include/x86.h' });
    // two folders with one file each: neither is more likely
    expect(resolve(files.slice(1))).toEqual({});
  });

  test('is not looked for by its end where the tree is not whole', () => {
    expect(resolve(['core/a.c'], false)).toEqual({});
    expect(resolve(['/home/runner/work/hyp/hyp/src/core/a.c'], false)).not.toEqual({});
  });

  test("of an object's own properties is a name like others", () => {
    expect([...resolvePaths(['/b/__proto__', '/b/constructor'], ['__proto__', 'constructor'], true).values()]).toEqual([
      '__proto__',
      'constructor',
    ]);
  });
});
