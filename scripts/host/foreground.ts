/** The suite of scripts/start, as others meet it: whether it runs on a home, and its end. */

import { connect } from 'node:net';
import { type Home, socketOf } from '#shared/runtime/home.ts';

export function suiteRuns(home: Home): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketOf(home, 'suite'), () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/** Asks it to end, and waits until its process has. */
export function endSuite(home: Home): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(socketOf(home, 'suite'), () => socket.write('stop\n'));
    socket.once('error', () => {}); // no suite is there: closed at once
    socket.once('close', () => resolve());
    socket.resume();
  });
}
