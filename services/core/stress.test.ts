import { stress } from '#shared/testing/stress.ts';
import { core } from './service.ts';

stress(core);
