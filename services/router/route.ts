/**
 * Where a request may go: the alias or model that was asked for becomes ranks of targets, the preferred first, equals
 * side by side. All of it is worked out from the config once, at the start, and refused there when it cannot work.
 */

import { Misconfigured } from '#shared/base/errors.ts';
import { PRESET_ALIASES } from '#shared/base/models.ts';
import { ApiError } from '#shared/messages/error.ts';
import { type Config, PRESET_TASKS, TIERS, type Tier } from './config.ts';
import { FREE, missingPrice, type OwnPrices, type Price, priceOf } from './price.ts';
import { type Account, ANTHROPIC, type Provider } from './provider.ts';
import { AUTO, taskAlias } from './task.ts';

/** One provider, one of its organisations, one model. */
export type Target = {
  /** `anthropic/claude-opus-5-5`, and `/organisation` where the provider has several. */
  name: string;
  provider: Provider;
  account: Account;
  model: string;
  weight: number;
};

export type Route = {
  /** null: a model was asked for by its own name. */
  alias: string | null;
  tier: Tier | null;
  /** The preferred rank first; the targets of one rank are equals. */
  ranks: Target[][];
};

export type Routes = {
  /** @throws ApiError when nothing of that name can be asked for */
  of(asked: { model: string; task: string | null; request: Record<string, unknown> }): Route;
  /** The price of a target's model now. @throws ApiError when it has none */
  price(target: Target): Price;
  priceOfModel(model: string): Price | undefined;
  aliases: ReadonlyMap<string, Route>;
  providers: ReadonlyMap<string, Provider>;
};

/** @throws Misconfigured with the first thing that cannot work */
export function routesOf(
  config: Pick<Config, 'aliases' | 'tasks' | 'model_names'> & { prices: OwnPrices },
  providers: ReadonlyMap<string, Provider>,
  now: () => number,
): Routes {
  const targets = new Map<string, Target[]>();

  /** The targets behind `model` or `provider/model`: one for each organisation of the provider. */
  function targetsOf(word: string, weight = 1): Target[] | undefined {
    const known = targets.get(word);
    if (known && weight === 1) return known;
    const slash = word.indexOf('/');
    // A model's own name may hold a slash too: only what a provider is called counts as one.
    const named = slash > 0 ? providers.get(word.slice(0, slash)) : undefined;
    const provider = named ?? providers.get(ANTHROPIC);
    const model = provider?.model ?? (named ? word.slice(slash + 1) : word);
    if (!provider || model === '') return undefined;
    const made = provider.accounts.map((account) => ({
      name: `${provider.name}/${model}${provider.accounts.length > 1 ? `/${account.organisation}` : ''}`,
      provider,
      account,
      model,
      weight,
    }));
    if (weight === 1) targets.set(word, made);
    return made;
  }

  function priceOfTarget(target: Target): Price | undefined {
    return target.provider.free ? FREE : priceOf(target.model, now(), config.prices);
  }

  const aliases = new Map<string, Route>();
  const settings: Record<string, Config['aliases'][string] | (typeof PRESET_ALIASES)['default']> = {
    ...PRESET_ALIASES,
    ...config.aliases,
  };

  function build(name: string, within: readonly string[] = []): Route {
    const built = aliases.get(name);
    if (built) return built;
    if (name === AUTO) throw wrong(name, 'this name leaves the choice to the router', 'give it another name');
    if (within.includes(name)) {
      throw wrong(name, `otherwise: leads back to '${name}'`, 'name an alias of a cheaper tier');
    }
    const raw = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (!raw)
      throw wrong(
        within.at(-1) ?? name,
        `otherwise: there is no alias '${name}'`,
        `name one of ${Object.keys(settings).join(', ')}`,
      );
    const setting = Array.isArray(raw) ? { targets: raw } : raw;
    const preset = (PRESET_ALIASES as Record<string, { tier: Tier }>)[name];
    const tier = ('tier' in setting ? setting.tier : undefined) ?? preset?.tier ?? 'standard';
    const ranks = setting.targets.map((rank) =>
      (Array.isArray(rank) ? rank : [rank]).flatMap((entry) => {
        const { target, weight } = typeof entry === 'string' ? { target: entry, weight: 1 } : entry;
        const found = targetsOf(target, weight);
        if (!found)
          throw wrong(name, `'${target}' names no provider and model`, 'write "model" or "provider/model"');
        return found;
      }),
    );
    const otherwise = 'otherwise' in setting ? setting.otherwise : undefined;
    if (otherwise !== undefined) {
      const cheaper = build(otherwise, [...within, name]);
      if (TIERS.indexOf(cheaper.tier ?? 'complex') >= TIERS.indexOf(tier)) {
        throw wrong(
          name,
          `otherwise: '${otherwise}' is of the tier ${cheaper.tier}, which is not cheaper than ${tier}`,
          `name an alias of a cheaper tier (${TIERS.join(' < ')})`,
        );
      }
      ranks.push(...cheaper.ranks);
    }
    neverDearer(name, ranks);
    const route = { alias: name, tier, ranks };
    aliases.set(name, route);
    return route;
  }

  /** Falling back to a dearer model would spend more, unseen, just when something is wrong. */
  function neverDearer(alias: string, ranks: Target[][]): void {
    const dearest = (rank: Target[], rate: 'input' | 'output') =>
      Math.max(
        ...rank.map((target) => {
          const price = priceOfTarget(target);
          if (price) return price[rate];
          throw wrong(
            alias,
            `${target.name} has no price`,
            `add to config.toml:\n${missingPrice(target.model)}`,
          );
        }),
      );
    for (const rate of ['input', 'output'] as const) {
      const most = dearest(ranks[0] ?? [], rate);
      const dearer = ranks.find((rank) => dearest(rank, rate) > most);
      if (!dearer) continue;
      throw wrong(
        alias,
        `${dearer.map(({ name }) => name).join(', ')} is dearer than what is preferred to it`,
        'put the dearest first: Vigil never falls back to a dearer model',
      );
    }
  }

  for (const name of Object.keys(settings)) build(name);
  const tasks = { ...PRESET_TASKS, ...config.tasks };
  for (const [task, alias] of Object.entries(tasks)) {
    if (aliases.has(alias)) continue;
    throw new Misconfigured(
      `config: [router.tasks] ${task}: there is no alias '${alias}'`,
      `name one of ${[...aliases.keys()].join(', ')}`,
    );
  }

  return {
    aliases,
    providers,
    priceOfModel: (model) => priceOf(model, now(), config.prices),
    of({ model, task, request }) {
      const word = model === AUTO ? taskAlias(tasks, task, request) : model;
      const route = aliases.get(word);
      if (route) return route;
      const ranks = config.model_names ? targetsOf(word) : undefined;
      if (ranks) return { alias: null, tier: null, ranks: [ranks] };
      throw new ApiError(
        'not_found_error',
        `router: model: there is no alias '${word}'; expected ${[...aliases.keys(), AUTO].join(', ')}${config.model_names ? ', or the name of a model' : ''}`,
      );
    },
    price(target) {
      const price = priceOfTarget(target);
      if (price) return price;
      throw new ApiError(
        'invalid_request_error',
        `router: ${target.model} has no price, and without one no budget can be kept. Add to config.toml, and restart the router:\n${missingPrice(target.model)}`,
      );
    },
  };
}

function wrong(alias: string, what: string, cure: string): Misconfigured {
  return new Misconfigured(`config: [router.aliases] ${alias}: ${what}`, cure);
}
