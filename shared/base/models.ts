/** What is known of models by itself: which answers an alias unless config.toml names another, how old the price list is, and which end when. */

/** The day on which the price list of the router was true. */
export const PRICE_REV = '2026-11-22';

export const PRESET_ALIASES = {
  quick: { tier: 'fast', targets: ['claude-haiku-5-5'] },
  classify: { tier: 'fast', targets: ['claude-haiku-5-5'] },
  default: { tier: 'standard', targets: ['claude-sonnet-5-5'] },
  write: { tier: 'standard', targets: ['claude-sonnet-5-5'] },
  deep: { tier: 'complex', targets: ['claude-opus-5-5'] },
  review: { tier: 'complex', targets: ['claude-opus-5-5'] },
} as const satisfies Record<string, { tier: string; targets: string[] }>;

/** The last day of each, as the SDK warns of it; a test holds the two together, so that no process loads an SDK to know them. */
export const RETIREMENTS: Readonly<Record<string, string>> = {
  'claude-sonnet-4-5': '2026-11-30',
  'claude-sonnet-4-5-20250929': '2026-11-30',
};
