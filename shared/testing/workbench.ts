/** A house with nobody in it but the tools: a test opens turns and asks for calls in core's place, and reads what came of them. */

import { openStore, type Store } from '../store/store.ts';
import * as approval from '../tables/approval.ts';
import * as inbound from '../tables/inbound.ts';
import type { Query } from '../tables/op.ts';
import * as ruling from '../tables/ruling.ts';
import * as tool_call from '../tables/tool_call.ts';
import * as turn from '../tables/turn.ts';
import { buildHouse, type House, type HouseOptions } from './house.ts';
import { until } from './scratch.ts';

export type Outcome = tool_call.ToolCall & {
  content: ({ type: 'text'; text: string } | { type: 'file'; path: string; name: string; mime: string })[];
  /** Its texts. */
  text: string;
};

export type Workbench = {
  house: House;
  /** The store, as core has it. */
  store: Store;
  /** An open turn in a conversation of its own, or in the one named. */
  turn(conversation?: string): Promise<turn.Turn>;
  /** Asks for a call, in a turn of its own when none is given. */
  ask(tool: string, input: unknown, within?: turn.Turn): Promise<string>;
  row(id: string): Promise<tool_call.ToolCall>;
  /** Waits until the call is over. */
  over(id: string): Promise<Outcome>;
  /** Both. */
  call(tool: string, input: unknown, within?: turn.Turn): Promise<Outcome>;
  /** Waits until the owner is asked about the call. */
  asked(id: string): Promise<approval.Approval>;
  /** The owner's word: `once`, `always`, `deny`, or the number of a choice. */
  rule(asked: approval.Approval, choice: string): Promise<void>;
  close(): Promise<void>;
};

/** Nothing runs in it yet: `house.serve('tools')` starts the service. */
export async function openWorkbench(options: HouseOptions = {}): Promise<Workbench> {
  const house = await buildHouse({ telegram: false, ...options });
  const store = await openStore({ directory: house.home.state, principal: 'core' });
  let nth = 0;

  const bench: Workbench = {
    house,
    store,
    async turn(conversation) {
      nth += 1;
      const id = `turn-${nth}`;
      const now = Date.now();
      const about = {
        chat: null,
        sender: 'owner',
        message_ref: null,
        note: null,
        payload_json: '{}',
        received_at: now,
      };
      const said = { source: 'test', source_key: id, channel: 'terminal', state: 'pending' } as const;
      const lease = { owner: 'core-test', boot_id: 'b', now, until_at: now + 3_600_000 };
      const [, [opened]] = await store.commit([
        inbound.receive({ ...about, ...said, conversation: conversation ?? id, text: 'do it' }),
        turn.open(id, lease),
        inbound.take(id, now),
      ]);
      if (!opened) throw new Error(`no turn was opened: one of ${conversation} is open already`);
      return opened;
    },
    async ask(tool, input, within) {
      const mine = within ?? (await bench.turn());
      nth += 1;
      const id = `call-${nth}`;
      const { conversation, channel, chat, sender } = mine;
      await store.commit([
        tool_call.ask({
          id,
          turn_id: mine.id,
          round: 1,
          place: nth,
          use_id: `toolu_${nth}`,
          decision_id: null,
          conversation,
          channel,
          chat,
          sender,
          tool,
          input_json: typeof input === 'string' ? input : JSON.stringify(input),
          now: Date.now(),
        }),
      ]);
      return id;
    },
    async row(id) {
      const query: Query<tool_call.ToolCall> = {
        verb: 'test',
        sql: 'SELECT * FROM tool_call WHERE id = ?',
        args: [id],
      };
      const [row] = await store.read(query);
      if (!row) throw new Error(`there is no call ${id}`);
      return row;
    },
    async over(id) {
      const row = await until(`call ${id} is over`, async () => {
        const now = await bench.row(id);
        return now.finished_at === null ? null : now;
      });
      const content: Outcome['content'] = JSON.parse(row.result_json ?? '[]');
      const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      return { ...row, content, text };
    },
    call: async (tool, input, within) => bench.over(await bench.ask(tool, input, within)),
    asked: (id) =>
      until(`the owner is asked about call ${id}`, async () => {
        const { state, approval_id } = await bench.row(id);
        const [found] = await store.read(approval.of(approval_id ?? ''));
        return state === 'asking' ? found : null;
      }),
    async rule({ id }, choice) {
      await store.commit([ruling.give({ about: `approval ${id}`, choice, by: 'owner', now: Date.now() })]);
    },
    async close() {
      await store.close();
      await house.close();
    },
  };
  return bench;
}
