import { stress } from '#shared/testing/stress.ts';
import { memory } from './service.ts';

stress(memory);
