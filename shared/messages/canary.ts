/** What the watchdog's canary asks for: a model that is none. The router answers by itself, free of charge and off the books. */
export const canaryModel = 'vigil-canary';
