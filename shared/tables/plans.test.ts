/**
 * No query of the daily work scans history. Each verb's plan is asked for over the migrated schema; a SCAN of a table
 * that grows is a fault, unless it goes along an index that holds unfinished work alone.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { migrate } from '../store/migrate.ts';
import * as approval from './approval.ts';

  'attachment_pending',
