import { stress } from '#shared/testing/stress.ts';
import { router } from './service.ts';

stress(router);
