import { stress } from '#shared/testing/stress.ts';
import { backup } from './service.ts';

stress(backup);
