/** The test of the alarm: an incident like any other, told at once by every way there is. */

export const TEST_CAUSE = 'alarm test';
export const TEST_TEXT = '🔔 A test of the alarm: all is well.';
