import { expect, test } from '@jest/globals';
import { plain, say } from '../../src/core/sentence.js';

test('literal words are ours, values are code', () => {
  expect(say`write to ${'0x0'} through ${'rdx'}`).toEqual(['write to ', { code: '0x0' }, ' through ', { code: 'rdx' }]);
});

test('a nested sentence keeps its parts', () => {
  expect(say`CPU ${'04'}: ${say`in ${'main'}`}`).toEqual(['CPU ', { code: '04' }, ': ', 'in ', { code: 'main' }]);
});

test('an empty value leaves no trace', () => {
  expect(say`in ${'main'}${''}, ${[]}line ${7}`).toEqual(['in ', { code: 'main' }, ', ', 'line ', { code: '7' }]);
});

test('plain text holds every part as it is', () => {
  expect(plain(say`${'<b>'} at ${0x10n}`)).toBe('<b> at 16');
});
