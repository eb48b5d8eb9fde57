import { stress } from '#shared/testing/stress.ts';
import { telegram } from './service.ts';

stress(telegram);
