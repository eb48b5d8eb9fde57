import { stress } from '#shared/testing/stress.ts';
import { tools } from './service.ts';

stress(tools);
